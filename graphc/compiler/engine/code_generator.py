"""Numba's code generator and its list of passes, without the engine that it comes with."""

from __future__ import annotations

import re
from typing import Any

from graphc.compiler.engine import execution_engine
from graphc.util import fork_safety


@fork_safety.once
def toolchain() -> Any:
    """(llvmlite's binding, Numba's compiler lock, one code generator for the process)"""
    from numba.core.compiler_lock import global_compiler_lock

    # a fork while another thread compiles would leave the child without the lock
    fork_safety.keep_whole(global_compiler_lock._lock)
    return execution_engine.binding(), global_compiler_lock, _code_generator()


BUILDER_RUNS = 256
"""How often a pass builder is used. llvmlite frees a builder without its instrumentation, of 1.5 kB, and each run adds 32 bytes
and one call for every later pass to that: 40 bytes for each of the four or so runs that a small module takes."""


def _code_generator() -> Any:
    """Numba's code generator, without what it or llvmlite never frees: half a megabyte for a module."""
    from llvmlite.binding import newpassmanagers
    from numba.core import config
    from numba.core.codegen import JITCPUCodegen

    # both of llvmlite's classes inherit the empty `_dispose` of `ObjectRef` before their own
    class ModulePasses(newpassmanagers.ModulePassManager):
        _dispose = newpassmanagers.NewPassManager._dispose  # type: ignore[assignment]

    class FunctionPasses(newpassmanagers.FunctionPassManager):
        _dispose = newpassmanagers.NewPassManager._dispose  # type: ignore[assignment]

    class CodeGenerator(JITCPUCodegen):
        def __init__(self, name: str) -> None:
            self._builders: dict[tuple[Any, ...], list[Any]] = {}  # options → builder, runs that it has left
            super().__init__(name)

        def _module_pass_manager(self, **options: Any) -> Any:
            manager, builder = super()._module_pass_manager(**options)
            manager.__class__ = ModulePasses
            return manager, builder

        def _function_pass_manager(self, **options: Any) -> Any:
            manager, builder = super()._function_pass_manager(**options)
            manager.__class__ = FunctionPasses
            return manager, builder

        def _pass_builder(self, **options: Any) -> Any:
            settings: Any = config
            if getattr(settings, "LLVM_PASS_TIMINGS", False):
                return super()._pass_builder(**options)  # timers are for one run
            key = (*sorted(options.items()), settings.OPT, settings.LOOP_VECTORIZE, settings.SLP_VECTORIZE)
            entry = self._builders.get(key)
            if entry is None or not entry[1]:
                entry = self._builders[key] = [super()._pass_builder(**options), BUILDER_RUNS]
            entry[1] -= 1
            return entry[0]

    return CodeGenerator("graphc")


STRAIGHT = "; straight-line\n"
"""The first line of a module whose code is long and has no loops that matter: LLVM's costlier passes find nothing in it. For
Speelpenning's product of 1,000 variables they took two thirds of the time; a graph of 30,000 operations runs as fast without."""


QUICK = "; quick\n"
"""The first line of a module that is to be ready soon: it goes through no passes, and through LLVM's fastest selection of
instructions and allocation of registers. The equations of motion of twelve links, 3,462 operations, take 0.06 s so, 0.7 s by the
passes for straight-line code, and run in 1.7 µs against 1.3 µs; the results are the same to the bit."""


@fork_safety.once
def quick_machine() -> Any:
    """LLVM's target machine for this processor that generates code fast."""
    llvm, _, codegen = toolchain()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        opt=0,
        cpu=codegen._get_host_cpu_name(),
        features=codegen._tm_features,
        reloc="default",
        codemodel="jitdefault",
        jit=True,
    )


_CALLED = re.compile(r"\bcall\b[^\n@]*@([\w.$]+)\(")
"""The names of functions that an instruction calls, in the text of LLVM IR."""

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


@fork_safety.once
def pass_library() -> Any:
    """A library of Numba's that is taken through its passes and no further, in a context of its own."""
    from numba.core.cgutils import normalize_ir_text
    from numba.core.codegen import CodeLibrary, CPUCodeLibrary

    class Passes(CPUCodeLibrary):
        def __init__(self, name: str, context: Any) -> None:
            codegen = toolchain()[2]
            CodeLibrary.__init__(self, codegen, name)
            empty = str(codegen._create_empty_module(name))
            self._final_module = execution_engine.binding().parse_assembly(empty, context)
            self._final_module.name = normalize_ir_text(name)
            self.text = ""  # of the module that is added next

        def _optimize_functions(self, ll_module: Any) -> None:
            """The functions that are inlined whole, before they are: what two of them compute alike is then seen to be one.

            Numba takes every function through these passes. Of all others those over the module do the same work again, and what
            llvmlite does not free of a run was most of what a freed function left behind.
            """
            ll_module.data_layout = self._codegen._data_layout
            for name in inlined(self.text):
                passes, builder = self._codegen._function_pass_manager()
                passes.run(ll_module.get_function(name), builder)

    return Passes


def machine_of(text: str) -> Any:
    """The target machine that makes code of a module's text."""
    return quick_machine() if text.startswith(QUICK) else toolchain()[2]._tm


def optimise(module: Any, name: str, text: str) -> Any:
    """The module after Numba's passes; it is used up. Straight-line code goes through a single, short list instead of two, and
    what is to be ready soon through none.

    name : what the result is called; text : the module's
    """
    if text.startswith(QUICK):
        return module
    codegen = toolchain()[2]
    passes = pass_library()(name, module._context)
    if text.startswith(STRAIGHT):
        module.data_layout = codegen._data_layout
        passes._final_module.link_in(module)
        manager, builder = codegen._module_pass_manager(opt=1, loop_vectorize=False, slp_vectorize=False)
        manager.run(passes._final_module, builder)
    else:
        passes.text = text
        passes.add_llvm_module(module)
        passes._optimize_final_module()
    return passes._final_module
