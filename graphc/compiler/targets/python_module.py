"""A program of the loop IR as a Python module of its own, which needs NumPy and Numba and nothing else.

Its function takes arrays and numbers by the names of the inputs and gives the results in the structure of the compiled function;
inputs that are updated are written. What lengths and values make impossible is a `ValueError`.
"""

from __future__ import annotations

import numpy as np

from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.program import Buffer, Program, scalars_of, walk_scalar, walk_statements
from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.targets.python import (
    HEAD,
    MAX_CONSTANTS,
    MAX_OPERATIONS,
    PythonBuilder,
    literal,
    structured,
)
from graphc.compiler.targets.python_math import HELPERS, saturating_cast
from graphc.compiler.targets.python_program import PythonFunction, numpy_type, plain_text
from graphc.errors import CompileError
from graphc.ir.dims import Name
from graphc.ir.graph import Dag
from graphc.util.pytree import Structure

_TAKES = '''
def _array(value, dtype, ndim, name):
    """An argument as an array in the order of rows; any byte but 0 is true."""
    array = np.asarray(value)
    if array.ndim != ndim:
        raise ValueError(f"{name} has {array.ndim} axes instead of {ndim}")
    array = array.astype(dtype, order="C", casting="same_kind", copy=False)
    return array != np.False_ if dtype is np.bool_ else array
'''

_UPDATED = '''
def _updated(array, dtype, ndim, name, others):
    """An argument that is written: an array as it is; none of the others may be its memory."""
    good = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == ndim
    if not (good and array.flags.c_contiguous and array.flags.writeable):
        raise ValueError(f"{name} is updated: hand a writeable array of {ndim} axes over, in rows, of {dtype.__name__}")
    if any(np.may_share_memory(array, other) for other in others):
        raise ValueError(f"{name} is updated, and shares memory with another argument")
    return array
'''


def module(program: Program, structure: Structure, formula: str) -> str:
    """The text of the module; its function has the program's name.

    Raises `CompileError` for routines and operations that have no form in Python, and for programs that Numba would take
    minutes for.
    """
    program = expand_calls(program)
    _refuse_large(program)
    writers = [PythonFunction(each, f"_{each.name}", program.name) for each in program.functions]
    main = PythonFunction(program, "_compute", program.name)
    bodies = [line for writer in (*writers, main) for line in ("", "", *writer.function())]
    helpers = sorted({name for writer in (*writers, main) for name in writer.builder.helpers})
    definitions = {k: v for writer in (*writers, main) for k, v in writer.builder.definitions.items()}
    lines = [
        *HEAD,
    ]
    for name in helpers:
        text = saturating_cast(name) if name.startswith("to_") else HELPERS[name]
        lines += ["", "", *f"@compiled{text}".rstrip().splitlines()]
    for text in definitions.values():
        lines += ["", "", "@compiled", *text.strip().splitlines()]
    held = [line for writer in (*writers, main) for line in _constants(writer)]
    lines += ["", *held] if held else []
    lines += bodies
    for text, role in ((_TAKES, "input"), (_UPDATED, "state")):
        if program.of_role("input", "state") and (role == "input" or program.of_role("state")):
            lines += ["", *text.rstrip().splitlines()]
    return "\n".join([*lines, "", "", f"# {ascii(formula)[1:-1]}", *_public(main, structure), ""])


def expanded(graph: Dag) -> Dag:
    """A graph whose elements Python can compute: operations without a form in it are what they stand for."""
    return expand_ops(graph, lambda op: op.on_arrays or op.expand is None or PythonBuilder.writes(op))


def _refuse_large(program: Program) -> None:
    count = 0
    for each in (program, *program.functions):
        statements = list(walk_statements(each.body))
        count += len(statements) + sum(1 for s in statements for x in scalars_of(s) for _ in walk_scalar(x))
    if count > 4 * MAX_OPERATIONS:
        raise CompileError(
            f"the program has {count:,} statements and operations, and a Python module {4 * MAX_OPERATIONS:,} at most",
            hint='Numba would take minutes for it; f.export("kernel.c") has no such bound',
        )
    constants = [each for one in (program, *program.functions) for each in one.of_role("constant")]
    if sum(np.size(each.values) for each in constants) > MAX_CONSTANTS:
        raise CompileError(
            f"the array constants have more than {MAX_CONSTANTS:,} elements",
            hint="declare a symbol in the constant's place",
        )


