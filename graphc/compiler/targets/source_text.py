"""One element as lines of another language: what the languages with infix operators have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.ir.types import BOOL, DType


class SourceBuilder(LlvmBuilder):
    """Answers the operations' `emit` rules with lines of source text.

    OPERATORS, PREDICATES : the signs for LLVM's instructions and comparisons
    literal : a constant in the language, exact
    """

    OPERATORS: ClassVar[Mapping[str, str]]
    PREDICATES: ClassVar[Mapping[str, str]]
    literal: ClassVar[Callable[[Any, DType], str]]

    def number(self, value: Any, like: LlvmValue) -> LlvmValue:
        return self.constant(value, like.dtype)

    def constant(self, value: Any, dtype: DType) -> LlvmValue:
        return LlvmValue(type(self).literal(value, dtype), dtype)

    def _binary(self, floating: str, integer: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        sign = self.OPERATORS[floating if self.is_float(x) else integer]
        return self.instruction(f"{x.text} {sign} {y.text}", x.dtype)

    def neg(self, x: LlvmValue) -> LlvmValue:
        return self.instruction(f"-{x.text}", x.dtype) if self.is_float(x) else super().neg(x)

    def compare(self, predicate: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} {self.PREDICATES[predicate]} {y.text}", BOOL)


__all__ = ["SourceBuilder"]
