"""One element as lines of another language: what the languages with infix operators have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.errors import CompileError
from graphc.ir.op import Op
from graphc.ir.types import BOOL, DType

_DEFINITION = re.compile(r"(?:function|def) (\w+)\(")
"""How the definition of a function begins, in the languages that there are."""


class SourceBuilder(LlvmBuilder):
    """Answers the operations' `emit` rules with lines of source text.

    Functions are called by what the operation at hand declares for the language (`Op.texts`).

    language, title : the name of the language in `Op.texts`, and in messages
    instead : what to do where an operation has no form in it
    OPERATORS, PREDICATES : the signs for LLVM's instructions and comparisons
    literal : a constant in the language, exact
    """

    language: ClassVar[str]
    title: ClassVar[str]
    instead: ClassVar[str]
    OPERATORS: ClassVar[Mapping[str, str]]
    PREDICATES: ClassVar[Mapping[str, str]]
    literal: ClassVar[Callable[[Any, DType], str]]

    def __init__(self) -> None:
        super().__init__()
        self.definitions: dict[str, str] = {}

    @classmethod
    def writes(cls, op: Op) -> bool:
        """Whether an operation is written as it is: one that could also be expanded needs a function of the language."""
        return op.emit is not None and (op.expand is None or cls.language in op.texts)

    def knows(self, name: str, like: LlvmValue) -> bool:
        return self.op is not None and self.language in self.op.texts

    def function(self, name: str) -> str:
        """The name of the function that the operation at hand declares; its definition is taken along where it is one."""
        text = self.op.texts.get(self.language) if self.op is not None else None
        if text is None and self.op is not None and self.op.library:
            raise CompileError(
                f"{self.op.name} has no form in {self.title}: graphc calls SciPy's compiled functions, or its own, for it",
                hint="call it in this process, where SciPy is, and hand the result over",
            )
        if text is None:
            raise CompileError(f"{name} has no form in {self.title}", hint=self.instead)
        defined = _DEFINITION.search(text)
        if defined is None:
            return text
        self.definitions[defined[1]] = text
        return defined[1]

    def scipy(self, name: str, *arguments: LlvmValue, result: int | None = None) -> LlvmValue:
        called = self.op.name if self.op is not None else name
        raise CompileError(
            f"{called} has no form in {self.title}: graphc calls SciPy's compiled {name} for it",
            hint="call it in this process, where SciPy is, and hand the result over",
        )

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
