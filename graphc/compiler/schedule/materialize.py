"""Which nodes are kept in memory, and for each of those the loop or the library call that makes it.

What is not kept becomes part of the loops that need it: cheap elements are computed again rather than stored. Kept are outputs,
reductions, what a library call reads or gives, what would be costly to compute twice, and now and then a link of a long chain, so
that no body grows without bound.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from math import prod
from typing import Literal

from graphc.compiler.lowering.decompose import run_of
from graphc.compiler.lowering.elements import RULES, Elements, Lengths
from graphc.compiler.lowering.gather_scatter import is_range, scatter_axes
from graphc.compiler.lowering.index_text import Index
from graphc.compiler.schedule.cost_model import computing
from graphc.compiler.schedule.image_routines import routine_of
from graphc.compiler.schedule.row_blocks import Product, product_of
from graphc.compiler.targets.llvm.emit import Builder, Value
from graphc.compiler.targets.llvm.microkernels.images import Routine
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

CHEAP = 0.5
"""Nanoseconds of work for an element that is rather computed again than loaded."""

ONCE = 20.0
"""The same for a single number, which a loop computes once, before it begins."""

MOST_INLINED = 120
"""Operations in the body of one loop that are computed for one kept node, copies counted."""

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
    """The loop that makes one kept node.

    space : the index space that the loop runs over, of the node or of what it reduces
    run : the axes of the space that a reduction makes disappear, the first and the one behind the last
    accesses : the kept nodes and inputs that are read, with the index for each axis; %x0, %x1, … are the loop's own
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
    image: tuple[Routine, int] | None = None
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
    return tuple([f"%x{axis}" for axis in range(rank)])


def kind_of(node: Expr) -> Kind:
    """How a node is made."""
    op = node.op
    if op.is_leaf:
        return "leaf"
    if not op.on_arrays:
        return "element"
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


def base_of(node: Expr, kept: Set[Expr]) -> Expr:
    """What a library call's operand is a view of."""
    while node not in kept and is_view(node):
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
    kinds = {node: kind_of(node) for node in dag.exprs}
    kept = {node for node, kind in kinds.items() if kind in ("reduce", "image", "product", "library")}
    kept |= {dag.exprs[output] for output in dag.outputs}
    for node in reversed(dag.exprs):
        if kinds[node] == "library":
            kept |= {base_of(operand, kept) for operand in node.operands}
        elif kinds[node] == "product":
            product = product_of(node)
            assert product is not None
            kept |= {product.rows, product.other}
        elif kinds[node] == "image":
            kept |= set(node.operands)
        elif node.op.name == "reshape" and not same_but_for_ones(node.shape, node.operands[0].shape):
            if not is_range(node):
                kept.add(node.operands[0])
        elif node.op.name in ("index", "at_add", "at_set"):
            first = 1 if node.op.name == "index" else 2
            kept |= {base_of(array, kept) for array in node.operands[first:] if not is_range(array)}
    kept = {node for node in kept if kinds[node] != "leaf"}
    cost: dict[Expr, float] = {}
    size: dict[Expr, int] = {}
    depth: dict[Expr, int] = {}
    for number, node in enumerate(dag.exprs):
        if kinds[node] == "leaf":
            cost[node], size[node], depth[node] = 0.0, 0, 0
            continue
        inner = [operand for operand in dict.fromkeys(node.operands) if operand not in kept]
        own = computing([node]) if not node.op.on_arrays else 0.05
        # what a single number costs is not counted: a loop computes it before it begins
        cost[node] = own + sum(cost[operand] for operand in inner if operand.shape or not node.shape)
        size[node] = 1 + sum(size[operand] for operand in inner)
        depth[node] = 1 + max((depth[operand] for operand in inner), default=0)
        if node in kept:
            continue
        users = {dag.exprs[user] for user, _ in dag.users[number]}
        parts = {user for user in users if user.op.name == "index" and len(user.operands) == 1}
        wider = any(_widens(node, user) for user in users)
        several = len(users) - len(parts) + bool(parts) > 1  # slices take different elements
        if (
            size[node] > MOST_INLINED
            or depth[node] > DEEPEST
            or (cost[node] > (CHEAP if node.shape else ONCE) and (several or wider))
        ):
            kept.add(node)
    for node in reversed(dag.exprs):  # another shape of a node's memory needs that memory
        if node in kept and is_alias(node) and kinds[node.operands[0]] != "leaf":
            kept.add(node.operands[0])
    return kept


def is_alias(node: Expr) -> bool:
    """Whether a kept node is the memory of its operand in another shape."""
    return node.op.name == "reshape" and not node.operands[0].is_constant


def origin(node: Expr) -> Expr:
    """The node whose memory a node is."""
    while is_alias(node):
        node = node.operands[0]
    return node


def _widens(node: Expr, user: Expr) -> bool:
    """Whether a user reads elements of a node more than once."""
    if user.op.name in ("tile", "repeat", "broadcast_to", "broadcast_like"):
        return True
    if user.op.name == "index" and len(user.operands) > 1:
        return True
    return not user.op.on_arrays and user.shape != node.shape


def stage_of(node: Expr, kept: Set[Expr]) -> Stage:
    """The loop that makes a kept node."""
    image = routine_of(node)
    if image is not None:
        return _stage_of_images(node, *image)
    product = product_of(node)
    if product is not None:
        return _stage_of_product(node, product)
    reduces = kind_of(node) == "reduce"
    space = node.operands[0].shape if reduces else node.shape
    accesses: list[tuple[Expr, Index]] = []
    seen: list[Expr] = []

    def load(other: Expr, index: Index) -> Value | None:
        if other in kept or other.is_symbol:
            accesses.append((other, index))
            return Value("%kept", other.dtype)
        if not other.op.is_leaf and not other.op.on_arrays:
            seen.append(other)
        return None

    builder = Builder(inline=True)
    elements = Elements(builder, Lengths(), load)
    index = identity(len(space))
    if reduces:
        elements.operand(node, 0, index)
    else:
        elements.compute(node, index)
        seen.append(node)
    work = computing([other for other in seen if not other.op.on_arrays])
    uses_index = any("%x" in line for line in builder.lines)
    loads = 0.05 * len(accesses)
    return Stage(node, space, run_of(node) if reduces else None, accesses, uses_index, 0.1 + loads + work)


def _stage_of_images(node: Expr, routine: Routine, times: int) -> Stage:
    """The stage of a node that is made image by image: of its operands it reads an image, or all."""
    accesses = [
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
