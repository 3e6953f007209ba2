"""The entry points for single values, as LLVM IR.

call     a CPython function (`vectorcallfunc`): Python's exact floats and ints and NumPy's float64 in, Python objects out;
         anything else goes to what the called object holds for it: see `vectorcall`
packed   void packed(ptr in, ptr out): values in slots of 8 bytes
direct   typed values in, a nested struct of values out: for Numba's compiled code
"""

from __future__ import annotations

import ctypes

from graphc.compiler.engine.code_generator import STRAIGHT
from graphc.compiler.engine.numpy_layout import DATA, FLOAT, ITEMS, layout_is_known
from graphc.compiler.engine.vectorcall import DECLARED, handed_on
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets.llvm.emit import SLOT, memory_type, register_type
from graphc.compiler.targets.llvm.kernels.scalar_arguments import take_each, take_many, take_mixed
from graphc.compiler.targets.llvm.kernels.split_body import SplitBody, element
from graphc.errors import CompileError
from graphc.ir.types import FLOAT64, DType
from graphc.util.pytree import Leaf, Mapping, Sequence, Stack, Structure

METH_FASTCALL_KEYWORDS = 0x0080 | 0x0002


STRAIGHT_FROM = 500
"""Bodies of more operations are compiled as straight-line code; LLVM's further passes take 2 to 7 hundredths off the run time of
shorter ones, and a third longer."""

_RUNTIME = """
@PyFloat_Type = external global i8
declare i1 @graphc_take_numbers(ptr, ptr, i64, i64)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyLong_FromUnsignedLongLong(i64)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
"""


def module(
    kernel: Kernel, structure: Structure, body: SplitBody | None = None, symbols: tuple[str, ...] = ()
) -> str:
    """The module of a kernel's scalar entry points; `structure` is that of the results.

    body, symbols : the operations in pieces, and the parts of them that stand in other modules, by their symbols
    """
    text, builder = body.over(symbols) if body is not None and symbols else element(kernel, body=body)
    long = kernel.operations > STRAIGHT_FROM
    mark = "" if not long else STRAIGHT if body is None else body.mark(builder)
    parts = [mark + _RUNTIME, text, _packed()]
    if has_call(kernel, structure):
        parts += [_NUMPY, DECLARED, _call(kernel, structure)]
    return "\n".join([*parts, builder.module_parts()])


def exported(kernel: Kernel, structure: Structure) -> tuple[str, ...]:
    """The entry points that the module of a kernel has."""
    return ("packed", "call") if has_call(kernel, structure) else ("packed",)


def has_call(kernel: Kernel, structure: Structure) -> bool:
    """Whether there is a CPython function: Python floats are exact values of every input, and it can build the results."""
    if not all(dtype.kind == "f" for dtype in kernel.inputs) or not builds_in_machine_code(structure):
        return False
    return not has_stack(structure) or all(dtype == FLOAT64 for dtype in kernel.outputs)


def _packed() -> str:
    return """define void @packed(ptr noalias %in, ptr noalias %out) nounwind {
  call void @element(ptr %in, ptr %out)
  ret void
}
"""


def _frame(kernel: Kernel) -> list[str]:
    """Stack space for packed arguments and results."""
    return [
        f"  %in = alloca [{max(1, len(kernel.inputs))} x i64], align 8",
        f"  %out = alloca [{max(1, len(kernel.outputs))} x i64], align 8",
    ]


# --- for Numba's compiled code ------------------------------------------------------------------------------------------


def direct_type(structure: Structure, kernel: Kernel) -> str:
    """LLVM's type of the nested results, laid out as Numba lays out its tuples."""
    return _direct_type(structure, iter(kernel.outputs))


def _direct_type(structure: Structure, outputs) -> str:
    if isinstance(structure, Leaf):
        return register_type(next(outputs))
    items = [_direct_type(item, outputs) for item in structure.items]
    if items and len(set(items)) == 1:
        return f"[{len(items)} x {items[0]}]"
    return "{" + ", ".join(items) + "}"


def direct_module(kernel: Kernel, structure: Structure, packed: str) -> str:
    """The module of the entry point for Numba's compiled code, over the symbol of the packed one."""
    result = direct_type(structure, kernel)
    parameters = ", ".join(f"{register_type(dtype)} %a{n}" for n, dtype in enumerate(kernel.inputs))
    lines = [f"define {result} @direct({parameters}) nounwind {{", *_frame(kernel)]
    for number, dtype in enumerate(kernel.inputs):
        lines.append(f"  %p{number} = getelementptr i8, ptr %in, i64 {SLOT * number}")
        text = f"%a{number}"
        if dtype.kind == "b":
            lines.append(f"  %z{number} = zext i1 {text} to i8")
            text = f"%z{number}"
        lines.append(f"  store {memory_type(dtype)} {text}, ptr %p{number}")
    lines.append(f"  call void @{packed}(ptr %in, ptr %out)")
    loaded: list[str] = []
    for number, dtype in enumerate(kernel.outputs):
        lines.append(f"  %q{number} = getelementptr i8, ptr %out, i64 {SLOT * number}")
        lines.append(f"  %r{number} = load {memory_type(dtype)}, ptr %q{number}")
        text = f"%r{number}"
        if dtype.kind == "b":
            lines.append(f"  %t{number} = trunc i8 {text} to i1")
            text = f"%t{number}"
        loaded.append(text)
    if isinstance(structure, Leaf):
        lines.append(f"  ret {result} {loaded[0]}")
    else:
        aggregate = "undef"
        for number, path in enumerate(_paths(structure, ())):
            kind = register_type(kernel.outputs[number])
            indices = ", ".join(map(str, path))
            lines.append(
                f"  %s{number} = insertvalue {result} {aggregate}, {kind} {loaded[number]}, {indices}"
            )
            aggregate = f"%s{number}"
        lines.append(f"  ret {result} {aggregate}")
    return "\n".join([f"declare void @{packed}(ptr, ptr)", *lines, "}", ""])


