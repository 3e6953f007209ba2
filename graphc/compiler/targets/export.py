"""Compiled functions for programs that have no graphc: a Python module, C, an object file with a C header, a shared library.

The C interface of an exported function `f` of inputs x, y and results r0, r1, all of them float64:

    void f(double x, double y, double *r0, double *r1);
    void f_array(int64_t n, const double *x, const double *y, double *r0, double *r1);

The array form runs over n contiguous values of each; results must not overlap what is read. Both are free of state and may be
called from any thread. The code is made for the processor that it is exported on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graphc.compiler.engine.jit import Library, build, cpu, object_code
from graphc.compiler.engine.scipy_functions import DIGAMMA, function_of, symbols_in
from graphc.compiler.loops.program import Program
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets import javascript_module, python, python_module
from graphc.compiler.targets.c import writer as c_writer
from graphc.compiler.targets.llvm.emit import SLOT, memory_type
from graphc.compiler.targets.llvm.kernels import elementwise_loops
from graphc.compiler.targets.llvm.kernels.split_body import element
from graphc.compiler.targets.llvm.programs import writer as program_writer
from graphc.compiler.targets.llvm.programs.c_interface import c_function
from graphc.errors import CompileError, InputError, brief
from graphc.ir.graph import Dag
from graphc.ir.types import FLOAT64, DType
from graphc.ops.special import scipy_lowlevel
from graphc.util.files import as_text, write_whole
from graphc.util.pytree import Structure, flatten
from graphc.util.records import dataclass
from graphc.version import __version__

PYTHON, OBJECTS, SHARED, C = (".py",), (".o", ".obj"), (".so", ".dylib", ".dll"), (".c",)
JAVASCRIPT = (".js", ".mjs")

_UNROLL_UP_TO = 500
"""Operations up to which the array form has the body in its loop."""

_MAX_OPERANDS = 64

_C_WORDS = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long register restrict
    return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool bool true false main alignas
    alignof constexpr nullptr static_assert thread_local typeof asm class delete export friend mutable namespace new operator
    private protected public template this throw try catch using virtual n
    exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc tgamma lgamma
    gamma pow hypot cbrt fmod fma sqrt floor ceil trunc rint round fabs copysign sincos memset memcpy memmove y0 y1 yn j0 j1 jn
    abs div signal index remainder logb scalbn ldexp frexp modf fmin fmax fdim nan malloc free exit abort time clock printf
    read write open close""".split()
)
"""What C, C++ and their library keep for themselves."""


@dataclass(frozen=True)
class ExportSource:
    """What is exported: a kernel, the names of its arguments, the structure of its results, the formula as text.

    unused : the numbers of the arguments on which no result depends
    """

    kernel: Kernel
    inputs: tuple[str, ...]
    structure: Structure
    constants: tuple[np.ndarray, ...]
    formula: str
    unused: tuple[int, ...] = ()


