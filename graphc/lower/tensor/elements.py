"""One element of a node as LLVM IR: what every operation without a loop of its own does to indices.

`Elements.at(node, index)` is the value of a node at an index, a text for each axis: a number, or the name of a 64-bit integer in
a register. Operations element by element pass the index on, views change it, ranges compute with it. What is kept in memory is
loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from graphc import dims
from graphc.dims import Dim
from graphc.expr import Expr
from graphc.lower.emit import Builder, Value, emit
from graphc.ops.index import result_shape
from graphc.types import BOOL, INT64, broadcast_shapes

Index = tuple[str, ...]

Load = Callable[[Expr, Index], "Value | None"]
"""The value of a node that is kept in memory or in a register, at an index; None of any other node."""


class Lengths:
    """Lengths of axes as literals, or as registers that a kernel loads once.

    names : dimension → register; filled as they are asked for
    """

    def __init__(self) -> None:
        self.names: dict[Dim, str] = {}

    def __call__(self, dim: Dim) -> str:
        if isinstance(dim, int):
            return str(dim)
        return self.names.setdefault(dim, f"%length{len(self.names)}")


class Elements:
    """Writes instructions for elements of nodes with a builder; within one body each is written once."""

    def __init__(self, builder: Builder, lengths: Lengths, load: Load) -> None:
        self.builder = builder
        self.lengths = lengths
        self.load = load
        self._values: dict[tuple[Expr, Index], Value] = {}
        self._whole: dict[tuple[str, str, str], str] = {}

    # --- whole numbers -----------------------------------------------------------------------------------------------------

    def whole(self, operation: str, x: str, y: str) -> str:
        """add, sub, mul, sdiv or srem of whole numbers; what is known is computed here."""
        known = _fold(operation, x, y)
        if known is not None:
            return known
        key = (operation, x, y)
        if key not in self._whole:
            flags = " nsw" if operation in ("add", "sub", "mul") else ""
            self._whole[key] = self.builder.instruction(f"{operation}{flags} i64 {x}, {y}", INT64).text
        return self._whole[key]

    def linear(self, index: Index, shape: tuple[Dim, ...]) -> str:
        """The place of an element in the order of rows."""
        place = "0"
        for position, dim in zip(index, shape, strict=True):
            if dim == 1:
                continue
            place = self.whole("add", self.whole("mul", place, self.lengths(dim)), position)
        return place

    def compare(self, predicate: str, x: str, y: str) -> Value:
        return self.builder.instruction(f"icmp {predicate} i64 {x}, {y}", BOOL)

    def either(self, condition: Value, x: str, y: str) -> str:
        if x == y:
            return x
        return self.builder.instruction(f"select i1 {condition.text}, i64 {x}, i64 {y}", INT64).text

    # --- elements ------------------------------------------------------------------------------------------------------------

    def at(self, node: Expr, index: Index) -> Value:
        """A node's value at an index."""
        key = (node, index)
        found = self._values.get(key)
        if found is None:
            kept = self.load(node, index)
            found = self._values[key] = kept if kept is not None else self.compute(node, index)
        return found

    def set(self, node: Expr, index: Index, value: Value) -> None:
        """Say what a node's value is at an index, computed elsewhere."""
        self._values[node, index] = value

    def compute(self, node: Expr, index: Index) -> Value:
        if node.is_constant:
            return self.builder.constant(node.value, node.dtype)
        if node.op.on_arrays:
            return RULES[node.op.name](self, node, index)
        made = {operand: self.at(operand, aligned(index, operand.shape)) for operand in node.operands}
        return emit(self.builder, node, made)

    def operand(self, node: Expr, slot: int, index: Index) -> Value:
        """An operand's value in the type that the operation computes in."""
        operand = node.operands[slot]
        dtype = node.op.types(tuple(o.dtype for o in node.operands))[0][slot]
        return self.builder.convert(self.at(operand, index), dtype)


def aligned(index: Index, shape: tuple[Dim, ...]) -> Index:
    """The index of an operand that is broadcast: its axes are the last ones, and one of length 1 stays where it is."""
    own = index[len(index) - len(shape) :]
    return tuple(["0" if dim == 1 else place for place, dim in zip(own, shape, strict=True)])


