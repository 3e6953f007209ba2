"""Which nodes are materialized, kept in memory, and for each of those the loop or the library call that makes it.

What is not kept becomes part of the loops that need it: cheap elements are computed again rather than stored. Kept are outputs,
reductions, what a library call reads or gives, what would be costly to compute twice, and now and then a link of a long chain, so
that no body grows without bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from math import prod
from typing import Literal

from graphc.compiler.loops.block_writer import BlockWriter
from graphc.compiler.loops.elements import RULES, ElementWriter
from graphc.compiler.loops.program import Conditions, Index, Let, Ref, Scalar, dims_of
from graphc.compiler.lowering.decompose import run_of
from graphc.compiler.lowering.gather_scatter import is_range, scatter_axes
from graphc.compiler.schedule.cost_model import computing
from graphc.compiler.schedule.image_routines import routine_of
from graphc.compiler.schedule.row_blocks import Product, product_of
from graphc.compiler.targets.llvm.microkernels.images import ImageRoutine
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.util.records import dataclass

CHEAP = 0.5
"""Nanoseconds of work for an element that is rather computed again than loaded."""

ONCE = 20.0
"""The same for a single number, which a loop computes once, before it begins."""

GATHERED = 0.3
"""Nanoseconds for an element at a place that is read from memory: vectors of such take as many loads as they have elements."""

MOST_INLINED = 120
"""Operations in the body of one loop that are computed for one materialized node, copies counted."""

DEEPEST = 40
"""Operations that wait for each other in the body of one loop: writing them recurses."""

VIEWS = (
    "permute_dims",
    "expand_dims",
    "squeeze",
    "broadcast_to",
    "broadcast_like",
    "index",
    "reshape",
    "flip",
)
"""Operations that a library call takes as NumPy's views of what they are applied to."""

Kind = Literal["leaf", "element", "reduce", "image", "product", "library"]