def write(
    source: ExportSource, path: str | os.PathLike[str], header: str | os.PathLike[str] | None, name: Any
) -> None:
    """Export by the suffix of `path`; see `CompiledFunction.export`."""
    path, suffix = as_text(path), suffix_of(path)
    if header is not None and suffix in PYTHON:
        raise InputError("a Python module has no header", hint="leave header= out")
    called = _name(Path(path).stem, name)
    if suffix in PYTHON:
        write_whole(path, _python(source, called).encode())
        return
    if source.constants:
        raise CompileError(
            "array constants have no place in a C function", hint="declare a symbol in the constant's place"
        )
    code = _object(source.kernel, called)
    write_whole(path, code if suffix in OBJECTS else _linked(code, suffix))
    if header is not None:
        write_whole(header, _header(source, called).encode())


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The suffix that says what is to be written. Raises `InputError` for one that says nothing."""
    suffix = Path(as_text(path)).suffix
    if suffix not in (*PYTHON, *OBJECTS, *SHARED, *C, *JAVASCRIPT):
        raise InputError(
            f"cannot export to {suffix or 'a file without suffix'!r}",
            hint='write f.export("module.py"), f.export("kernel.c"), f.export("kernel.o", header="kernel.h"), '
            'f.export("kernel.so") or f.export("module.js")',
        )
    return suffix


def expanded(graph: Dag, suffix: str) -> Dag:
    """A graph whose elements the language of a file can compute."""
    if suffix in JAVASCRIPT:
        return javascript_module.expanded(graph)
    return python_module.expanded(graph) if suffix in PYTHON else graph


def write_program(
    program: Program,
    path: str | os.PathLike[str],
    header: str | os.PathLike[str] | None,
    name: Any,
    formula: str,
    structure: Structure | None = None,
) -> None:
    """Export a program of the loop IR: as a Python or JavaScript module; as C99 with its header, beside it unless it is
    to lie elsewhere; or as code of this machine with the same interface.

    structure : of the results, for Python; a list by default
    """
    suffix, path = suffix_of(path), Path(as_text(path))
    if header is not None and suffix in (*PYTHON, *JAVASCRIPT):
        language = "Python" if suffix in PYTHON else "JavaScript"
        raise InputError(f"a {language} module has no header", hint="leave header= out")
    if suffix in PYTHON:
        named = replace(program, name=_name(path.stem, name))
        results = flatten([0.0] * len(program.of_role("result")))[1] if structure is None else structure
        write_whole(path, python_module.module(named, results, formula).encode())
        return
    if suffix in JAVASCRIPT:
        named = replace(program, name=_name(path.stem, name))
        write_whole(path, javascript_module.module(named, python.quoted(formula)).encode())
        return
    beside = path.with_suffix(".h") if header is None else Path(as_text(header))
    named = replace(program, name=_name(path.stem, name))
    text = c_writer.write(named, _C_WORDS - {"n"}, python.quoted(formula), _included(beside.name))
    if suffix in C:
        write_whole(path, text.source.encode())
    else:
        native = program_writer.write(named, few=True)
        module = c_function(named, native, named.name)
        _refuse_scipy(module, 'f.export("kernel.c") has it written out')
        code = object_code([module], (named.name,))
        write_whole(path, code if suffix in OBJECTS else _linked(code, suffix))
    if suffix in C or header is not None:
        write_whole(beside, text.header.encode())


def _refuse_scipy(module: str, of_digamma: str) -> None:
    """SciPy's functions are no part of an object file."""
    for symbol in symbols_in(module):
        own = symbol == DIGAMMA
        raise CompileError(
            f"{'digamma' if own else function_of(symbol)} is SciPy's and no part of the C library",
            hint=of_digamma if own else "call it in this process, where SciPy is, and hand the result over",
        )


def declaration(program: Program) -> str:
    """The declaration in C of the function of a program, as headers have it."""
    return c_writer.declaration(program, _C_WORDS - {"n"})


def _included(name: str) -> str:
    """The name of a header as a file may include it."""
    if not re.fullmatch(r"[\w.+ -]+", name, re.ASCII):
        raise InputError(f"{brief(name, 80)} is no name for a header", hint="letters, digits and . _ - alone")
    return name


def _name(stem: str, asked: Any) -> str:
    """The name of the exported function: what was asked for, else made of the file's name."""
    if asked is not None:
        if not isinstance(asked, str) or not re.fullmatch(r"[A-Za-z]\w{0,62}", asked, re.ASCII):
            raise InputError(
                f"{brief(asked, 80)} is not a name for a function", hint="letters, digits and underscores"
            )
        if _taken(asked):
            raise InputError(f"the name {brief(asked)} is taken in Python or C", hint="choose another name")
        return asked
    plain = re.sub(r"\W", "_", stem, flags=re.ASCII)[:60]
    return plain if re.match(r"[A-Za-z]", plain) and not _taken(plain) else f"f_{plain}"


def _taken(name: str) -> bool:
    return name in _C_WORDS or name in python.RESERVED


