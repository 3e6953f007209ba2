"""What a diagram is made of: nodes and edges as plain data, between the view that makes them and the writers that draw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphc.ir.scopes import Block
from graphc.ir.types import Shape


@dataclass(frozen=True)
class ViewNode:
    """One thing that is drawn.

    key : its name in the picture, unique and the same in every run
    node : the graph's node
    kind : 'symbol', 'constant', 'operation', 'output' for the name at the end of an arrow, 'block' for what stands for several
        nodes, 'reference' for a name in place of a long line to what has it, 'port' and 'end' for where a value enters a loop's
        body and leaves it
    label : its text
    role : as the graph's `role`: 'backward' marks the nodes of a derivative
    detail : the formula it stands for
    adjoint : the sum of the contributions of its uses, where there is not exactly one use; None where none is known
    lost : bits of error that the operation adds, mean and worst, where an accuracy report says so
    shape : of its value
    block : the scopes that it stands in, outermost first
    lines : what stands under its label, in small letters
    cost : nanoseconds that it takes, estimated; 0 where that is not shown
    alarm : whether NaN or infinity begins here
    name : the user's own name for it, empty where there is none
    mark : how it stands out: 'added', 'removed' and 'changed' where two graphs are compared, 'highlight'; mostly not at all
    """

    key: str
    node: int
    kind: str
    label: str
    role: str
    detail: str = ""
    adjoint: Any = None
    lost: tuple[float, float] | None = None
    shape: Shape = ()
    block: Block = ()
    lines: tuple[str, ...] = ()
    cost: float = 0.0
    alarm: bool = False
    mark: str = ""
    name: str = ""


@dataclass(frozen=True)
class ViewEdge:
    """One use of a node.

    tail, head : keys of view nodes
    slot : the argument position at the head
    place : the name of that position, where the order of the operands matters and the picture must tell
    value : the forward value of the tail, None where unknown
    contribution : what this use hands back to the tail, None where nothing flows back
    shape : of the tail
    note : what stands over it where there is no one value: how many values it carries
    local : the local derivative of the head with respect to this operand
    dtype : of the tail
    alarm : whether NaN or infinity goes along it
    hidden : whether it is not drawn: it leads from the end of a row to the beginning of the next
    node : the graph's node whose value it carries
    feedback : whether it leads back, from what a step of a loop carries on to where the next one takes it
    watch : the elements of an array that are written out, in place of its range
    mark : 'added' or 'removed' where two graphs are compared
    """

    tail: str
    head: str
    slot: int
    place: str = ""
    value: Any = None
    contribution: Any = None
    shape: Shape = ()
    note: str = ""
    local: Any = None
    dtype: str = ""
    alarm: bool = False
    hidden: bool = False
    node: int = -1
    feedback: bool = False
    watch: tuple[tuple[int, ...], ...] = ()
    mark: str = ""


@dataclass(frozen=True)
class View:
    """A diagram as data.

    nodes, edges : in drawing order
    note : a remark on what is not shown, if anything is not
    show : what of it is drawn: see `annotations.SHOW`
    caption : lines that stand below it
    title : what it is a picture of
    sides : frames of the sides of branches; those that are true stand in the upper half, and have their name at the top
    """

    nodes: tuple[ViewNode, ...]
    edges: tuple[ViewEdge, ...]
    note: str = ""
    show: frozenset[str] = frozenset(("value", "adjoint"))
    caption: tuple[str, ...] = ()
    title: str = ""
    sides: Mapping[Block, bool] = field(default_factory=dict)
