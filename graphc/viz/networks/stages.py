"""The layers of a network, read from its expression: what has weights, what pools, joins, or is a function of one of these.

What carries data is told from what is a weight: a model knows its parameters; in a plain formula the data are what matrix
products and convolutions multiply by weights (`x @ W`, `W @ x`, `conv2d(x, K)`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from graphc.errors import RenderError
from graphc.ir.expr import Expr, free_symbols
from graphc.ir.scopes import Block
from graphc.ir.types import Shape, format_shape

_CONVOLUTIONS = {"conv2d": "conv", "conv2d_input_grad": "up-conv"}

_POOLS = {"max_pool2d": "max-pool", "avg_pool2d": "avg-pool"}

_LOOPS = ("scan", "while_loop", "fori_loop", "linear_recurrence")

_SIGNS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "matmul": "·",
    "concat": "concat",
    "stack": "stack",
}

_SILENT = frozenset(
    "reshape permute_dims expand_dims squeeze broadcast_to broadcast_like astype add subtract multiply divide negative".split()
)
"""Operations with one signal that say nothing in a picture of a network."""

_WEIGHTLIKE = re.compile(r"[WVUKwvuθΘ]|.*weight", re.IGNORECASE)


@dataclass
class NetworkStage:
    """One thing in a picture of a network.

    kind : 'input', 'output', 'dense', 'conv', 'up-conv', 'max-pool', 'avg-pool', 'recurrent', 'embedding', 'part', 'join',
        'function', 'block' for a scope that is collapsed, 'run' for convolutions and a pool one after the other
    label : what stands in or under it
    shape : of what it gives, without the axis of the batch
    before : numbers of the stages that it reads
    block : the scopes that it is written in
    weight : of a dense layer its matrix, inputs × units
    kernel : sizes of the windows of a convolution or pool; `stride` their steps
    after : the functions that follow, "relu" and the like
    name : of a dense layer's weights, or of an input
    parts : of a run its stages
    weights : the symbols of its parameters
    end : the expression that it gives
    asked : whether it is a result of the whole
    """

    kind: str
    label: str = ""
    shape: Shape = ()
    before: list[int] = field(default_factory=list)
    block: Block = ()
    weight: Expr | None = None
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    after: list[str] = field(default_factory=list)
    name: str = ""
    parts: list[NetworkStage] = field(default_factory=list)
    weights: set[Expr] = field(default_factory=set)
    end: Expr | None = None
    asked: bool = False

    @property
    def count(self) -> int:
        """How many numbers it learns."""
        return sum(prod(d for d in symbol.shape if isinstance(d, int)) for symbol in self.weights)


def read_stages(
    exprs: Sequence[Expr],
    outputs: Collection[Expr],
    learned: Collection[Expr] = (),
    kept: Collection[Expr] = (),
    names: Sequence[str] = (),
) -> list[NetworkStage]:
    """The stages of a graph in topological order.

    exprs, outputs : all nodes, operands first, and those that are asked for
    learned, kept : the parameters, and what is kept beside them, where a model tells them
    names : of the outputs, where they are shown

    Raises `RenderError` for a graph that is no network.
    """
    known = {*learned, *kept}
    data = {s for s in free_symbols(*outputs) if s not in known} if known else _data(exprs)
    reader = _StageReader(exprs, data | set(kept) - set(learned), data)
    for expr in exprs:
        reader.take(expr)
    if not any(
        stage.kind in ("dense", "recurrent", "embedding", *_CONVOLUTIONS.values()) for stage in reader.stages
    ):
        raise RenderError(
            "this is no network: nothing in it multiplies data by a matrix of weights",
            hint='draw it as a graph, g.draw(…) without style="network"; a layer is written x @ W + b, or by graphc.nn',
        )
    empty = next((stage for stage in reader.stages if 0 in stage.shape), None)
    if empty is not None:
        raise RenderError(
            f"a layer of this network has no units: {empty.label or empty.kind} of shape {format_shape(empty.shape)}",
            hint="give every axis a length of at least 1",
        )
    last = {reader.at[output] for output in outputs if output in reader.at}
    for name, output in zip(names, outputs, strict=False):
        if output in reader.at:
            reader.stages.append(NetworkStage("output", name, output.shape, [reader.at[output]]))
            last.add(len(reader.stages) - 1)
    for number in last:
        reader.stages[number].asked = True
    return _needed(reader.stages, last)


def _needed(stages: list[NetworkStage], last: set[int]) -> list[NetworkStage]:
    """The stages that lead to the last ones, numbered anew."""
    wanted: set[int] = set()
    waiting = list(last)
    while waiting:
        number = waiting.pop()
        if number not in wanted:
            wanted.add(number)
            waiting += stages[number].before
    return renumbered(stages, wanted)


def renumbered(stages: Sequence[NetworkStage], wanted: Collection[int]) -> list[NetworkStage]:
    """Some of the stages, with the numbers that they have then."""
    order = {old: new for new, old in enumerate(sorted(wanted))}
    for old in order:
        stages[old].before = [order[number] for number in stages[old].before if number in order]
    return [stages[old] for old in order]


def _data(exprs: Sequence[Expr]) -> set[Expr]:
    """The symbols of a plain formula that stand for data: those with a named length, and what is multiplied by weights."""
    data = {e for e in exprs if e.is_symbol and any(not isinstance(length, int) for length in e.shape)}
    for expr in exprs:
        if expr.op.name in _CONVOLUTIONS:
            given, kernel = (set(free_symbols(operand)) for operand in expr.operands)
            data |= given - kernel if not given & data else set()
        elif expr.op.name == "matmul":
            sides = [set(free_symbols(operand)) for operand in expr.operands]
            if all(sides) and not any(side & data for side in sides):
                data |= sides[_which(*expr.operands)]
    return data


def _which(left: Expr, right: Expr) -> int:
    """Which of two that are multiplied is the data: a vector, what is not called W, what is put together, or the first."""
    if (left.ndim == 1) != (right.ndim == 1):
        return 0 if left.ndim == 1 else 1
    called = [all(_WEIGHTLIKE.match(symbol.name) for symbol in free_symbols(side)) for side in (left, right)]
    if called[0] != called[1]:
        return 1 if called[0] else 0
    alone = [len(free_symbols(side)) == 1 for side in (left, right)]
    return 1 if alone[0] and not alone[1] else 0


class _StageReader:
    """Stages, collected operands first."""

    def __init__(self, exprs: Sequence[Expr], fixed: set[Expr], data: set[Expr]) -> None:
        self.fixed = fixed
        """What is not learned."""
        self.data = data
        self.stages: list[NetworkStage] = []
        self.at: dict[Expr, int] = {}
        """Expression that carries data → the stage that it is the end of."""
        self.uses: dict[Expr, int] = {}
        for expr in exprs:
            for operand in expr.operands:
                self.uses[operand] = self.uses.get(operand, 0) + 1

    def take(self, expr: Expr) -> None:
        if expr.is_symbol:
            if expr in self.data:
                self._add(expr, NetworkStage("input", expr.name, name=expr.name))
            return
        signals = [operand for operand in expr.operands if operand in self.at]
        if not signals:
            return
        others = [operand for operand in expr.operands if operand not in self.at]
        stage = self._heavy(expr, signals, others)
        if stage is None:
            sources = list(dict.fromkeys(self.at[operand] for operand in signals))
            common = self._region(sources) if len(sources) > 1 else None
            if len(sources) == 1 or common is not None:
                stage = NetworkStage("function", _function_name(expr), block=expr.block)
                if common is not None:
                    inside, sources = common
                    stage.label = self._region_name(inside, expr)
                    stage.weights = set().union(*(self.stages[number].weights for number in inside))
                stage.before = sources
            else:
                name = expr.op.name
                stage = NetworkStage("join", _SIGNS.get(name, name), block=expr.block, before=sources)
        stage.before = stage.before or list(dict.fromkeys(self.at[operand] for operand in signals))
        if others and expr.op.name != "subtract":  # a target is subtracted
            stage.weights |= set(free_symbols(*others)) - self.fixed
        self._add(expr, stage)

    def _add(self, expr: Expr, stage: NetworkStage) -> None:
        stage.shape, stage.end = expr.shape, expr
        stage.block = stage.block or expr.block
        self.at[expr] = len(self.stages)
        self.stages.append(stage)

    def _heavy(self, expr: Expr, signals: list[Expr], others: list[Expr]) -> NetworkStage | None:
        """The stage of what a picture shows by itself."""
        name = expr.op.name
        if name == "matmul" and len(signals) == 1 and len(others) == 1:
            (weight,) = others
            if weight.ndim > 2 or weight.ndim == 0:
                return None
            called = next((symbol.name for symbol in free_symbols(weight)), "")
            turned = expr.operands[0] is weight
            return NetworkStage("dense", "", weight=weight, name=called, stride=(1,) if turned else ())
        if name in _CONVOLUTIONS and others:
            kernel = tuple(length for length in expr.operands[1].shape[2:] if isinstance(length, int))
            stride = next((attr for attr in expr.attrs if _is_pair(attr)), ()) if name == "conv2d" else ()
            return NetworkStage(_CONVOLUTIONS[name], _CONVOLUTIONS[name], kernel=kernel, stride=stride)
        if name in _POOLS:
            return NetworkStage(_POOLS[name], _POOLS[name], kernel=expr.attrs[0], stride=expr.attrs[1])
        if name in ("mean", "max") and signals[0].ndim == 4 and expr.ndim <= 4 and _spatial(expr.attrs[0]):
            return NetworkStage("avg-pool" if name == "mean" else "max-pool", f"global {name}")
        if name in _LOOPS:
            return NetworkStage("recurrent", expr.block[-1] if expr.block else "loop")
        if (
            name in ("take", "index")
            and len(expr.operands) > 1
            and expr.operands[0] not in self.at
            and others
        ):
            return NetworkStage("embedding", "embedding")
        if name == "index" and signals[0].shape != expr.shape and self.uses.get(signals[0], 0) > 1:
            return NetworkStage("part", "part")
        return None

    def _region(self, sources: list[int]) -> tuple[list[int], list[int]] | None:
        """The functions between one stage and several that depend on nothing else, and that stage; None where there is none."""
        behind = [self._chain(source) for source in sources]
        shared = [number for number in behind[0] if all(number in chain for chain in behind[1:])]
        if not shared:
            return None
        start = max(shared)
        inside = sorted({number for chain in behind for number in chain if number > start})
        return inside, [start]

    def _chain(self, number: int) -> list[int]:
        """A stage, and those before it as far as they are functions of one stage."""
        chain = [number]
        while self.stages[number].kind == "function" and len(self.stages[number].before) == 1:
            number = self.stages[number].before[0]
            chain.append(number)
        return chain

    def _region_name(self, inside: list[int], expr: Expr) -> str:
        names = {self.stages[number].label for number in inside}
        if "var" in names or "std" in names:
            return "norm"
        return _function_name(expr) or next(iter(sorted(names - {""})), "")


def _spatial(axes: Any) -> bool:
    return isinstance(axes, tuple) and set(axes) == {2, 3}


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(item, int) for item in value)


def _function_name(expr: Expr) -> str:
    """What a function of one stage is called; empty for what is silent."""
    name = expr.op.name
    return "" if name in _SILENT else name


def scopes_of(stages: Sequence[NetworkStage], fits: Callable[[Block], bool]) -> Iterator[Block]:
    """The scopes around stages that fit, outermost first, each once."""
    seen: set[Block] = set()
    for stage in stages:
        for depth in range(1, len(stage.block) + 1):
            block = stage.block[:depth]
            if block not in seen and fits(block):
                seen.add(block)
                yield block


__all__ = ["NetworkStage", "read_stages", "renumbered", "scopes_of"]
