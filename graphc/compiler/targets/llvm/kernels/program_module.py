"""The module of a program: the functions of its fusion groups, and which words of the program's frame each of them reads."""

from __future__ import annotations

from collections.abc import Hashable

from graphc.compiler.schedule.fusion import LibraryCall
from graphc.compiler.schedule.materialize import origin
from graphc.compiler.schedule.memory_plan import Functions, MemoryPlan
from graphc.compiler.targets.llvm.kernels.combine_partials import finish
from graphc.compiler.targets.llvm.kernels.kernel import KernelWriter
from graphc.compiler.targets.llvm.kernels.module import ModuleWriter


def write_kernels(plan: MemoryPlan) -> None:
    """Fill in the module of a plan: a function for each group, another that finishes its sums over rows, and what they call."""
    buffered = set(plan.lives) | set(plan.targets) | set(plan.inplace)
    buffered |= {node for node in plan.materialized if origin(node) is not node}
    module = ModuleWriter()
    for number, step in enumerate(plan.steps):
        if isinstance(step, LibraryCall):
            continue
        words, last_words = _Words(plan.words), _Words(plan.words)
        kernel = KernelWriter(number, step, buffered, plan.memory, words, module)
        text = kernel.text(plan.targets)
        name = module.function(text, kernel.scopes, kernel.builder, exported=True)
        module.reduces(kernel.reducers)
        plan.rows[number] = kernel.waiting
        last = finish(number, step, plan.memory, last_words, module)
        last_name = "" if last is None else module.function(last[0], 0, last[1], exported=True)
        plan.kernels[number] = Functions(name, tuple(words.places), last_name, tuple(last_words.places))
    plan.text = module.text()
    plan.exported = tuple(module.exported)


class _Words:
    """The words of one step's function: its own numbers, in the order in which they are asked for, of places in the frame."""

    def __init__(self, frame: dict[Hashable, int]) -> None:
        self._frame = frame
        self._numbers: dict[Hashable, int] = {}

    def __call__(self, key: Hashable) -> int:
        self._frame.setdefault(key, len(self._frame))
        return self._numbers.setdefault(key, len(self._numbers))

    @property
    def places(self) -> list[int]:
        return [self._frame[key] for key in self._numbers]
