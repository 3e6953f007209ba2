"""Which parts of a formula are reductions over the rows of the data, so that it can be computed block by block.

A node that holds the rows' axis in front and works on each row for itself is *rowwise*: what it gives for a block is a part of
what it gives for all rows. A sum, a mean, an extremum over the rows of a rowwise node is an *accumulator*: what it gives for all
rows is put together from what it gives for blocks. A formula that reads the rows through accumulators alone is a function of
them: a root of a mean, a ratio of counts. What is not proved to be one of these (a difference from the mean over all rows, say)
is computed on all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphc.ir.expr import Expr, substitute, symbol, walk
from graphc.ir.types import Shape

Kind = Literal["free", "rowwise", "stepwise", "numbers", "reduced", "unknown"]
"""free: of no row; rowwise: a result for each row, of that row alone; stepwise: the same with the rows' axis in second place, as
loops over steps have it; numbers: 0, 1, … along the rows of a block; reduced: a function of accumulators; unknown: none of these
is proved."""

Combine = Callable[[Any, Any], Any]

ACCUMULATORS: dict[str, Combine] = {
    "sum": np.add, "dim": np.add, "mean": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum,
    "any": np.logical_or, "all": np.logical_and,
}  # fmt: skip
"""Reductions, and how their results for two blocks become one; a mean counts by the rows of its block."""

_FIRST = frozenset(("conv1d", "conv2d", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "im2col"))
"""Operations on a batch of images in front, one by one."""

_SHAPED = frozenset(("broadcast_to", "broadcast_like", "reshape"))

_ALL = ("slice", None, None, None)


@dataclass(frozen=True)
class Rows:
    """What is known of formulas of some data.

    axis : the name of the rows' axis, which stands in front; None where the data has none
    """

    axis: str | None

    def kinds(self, outputs: Iterable[Expr]) -> dict[Expr, Kind]:
        """For every node what it is to the rows."""
        kinds: dict[Expr, Kind] = {}
        for node in walk(outputs):
            kinds[node] = self._kind(node, [kinds[operand] for operand in node.operands])
        return kinds

    def accumulators(self, outputs: Iterable[Expr]) -> dict[Expr, list[Expr] | None]:
        """For each output the accumulators that it is a function of; None where it is not proved to be one."""
        outputs = list(outputs)
        kinds = self.kinds(outputs)
        found: dict[Expr, list[Expr] | None] = {}
        for output in outputs:
            if kinds[output] not in ("free", "reduced"):
                found[output] = None
                continue
            leaves = [node for node in kinds if is_accumulator(node, kinds)]
            reached = set(walk([output], leaves))
            users = [output] if output in leaves else reached
            below = {operand for node in users if node not in leaves for operand in node.operands}
            found[output] = [leaf for leaf in leaves if leaf is output or leaf in below]
        return found

    def _kind(self, node: Expr, kinds: list[Kind]) -> Kind:
        shape, name = node.shape, node.op.name
        if "unknown" in kinds:
            return "unknown"
        if name == "dim":
            return "reduced" if node.attrs[0] == self.axis else self._free(str(node.attrs[0]))
        if not node.operands:
            return self._leaf(node)
        if name == "scan" and "reduced" not in kinds and "numbers" not in kinds:
            return self._loop(node, kinds)
        if name == "permute_dims" and node.attrs[0] is not None and node.attrs[0][:2] == (1, 0):
            turned: dict[Kind, Kind] = {"rowwise": "stepwise", "stepwise": "rowwise", "free": "free"}
            return turned.get(kinds[0], "unknown")
        if "stepwise" in kinds:
            return "unknown"
        if self.axis is None or not {"rowwise", "numbers"} & set(kinds):
            if self.has_rows(
                shape
            ):  # a number for each row that depends on none, unless it is of all of them
                return (
                    "rowwise"
                    if name in _SHAPED and "reduced" not in kinds and self._fits(shape)
                    else "unknown"
                )
            return "reduced" if "reduced" in kinds else "free"
        if self._reduces(node, kinds):
            return "reduced" if name in ACCUMULATORS else "unknown"
        if "reduced" in kinds or not self._fits(shape):
            return "unknown"
        if "numbers" in kinds and name != "index":
            return "numbers" if name in ("reshape", "expand_dims", "astype") else "unknown"
        return "rowwise" if self._each_row(node, kinds) else "unknown"

    def _loop(self, node: Expr, kinds: list[Kind]) -> Kind:
        """A loop over steps, whose body goes through the rows side by side."""
        body, carries, over, *_, result = node.attrs
        for place, (own, kind) in enumerate(zip(body.inputs, kinds, strict=True)):
            along = carries <= place < carries + over
            fits = self._fits(own.shape) if self.has_rows(own.shape) else kind == "free"
            if not fits or kind not in (("stepwise", "free") if along else ("rowwise", "free")):
                return "unknown"
        inside = self.kinds(body.outputs)
        if any(inside[output] not in ("rowwise", "free") for output in body.outputs):
            return "unknown"
        if inside[body.outputs[result]] == "free":
            return "free"
        return "rowwise" if result < carries else "stepwise"

    def _free(self, length: str) -> Kind:
        return "free" if self.axis is None or self.axis not in length else "unknown"

    def has_rows(self, shape: Shape) -> bool:
        return self.axis is not None and any(self.axis in str(length) for length in shape)

    def _fits(self, shape: Shape) -> bool:
        """Whether the rows' axis stands in front, and there alone."""
        return bool(shape) and shape[0] == self.axis and not self.has_rows(shape[1:])

    def _leaf(self, node: Expr) -> Kind:
        if not self.has_rows(node.shape):
            return "free"
        if node.op.name == "arange" and node.attrs[:3] == (0, self.axis, 1):
            return "numbers"
        return "rowwise" if node.is_symbol and self._fits(node.shape) else "unknown"

    def _reduces(self, node: Expr, kinds: list[Kind]) -> bool:
        """Whether it goes along the rows' axis of its one operand."""
        if len(kinds) != 1 or kinds[0] != "rowwise":
            return False
        axes = _axes(node)
        return axes is not None and 0 in axes and not self.has_rows(node.shape)

    def _each_row(self, node: Expr, kinds: list[Kind]) -> bool:
        """Whether an operation with the rows in front, of operands with the rows in front, works on each row for itself."""
        name, operands = node.op.name, node.operands
        wide = [operand for operand, kind in zip(operands, kinds, strict=True) if kind == "rowwise"]
        if node.op.shape is None:  # element by element
            return all(operand.ndim == node.ndim for operand in wide)
        if name == "index":
            return self._indexes_rows(node, kinds)
        if name == "matmul":
            left, right = operands
            if kinds[1] == "free":
                return kinds[0] == "rowwise" and left.ndim >= 2 and right.ndim <= left.ndim
            return kinds == ["rowwise", "rowwise"] and left.ndim == right.ndim >= 3
        if name in _FIRST or name == "one_hot":
            return kinds[0] == "rowwise" and set(kinds[1:]) <= {"free"}
        if name == "permute_dims":
            return node.attrs[0] is not None and node.attrs[0][0] == 0
        if name in _SHAPED:
            return kinds[0] == "rowwise" and (name == "reshape" or operands[0].ndim == node.ndim)
        axes = _axes(node)
        return axes is not None and 0 not in axes and len(wide) == len(operands)

    def _indexes_rows(self, node: Expr, kinds: list[Kind]) -> bool:
        key, arrays = node.attrs[0], node.operands[1:]
        if not key:
            return False
        if kinds[0] == "free":  # v[labels]: for every row what stands at a place of its own
            return key[0] == "array" and len(arrays) == 1 and kinds[1] == "rowwise"
        if kinds[0] != "rowwise":
            return False
        if key[0] == _ALL:
            return not arrays
        # x[arange(n), labels]: in every row what stands at a place of its own
        return (
            key[0] == "array"
            and kinds[1] == "numbers"
            and "numbers" not in kinds[2:]
            and len({array.ndim for array in arrays}) == 1
        )


