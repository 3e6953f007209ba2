"""Functions of whole arrays inside a user's own `@numba.njit` code: contiguous arrays in, new arrays and numbers out.

Each function is a callable of Numba's with a type of its own. What Numba compiles around it checks lengths, makes the results'
arrays, and calls the native function of `native_program`, which stays as long as the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from graphc.compiler.engine import execution_engine
from graphc.compiler.loops.program import Buffer
from graphc.compiler.runtime.native_program import NativeProgram
from graphc.compiler.targets.llvm.programs.writer import ALIGNED
from graphc.errors import CompileError
from graphc.ir.dims import Dim, Quotient
from graphc.ir.types import DType, format_shape
from graphc.util.pytree import Leaf, Structure

_WRITTEN = "a call wrote an array that it updates: call the function from Python"


def numba_type(native: NativeProgram, structure: Structure) -> Any:
    """What Numba takes a function of arrays for, whose results come back in `structure`.

    Raises `CompileError` for one that updates its inputs or has no native form.
    """
    from numba.core import types
    from numba.core.imputils import lower_builtin
    from numba.core.typing.templates import AbstractTemplate, signature

    if native.text.places("state"):
        raise CompileError(
            "code compiled by Numba cannot call a function that updates its inputs", hint=_WRITTEN
        )
    inputs = [buffer for buffer in native.text.operands if buffer.role == "input"]
    results = [buffer for buffer in native.text.operands if buffer.role == "result"]
    for buffer in inputs:
        if not all(isinstance(length, (int, str)) for length in buffer.shape):
            raise CompileError(
                f"input {buffer.name!r} has the shape {format_shape(buffer.shape)}, and code compiled by Numba finds lengths of "
                "plain names alone",
                hint="give that axis a name of its own",
            )
    execution_engine.pin(native.library.handle)  # its address becomes part of what Numba compiles
    returned = _result_type(structure, iter(results))

    class Template(AbstractTemplate):
        key = _Key(native)

        def generic(self, args: Sequence[Any], kws: Any) -> Any:
            if kws or len(args) != len(inputs):
                raise CompileError(f"the function takes {len(inputs)} arguments by place, not {len(args)}")
            return signature(returned, *map(_argument_type, inputs, args))

    lower_builtin(Template.key, types.VarArg(types.Any))(
        lambda *call: _Call(native, inputs, results, structure).lower(*call)
    )
    return _function_type()(Template)


@cache
def _function_type() -> Any:
    """The class of the functions' types: what they are is in the type, and nothing in a value."""
    from numba.core import types
    from numba.extending import NativeValue, models, register_model, unbox

    class ArrayFunctionType(types.Function):
        pass

    register_model(ArrayFunctionType)(models.OpaqueModel)

    @unbox(ArrayFunctionType)
    def unboxed(kind: Any, value: Any, c: Any) -> Any:
        return NativeValue(c.context.get_dummy_value())

    return ArrayFunctionType


class _Key:
    """What Numba knows one function by."""

    def __init__(self, native: NativeProgram) -> None:
        self.native = native


def _number_type(dtype: DType) -> Any:
    from numba.core import types

    return types.boolean if dtype.kind == "b" else getattr(types, dtype.name)


def _result_type(structure: Structure, results: Iterator[Buffer]) -> Any:
    from numba.core import types

    if isinstance(structure, Leaf):
        buffer = next(results)
        kind = _number_type(buffer.dtype)
        return types.Array(kind, len(buffer.shape), "C") if buffer.shape else kind
    return types.Tuple([_result_type(item, results) for item in structure.items])


def _argument_type(buffer: Buffer, given: Any) -> Any:
    """The type that an argument is taken as; `CompileError` for one that does not fit."""
    from numba.core import types

    kind = _number_type(buffer.dtype)
    if not buffer.shape:
        if not isinstance(given, (types.Number, types.Boolean)):
            raise CompileError(f"input {buffer.name!r} is a number and got {given}")
        return kind
    fits = isinstance(given, types.Array) and given.ndim == len(buffer.shape)
    if not fits or given.dtype != kind:
        hint = (
            f"{buffer.name}.astype(np.{buffer.dtype.name})" if fits else "declare the symbol with that shape"
        )
        raise CompileError(
            f"input {buffer.name!r} is an array of {buffer.dtype} with {len(buffer.shape)} axes and got {given}",
            hint=hint,
        )
    if given.layout != "C":
        raise CompileError(
            f"input {buffer.name!r} is an array that Numba does not know to be contiguous",
            hint=f"pass np.ascontiguousarray({buffer.name})",
        )
    return given