def _paths(structure: Structure, prefix: tuple[int, ...]) -> list[tuple[int, ...]]:
    if isinstance(structure, Leaf):
        return [prefix]
    return [path for number, item in enumerate(structure.items) for path in _paths(item, (*prefix, number))]


# --- for CPython ---------------------------------------------------------------------------------------------------------


def builds_in_machine_code(structure: Structure) -> bool:
    """Whether the CPython function can build the results itself: nested tuples and lists. Dicts and named tuples are built by
    the Python path."""
    if isinstance(structure, Leaf):
        return True
    if isinstance(structure, Mapping) or structure.kind not in (tuple, list):
        return False
    if isinstance(structure, Stack):
        return 0 < len(structure.shape) <= MAX_AXES and layout_is_known()
    return all(builds_in_machine_code(item) for item in structure.items)


def has_stack(structure: Structure) -> bool:
    """Whether some of the results are the elements of an array."""
    if isinstance(structure, Leaf):
        return False
    return isinstance(structure, Stack) or any(has_stack(item) for item in structure.items)


class _Boxes:
    """Writes the code that turns results into Python objects; a failed allocation leads to the label `failed`."""

    def __init__(self, lines: list[str], dtypes: tuple[DType, ...]) -> None:
        self.lines = lines
        self.dtypes = dtypes
        self.taken = 0  # how many results are boxed or being boxed
        self.count = 0

    def checked(self, call: str) -> str:
        number, self.count = self.count, self.count + 1
        self.lines += [
            f"  %o{number} = call ptr {call}",
            f"  %null{number} = icmp eq ptr %o{number}, null",
            f"  br i1 %null{number}, label %failed, label %ok{number}",
            f"ok{number}:",
        ]
        return f"%o{number}"

    def scalar(self) -> str:
        number, self.taken = self.taken, self.taken + 1
        dtype = self.dtypes[number]
        kind, lines = memory_type(dtype), self.lines
        lines.append(f"  %q{number} = getelementptr i8, ptr %out, i64 {SLOT * number}")
        lines.append(f"  %r{number} = load {kind}, ptr %q{number}")
        text = f"%r{number}"
        if dtype.kind == "f":
            if dtype.itemsize == 4:
                lines.append(f"  %w{number} = fpext float {text} to double")
                text = f"%w{number}"
            return self.checked(f"@PyFloat_FromDouble(double {text})")
        if dtype.itemsize < 8:
            lines.append(f"  %w{number} = {'sext' if dtype.kind == 'i' else 'zext'} {kind} {text} to i64")
            text = f"%w{number}"
        make = {"b": "PyBool_FromLong", "i": "PyLong_FromLongLong", "u": "PyLong_FromUnsignedLongLong"}[
            dtype.kind
        ]
        return self.checked(f"@{make}(i64 {text})")

    def tree(self, structure: Structure) -> str:
        if isinstance(structure, Leaf):
            return self.scalar()
        assert isinstance(structure, Sequence)
        length = len(structure.items)
        if isinstance(structure, Stack):
            return self.array(structure.shape, length)
        if length > UNROLL_UP_TO and all(isinstance(item, Leaf) for item in structure.items):
            ahead = self.dtypes[self.taken : self.taken + length]
            if all(dtype == FLOAT64 for dtype in ahead):
                first, self.taken = self.taken, self.taken + length
                return self.many(structure.kind, first, length)
        items = [self.tree(item) for item in structure.items]
        if structure.kind is tuple:
            container = self.checked(f"@PyTuple_New(i64 {len(items)})")
            for number, item in enumerate(items):
                place = f"{container}_{number}"
                self.lines.append(f"  {place} = getelementptr i8, ptr {container}, i64 {ITEMS + 8 * number}")
                self.lines.append(f"  store ptr {item}, ptr {place}")
        else:
            container = self.checked(f"@PyList_New(i64 {len(items)})")
            for number, item in enumerate(items):
                self.lines.append(
                    f"  {container}_{number} = call i32 @PyList_SetItem(ptr {container}, i64 {number}, ptr {item})"
                )
        return container

    def array(self, shape: tuple[int, ...], length: int) -> str:
        """A new array of NumPy's, and the next results in it."""
        first, self.taken = self.taken, self.taken + length
        lines, tag = self.lines, f"a{self.count}"
        lines.append(f"  %dims{tag} = alloca [{len(shape)} x i64], align 8")
        for axis, extent in enumerate(shape):
            lines.append(f"  %dim{tag}_{axis} = getelementptr i64, ptr %dims{tag}, i64 {axis}")
            lines.append(f"  store i64 {extent}, ptr %dim{tag}_{axis}")
        made = (
            f"@graphc_numpy_new(ptr @graphc_numpy_array, i32 {len(shape)}, ptr %dims{tag}, i32 {_NPY_DOUBLE}, "
            "ptr null, ptr null, i32 0, i32 0, ptr null)"
        )
        container = self.checked(made)
        lines += [
            f"  %field{tag} = getelementptr i8, ptr {container}, i64 {DATA}",
            f"  %data{tag} = load ptr, ptr %field{tag}",
            f"  %from{tag} = getelementptr i64, ptr %out, i64 {first}",
            f"  call void @llvm.memcpy.p0.p0.i64(ptr %data{tag}, ptr %from{tag}, i64 {SLOT * length}, i1 false)",
        ]
        return container

    def many(self, kind: type, first: int, length: int) -> str:
        """A long tuple or list of float64 results, by a loop."""
        container = self.checked(f"@{'PyTuple' if kind is tuple else 'PyList'}_New(i64 {length})")
        tag = container[2:]
        if kind is tuple:
            put = [
                f"  %mwhere{tag} = getelementptr i8, ptr {container}, i64 {ITEMS}",
                f"  %mplace{tag} = getelementptr ptr, ptr %mwhere{tag}, i64 %mi{tag}",
                f"  store ptr %mitem{tag}, ptr %mplace{tag}",
            ]
        else:
            put = [
                f"  %mdone{tag} = call i32 @PyList_SetItem(ptr {container}, i64 %mi{tag}, ptr %mitem{tag})"
            ]
        self.lines += [
            f"  br label %many{tag}",
            f"many{tag}:",
            f"  %mi{tag} = phi i64 [ 0, %ok{tag} ], [ %mnext{tag}, %put{tag} ]",
            f"  %mslot{tag} = add i64 %mi{tag}, {first}",
            f"  %mfrom{tag} = getelementptr i64, ptr %out, i64 %mslot{tag}",
            f"  %mvalue{tag}x = load double, ptr %mfrom{tag}",
            f"  %mitem{tag} = call ptr @PyFloat_FromDouble(double %mvalue{tag}x)",
            f"  %mnone{tag} = icmp eq ptr %mitem{tag}, null",
            f"  br i1 %mnone{tag}, label %failed, label %put{tag}",
            f"put{tag}:",
            *put,
            f"  %mnext{tag} = add i64 %mi{tag}, 1",
            f"  %mall{tag} = icmp eq i64 %mnext{tag}, {length}",
            f"  br i1 %mall{tag}, label %after{tag}, label %many{tag}",
            f"after{tag}:",
        ]
        return container


