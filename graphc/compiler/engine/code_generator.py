"""The code generator: Numba's passes and settings by llvmlite alone, without Numba.

What is made is what Numba's `JITCPUCodegen` makes of the same text, to the byte; a test holds that. The exceptions say so in
their first line: straight-line code and what is to be ready soon, which on Linux also reaches its constants and functions by
their distance, where Numba's takes every address whole. Loading Numba takes longer
than compiling a formula of some hundred operations, so it is left to whoever calls a compiled function from `@numba.njit` code.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from graphc.compiler.engine import execution_engine
from graphc.compiler.engine.numba_settings import setting
from graphc.util import fork_safety


class Toolchain(NamedTuple):
    """llvmlite's binding, the lock of whoever compiles, the code generator of the process."""

    llvm: Any
    lock: Any
    codegen: CodeGenerator


@fork_safety.once
def toolchain() -> Toolchain:
    return Toolchain(execution_engine.binding(), _lock, CodeGenerator())


_lock = fork_safety.lock()

BUILDER_RUNS = 256
"""How often a pass builder is used. llvmlite frees a builder without its instrumentation, of 1.5 kB, and each run adds 32 bytes
and one call for every later pass to that: 40 bytes for each of the four or so runs that a small module takes."""


class CodeGenerator:
    """The target machine for this processor, and lists of passes.

    machine : LLVM's; triple, cpu, features : what it makes code for; data_layout : of its modules
    """

    def __init__(self) -> None:
        from llvmlite.binding import newpassmanagers

        # both of llvmlite's classes inherit the empty `_dispose` of `ObjectRef` before their own
        class ModulePasses(newpassmanagers.ModulePassManager):
            _dispose = newpassmanagers.NewPassManager._dispose  # type: ignore[assignment]

        class FunctionPasses(newpassmanagers.FunctionPassManager):
            _dispose = newpassmanagers.NewPassManager._dispose  # type: ignore[assignment]

        self._kinds: tuple[Any, Any] = ModulePasses, FunctionPasses
        self._builders: dict[tuple[Any, ...], list[Any]] = {}  # options → builder, runs that it has left
        llvm = execution_engine.binding()
        self.triple: str = llvm.get_process_triple()
        self.cpu: str = setting("CPU_NAME") or llvm.get_host_cpu_name()
        self.features: str = _features()
        self.machine: Any = self.target_machine(int(setting("OPT")), _relocation())
        self.data_layout: str = str(self.machine.target_data)

    def target_machine(
        self, level: int, relocation: str, just_in_time: bool = True, near: bool = False
    ) -> Any:
        """LLVM's for this processor.

        level : of the generation of code; just_in_time : for this process, else for files
        near : whether code reaches all of its module by distance, where modules are loaded in one block
        """
        target = execution_engine.binding().Target.from_triple(self.triple)
        model: dict[str, Any] = {"codemodel": "default"}
        if just_in_time:
            model = {"codemodel": "jitdefault", "jit": True}
            if near and execution_engine.stands_together():
                relocation, model = "pic", {"codemodel": "small", "jit": True}
        return target.create_target_machine(
            opt=level, cpu=self.cpu, features=self.features, reloc=relocation, **model
        )

    def module_passes(self, **options: Any) -> tuple[Any, Any]:
        """A list of passes over a module, and the builder that runs it."""
        builder = self._builder(**options)
        manager = builder.getModulePassManager()
        manager.__class__ = self._kinds[0]
        return manager, builder

    def no_passes(self) -> tuple[Any, Any]:
        """An empty list of passes over a module, to which passes are added, and the builder that runs it."""
        from llvmlite.binding import newpassmanagers

        manager = newpassmanagers.create_new_module_pass_manager()
        manager.__class__ = self._kinds[0]
        return manager, self._builder()

    def function_passes(self, **options: Any) -> tuple[Any, Any]:
        """The same over a function."""
        builder = self._builder(**options)
        manager = builder.getFunctionPassManager()
        manager.__class__ = self._kinds[1]
        return manager, builder

    def _builder(
        self, opt: int | None = None, loop_vectorize: bool | None = None, slp_vectorize: bool | None = None
    ) -> Any:
        key = (
            int(setting("OPT") if opt is None else opt),
            bool(setting("LOOP_VECTORIZE") if loop_vectorize is None else loop_vectorize),
            bool(setting("SLP_VECTORIZE") if slp_vectorize is None else slp_vectorize),
        )
        entry = self._builders.get(key)
        if entry is None or not entry[1]:
            llvm = execution_engine.binding()
            tuning = llvm.create_pipeline_tuning_options()
            tuning.speed_level, tuning.loop_vectorization, tuning.slp_vectorization = key
            entry = self._builders[key] = [llvm.create_pass_builder(self.machine, tuning), BUILDER_RUNS]
        entry[1] -= 1
        return entry[0]


