"""Graph → kernel: the scalar body that becomes machine code. A graph of operations element by element is one kernel."""

from __future__ import annotations

from collections.abc import Callable

from graphc.errors import CompileError
from graphc.ir.expr import Expr, walk
from graphc.ir.graph import Dag, refuse_arrays
from graphc.ir.types import DType
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass


@dataclass(frozen=True)
class Kernel:
    """A scalar body.

    dag : the graph as it is emitted, operations expanded
    inputs, outputs : the dtypes of the values that go in and come out, in order
    """

    dag: Dag
    inputs: tuple[DType, ...]
    outputs: tuple[DType, ...]

    @property
    def operations(self) -> int:
        """How many operations the body holds, leaves left out."""
        return sum(bool(operands) for operands in self.dag.operands)


class Recalled(Kernel):
    """A kernel of which is known what a record says; its body is made when something asks for it."""

    nanoseconds: float

    def __init__(
        self,
        make: Callable[[], Dag],
        inputs: tuple[DType, ...],
        outputs: tuple[DType, ...],
        operations: int,
        nanoseconds: float,
    ) -> None:
        self.__dict__.update(
            _make=make, inputs=inputs, outputs=outputs, _operations=operations, nanoseconds=nanoseconds
        )

    @cached_property
    def dag(self) -> Dag:  # type: ignore[override]
        return self.__dict__["_make"]()

    @property
    def operations(self) -> int:
        return self.__dict__["_operations"]


def kernel_of(dag: Dag) -> Kernel:
    """The kernel of a graph whose operations all have code; raises `CompileError` for operations on whole arrays."""
    refuse_arrays(
        dag, "a scalar kernel", CompileError, "graphs with operations on arrays are compiled as programs"
    )
    return Kernel(
        dag,
        tuple(node.dtype for node in dag.symbols),
        tuple(dag.exprs[output].dtype for output in dag.outputs),
    )


WINDOW = 1024
"""How far the schedule may move an operation: the values that wait stay within a part of the fastest cache."""


def order(dag: Dag) -> list[Expr]:
    """The nodes that the outputs need, operands first, in the order in which they are emitted.

    LLVM does not move calls of functions past each other, so the order decides how many of them the processor can overlap. Depth
    first, each waits for the one before; sorted by depth within windows, neighbours are independent. On a random graph of 3,000
    operations that is 8.6 µs against 12.4 µs (windows of 16: 11.4, 64: 10.9, 256: 9.4).
    """
    nodes = walk(dag.exprs[output] for output in dag.outputs)
    depth: dict[Expr, int] = {}
    for node in nodes:
        depth[node] = 1 + max((depth[operand] for operand in node.operands), default=0)
    scheduled: list[Expr] = []
    for start in range(0, len(nodes), WINDOW):
        scheduled += sorted(nodes[start : start + WINDOW], key=depth.__getitem__)
    return scheduled
