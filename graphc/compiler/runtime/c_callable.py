"""The C function of a compiled program: the interface that `targets/c` declares, as machine code in this process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphc.compiler.engine.jit import Library, build
from graphc.compiler.loops.from_graph.one_function import routine_without_loops
from graphc.compiler.loops.program import Program
from graphc.compiler.targets import export
from graphc.compiler.targets.llvm.programs import writer
from graphc.compiler.targets.llvm.programs.c_interface import c_function
from graphc.errors import CompileError

NAME = "function"


class CCallable:
    """A program as a function that C calls.

    program : what it is of; library : the code; address : of the function, valid as long as the library
    signature : its declaration in C

    Raises `CompileError` for a program that calls a library.
    """

    def __init__(self, program: Program, cached: bool) -> None:
        called = routine_without_loops(program)
        if called is not None:
            raise CompileError(
                f"{called} is a routine of a library, which a C function without Python cannot call",
                hint="call the function from Python",
            )
        self.program: Program = replace(program, name=NAME)
        self.text: str = c_function(self.program, writer.write(self.program, few=True), NAME)
        self.library: Library = build(self.text, (NAME,), cached)
        self.signature: str = export.declaration(self.program)

    @property
    def address(self) -> int:
        return self.library.pointer(NAME)


def sampler_entry(function: Any, size: int) -> Library:
    """The module of `int64_t logp(uint64_t n, const double *u, double *gradient, double *value, void *unused)`.

    function : a compiled one of a vector of so many numbers, that gives a gradient and a value

    Raises `CompileError` for one that calls a library.
    """
    inner: CCallable = function.c_callable
    declared = f"declare i32 @{inner.library.symbol(NAME)}(ptr, ptr, ptr)"
    text = f"""{declared}
declare double @llvm.fabs.f64(double)
define i64 @logp(i64 %n, ptr %u, ptr %gradient, ptr %value, ptr %unused) nounwind {{
  %fits = icmp eq i64 %n, {size}
  br i1 %fits, label %run, label %refuse
run:
  %status = call i32 @{inner.library.symbol(NAME)}(ptr %u, ptr %gradient, ptr %value)
  %result = load double, ptr %value
  %size = call double @llvm.fabs.f64(double %result)
  %finite = fcmp olt double %size, 0x7FF0000000000000
  %done = icmp eq i32 %status, 0
  %good = and i1 %finite, %done
  %code = select i1 %good, i64 0, i64 1
  ret i64 %code
refuse:
  ret i64 1
}}
"""
    return build(text, ("logp",), False, (inner.library,))


__all__ = ["NAME", "CCallable", "sampler_entry"]