@dataclass
class Stage:
    """The loop that makes one materialized node.

    space : the index space that the loop runs over, of the node or of what it reduces
    run : the axes of the space that a reduction makes disappear, the first and the one behind the last
    accesses : the materialized nodes and inputs that are read, with the index for each axis; %x0, %x1, … are the loop's own
    uses_index : whether the loop computes with its indices
    nanoseconds : the estimated work for one element of the space
    image : of an operation that goes from image to image, the routine and how often it is called for one
    product : of a product of the rows of a panel
    """

    node: Expr
    space: tuple[Dim, ...]
    run: tuple[int, int] | None
    accesses: list[tuple[Expr, Index]]
    uses_index: bool
    nanoseconds: float
    image: tuple[ImageRoutine, int] | None = None
    product: Product | None = None

    @property
    def rank(self) -> int:
        return len(self.space)

    @property
    def multiplies(self) -> bool:
        """Whether it calls BLAS for products that BLAS would share among threads of its own."""
        if self.product is not None:
            return not self.product.quiet
        return self.image is not None and self.image[0].multiplies

    def added_to_one(self, size: Callable[[tuple[Dim, ...]], int], rows: int) -> int:
        """How many rows are at least added up to a partial result: all of these take at most a quarter of what is added up.

        size : a shape → how many elements it has
        """
        if self.image is not None:
            return -(-self.image[0].least // self.image[0].pieces)
        if self.product is not None:
            return 1
        return -(-4 * size(self.node.shape) * rows // max(1, size(self.space)))

    @property
    def identity(self) -> Index:
        """The loop's own index."""
        return identity(self.rank)


def identity(rank: int) -> Index:
    """The index of a loop over so many axes."""
    return tuple([Name(f"%x{axis}") for axis in range(rank)])


def kind_of(node: Expr) -> Kind:
    """How a node is made."""
    op = node.op
    if op.is_leaf:
        return "leaf"
    if not op.on_arrays:
        return "element"
    if op.control is not None:
        return "library"
    if op.name in ("at_add", "at_set"):
        return "library" if scatter_axes(node) is None else "element"
    if op.name in RULES:
        return "element"
    if op.reduces is not None and node.operands[0].ndim:
        if op.reduces.of_places and run_of(node)[1] != node.operands[0].ndim:
            return "library"
        return "reduce"
    if routine_of(node) is not None:
        return "image"
    return "library" if product_of(node) is None else "product"


def base_of(node: Expr, materialized: Set[Expr]) -> Expr:
    """What a library call's operand is a view of."""
    while node not in materialized and is_view(node):
        node = node.operands[0]
    return node


def is_view(node: Expr) -> bool:
    """Whether a library call can take a node as NumPy's view of its operand."""
    return node.op.name in VIEWS and (node.op.name != "index" or len(node.operands) == 1)


def same_but_for_ones(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> bool:
    """Whether two shapes differ by axes of length 1 alone."""
    return [dim for dim in a if dim != 1] == [dim for dim in b if dim != 1]


def materialize(dag: Dag) -> set[Expr]:
    """The nodes that are kept in memory; inputs and constants are not among them."""
    kinds: dict[Expr, Kind] = {node: kind_of(node) for node in dag.exprs}
    materialized = _demanded(dag, kinds)
    _add_costly(dag, kinds, materialized)
    _add_aliased(dag, kinds, materialized)
    return materialized


def _demanded(dag: Dag, kinds: Mapping[Expr, Kind]) -> set[Expr]:
    """The nodes that are in memory whatever they cost: outputs, what no loop over elements makes, what is read as a whole."""
    demanded = {node for node, kind in kinds.items() if kind in ("reduce", "image", "product", "library")}
    demanded |= {dag.exprs[output] for output in dag.outputs}
    for node in reversed(dag.exprs):
        demanded |= _read_whole(node, kinds[node], demanded)
    return {node for node in demanded if kinds[node] != "leaf"}


def _read_whole(node: Expr, kind: Kind, materialized: Set[Expr]) -> set[Expr]:
    """What a node reads from memory, not as its loop goes: operands of routines, and arrays of places in indices."""
    if kind == "library":
        return {base_of(operand, materialized) for operand in node.operands}
    if kind == "product":
        product = product_of(node)
        assert product is not None
        return {product.rows, product.other}
    if kind == "image":
        return set(node.operands)
    if node.op.name == "reshape" and not same_but_for_ones(node.shape, node.operands[0].shape):
        return set() if is_range(node) else {node.operands[0]}
    if node.op.name in ("index", "at_add", "at_set"):
        arrays = node.operands[1 if node.op.name == "index" else 2 :]
        return {base_of(array, materialized) for array in arrays if not is_range(array)}
    return set()


@dataclass(frozen=True)
class _Inlined:
    """What an element of a node takes where it is computed in the loop that needs it.

    nanoseconds : of work; operations : copies counted; depth : of operations that wait for each other
    """

    nanoseconds: float
    operations: int
    depth: int

    def too_long(self) -> bool:
        return self.operations > MOST_INLINED or self.depth > DEEPEST


def _add_costly(dag: Dag, kinds: Mapping[Expr, Kind], materialized: set[Expr]) -> None:
    """Add what is dear to compute more than once, and links of chains that grow too long for one loop."""
    inlined: dict[Expr, _Inlined] = {}
    for number, node in enumerate(dag.exprs):
        if kinds[node] == "leaf":
            inlined[node] = _Inlined(0.0, 0, 0)
            continue
        cost = inlined[node] = _inlined(node, inlined, materialized)
        if node in materialized:
            continue
        dear = cost.nanoseconds > (CHEAP if node.shape else ONCE)
        if cost.too_long() or (
            dear and _is_computed_again(node, {dag.exprs[user] for user, _ in dag.users[number]})
        ):
            materialized.add(node)


def _inlined(node: Expr, inlined: Mapping[Expr, _Inlined], materialized: Set[Expr]) -> _Inlined:
    """What an element of a node takes, with those of its operands that no memory holds."""
    computed = [operand for operand in dict.fromkeys(node.operands) if operand not in materialized]
    own = computing([node]) if not node.op.on_arrays else GATHERED if _gathers(node) else 0.05
    # what a single number costs is not counted: a loop computes it before it begins
    nanoseconds = own + sum(
        inlined[operand].nanoseconds for operand in computed if operand.shape or not node.shape
    )
    operations = 1 + sum(inlined[operand].operations for operand in computed)
    depth = 1 + max((inlined[operand].depth for operand in computed), default=0)
    return _Inlined(nanoseconds, operations, depth)


def _gathers(node: Expr) -> bool:
    """Whether a node's elements lie at places that are read from memory."""
    return node.op.name == "index" and any(not is_range(array) for array in node.operands[1:])


def _is_computed_again(node: Expr, users: Set[Expr]) -> bool:
    """Whether elements of a node would be computed more than once if no memory held them."""
    if any(_widens(node, user) for user in users):
        return True
    slices = {user for user in users if user.op.name == "index" and len(user.operands) == 1}
    return len(users) - len(slices) + bool(slices) > 1  # slices take different elements


def _add_aliased(dag: Dag, kinds: Mapping[Expr, Kind], materialized: set[Expr]) -> None:
    """Add what is kept in another shape alone: that shape is a view of its memory."""
    for node in reversed(dag.exprs):
        if node in materialized and is_alias(node) and kinds[node.operands[0]] != "leaf":
            materialized.add(node.operands[0])


def _widens(node: Expr, user: Expr) -> bool:
    """Whether a user reads elements of a node more than once."""
    if user.op.name in ("tile", "repeat", "broadcast_to", "broadcast_like"):
        return True
    if user.op.name == "index" and len(user.operands) > 1:
        return True
    return not user.op.on_arrays and user.shape != node.shape


def is_alias(node: Expr) -> bool:
    """Whether a materialized node is the memory of its operand in another shape."""
    return node.op.name == "reshape" and not node.operands[0].is_constant


def origin(node: Expr) -> Expr:
    """The node whose memory a node is."""
    while is_alias(node):
        node = node.operands[0]
    return node


class _Read(ElementWriter):
    """Elements as kernels read them: a place that is read under a condition is another one where that does not hold."""

    def inside(self, place: Dim, conditions: Conditions) -> Dim:
        return Name(self.writer.name("p")) if conditions and not isinstance(place, int) else place


def stage_of(node: Expr, materialized: Set[Expr]) -> Stage:
    """The loop that makes a materialized node."""
    image = routine_of(node)
    if image is not None:
        return _stage_of_images(node, *image)
    product = product_of(node)
    if product is not None:
        return _stage_of_product(node, product)
    reduces = kind_of(node) == "reduce"
    space = node.operands[0].shape if reduces else node.shape
    accesses: list[tuple[Expr, Index]] = []
    computed: list[Expr] = []

    def load(other: Expr, index: Index, guard: Conditions) -> Scalar | None:
        if other in materialized or other.is_symbol:
            accesses.append((other, index))
            return Ref("loaded", other.dtype)
        if not other.op.is_leaf and not other.op.on_arrays:
            computed.append(other)
        return None

    writer = BlockWriter(frozenset())
    elements = _Read(writer, load)
    index = identity(len(space))
    value = elements.operand(node, 0, index) if reduces else elements.compute(node, index)
    if not reduces:
        computed.append(node)
    work = computing([other for other in computed if not other.op.on_arrays])
    written = [*writer.blocks[0], Let("value", value)]
    places = [place for _, index in accesses for place in index if not isinstance(place, str)]
    uses_index = any(
        name[0] == "%"
        for place in (*places, *(dim for statement in written for dim in dims_of(statement)))
        for name in dims.names_of(place)
    )
    loads = 0.05 * len(accesses)
    return Stage(node, space, run_of(node) if reduces else None, accesses, uses_index, 0.1 + loads + work)


def _stage_of_images(node: Expr, routine: ImageRoutine, times: int) -> Stage:
    """The stage of a node that is made image by image: of its operands it reads an image, or all."""
    accesses: list[tuple[Expr, Index]] = [
        (operand, ("%x0" if step else "*", *("*" for _ in operand.shape[1:])))
        for operand, step in zip(node.operands, routine.steps, strict=True)
    ]
    summed = not routine.step
    space = node.operands[-1].shape if summed else node.shape
    size = prod(dim for dim in space[1:] if isinstance(dim, int))
    work = routine.nanoseconds * routine.pieces * times / size
    return Stage(node, space, (0, 1) if summed else None, accesses, True, work, (routine, times))


def _stage_of_product(node: Expr, product: Product) -> Stage:
    """The stage of a product of rows: of the matrix it reads all."""
    accesses: list[tuple[Expr, Index]] = [
        (product.rows, ("%x0", "*")),
        (product.other, ("%x0" if product.summed else "*", "*")),
    ]
    run = (0, 1) if product.summed else None
    return Stage(node, product.space, run, accesses, True, product.nanoseconds, product=product)