UNROLL_UP_TO = 16
"""More arguments or results than this are taken or built in a loop: unrolled, hundreds of them take seconds to compile."""


MAX_AXES = 32
"""The most axes of an array that machine code makes."""

_NPY_DOUBLE = 12
"""NumPy's number of float64, part of its ABI."""

_NUMPY = """
@graphc_numpy_array = external global i8
declare ptr @graphc_numpy_new(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""


_COUNT = 2**63 - 1
"""The bits of a vectorcall's number of arguments: the one above says that the caller left room before them."""


def _call(kernel: Kernel, structure: Structure) -> str:
    lines = [
        "define ptr @call(ptr %self, ptr %args, i64 %count, ptr %names) {",
        *_frame(kernel),
        "  %positional = icmp eq ptr %names, null",
        f"  %given = and i64 %count, {_COUNT}",
        f"  %complete = icmp eq i64 %given, {len(kernel.inputs)}",
        "  %plain = and i1 %positional, %complete",
        "  br i1 %plain, label %check0, label %slow",
    ]
    if len(kernel.inputs) > UNROLL_UP_TO and all(dtype.itemsize == 8 for dtype in kernel.inputs):
        lines += take_many(len(kernel.inputs))
    else:
        lines += take_each(kernel)
    lines += take_mixed(kernel)
    lines += [f"check{len(kernel.inputs)}:", "  call void @element(ptr %in, ptr %out)"]
    result = _Boxes(lines, kernel.outputs).tree(structure)
    lines += [f"  ret ptr {result}", "failed:", "  ret ptr null"]
    return "\n".join([*lines, "slow:", *handed_on()])


def check_layout() -> None:
    """Raises `CompileError` unless CPython keeps a float where `call` reads it."""
    probe = 1.5
    if ctypes.c_double.from_address(id(probe) + FLOAT).value != probe:
        raise CompileError("this Python keeps floats in an unknown layout")
