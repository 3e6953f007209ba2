"""The module of a program: every function once.

Layers of one shape have the same loops, and updates of all parameters too. What tells them apart, memory and lengths, kernels
find by the numbers of words, listed for each step, and the functions they call get it as arguments: so equal texts are one
function, and compiling takes as long as there are different ones.
"""

from __future__ import annotations

from typing import Protocol

from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmBuilder
from graphc.compiler.targets.llvm.loop_builder import INTRINSICS
from graphc.ir.types import DType

NAME = "§name§"
"""Stands for a function's name in its text."""


class LlvmFunction(Protocol):
    """A function with what it calls, in LLVM IR."""

    @property
    def declarations(self) -> tuple[tuple[str, str], ...]:
        """Name → declaration of what it calls outside of itself."""
        ...

    def named(self, suffix: str) -> str:
        """The text under names that end so."""
        ...


class ModuleWriter:
    """Collects the functions of a program's kernels.

    exported : the names that are called from outside
    """

    def __init__(self) -> None:
        self.exported: dict[str, None] = {}
        self._suffixes: dict[str, str] = {}
        self._routines: list[str] = []
        self._names: dict[tuple[str, int], str] = {}
        self._whole = LlvmBuilder(inline=True)
        self._reducers: set[tuple[str, DType]] = set()

    def routine(self, routine: LlvmFunction) -> str:
        """What the names of a routine end with."""
        text = routine.named("")
        suffix = self._suffixes.get(text)
        if suffix is None:
            suffix = self._suffixes[text] = f"_{len(self._suffixes)}"
            self._routines.append(routine.named(suffix))
            self._whole.declarations |= dict(routine.declarations)
        return suffix

    def function(self, text: str, scopes: int, builder: LlvmBuilder, exported: bool = False) -> str:
        """The name of a function.

        text : with `NAME` for it; scopes : how many alias scopes it marks; builder : knows what it calls
        """
        name = self._names.setdefault((text, scopes), f"f{len(self._names)}")
        self._knows(builder)
        if exported:
            self.exported[name] = None
        return name

    def _knows(self, builder: LlvmBuilder) -> None:
        """Takes along what a function calls."""
        self._whole.functions |= builder.functions
        self._whole.helpers |= builder.helpers
        self._whole.declarations |= builder.declarations

    def reduces(self, needed: set[tuple[str, DType]]) -> None:
        """Says which reductions are called."""
        self._reducers |= needed

    def text(self) -> str:
        """The whole."""
        reducing = []
        for name, dtype in sorted(self._reducers, key=str):
            text, builder = reducers.definition(name, dtype)
            self._knows(builder)
            reducing.append(text)
        functions = [(text.replace(NAME, name), scopes) for (text, scopes), name in self._names.items()]
        parts = [INTRINSICS, *reducing, *self._routines, _with_scopes(functions), self._whole.module_parts()]
        return "\n".join(parts)


def loaded(register: str, word: int, kind: str = "i64") -> list[str]:
    """Instructions that load what stands in the frame at the place that one of a step's words is the number of."""
    return [
        f"  {register}.word.at = getelementptr i64, ptr %words, i64 {word}",
        f"  {register}.word = load i64, ptr {register}.word.at",
        f"  {register}.at = getelementptr i64, ptr %frame, i64 {register}.word",
        f"  {register} = load {kind}, ptr {register}.at",
    ]


def _with_scopes(texts: list[tuple[str, int]]) -> str:
    """The functions with their marks as alias metadata.

    texts : for each function its text and how many scopes it has
    """
    lines: list[str] = []
    number = 0
    results: list[str] = []
    for text, count in texts:
        domain, first = number, number + 1
        lines.append(f'!{domain} = distinct !{{!{domain}, !"rows"}}')
        for k in range(count):
            lines.append(f'!{first + k} = distinct !{{!{first + k}, !{domain}, !"array {k}"}}')
        own, others = first + count, first + 2 * count
        for k in range(count):
            lines.append(f"!{own + k} = !{{!{first + k}}}")
        for k in range(count):
            rest = ", ".join(f"!{first + m}" for m in range(count) if m != k)
            lines.append(f"!{others + k} = !{{{rest}}}")
        for k in range(count):
            text = text.replace(f"§{k}§", f", !alias.scope !{own + k}, !noalias !{others + k}")
        results.append(text)
        number = first + 3 * count
    return "\n".join([*results, *lines]) + "\n"