def _features() -> str:
    """What the processor has, as LLVM lists it."""
    listed = setting("CPU_FEATURES")
    if listed is not None:
        return listed
    try:
        features = execution_engine.binding().get_host_cpu_features()
    except RuntimeError:
        return ""
    if not setting("ENABLE_AVX"):
        for name in features:
            if name.startswith("avx"):
                features[name] = False
    return features.flatten(sort=True)


def _relocation() -> str:
    """How code for this process is placed: on x86 LLVM's engine takes code without relocation alone."""
    name = execution_engine.binding().Target.from_default_triple().name
    return "static" if name.startswith("x86") else "pic" if name.startswith("ppc") else "default"


STRAIGHT = "; straight-line\n"
"""The first line of a module whose code is long and has no loops that matter: LLVM's passes find nothing in it, as equal nodes
are one and rewriting has done the rest. They took a quarter of LLVM's time, and what is made runs as fast without. The
mathematical functions that it calls, written once for all processors and arguments, need some: powers of one exponent take 1.5
times as long without."""


QUICK = "; quick\n"
"""The first line of a module that is to be ready soon: it goes through no passes, and through LLVM's fastest selection of
instructions and allocation of registers. The equations of motion of twelve links, 3,462 operations, take 0.06 s so, 0.7 s by the
passes for straight-line code, and run in 1.7 µs against 1.3 µs; the results are the same to the bit. Long code that mostly calls
functions of other modules is made so too: no register is kept over a call, so it runs as fast."""


@fork_safety.once
def quick_machine() -> Any:
    """LLVM's target machine for this processor that generates code fast."""
    return toolchain().codegen.target_machine(0, "default", near=True)


@fork_safety.once
def straight_machine() -> Any:
    """LLVM's target machine for this processor and straight-line code."""
    return toolchain().codegen.target_machine(int(setting("OPT")), _relocation(), near=True)


PACKED = "; packed\n"
"""The first line of a module whose loops go over small vectors of known lengths: LLVM writes such loops out before it looks for
vectors in them, and finds those again by its packing of straight-line code (SLP). The slopes of a power iteration on 8×8 take
0.54 of the time so, two layers of long short-term memory 0.67. Where all is numbers or small matrices of 2 to 4 it may cost a
tenth: Lotka's and Volterra's equations wait for additions between lanes then."""


_CALLED = re.compile(r"\bcall\b[^\n@]*@([\w.$]+)\(")
"""The names of functions that an instruction calls, in the text of LLVM IR."""

_NUMBERS_ALONE = re.compile(
    r"^define [^\n@]*@([\w.$]+)\([^\n]*memory\(none\)(?![^\n]*\bcold\b)", re.MULTILINE
)
"""The names of functions in the text of a module that read and write no memory, but for those that are rarely called."""

_DEFINED = re.compile(r"^define [^\n@]*@([\w.$]+)\((.*)$", re.MULTILINE)
"""The names of functions in the text of a module, and what follows on their first lines."""