def _fold(operation: str, x: str, y: str) -> str | None:
    a = int(x) if x[0] != "%" else None
    b = int(y) if y[0] != "%" else None
    if a is not None and b is not None:
        if operation in ("sdiv", "srem"):
            return None if b == 0 else str(a // b if operation == "sdiv" else a % b)
        return str({"add": a + b, "sub": a - b, "mul": a * b}[operation])
    if (
        (operation == "add" and b == 0)
        or (operation == "sub" and b == 0)
        or (operation in ("mul", "sdiv") and b == 1)
    ):
        return x
    if (operation == "add" and a == 0) or (operation == "mul" and a == 1):
        return y
    if (operation == "mul" and 0 in (a, b)) or (operation == "srem" and b == 1):
        return "0"
    return None


# --- what operations do to indices -------------------------------------------------------------------------------------------

Rule = Callable[[Elements, Expr, Index], Value]


def _permute(e: Elements, node: Expr, index: Index) -> Value:
    places = [""] * len(index)
    for position, axis in zip(index, node.attrs[0], strict=True):
        places[axis] = position
    return e.operand(node, 0, tuple(places))


def _expand(e: Elements, node: Expr, index: Index) -> Value:
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
    return e.operand(node, 0, tuple([place for axis, place in enumerate(index) if axis not in axes]))


def _squeeze(e: Elements, node: Expr, index: Index) -> Value:
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
    rest = iter(index)
    return e.operand(
        node, 0, tuple(["0" if axis in axes else next(rest) for axis in range(node.operands[0].ndim)])
    )


def _broadcast(e: Elements, node: Expr, index: Index) -> Value:
    return e.operand(node, 0, aligned(index, node.operands[0].shape))


def _reshape(e: Elements, node: Expr, index: Index) -> Value:
    """Where only axes of length 1 come or go the others keep their places; else the place in the order of rows is divided."""
    x = node.operands[0]
    own = [dim for dim in node.shape if dim != 1]
    if own == [dim for dim in x.shape if dim != 1]:
        rest = iter([place for place, dim in zip(index, node.shape, strict=True) if dim != 1])
        return e.operand(node, 0, tuple(["0" if dim == 1 else next(rest) for dim in x.shape]))
    place = e.linear(index, node.shape)
    places: list[str] = []
    for dim in reversed(x.shape[1:]):
        length = e.lengths(dim)
        places.append("0" if dim == 1 else e.whole("srem", place, length))
        place = e.whole("sdiv", place, length)
    return e.operand(node, 0, tuple([place, *reversed(places)][: x.ndim]))


def _flip(e: Elements, node: Expr, index: Index) -> Value:
    axis, shape = node.attrs[0], node.shape
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return e.operand(
        node,
        0,
        tuple(
            [
                e.whole("sub", e.lengths(dims.subtract(dim, 1)), place) if number in axes else place
                for number, (place, dim) in enumerate(zip(index, shape, strict=True))
            ]
        ),
    )


def _roll(e: Elements, node: Expr, index: Index) -> Value:
    shift, axis = node.attrs
    if node.ndim == 0:
        return e.operand(node, 0, index)
    length = e.lengths(node.shape[axis])
    moved = e.whole("srem", e.whole("sub", index[axis], str(shift)), length)
    negative = e.compare("slt", moved, "0")
    place = e.either(negative, e.whole("add", moved, length), moved)
    return e.operand(node, 0, (*index[:axis], place, *index[axis + 1 :]))


def _tile(e: Elements, node: Expr, index: Index) -> Value:
    x = node.operands[0]
    own = index[len(index) - x.ndim :]
    return e.operand(
        node,
        0,
        tuple(
            [
                "0" if dim == 1 else place if dim == wide else e.whole("srem", place, e.lengths(dim))
                for place, dim, wide in zip(own, x.shape, node.shape[node.ndim - x.ndim :], strict=True)
            ]
        ),
    )


def _repeat(e: Elements, node: Expr, index: Index) -> Value:
    repeats, axis = node.attrs
    place = e.whole("sdiv", index[axis], str(repeats)) if repeats else "0"
    return e.operand(node, 0, (*index[:axis], place, *index[axis + 1 :]))


def _inside(e: Elements, places: list[tuple[str, Dim]]) -> tuple[Value | None, Index]:
    """Whether places lie within lengths, and the places, 0 where they do not."""
    within: Value | None = None
    kept: list[str] = []
    for place, dim in places:
        here = e.compare("ult", place, e.lengths(dim))
        kept.append(e.either(here, place, "0"))
        within = here if within is None else e.builder.and_(within, here)
    return within, tuple(kept)


def _pad(e: Elements, node: Expr, index: Index) -> Value:
    widths, value = node.attrs
    x = node.operands[0]
    outside = e.builder.constant(x.dtype.type(value), node.dtype)
    if 0 in x.shape:
        return outside
    padded = [axis for axis, pair in enumerate(widths) if any(pair)]
    moved = [e.whole("sub", place, str(before)) for place, (before, _) in zip(index, widths, strict=True)]
    within, places = _inside(e, [(moved[axis], x.shape[axis]) for axis in padded])
    at = dict(zip(padded, places, strict=True))
    inner = e.operand(node, 0, tuple([at.get(axis, place) for axis, place in enumerate(moved)]))
    return inner if within is None else e.builder.select(within, inner, outside)


def _zero(e: Elements, node: Expr) -> Value:
    return e.builder.constant(node.dtype.type(0), node.dtype)


def _tril(e: Elements, node: Expr, index: Index) -> Value:
    kept = e.compare("sle", index[-1], e.whole("add", index[-2], str(node.attrs[0])))
    return e.builder.select(kept, e.operand(node, 0, index), _zero(e, node))


def _triu(e: Elements, node: Expr, index: Index) -> Value:
    kept = e.compare("sge", index[-1], e.whole("add", index[-2], str(node.attrs[0])))
    return e.builder.select(kept, e.operand(node, 0, index), _zero(e, node))


def _diagonal(e: Elements, node: Expr, index: Index) -> Value:
    offset = node.attrs[0]
    place = index[-1]
    row = e.whole("add", place, str(max(-offset, 0)))
    column = e.whole("add", place, str(max(offset, 0)))
    return e.operand(node, 0, (*index[:-1], row, column))


def _diag(e: Elements, node: Expr, index: Index) -> Value:
    k = node.attrs[0]
    row, column = index
    place = e.whole("sub", row, str(max(-k, 0)))
    on = e.compare("eq", e.whole("add", row, str(k)), column)
    within, places = _inside(e, [(place, node.operands[0].shape[0])])
    assert within is not None
    if node.operands[0].shape[0] == 0:
        return _zero(e, node)
    return e.builder.select(e.builder.and_(on, within), e.operand(node, 0, places), _zero(e, node))


def _eye(e: Elements, node: Expr, index: Index) -> Value:
    on = e.compare("eq", e.whole("add", index[0], str(node.attrs[2])), index[1])
    return e.builder.convert(on, node.dtype)


def _arange(e: Elements, node: Expr, index: Index) -> Value:
    start, _, step, _ = node.attrs
    place = e.whole("add", e.lengths(start), e.whole("mul", index[0], str(step)))
    return e.builder.convert(Value(place, INT64), node.dtype)


def _dim(e: Elements, node: Expr, index: Index) -> Value:
    return Value(e.lengths(node.attrs[0]), INT64)


def _one_hot(e: Elements, node: Expr, index: Index) -> Value:
    wanted = e.operand(node, 0, index[:-1])
    return e.builder.convert(e.compare("eq", wanted.text, index[-1]), node.dtype)


def _concat(e: Elements, node: Expr, index: Index) -> Value:
    axis = node.attrs[0]
    start: Dim = 0
    result: Value | None = None
    for slot, operand in enumerate(node.operands):
        length = operand.shape[axis]
        if length == 0:
            continue
        place = e.whole("sub", index[axis], e.lengths(start))
        within, places = _inside(e, [(place, length)])
        value = e.operand(node, slot, (*index[:axis], *places, *index[axis + 1 :]))
        assert within is not None
        result = value if result is None else e.builder.select(within, value, result)
        start = dims.add(start, length)
    return result if result is not None else _zero(e, node)


def _stack(e: Elements, node: Expr, index: Index) -> Value:
    axis = node.attrs[0]
    rest = (*index[:axis], *index[axis + 1 :])
    if index[axis][0] != "%":
        return e.operand(node, int(index[axis]), rest)
    result = e.operand(node, 0, rest)
    for slot in range(1, len(node.operands)):
        here = e.compare("eq", index[axis], str(slot))
        result = e.builder.select(here, e.operand(node, slot, rest), result)
    return result


def _index(e: Elements, node: Expr, index: Index) -> Value:
    return e.operand(node, 0, source_index(e, node, index))


def source_index(e: Elements, node: Expr, index: Index) -> Index:
    """The place in x of an element of x[key]; places that arrays name are counted from the end where they are negative."""
    x, arrays = node.operands[0], node.operands[1:]
    key = node.attrs[0]
    common = max((array.ndim for array in arrays), default=0)
    spots, first = _layout(key, bool(arrays), common)
    among = index[first : first + common] if first is not None else ()
    result: list[str] = []
    slot = 1
    for number, item in enumerate(key):
        if item is None:
            continue
        dim = x.shape[len(result)]
        if item == "array":
            array = arrays[slot - 1]
            value = e.operand(node, slot, aligned(among, array.shape)).text
            slot += 1
            if value[0] == "%":
                negative = e.compare("slt", value, "0")
                value = e.either(negative, e.whole("add", value, e.lengths(dim)), value)
            result.append(value)
        elif isinstance(item, tuple):
            result.append(_sliced(e, item, dim, index[spots[number]]))
        else:
            result.append(str(item) if item >= 0 else e.lengths(dims.add(dim, item)))
    return tuple(result)


def _layout(key: tuple[Any, ...], has_arrays: bool, common: int) -> tuple[dict[int, int], int | None]:
    """Where in x[key] the axes stand that the entries of a key give: by entry; and the first of the arrays' own axes."""
    advanced = [
        number for number, item in enumerate(key) if item == "array" or (has_arrays and isinstance(item, int))
    ]
    apart = any(b - a != 1 for a, b in pairwise(advanced))
    first: int | None = 0 if apart else None  # where the axes of the arrays stand in the result
    place = common if apart else 0
    spots: dict[int, int] = {}
    for number, item in enumerate(key):
        if number in advanced:
            if first is None:
                first, place = place, place + common
        elif item is None or isinstance(item, tuple):
            spots[number] = place
            place += 1
    return spots, first


def scatter_axes(node: Expr) -> dict[int, int] | None:
    """Of an update at places that arrays name: the axis of x for each axis of the arrays that counts along it, as ranges do; None
    where an axis of the arrays is no such, so that several of its places may be one."""
    x, _, *arrays = node.operands
    if not arrays:
        return {}
    common = max(array.ndim for array in arrays)
    shape = broadcast_shapes([array.shape for array in arrays])
    found: dict[int, int] = {}
    rest = iter(arrays)
    axis = 0
    for item in node.attrs[0]:
        if item == "array":
            array = next(rest)
            along = [common - array.ndim + k for k, dim in enumerate(array.shape) if dim != 1]
            if len(along) == 1 and shape[along[0]] == x.shape[axis] and counts(array, x.shape[axis]):
                found.setdefault(along[0], axis)
        axis += item is not None
    return found if all(dim == 1 or k in found for k, dim in enumerate(shape)) else None


def counts(node: Expr, length: Dim) -> bool:
    """Whether a node's elements are 0, 1, 2, … up to a length, along one axis."""
    while node.op.name in ("reshape", "expand_dims", "squeeze", "astype"):
        node = node.operands[0]
    return node.op.name == "arange" and node.attrs[:3] == (0, length, 1)


def _updated(e: Elements, node: Expr, index: Index) -> Value:
    """x with some elements replaced or added to: each element asks whether it is one of those, and which."""
    x, value, *arrays = node.operands
    key = node.attrs[0]
    ranges = scatter_axes(node)
    assert ranges is not None
    common = max((array.ndim for array in arrays), default=0)
    among = tuple([index[ranges[k]] if k in ranges else "0" for k in range(common)])
    spots, first = _layout(key, bool(arrays), common)
    places: dict[int, str] = {}
    chosen: Value | None = None
    slot, axis = 2, 0

    def require(condition: Value) -> None:
        nonlocal chosen
        chosen = condition if chosen is None else e.builder.and_(chosen, condition)

    for number, item in enumerate(key):
        if item is None:
            places[spots[number]] = "0"
            continue
        dim, place = x.shape[axis], index[axis]
        if item == "array":
            array = arrays[slot - 2]
            if axis not in ranges.values() or not counts(array, dim):
                wanted = e.operand(node, slot, aligned(among, array.shape)).text
                if wanted[0] == "%":
                    negative = e.compare("slt", wanted, "0")
                    wanted = e.either(negative, e.whole("add", wanted, e.lengths(dim)), wanted)
                require(e.compare("eq", place, wanted))
            slot += 1
        elif isinstance(item, tuple):
            step = item[3] or 1
            away = e.whole("sub", place, _first(e, item, dim))
            if step < 0:
                away = e.whole("sub", "0", away)
            if abs(step) != 1:
                rest = e.whole("srem", away, str(abs(step)))
                require(e.compare("eq", rest, "0"))
                away = e.whole("sdiv", away, str(abs(step)))
            length = _slice_length(node, spots[number])
            if item[1:] != (None, None, None):
                within = e.compare("ult", away, e.lengths(length))
                away = e.either(within, away, "0")
                require(within)
            places[spots[number]] = away
        else:
            wanted = str(item) if item >= 0 else e.lengths(dims.add(dim, item))
            require(e.compare("eq", place, wanted))
        axis += 1
    if first is not None:
        places |= {first + k: place for k, place in enumerate(among)}
    own = tuple([places[k] for k in range(len(places))])
    new = e.operand(node, 1, aligned(own, value.shape))
    old = e.operand(node, 0, index)
    if node.op.name == "at_add":
        new = e.builder.add(old, new)
    return new if chosen is None else e.builder.select(chosen, new, old)


def _slice_length(node: Expr, spot: int) -> Dim:
    """The length of the axis of x[key] that an update changes."""
    return result_shape(node.operands[0], tuple(node.operands[2:]), node.attrs[0])[spot]


def _sliced(e: Elements, item: tuple[Any, ...], dim: Dim, place: str) -> str:
    return e.whole("add", _first(e, item, dim), e.whole("mul", place, str(item[3] or 1)))


def _first(e: Elements, item: tuple[Any, ...], dim: Dim) -> str:
    """The place that a slice begins at."""
    _, start, stop, step = item
    step = step or 1
    if isinstance(dim, int) and all(end is None or isinstance(end, int) for end in (start, stop)):
        first: Dim = slice(start, stop, step).indices(dim)[0]
    elif start is None:
        first = 0 if step > 0 else dims.subtract(dim, 1)
    else:
        first = dims.add(dim, start) if isinstance(start, int) and start < 0 else start
    return e.lengths(first)


RULES: dict[str, Rule] = {
    "permute_dims": _permute,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "broadcast_to": _broadcast,
    "broadcast_like": _broadcast,
    "reshape": _reshape,
    "flip": _flip,
    "roll": _roll,
    "tile": _tile,
    "repeat": _repeat,
    "pad": _pad,
    "tril": _tril,
    "triu": _triu,
    "diagonal": _diagonal,
    "diag": _diag,
    "eye": _eye,
    "arange": _arange,
    "dim": _dim,
    "one_hot": _one_hot,
    "concat": _concat,
    "stack": _stack,
    "index": _index,
    "at_add": _updated,
    "at_set": _updated,
}
"""Operations on arrays of which each element is one of the operands', or known by its place alone; updates as far as
`scatter_axes` says."""