# --- Python ---------------------------------------------------------------------------------------------------------------


def _python(source: ExportSource, name: str) -> str:
    operations = source.kernel.operations
    if operations > python.MAX_OPERATIONS:
        raise CompileError(
            f"the graph has {operations:,} operations; as a Python module at most {python.MAX_OPERATIONS:,} can be exported",
            hint="Numba would take minutes for it; export an object file, kernel.o",
        )
    if sum(array.size for array in source.constants) > python.MAX_CONSTANTS:
        raise CompileError(
            f"the array constants have more than {python.MAX_CONSTANTS:,} elements",
            hint="declare a symbol in the constant's place",
        )
    return python.module(
        name, source.inputs, source.kernel, source.structure, source.constants, source.formula, source.unused
    )


# --- C --------------------------------------------------------------------------------------------------------------------


def _object(kernel: Kernel, name: str) -> bytes:
    """An object file that defines `name` and `name`_array."""
    body, builder = element(kernel)
    text = "\n".join([body, _packed(), _one(kernel, name), builder.module_parts()])
    operands = len(kernel.inputs) + len(kernel.outputs)
    _refuse_scipy(text, 'f.export("module.py") has it written out')
    if kernel.operations > _UNROLL_UP_TO or operands > _MAX_OPERANDS:
        array = elementwise_loops.module(kernel, elementwise_loops.generic(kernel), "packed")
    else:
        array = elementwise_loops.module(kernel, "c" * operands)
    return object_code([text, array, _many(kernel, name)], (name, f"{name}_array"))


def _packed() -> str:
    return "define void @packed(ptr %in, ptr %out) nounwind {\n  call void @element(ptr %in, ptr %out)\n  ret void\n}\n"


def _one(kernel: Kernel, name: str) -> str:
    """The function of single values: they go into slots, and the results come from slots."""
    parameters = [
        *(f"{memory_type(dtype)} %a{n}" for n, dtype in enumerate(kernel.inputs)),
        *(f"ptr %r{n}" for n in range(len(kernel.outputs))),
    ]
    lines = [
        f"define void @{name}({', '.join(parameters)}) nounwind {{",
        f"  %in = alloca [{max(1, len(kernel.inputs))} x i64], align 8",
        f"  %out = alloca [{max(1, len(kernel.outputs))} x i64], align 8",
    ]
    for number, dtype in enumerate(kernel.inputs):
        lines.append(f"  %p{number} = getelementptr i8, ptr %in, i64 {SLOT * number}")
        lines.append(f"  store {memory_type(dtype)} %a{number}, ptr %p{number}")
    lines.append("  call void @element(ptr %in, ptr %out)")
    for number, dtype in enumerate(kernel.outputs):
        lines.append(f"  %q{number} = getelementptr i8, ptr %out, i64 {SLOT * number}")
        lines.append(f"  %v{number} = load {memory_type(dtype)}, ptr %q{number}")
        lines.append(f"  store {memory_type(dtype)} %v{number}, ptr %r{number}")
    return "\n".join([*lines, "  ret void", "}", ""])


def _many(kernel: Kernel, name: str) -> str:
    """The function of contiguous arrays: one dimension, a pointer and a stride for each operand, and the loop nest."""
    dtypes = (*kernel.inputs, *kernel.outputs)
    lines = [
        "declare void @nest(i64, ptr, ptr, ptr)",
        f"define void @{name}_array({', '.join(['i64 %n', *(f'ptr %o{n}' for n in range(len(dtypes)))])}) nounwind {{",
        "  %shape = alloca i64, align 8",
        f"  %data = alloca [{len(dtypes)} x ptr], align 8",
        f"  %strides = alloca [{len(dtypes)} x i64], align 8",
        "  %any = icmp sgt i64 %n, 0",
        "  br i1 %any, label %run, label %done",
        "run:",
        "  store i64 %n, ptr %shape",
    ]
    for number, dtype in enumerate(dtypes):
        lines += [
            f"  %d{number} = getelementptr ptr, ptr %data, i64 {number}",
            f"  store ptr %o{number}, ptr %d{number}",
            f"  %s{number} = getelementptr i64, ptr %strides, i64 {number}",
            f"  store i64 {dtype.itemsize}, ptr %s{number}",
        ]
    call = "  call void @nest(i64 1, ptr %shape, ptr %data, ptr %strides)"
    return "\n".join([*lines, call, "  br label %done", "done:", "  ret void", "}", ""])