def _constants(writer: PythonFunction) -> list[str]:
    """The arrays that a function reads from the module."""
    lines = []
    for buffer in writer.program.of_role("constant"):
        values = np.asarray(buffer.values)
        listed = ", ".join(literal(value, buffer.dtype) for value in values.ravel())
        made = f"np.array([{listed}], dtype=np.{numpy_type(buffer.dtype)}).reshape({values.shape})"
        lines.append(f"{writer.index.name(buffer.name)} = {made}")
    return lines


def _public(main: PythonFunction, structure: Structure) -> list[str]:
    """The function that users call."""
    program, index = main.program, main.index
    given = program.of_role("input", "state")
    names = [index.name(buffer.name) for buffer in given]
    lines = [f"def {program.name}({', '.join(names)}):", f'    """{_described(given, names)}"""']
    for buffer, name in zip(given, names, strict=True):
        kind = f"np.{numpy_type(buffer.dtype)}, {len(buffer.shape)}, {name!r}"
        if buffer.role == "input":
            lines.append(f"    {name} = _array({name}, {kind})")
    states = [(name, b) for name, b in zip(names, given, strict=True) if b.role == "state"]
    for name, buffer in states:
        others = "".join(f"{other}, " for other in names if other != name)
        kind = f"np.{numpy_type(buffer.dtype)}, {len(buffer.shape)}, {name!r}, ({others})"
        lines.append(f"    {name} = _updated({name}, {kind})")
    lines += [f"    {line}" for line in _lengths(main, given, names)]
    arguments = [index.name(length) for length in program.lengths]
    arguments += [
        name if buffer.shape or buffer.role == "state" else f"{name}[()]"
        for name, buffer in zip(names, given, strict=True)
    ]
    lines.append(f"    results = _compute({', '.join(arguments)})")
    return [*lines, f"    return {structured(structure, iter(range(len(program.of_role('result')))))}"]


def _lengths(main: PythonFunction, given: tuple[Buffer, ...], names: list[str]) -> list[str]:
    """What the lengths are, and what they must be."""
    index, known, lines, later = main.index, set[str](), list[str](), list[str]()
    for buffer, name in zip(given, names, strict=True):
        for axis, dim in enumerate(buffer.shape):
            if isinstance(dim, Name) and str(dim) not in known:
                known.add(str(dim))
                lines.append(f"{index.name(str(dim))} = {name}.shape[{axis}]")
            else:
                message = plain_text(f"axis {axis} of {name} has another length than {dim}")
                later += [
                    f"if {name}.shape[{axis}] != {index.dim(dim)}:",
                    f"    raise ValueError({message})",
                ]
    missing = [length for length in main.program.lengths if length not in known]
    if missing:
        raise CompileError(
            f"no argument has an axis of length {missing[0]}, which a Python module asks its arguments for",
            hint='f.export("kernel.c") takes lengths as arguments; or declare an axis of that length',
        )
    for check in main.program.checks:
        if any(check.conditions == (name,) for name in main.program.lengths):
            continue
        holds = index.conditions(check.conditions)
        asked = f"not ({holds})"
        if check.given:
            asked = f"({index.conditions(check.given)}) and {asked}"
        later += [f"if {asked}:", f"    raise ValueError({plain_text(check.message)})"]
    return [*lines, *later]


def _described(given: tuple[Buffer, ...], names: list[str]) -> str:
    parts = []
    for buffer, name in zip(given, names, strict=True):
        stands = "" if buffer.name == name else f" for {ascii(buffer.name)[1:-1]}"
        shape = f" ({', '.join(map(str, buffer.shape))})" if buffer.shape else ""
        updated = ", updated" if buffer.role == "state" else ""
        parts.append(f"{name} {buffer.dtype.name}{shape}{updated}{stands}")
    text = "; ".join(parts) or "it takes nothing"
    return f"The results of {text}".replace("\\", "|").replace('"', "'")


__all__ = ["expanded", "module"]