def _axes(node: Expr) -> tuple[int, ...] | None:
    """The axes of its operand that an operation goes along, counted from the front; None where it does not say."""
    for attribute, value in zip(node.op.attributes, node.attrs, strict=False):  # a cast names none
        if attribute.name in ("axis", "axes"):
            ndim = node.operands[0].ndim
            if value is None:
                return tuple(range(ndim))
            listed = value if isinstance(value, tuple) else (value,)
            return tuple([axis % max(ndim, 1) if axis < 0 else axis for axis in listed])
    return None


def is_accumulator(node: Expr, kinds: dict[Expr, Kind]) -> bool:
    """Whether its results for blocks are put together."""
    if node.op.name not in ACCUMULATORS or kinds[node] != "reduced":
        return False
    return all(kinds[operand] == "rowwise" for operand in node.operands)


def outside(output: Expr, accumulators: Iterable[Expr]) -> tuple[Expr, dict[Expr, Expr]]:
    """An output as a formula of symbols that stand for its accumulators, and these symbols by accumulator."""
    stand_ins = {
        node: symbol(f"over rows {number}", shape=node.shape, dtype=node.dtype)
        for number, node in enumerate(accumulators)
    }
    return substitute(output, stand_ins), stand_ins


class Accumulated:
    """Accumulators over blocks of rows.

    nodes : the accumulators
    """

    def __init__(self, nodes: Iterable[Expr]) -> None:
        self._nodes = list(nodes)
        self._totals: dict[Expr, Any] = {}
        self._rows = 0

    def add(self, values: Iterable[Any], rows: int) -> None:
        """What the nodes are for a block of so many rows."""
        for node, value in zip(self._nodes, values, strict=True):
            value = np.asarray(value)
            value = value.astype(_WIDEST[value.dtype.kind])
            if node.op.name == "mean":
                value = value * rows
            if node in self._totals:
                value = ACCUMULATORS[node.op.name](self._totals[node], value)
            self._totals[node] = value
        self._rows += rows

    def values(self) -> dict[Expr, Any]:
        """The accumulators over all rows so far, in the widest type of their kind."""
        return {
            node: total / self._rows if node.op.name == "mean" else total
            for node, total in self._totals.items()
        }


