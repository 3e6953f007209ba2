"""The scalar body of a kernel, one operation after the other, with any builder: of LLVM IR or of another language."""

from __future__ import annotations

from graphc.compiler.lowering.scalar_kernel import Kernel, order
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, emit
from graphc.ir.expr import Expr


def body(builder: LlvmBuilder, kernel: Kernel, inputs: list[LlvmValue]) -> list[LlvmValue]:
    """Emit the kernel on the given values; returns the outputs' values."""
    values: dict[Expr, LlvmValue] = dict(zip(kernel.dag.symbols, inputs, strict=True))
    for node in order(kernel.dag):
        if node not in values:
            values[node] = emit(builder, node, values)
    return [values[kernel.dag.exprs[output]] for output in kernel.dag.outputs]
