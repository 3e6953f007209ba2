"""What was made of a function, and what it costs: the report that a compiled function gives of itself.

Figures of the machine code are read from its assembly, so they say what the processor runs and not what was meant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from graphc.compiler.engine import thread_pool as threads
from graphc.compiler.engine.jit import Library
from graphc.compiler.runtime.build import Code
from graphc.compiler.runtime.loop_dispatch import Nests
from graphc.compiler.schedule import cost_model
from graphc.compiler.schedule.rewriting_report import Rewriting
from graphc.util.records import dataclass

_PACKED = re.compile(
    r"^\s+v?p?(?:add|sub|mul|div|sqrt|min|max|fn?m(?:add|sub)\d+|mull?|and|or|xor|cmp\w*)(?:p[sd]|[bwdq])\s.*%([xyz])mm",
    re.M,
)
"""Arithmetic on whole vectors, in x86's assembly."""

_PACKED_ARM = re.compile(r"^\s+f?(?:add|sub|mul|mla|div|sqrt)\s+v\d+\.(?:2d|4s)", re.M)
"""The same in ARM's."""

_BITS = {"x": 128, "y": 256, "z": 512}

_CALL = re.compile(r"^\s+(?:callq?|bl|blr)\s", re.M)

_CALLED = re.compile(
    r"^\s+(?:movabsq\s+\$|callq?\s+|bl\s+|mov[zk]\s+\w+, #:abs_g\d+(?:_nc)?:)([A-Za-z_]\w*)", re.M
)
"""A function of another module: called by name, or its address taken to be called."""

_OF = {"tgamma": "gamma", "fmod": "mod"}
"""Functions of the C library whose names are not the operations'."""

_NO_FUNCTIONS = ("Py", "_Py", "mem", "part", "element")
"""How the names of Python's functions begin, of those that move memory, and of the pieces of a body."""

_SHOWN = 20


@dataclass(frozen=True)
class Made:
    """One module of machine code.

    what : "numbers", or "loop" with its pattern: see `elementwise_loops.Pattern`
    width : bits of the widest vectors that it computes with; 0 when all is scalar
    calls : what is called for each element, and so left scalar: function → operation
    cache : "hit" when it came from disk, else why not
    seconds : how long each step of making it took
    """

    what: str
    width: int
    calls: Mapping[str, str]
    cache: str
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        vectors = f"{self.width}-bit vectors" if self.width else "scalar"
        calls = [f"{name}()" if name == op else f"{name}() for {op}" for name, op in self.calls.items()]
        left = f", calls {', '.join(calls)}" if calls else ", no call"
        if calls and self.what.startswith("loop"):
            left += f", so left scalar: {'; '.join(dict.fromkeys(map(_why, self.calls)))}"
        steps = ", ".join(f"{name} {1e3 * taken:.1f} ms" for name, taken in self.seconds.items())
        return f"{self.what}: {vectors}{left}; cache {self.cache}; {steps}"


@dataclass(frozen=True)
class Performance:
    """What a compiled function is made of, as text.

    operations : name → how many of them are computed for one element
    bytes_per_element : read and written when every operand is an array
    nanoseconds : the estimate for one element on one core, in cache
    kernel : what was fused into it
    parallel : the option; `threads` as they are now; `threads_from` is the number of elements from which they are used
    rewriting : None when it was switched off or is not known, as in a function that was pickled
    seconds : how long each phase took, of all modules together
    modules : the machine code made so far: loops are made when first needed
    """

    operations: Mapping[str, int]
    bytes_per_element: int
    nanoseconds: float
    kernel: str
    parallel: bool | str
    threads: int
    threads_from: int | None
    rewriting: Rewriting | None
    seconds: Mapping[str, float]
    modules: tuple[Made, ...]

    @property
    def intensity(self) -> float:
        """Operations for each byte read or written."""
        return sum(self.operations.values()) / max(1, self.bytes_per_element)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {n}" if n > 1 else name for name, n in self.operations.items())
        lines = [
            f"an element: {sum(self.operations.values())} operations ({counts})"
            if counts
            else "no operations",
            f"  {self.bytes_per_element} bytes, {self.intensity:.3g} operations a byte, some {self.nanoseconds:.2g} ns",
            f"kernel: {self.kernel}",
            f"rewriting: {self.rewriting if self.rewriting is not None else 'none'}",
        ]
        if self.threads_from is None:
            lines.append("threads: 1")
        else:
            lines.append(f"threads: {self.threads} from {self.threads_from:,} elements")
        phases = ", ".join(f"{name} {1e3 * taken:.1f} ms" for name, taken in self.seconds.items())
        lines.append(f"made in {1e3 * sum(self.seconds.values()):.1f} ms: {phases}")
        lines += [f"  {module}" for module in self.modules]
        if not any(module.what.startswith("loop") for module in self.modules):
            lines.append("  no loop over arrays has been needed yet")
        return "\n".join(lines)

    __repr__ = __str__  # in a console as `ProgramReport`


