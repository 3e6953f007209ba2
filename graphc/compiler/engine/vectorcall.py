"""Objects that Python calls without a tuple of arguments in between: PEP 590's vectorcall for instances of our classes.

A call of an instance whose class has a `__call__` packs the arguments into a tuple and looks the method up: more than half of
what a call of a small compiled function takes. CPython calls an object directly whose type says where in the object a pointer to
a C function stands. Types written in C say so; `Led` is such a type, made by CPython's own `PyType_FromSpec`. Its C function
hands the arguments as they came to another callable, which the object holds, or is machine code that takes numbers itself.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

from graphc.compiler.engine.code_generator import QUICK
from graphc.compiler.engine.jit import Library, resident
from graphc.compiler.engine.numpy_layout import HEADER
from graphc.errors import CompileError

_ENTRY, _WAY = HEADER, HEADER + 8
"""Where an object keeps the pointer to its C function, and the callable that this one hands calls to, or null."""

_BASETYPE, _HAVE_VECTORCALL = 1 << 10, 1 << 11
"""Bits of a type's flags: `Py_TPFLAGS_BASETYPE` and `Py_TPFLAGS_HAVE_VECTORCALL`."""

_TP_CALL, _TP_MEMBERS, _PYSSIZET, _READONLY = 50, 72, 19, 1
"""Numbers of CPython's C headers, part of its stable ABI: of two slots, a member's type and its flag."""

_FLAGS = HEADER + 8 + 18 * 8
"""Where a type keeps its flags: `PyTypeObject.tp_flags`; Python shows them as `__flags__`."""

DECLARED = """declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
"""
"""What `handed_on` calls, as LLVM IR."""


def handed_on() -> list[str]:
    """The end of a C function that hands its call to what the object holds: during the call, which may lead later ones elsewhere.

    Its parameters are %self, %args, %count and %names, those of `vectorcallfunc`.
    """
    return [
        f"  %held = getelementptr i8, ptr %self, i64 {_WAY}",
        "  %way = load ptr, ptr %held",
        "  call void @Py_IncRef(ptr %way)",
        "  %answer = call ptr @PyObject_Vectorcall(ptr %way, ptr %args, i64 %count, ptr %names)",
        "  call void @Py_DecRef(ptr %way)",
        "  ret ptr %answer",
        "}",
        "",
    ]


_HEAD = "define ptr @lead(ptr %self, ptr %args, i64 %count, ptr %names) {"

_MODULE = "\n".join([QUICK + DECLARED, _HEAD, *handed_on()])


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("pfunc", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_members = (_Member * 2)(_Member(b"__vectorcalloffset__", _PYSSIZET, _ENTRY, _READONLY, None), _Member())


def _type_with_vectorcall() -> type:
    """The type whose instances hold the two pointers; they are null in a new one."""
    call = ctypes.cast(ctypes.pythonapi.PyVectorcall_Call, ctypes.c_void_p).value
    slots = (_Slot * 3)(_Slot(_TP_CALL, call), _Slot(_TP_MEMBERS, ctypes.addressof(_members)), _Slot())
    spec = _Spec(b"graphc.Led", _WAY + 8, 0, _BASETYPE | _HAVE_VECTORCALL, slots)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("PyType_FromSpec", ctypes.pythonapi))
    return make(ctypes.addressof(spec))


if TYPE_CHECKING:

    class Led:
        """What calls of are led to another callable."""

        _ways: list[tuple[Any, Library | None]]

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...

else:

    class Led(_type_with_vectorcall()):
        """What calls of are led to another callable.

        What an object was ever led to is held by a slot, not in its `__dict__`: that is changed by whoever copies what stands
        in one object's to another's, as `functools.update_wrapper` does, and calls would go to what is no more.
        """

        __slots__ = ("_ways",)


@cache
def _handing_on() -> int:
    return resident(_MODULE, ("lead",)).pointer("lead")


_word = ctypes.c_void_p.from_address


def lead(instance: Led, way: Any, library: Library | None = None) -> None:
    """From here on calls of the object go to `way`; its class has no `__call__`.

    library : machine code whose `call`, a `vectorcallfunc`, takes calls first, and hands those on that it cannot serve
    """
    kind = type(instance)
    if not kind.__flags__ & _HAVE_VECTORCALL:  # Python 3.11 leaves the bit out of classes that can be changed
        flags = ctypes.c_ulong.from_address(id(kind) + _FLAGS)
        if flags.value != kind.__flags__:
            raise CompileError("this Python keeps the flags of a type in an unknown layout")
        flags.value |= _HAVE_VECTORCALL
    ways = getattr(instance, "_ways", None)
    if ways is None:
        ways = instance._ways = []
    # All are held as long as the object. A former one may be running, or another thread, or a finalizer in the midst of this, may
    # lead the object elsewhere at the same time: whichever address is written last, what it points to is there.
    ways.append((way, library))
    _word(id(instance) + _WAY).value = id(way)
    _word(id(instance) + _ENTRY).value = _handing_on() if library is None else library.pointer("call")


def way_of(instance: Led) -> tuple[Any, Library | None]:
    """What calls of the object go to, and the machine code that takes them before."""
    return instance._ways[-1]


__all__ = ["DECLARED", "Led", "handed_on", "lead", "way_of"]
