"""The scalar body of a kernel, one operation after the other, with any builder: of LLVM IR or of another language."""

from __future__ import annotations

from graphc.compiler.lowering.scalar_kernel import Kernel, order
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, emit
from graphc.ir.expr import Expr


def body(builder: LlvmBuilder, kernel: Kernel, inputs: list[LlvmValue]) -> list[LlvmValue]:
    """Emit the kernel on the given values; returns the outputs' values."""
    made: dict[Expr, LlvmValue] = dict(zip(kernel.dag.symbols, inputs, strict=True))
    for node in order(kernel.dag):
        if node not in made:
            made[node] = emit(builder, node, made)
    return [made[kernel.dag.exprs[output]] for output in kernel.dag.outputs]
