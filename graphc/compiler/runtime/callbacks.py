"""Compiled functions as the C functions that libraries call back: SciPy's integrators and filters, LSODA's right-hand sides.

A callback has the library's signature and calls the program's own C function. What the library hands over stands for the first
inputs; the others are data: float64 numbers and arrays, one behind the other, where the library's pointer for a user's data
points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from graphc.compiler.engine.jit import Library, build
from graphc.compiler.loops.program import Buffer, Program
from graphc.compiler.runtime.c_callable import NAME, CCallable
from graphc.compiler.runtime.callback_conventions import CONVENTIONS
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.compiler.targets.llvm.programs.values import ValueWriter
from graphc.errors import CompileError, InputError, brief
from graphc.ir import dims
from graphc.ir.dims import Name
from graphc.ir.expr import current_site
from graphc.ir.types import FLOAT64, INT64, format_shape
from graphc.ops.special import scipy_callback
from graphc.util.records import dataclass


@dataclass(frozen=True)
class Callback:
    """A compiled function as a C function that a library calls.

    kind : the name of the convention; signature : the declaration in C; address : of the function, valid as long as this object
    data : what is handed over for the user's data, float64; changes of it are seen by the next call. None where nothing is bound
    names : of the inputs that are data, in the order in which they lie there
    """

    kind: str
    signature: str
    library: Library
    data: np.ndarray | None
    names: tuple[str, ...]

    @property
    def address(self) -> int:
        return self.library.pointer("callback")

    @property
    def lowlevel(self) -> Any:
        """The function as a `scipy.LowLevelCallable` with its data; raises `CompileError` for what SciPy does not call."""
        convention = CONVENTIONS[self.kind]
        if not convention.scipy:
            raise CompileError(
                f"SciPy calls no {self.kind!r} functions from C",
                hint="hand .address over; scipy.integrate.solve_ivp takes f itself",
            )
        if self.names and self.data is None:
            raise InputError(
                f"{', '.join(self.names)} are data, and none is bound",
                site=current_site(),
                hint=f'write f.callback("{self.kind}", {{"{self.names[0]}": …}})',
            )
        return scipy_callback(self.address, convention.scipy, self.data, self.library.handle)


def callback(function: CCallable, kind: Any, data: Any, cached: bool) -> Callback:
    """A program's function as one that a library calls; see `CompiledFunction.callback`."""
    if not isinstance(kind, str) or kind not in CONVENTIONS:
        listed = ", ".join(map(repr, CONVENTIONS))
        raise InputError(
            f"{brief(kind, 40)} calls no functions that are known here", site=current_site(), hint=listed
        )
    if data is not None and not isinstance(data, Mapping):
        raise InputError(
            f"data is {brief(data, 40)}", site=current_site(), hint='write {"name of an input": its value}'
        )
    writer = _CallbackWriter(function, kind, dict(data or {}))
    library = build(writer.text(), ("callback",), cached, (function.library,))
    names = tuple([buffer.name for buffer in writer.others])
    return Callback(kind, CONVENTIONS[kind].signature + ";", library, writer.packed(), names)


def usual_kind(program: Program) -> str:
    """What SciPy calls a function of whole arrays as if nothing else is said: of one vector, a number."""
    inputs, results = program.of_role("input", "state"), program.of_role("result")
    kinds = [(len(each.shape), each.dtype) for each in (*inputs, *results)]
    if len(inputs) == 1 and kinds == [(1, FLOAT64), (0, FLOAT64)]:
        return "nquad"
    raise CompileError(
        "of functions of whole arrays SciPy calls those of one float64 vector that give a number",
        hint='f.callback("generic_filter", data).lowlevel and others: '
        + "; ".join(f"{name}: {each.form}" for name, each in CONVENTIONS.items()),
    )