def inlined(text: str) -> list[str]:
    """The functions of a module that others call, that call none of it themselves, and that may be inlined."""
    heads = list(_DEFINED.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    names = {head[1] for head in heads}
    calls = {
        head[1]: names.intersection(_CALLED.findall(text, head.end(), end))
        for head, end in zip(heads, ends, strict=True)
    }
    called = set().union(*calls.values())
    return [
        head[1] for head in heads if head[1] in called and not calls[head[1]] and "noinline" not in head[2]
    ]


class Passes:
    """A module that others of its context are linked into and that is taken through passes."""

    def __init__(self, name: str, scratch: execution_engine.Scratch) -> None:
        self._codegen = toolchain().codegen
        head = (
            f'target triple = "{self._codegen.triple}"\ntarget datalayout = "{self._codegen.data_layout}"\n'
        )
        self.module: Any = scratch.assembly(head)
        self.module.name = name

    def add(self, module: Any, text: str) -> None:
        """Link a module in, which is used up. `text` is what it was read from.

        The functions that are inlined whole go through passes of their own before they are: what two of them compute alike is
        then seen to be one. Numba takes every function through these passes. Of all others those over the module do the same
        work again, and what llvmlite does not free of a run was most of what a freed function left behind.
        """
        module.data_layout = self._codegen.data_layout
        for name in inlined(text):
            passes, builder = self._codegen.function_passes()
            passes.run(module.get_function(name), builder)
        self.module.link_in(module)

    def run(self, packed: bool = False) -> None:
        """Numba's two lists: a cheap one, which turns loops so that the other sees how often they run, and all of them.

        packed : whether straight-line code is packed into vectors
        """
        level = setting("OPT")
        most = getattr(level, "is_opt_max", False)
        passes, builder = self._codegen.module_passes(
            opt=3 if most else 0, loop_vectorize=most, slp_vectorize=False
        )
        if level != 0:
            passes.add_loop_rotate_pass()
            passes.add_instruction_combine_pass()
            passes.add_jump_threading_pass()
        passes.run(self.module, builder)
        passes, builder = self._codegen.module_passes(slp_vectorize=True if packed else None)
        passes.run(self.module, builder)

    def run_straight(self, module: Any, text: str) -> None:
        """Link straight-line code in. The mathematical functions that it calls are told what all calls hand to them alike, as
        exponents often are, and go through a short list of passes, alone."""
        module.data_layout = self._codegen.data_layout
        called = _NUMBERS_ALONE.findall(text)
        if called:
            passes, builder = self._codegen.no_passes()
            passes.add_ipsccp_pass()
            passes.run(module, builder)
        for name in called:
            passes, builder = self._codegen.function_passes(opt=1, loop_vectorize=False, slp_vectorize=False)
            passes.run(module.get_function(name), builder)
        self.module.link_in(module)


_OUTSIDE = f"""
!llvm.module.flags = !{{!1000000}}
!1000000 = !{{i32 7, !"RtLibUseGOT", i32 1}}
!llvm.ident = !{{!1000001}}
!1000001 = !{{!"{execution_engine.IN_ONE_BLOCK.decode()}"}}
"""


def reaching_outside(text: str) -> str:
    """The text of a module that says how what LLVM itself calls is reached: see `reach_outside`; and how it is to be loaded."""
    return text + _OUTSIDE if _is_near(text) else text


def reach_outside(module: Any, text: str) -> None:
    """Have the functions that a near module calls outside of itself reached through the table of its block.

    LLVM would call them through stubs, whose places in the table are not counted when the block is asked for.
    """
    if _is_near(text):
        for function in module.functions:
            if function.is_declaration and not function.name.startswith("llvm."):
                function.add_function_attribute("nonlazybind")


def _is_near(text: str) -> bool:
    """Whether a module's code reaches all of it by distance."""
    return text.startswith((QUICK, STRAIGHT)) and execution_engine.stands_together()


def machine_of(text: str) -> Any:
    """The target machine that makes code of a module's text."""
    if text.startswith(QUICK):
        return quick_machine()
    return straight_machine() if text.startswith(STRAIGHT) else toolchain().codegen.machine


def optimise(module: Any, name: str, text: str, scratch: execution_engine.Scratch) -> Any:
    """The module after Numba's passes; it is used up. Straight-line code, and what is to be ready soon, go through none.

    name : what the result is called; text : the module's; scratch : what it stands in, and the result too
    """
    if text.startswith(QUICK):
        return module
    passes = Passes(name, scratch)
    if text.startswith(STRAIGHT):
        passes.run_straight(module, text)
    else:
        passes.add(module, text)
        passes.run(packed=text.startswith(PACKED))
    return passes.module
