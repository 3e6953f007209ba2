"""From a unit to the machine code of its scalar entry points, module by module."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from graphc.compiler.engine.code_generator import QUICK
from graphc.compiler.engine.jit import Library, build
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.pipeline import Options, Unit
from graphc.compiler.targets.llvm import shared_functions
from graphc.compiler.targets.llvm.kernels import scalar_entry
from graphc.errors import CompileError
from graphc.util.pytree import Structure
from graphc.util.records import dataclass


@dataclass(frozen=True)
class Code:
    """The machine code of a function.

    library : the module of the entry points; parts : those that it calls, of a very long body
    seconds : how long what is not part of a module took
    """

    kernel: Kernel
    library: Library
    parts: tuple[Library, ...]
    seconds: Mapping[str, float]

    @property
    def libraries(self) -> tuple[Library, ...]:
        return (*self.parts, self.library)


def marked(options: Options, text: str) -> str:
    """The text of a module, with a first line that says so where it is to be ready soon."""
    return QUICK + text if options.tier == "quick" else text


def _shared(text: str) -> list[Library]:
    """The modules of mathematical functions that a module calls."""
    return shared_functions.libraries(shared_functions.symbols_in(text))


def make(unit: Unit, structure: Structure, step: Callable[[int], None]) -> Code:
    """The code of a unit that has gone through all passes.

    structure : of the results
    step : is told after each module how many operations were made, and may raise to stop
    """
    kernel, body, cached = unit.kernel, unit.body, unit.options.cache
    if kernel is None or body is None:
        raise CompileError("internal error: a unit without a scalar body has no scalar entry points")
    emitting = 0.0
    parts: list[Library] = []
    left = kernel.operations
    for number in range(len(body.parts) if len(body.parts) > 1 else 0):
        step(0)
        began = time.perf_counter()
        text = marked(unit.options, body.module(number))
        emitting += time.perf_counter() - began
        parts.append(build(text, ("part",), cached, _shared(text)))
        done = sum(bool(node.operands) for piece in body.parts[number] for node in piece)
        left -= done
        step(done)
    began = time.perf_counter()
    text = marked(
        unit.options,
        scalar_entry.module(kernel, structure, body, tuple(part.symbol("part") for part in parts)),
    )
    emitting += time.perf_counter() - began
    library = build(text, scalar_entry.exported(kernel, structure), cached, [*parts, *_shared(text)])
    step(left)
    return Code(kernel, library, tuple(parts), {"plan": unit.lowered, "emit": emitting})