class _CallbackWriter:
    """Writes one callback.

    first : the inputs that the library hands over; others : those that are data
    """

    def __init__(self, function: CCallable, kind: str, data: dict[str, Any]) -> None:
        self.function, self.kind, self.convention = function, kind, CONVENTIONS[kind]
        self.program = program = function.program
        self.given = data
        inputs = program.of_role("input")
        if program.of_role("state"):
            raise self._refused("it updates its arguments")
        unknown = [name for name in data if name not in [buffer.name for buffer in inputs]]
        if unknown:
            raise InputError(
                f"{brief(unknown[0])} is no input",
                site=current_site(),
                hint=", ".join(b.name for b in inputs),
            )
        self.first = self._first(inputs)
        self.others = [buffer for buffer in inputs if buffer not in self.first]
        for buffer in self.others:
            if buffer.dtype != FLOAT64:
                raise self._refused(f"{buffer.name} is data and {buffer.dtype}, which is float64 throughout")
        self.result = self._result()
        self.lengths: dict[str, LlvmValue] = {}
        self.builder = LlvmBuilder()
        self.values = ValueWriter(self.builder)
        self.sizes = self._data_lengths()

    def _refused(self, why: str) -> CompileError:
        return CompileError(
            f"{self.kind} cannot call this function: {why}",
            site=current_site(),
            hint=f"{self.convention.signature} is called; {self.convention.form}",
        )

    # --- what it takes and gives ---------------------------------------------------------------------------------------

    def _first(self, inputs: Sequence[Buffer]) -> list[Buffer]:
        convention, first = self.convention, list[Buffer]()
        wanted = [
            name for name, there in (("number", convention.number), ("vector", convention.vector)) if there
        ]
        left = [buffer for buffer in inputs if buffer.name not in self.given]
        if self.kind == "nquad" and left and not left[0].shape:
            first = [each for k, each in enumerate(left) if not any(b.shape for b in left[: k + 1])]
            wanted = ["number"] * len(first)
        else:
            first = left[: len(wanted)]
        if len(first) < len(wanted):
            raise self._refused(f"it has {len(left)} inputs for a {' and a '.join(wanted)}")
        integers = (INT64, FLOAT64) if self.kind == "geometric_transform" else (FLOAT64,)
        for buffer, kind in zip(first, wanted, strict=True):
            if len(buffer.shape) != (kind == "vector") or buffer.dtype not in integers:
                what = f"{buffer.dtype}{format_shape(buffer.shape) if buffer.shape else ''}"
                raise self._refused(f"{buffer.name} is {what} where a {kind} is handed over")
            if buffer.shape and not isinstance(buffer.shape[0], (int, Name)):
                raise self._refused(
                    f"{buffer.name} has {buffer.shape[0]} elements, which is to be a number or a name"
                )
        return first

    def _result(self) -> Buffer:
        results = self.program.of_role("result")
        rank = int(self.convention.gives_vector)
        if len(results) != 1 or len(results[0].shape) != rank or results[0].dtype != FLOAT64:
            given = ", ".join(f"{b.dtype}{format_shape(b.shape) if b.shape else ''}" for b in results)
            raise self._refused(f"it gives {given}")
        return results[0]

    def _data_lengths(self) -> list[int]:
        """The number of elements of each input that is data: declared, or those of the values that are bound."""
        known: dict[str, int] = {}
        for buffer in self.others:
            if buffer.name not in self.given:
                continue
            shape = np.shape(self.given[buffer.name])
            if len(shape) != len(buffer.shape):
                raise self._misfit(buffer, shape)
            for dim, length in zip(buffer.shape, shape, strict=True):
                if isinstance(dim, Name) and known.setdefault(str(dim), length) != length:
                    raise self._misfit(buffer, shape)
        sizes = []
        for buffer in self.others:
            try:
                shape = tuple([dims.evaluate(dim, known) for dim in buffer.shape])
            except KeyError:
                raise self._refused(
                    f"{buffer.name} is data of shape {format_shape(buffer.shape)}, and how long that is is not known: "
                    f"declare numbers, or bind a value to it"
                ) from None
            if buffer.name in self.given and np.shape(self.given[buffer.name]) != shape:
                raise self._misfit(buffer, np.shape(self.given[buffer.name]))
            sizes.append(prod(shape))
        self.lengths = {name: LlvmValue(str(length), INT64) for name, length in known.items()}
        return sizes

    def _misfit(self, buffer: Buffer, shape: tuple[int, ...]) -> InputError:
        return InputError(
            f"{buffer.name} has shape {format_shape(buffer.shape)}, and the value that is bound {format_shape(shape)}",
            site=current_site(),
        )

    def packed(self) -> np.ndarray | None:
        """The values of the data, one behind the other; None where none is bound."""
        missing = [buffer.name for buffer in self.others if buffer.name not in self.given]
        if len(missing) == len(self.others):
            return None
        if missing:
            raise InputError(
                f"{missing[0]} is data too", site=current_site(), hint="bind all of it, or nothing"
            )
        rows = []
        for buffer in self.others:
            values = np.asarray(self.given[buffer.name])
            if values.dtype.kind not in "fiub":
                raise InputError(
                    f"{buffer.name} is {brief(self.given[buffer.name], 40)}", site=current_site()
                )
            rows.append(values.astype(FLOAT64).ravel())
        return np.concatenate(rows)

    # --- the code ----------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        convention, values = self.convention, self.values
        values.begin("begin")
        if self.others:
            self._must("icmp ne ptr %data, null")
        handed, arguments = self._handed()
        for length in self.program.lengths:
            if length not in self.lengths:
                raise self._refused(f"nothing says how long {length} is")
            values.name(length, self.lengths[length])
        if convention.has("m"):
            size = values.dim(self.result.shape[0])
            self._must(f"icmp eq i64 {size.text}, {self._wide('m')}")
        elif convention.gives_vector and self.result.shape != self.first[-1].shape:
            raise self._refused(
                f"it gives {format_shape(self.result.shape)} of {format_shape(self.first[-1].shape)}"
            )
        own = [f"i64 {self.lengths[name].text}" for name in self.program.lengths]
        inputs = [arguments[buffer.name] for buffer in self.program.of_role("input")]
        result = "%out" if convention.writes else "%own"
        symbol = self.function.library.symbol(NAME)
        kinds = ", ".join(each.split(" ")[0] for each in (*own, *inputs, "ptr"))
        values.line(f"%status = call i32 @{symbol}({', '.join([*own, *inputs, f'ptr {result}'])})")
        self._must("icmp eq i32 %status, 0")
        return "\n".join(
            [
                f"declare i32 @{symbol}({kinds})",
                f"define {convention.returns} @callback({convention.parameters}) nounwind {{",
                "  %own = alloca double, align 8",
                *handed,
                "  br label %begin",
                *self.builder.lines,
                *self._ends(),
                "}",
                "",
            ]
        )

    def _must(self, condition: str) -> None:
        holds = self.builder.instruction(condition, FLOAT64)
        good = self.values.label("good")
        self.values.line(f"br i1 {holds.text}, label %{good}, label %wrong")
        self.values.begin(good)

    def _wide(self, name: str) -> str:
        """A parameter that counts, as 64 bits."""
        if f"i64 %{name}" in self.convention.parameters:
            return f"%{name}"
        return self.builder.instruction(f"sext i32 %{name} to i64", INT64).text

    def _handed(self) -> tuple[list[str], dict[str, str]]:
        """(instructions before all others, the argument for each input by its name)"""
        arguments: dict[str, str] = {}
        before: list[str] = []
        vectors = [buffer for buffer in self.first if buffer.shape]
        if self.convention.number:
            arguments[self.first[0].name] = "double %x"
        if self.convention.vector and not vectors:  # numbers, which lie behind each other
            self._must(f"icmp eq i64 {self._wide('n')}, {len(self.first)}")
            for place, buffer in enumerate(self.first):
                arguments[buffer.name] = f"double {self._element('%v', place)}"
        for buffer in vectors:
            self._measured(buffer)
            arguments[buffer.name] = "ptr %v"
            if self.kind == "geometric_transform" and buffer.dtype == FLOAT64:
                before.append(f"  %places = alloca [{_MOST_AXES} x double], align 8")
                arguments[buffer.name] = "ptr %places"
                self._as_floats(buffer)
        place = 0
        for buffer, size in zip(self.others, self.sizes, strict=True):
            at = self.builder.instruction(f"getelementptr double, ptr %data, i64 {place}", INT64).text
            arguments[buffer.name] = (
                f"ptr {at}" if buffer.shape else f"double {self._element('%data', place)}"
            )
            place += size
        return before, arguments

    def _element(self, pointer: str, place: int) -> str:
        at = self.builder.instruction(f"getelementptr double, ptr {pointer}, i64 {place}", INT64)
        return self.builder.instruction(f"load double, ptr {at.text}, align 8", FLOAT64).text

    def _measured(self, buffer: Buffer) -> None:
        """How many elements a vector has: what the library says is what is declared, or what a name stands for."""
        dim = buffer.shape[0]
        known = LlvmValue(str(dim), INT64) if isinstance(dim, int) else self.lengths.get(str(dim))
        if not self.convention.has("n"):
            if known is None:
                raise self._refused(
                    f"{buffer.name} has {dim} elements, and the library does not say how many: declare a number"
                )
            return
        count = self._wide("n")
        if known is None:
            self.lengths[str(dim)] = LlvmValue(count, INT64)
        else:
            self._must(f"icmp eq i64 {count}, {known.text}")

    def _as_floats(self, buffer: Buffer) -> None:
        """The integers of a place as floats."""
        if not isinstance(buffer.shape[0], int) or buffer.shape[0] > _MOST_AXES:
            raise self._refused(
                f"{buffer.name} is a place in an array: declare how many axes that has, or int64"
            )
        for place in range(buffer.shape[0]):
            at = self.builder.instruction(f"getelementptr i64, ptr %v, i64 {place}", INT64)
            whole = self.builder.instruction(f"load i64, ptr {at.text}, align 8", INT64)
            number = self.builder.instruction(f"sitofp i64 {whole.text} to double", FLOAT64)
            to = self.builder.instruction(f"getelementptr double, ptr %places, i64 {place}", INT64)
            self.values.line(f"store double {number.text}, ptr {to.text}, align 8")

    def _ends(self) -> list[str]:
        """What is returned, and what where something is wrong: NaN, or 0, at which SciPy raises."""
        convention = self.convention
        if convention.returns == "double":
            return [
                "  %value = load double, ptr %own",
                "  ret double %value",
                "wrong:",
                f"  ret double {_NAN}",
            ]
        if convention.returns == "i32":
            return ["  ret i32 1", "wrong:", "  ret i32 0"]
        size = self.result.shape[0]
        count = size if isinstance(size, int) else self.lengths[str(size)].text
        return [
            "  ret void",
            "wrong:",
            "  br label %each",
            "each:",
            "  %k = phi i64 [ 0, %wrong ], [ %k.next, %each ]",
            "  %k.at = getelementptr double, ptr %out, i64 %k",
            f"  store double {_NAN}, ptr %k.at, align 8",
            "  %k.next = add i64 %k, 1",
            f"  %k.more = icmp slt i64 %k.next, {count}",
            "  br i1 %k.more, label %each, label %end",
            "end:",
            "  ret void",
        ]


_NAN = "0x7FF8000000000000"

_MOST_AXES = 32
"""Of SciPy's images."""

__all__ = ["Callback", "callback", "usual_kind"]