def _linked(code: bytes, suffix: str) -> bytes:
    """The object as a shared library, by the machine's C compiler."""
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None:
        raise CompileError(
            "a shared library needs a C compiler, and none was found",
            hint='install one or set CC; f.export("kernel.o") needs none',
        )
    with tempfile.TemporaryDirectory() as directory:
        object_file, linked = Path(directory, "kernel.o"), Path(directory, f"kernel{suffix}")
        object_file.write_bytes(code)
        done = subprocess.run(
            [compiler, "-shared", "-o", str(linked), str(object_file), "-lm"],
            capture_output=True, text=True, errors="replace", timeout=120, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode != 0 or not linked.exists():
            raise CompileError(f"{compiler} could not link the library: {done.stderr.strip()[-500:]}")
        return linked.read_bytes()


def _c_type(dtype: DType) -> str:
    if dtype.kind == "f":
        return "double" if dtype == FLOAT64 else "float"
    return "uint8_t" if dtype.kind == "b" else f"{dtype.name}_t"


def _header(source: ExportSource, name: str) -> str:
    kernel = source.kernel
    results = [f"result{number}" for number in range(len(kernel.outputs))]
    reserved = frozenset((*_C_WORDS, *results, name, f"{name}_array"))
    arguments = python.argument_names(source.inputs, reserved)
    declared = list(zip(arguments, map(_c_type, kernel.inputs), strict=True))
    taken = [f"{_c_type(dtype)} *{result}" for dtype, result in zip(kernel.outputs, results, strict=True)]
    one = ", ".join([*(f"{kind} {argument}" for argument, kind in declared), *taken])
    many = ", ".join(["int64_t n", *(f"const {kind} *{argument}" for argument, kind in declared), *taken])
    stands = [
        f"   {argument} stands for {python.quoted(symbol)}"
        for symbol, argument in zip(source.inputs, arguments, strict=True)
        if symbol != argument
    ]
    guard = f"GRAPHC_{name.upper()}_H"
    return "\n".join(
        [
            f"/* Written by graphc {__version__}, for {cpu()}. Link with -lm.",
            f"   {python.quoted(source.formula)}",
            *stands,
            "   Truth values are 0 or 1. Any thread may call both functions. */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <stdint.h>",
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            "",
            "/* The results at one point. */",
            f"void {name}({one});",
            "",
            "/* The results at n points: contiguous arrays of n values; results overlap nothing. */",
            f"void {name}_array({many});",
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            "#endif",
            "",
        ]
    )


# --- SciPy -----------------------------------------------------------------------------------------------------------------


def lowlevel(kernel: Kernel, library: Library, cached: bool) -> Any:
    """The `scipy.LowLevelCallable` of a function of float64 values with one float64 result: double (int, double *)."""
    if kernel.outputs != (FLOAT64,) or any(dtype != FLOAT64 for dtype in kernel.inputs) or not kernel.inputs:
        raise CompileError(
            "SciPy calls functions of float64 numbers with one float64 result",
            hint="compile one output, over float64 symbols",
        )
    packed = library.symbol("packed")
    text = f"""declare void @{packed}(ptr, ptr)
define double @integrand(i32 %n, ptr %in) nounwind {{
  %out = alloca double, align 8
  call void @{packed}(ptr %in, ptr %out)
  %result = load double, ptr %out
  ret double %result
}}
"""
    own = build(text, ("integrand",), cached, (library,))
    return scipy_lowlevel(own.pointer("integrand"), own.handle)
