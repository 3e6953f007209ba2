"""The C function of a compiled program: the interface that `targets/c` declares, as machine code in this process."""

from __future__ import annotations

from dataclasses import replace

from graphc.compiler.engine.jit import Library, build
from graphc.compiler.loops.one_function import routine_without_loops
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
        self.program = replace(program, name=NAME)
        self.text = c_function(self.program, writer.write(self.program), NAME)
        self.library: Library = build(self.text, (NAME,), cached)
        self.signature = export.declaration(self.program)

    @property
    def address(self) -> int:
        return self.library.pointer(NAME)


__all__ = ["NAME", "CCallable"]