_WIDEST = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_}


# --- what grows with the number of rows -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Growth:
    """How a node grows with the number of rows.

    degree : 0 where it does not (a mean, what is of one row, or of none), 1 for a sum over rows, None for what is neither
    part : the part of degree 1, of a sum of both degrees too
    free : whether it reads no row
    """

    degree: int | None
    part: Expr | None = None
    free: bool = False


_NEITHER = _Growth(None)

_NO_GROWTH = frozenset(("mean", "max", "min", "any", "all", "var", "std", "argmax", "argmin"))
"""Reductions over rows that do not grow with their number."""


def summed_part(loss: Expr, rows: Rows) -> Expr | None:
    """The part of a loss that grows with the number of rows: what is a sum over them in a sum of terms; None where nothing is.

    The rest is a mean over rows, or of no row. A loss that is neither (a root of a mean, a ratio) counts as the rest.
    """
    growth: dict[Expr, _Growth] = {}
    for node in walk([loss]):
        growth[node] = _growth(node, [growth[operand] for operand in node.operands], rows)
    return growth[loss].part


def _growth(node: Expr, of: list[_Growth], rows: Rows) -> _Growth:
    name, operands = node.op.name, node.operands
    if not operands:
        counts = name == "dim" and node.attrs[0] == rows.axis
        wide = rows.has_rows(node.shape)
        return _Growth(1, node) if counts else _Growth(0, free=not wide)
    if all(operand.free for operand in of):
        return _Growth(0, free=not rows.has_rows(node.shape))
    if all(operand.degree == 0 for operand in of):
        return _first_growth(node, rows)
    if name in ("add", "subtract"):
        return _sum_of(node, *of)
    if name in ("negative", "astype", "sum", "reshape") and not rows.has_rows(operands[0].shape):
        part = of[0].part
        return _Growth(of[0].degree, None if part is None else substitute(node, {operands[0]: part}))
    if name in ("multiply", "divide"):
        return _scaled(node, *of)
    return _NEITHER


def _first_growth(node: Expr, rows: Rows) -> _Growth:
    """Of an operation on what does not grow."""
    name = node.op.name
    lost = any(rows.has_rows(operand.shape) for operand in node.operands) and not rows.has_rows(node.shape)
    if name == "sum" and lost:
        return _Growth(1, node)
    running = name.startswith(("cumsum", "cumprod", "cumulative")) and rows.has_rows(node.shape)
    return _NEITHER if running or (lost and name not in _NO_GROWTH) else _Growth(0)


def _sum_of(node: Expr, left: _Growth, right: _Growth) -> _Growth:
    """Of a sum or a difference: the parts that grow, and the rest."""
    if any(side.degree is None and side.part is None for side in (left, right)):
        return _NEITHER
    minus = node.op.name == "subtract"
    one, other = left.part, right.part
    if one is not None and other is not None:
        part = one - other if minus else one + other
    else:
        part = one if other is None else -other if minus else other
    return _Growth(left.degree if left.degree == right.degree else None, part)


def _scaled(node: Expr, left: _Growth, right: _Growth) -> _Growth:
    """Of a product or a quotient with what reads no row, or with the number of rows."""
    one, other = node.operands
    if node.op.name == "multiply" and left.free:
        one, other, left, right = other, one, right, left
    if right.free:
        part = left.part
        return _Growth(left.degree, None if part is None else substitute(node, {one: part}))
    if node.op.name == "divide":
        return _Growth(0) if _is_count(other) and left.degree == 1 else _NEITHER
    counts = _is_count(one) or _is_count(other)
    return _Growth(1, node) if counts and 0 in (left.degree, right.degree) else _NEITHER


def _is_count(node: Expr) -> bool:
    while node.op.name == "astype":
        node = node.operands[0]
    return node.op.name == "dim"


__all__ = ["ACCUMULATORS", "Accumulated", "Rows", "is_accumulator", "outside", "summed_part"]