class _Call:
    """Lowers one call to LLVM IR, by Numba's builder."""

    def __init__(
        self, native: NativeProgram, inputs: list[Buffer], results: list[Buffer], structure: Structure
    ) -> None:
        self.native, self.inputs, self.results, self.structure = native, inputs, results, structure
        self.lengths: dict[str, Any] = {}

    def lower(self, context: Any, builder: Any, sig: Any, args: Sequence[Any]) -> Any:
        from llvmlite import ir
        from numba.core import cgutils

        self.context, self.builder, self.ir = context, builder, ir
        self.word = ir.IntType(64)
        self.frame = cgutils.alloca_once(builder, self.word, size=self.native.text.words)
        data = [self._argument(*each) for each in zip(self.inputs, sig.args, args, strict=True)]
        text = self.native.text
        for number, name in enumerate(text.lengths):
            self._put(number, self.lengths[name])
        for (place, _), pointer in zip(text.places("input"), data, strict=True):
            self._put(place, pointer)
        for (place, _), values in zip(text.places("constant"), self.native.constants, strict=True):
            self._put(place, ir.Constant(self.word, values.ctypes.data))
        made = [self._result(buffer) for buffer in self.results]
        for (place, _), (pointer, _) in zip(text.places("result"), made, strict=True):
            self._put(place, pointer)
        memory = self._workspace()
        status = self._native("run")
        self._call("free", ir.VoidType(), [memory])
        self._require(builder.icmp_signed("==", status, self.word(0)), "; ".join(text.messages) or "graphc")
        return self._packed(self.structure, sig.return_type, iter([value() for _, value in made]))

    # --- memory -------------------------------------------------------------------------------------------------------

    def _put(self, place: int, value: Any) -> None:
        if value.type != self.word:
            value = self.builder.ptrtoint(value, self.word)
        self.builder.store(value, self.builder.gep(self.frame, [self.word(place)]))

    def _argument(self, buffer: Buffer, kind: Any, value: Any) -> Any:
        """Where an argument's elements are; its lengths are checked, or become known."""
        from numba.core import cgutils
        from numba.np.arrayobj import make_array

        if not buffer.shape:
            return cgutils.alloca_once_value(
                self.builder, self.context.get_value_as_data(self.builder, kind, value)
            )
        array = make_array(kind)(self.context, self.builder, value)
        shape = cgutils.unpack_tuple(self.builder, array.shape, len(buffer.shape))
        for length, own in zip(buffer.shape, shape, strict=True):
            if isinstance(length, str) and str(length) not in self.lengths:
                self.lengths[str(length)] = own
                continue
            wanted = self._dim(length)
            self._require(
                self.builder.icmp_signed("==", own, wanted),
                f"input {buffer.name!r} has the shape {format_shape(buffer.shape)}, and another was given",
            )
        return array.data

    def _result(self, buffer: Buffer) -> tuple[Any, Callable[[], Any]]:
        """Where a result goes, and what it is then."""
        from numba.core import cgutils, types
        from numba.np.arrayobj import _empty_nd_impl

        kind = _number_type(buffer.dtype)
        if not buffer.shape:
            slot = cgutils.alloca_once(self.builder, self.context.get_data_type(kind))
            return slot, lambda: self.context.get_data_as_value(self.builder, kind, self.builder.load(slot))
        shape = [self._dim(length) for length in buffer.shape]
        for length in shape:
            self._require(self.builder.icmp_signed(">=", length, self.word(0)), "an axis is too short")
        array = _empty_nd_impl(self.context, self.builder, types.Array(kind, len(shape), "C"), shape)
        return array.data, array._getvalue

    def _workspace(self) -> Any:
        """Memory for one call, aligned; its address is in the frame."""
        size = self.builder.add(self._native("bytes"), self.word(2 * ALIGNED))
        memory = self._call("malloc", self.ir.IntType(8).as_pointer(), [size])
        address = self.builder.ptrtoint(memory, self.word)
        self._require(self.builder.icmp_unsigned("!=", address, self.word(0)), "there is not enough memory")
        above = self.builder.add(address, self.word(ALIGNED - 1))
        self._put(self.native.text.words - 1, self.builder.and_(above, self.word(-ALIGNED)))
        return memory

    # --- instructions -------------------------------------------------------------------------------------------------

    def _call(self, name: str, result: Any, arguments: list[Any]) -> Any:
        from numba.core import cgutils

        kind = self.ir.FunctionType(result, [argument.type for argument in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    def _native(self, name: str) -> Any:
        kind = self.ir.FunctionType(self.word, [self.frame.type]).as_pointer()
        address = self.context.add_dynamic_addr(
            self.builder, self.native.library.pointer(name), f"graphc_{name}"
        )
        return self.builder.call(self.builder.bitcast(address, kind), [self.frame])

    def _require(self, holds: Any, message: str) -> None:
        with self.builder.if_then(self.builder.not_(holds), likely=False):
            self.context.call_conv.return_user_exc(self.builder, ValueError, (message,))

    def _dim(self, dim: Dim) -> Any:
        """A polynomial's value."""
        if isinstance(dim, int):
            return self.word(dim)
        if isinstance(dim, str):
            return self.lengths[str(dim)]
        total = self.word(0)
        for monomial, factor in dim.terms:
            value = self.word(factor)
            for atom, power in monomial:
                base = self.lengths[str(atom)] if isinstance(atom, str) else self._quotient(atom)
                for _ in range(power):
                    value = self.builder.mul(value, base)
            total = self.builder.add(total, value)
        return total

    def _quotient(self, quotient: Quotient) -> Any:
        """Towards −∞."""
        b = self.builder
        numerator, denominator = self._dim(quotient.numerator), self._dim(quotient.denominator)
        self._require(b.icmp_signed("!=", denominator, self.word(0)), "a length divides by zero")
        value, rest = b.sdiv(numerator, denominator), b.srem(numerator, denominator)
        opposite = b.icmp_signed("<", b.xor(rest, denominator), self.word(0))
        below = b.and_(b.icmp_signed("!=", rest, self.word(0)), opposite)
        return b.select(below, b.sub(value, self.word(1)), value)

    def _packed(self, structure: Structure, kind: Any, values: Iterator[Any]) -> Any:
        if isinstance(structure, Leaf):
            return next(values)
        items = [self._packed(*each, values) for each in zip(structure.items, kind.types, strict=True)]
        return self.context.make_tuple(self.builder, kind, items)


__all__ = ["numba_type"]