def performance(code: Code, nests: Nests, history: Rewriting | None) -> Performance:
    """The report of one function, from its parts."""
    kernel, seconds = code.kernel, code.seconds
    names = Counter(node.op.name for node in kernel.dag.exprs if node.operands)
    parts = len(code.parts)
    modules = [
        _module_of(f"numbers, part {k} of {parts}", part, names) for k, part in enumerate(code.parts, 1)
    ]
    modules.append(_module_of("numbers", code.library, names))
    modules += [
        _module_of(f"loop {pattern}", module, names) for pattern, module in sorted(nests.libraries.items())
    ]
    taken = dict(seconds) if history is None else {"rewrite": history.seconds, **seconds}
    for module in modules:
        for step, value in module.seconds.items():
            taken[step] = taken.get(step, 0.0) + value
    at = 1 if nests.parallel is True else threads.from_elements(nests.nanoseconds)
    count = len(kernel.outputs)
    fused = f"all {kernel.operations} operations and {count} result{'s' if count != 1 else ''} in one pass over memory"
    if nests.large:
        fused += ", the body called for each element as it is long"
    return Performance(
        dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))),
        cost_model.bytes_moved(kernel),
        nests.nanoseconds,
        fused,
        nests.parallel,
        threads.get_num_threads(),
        at if nests.parallel else None,
        history,
        taken,
        tuple(modules),
    )


def _module_of(what: str, library: Library, names: Mapping[str, int]) -> Made:
    asm = library.asm
    width = max((_BITS[register] for register in _PACKED.findall(asm)), default=0)
    if not width and _PACKED_ARM.search(asm):
        width = 128
    calls: dict[str, str] = {}
    if _CALL.search(asm):
        for name in _CALLED.findall(asm):
            op = _operation(name, names)
            if op is not None:
                calls[name] = op
    if what.startswith("numbers"):
        width = 0  # the pairs that LLVM finds in straight-line code are no loop over elements
    return Made(what, width, calls, library.cached, library.seconds)


def _why(function: str) -> str:
    """Why a loop calls a function for each element."""
    if function.endswith("_packed"):
        return "a long body is compiled once, not for each loop"
    if not function.startswith("graphc_"):
        return f"{function}() is the C library's and takes one number"
    own = function == "graphc_digamma" or function.startswith(("graphc_scipy_", "graphc_part_"))
    return f"{function}() is {'SciPy’s' if own else 'graphc’s own, with branches,'} and takes one number"


def _operation(function: str, names: Mapping[str, int]) -> str | None:
    """Which operation a called function computes; None for what is no function of numbers."""
    if function.startswith(_NO_FUNCTIONS):
        return None
    if not function.startswith("graphc_"):
        bare = function if function in names else function.removesuffix("f")
        return _OF.get(bare, bare)
    if function.endswith("_packed"):
        return "the whole body"
    bare = function.removeprefix("graphc_").removeprefix("scipy_").removeprefix("part_")
    return max((name for name in names if bare.startswith(name)), key=len, default=None)


__all__ = ["Made", "Performance", "Rewriting", "performance"]
