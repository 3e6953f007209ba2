"""Frozen dataclasses in half of the time: what Python writes and compiles for each class anew is here once for all.

Python's own, before 3.13, compiles each method by itself, 0.9 ms a class, which of the 147 classes that a first compilation loads
was a third of the time until its result. Comparison, hash and representation do not need that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform, overload

_C = TypeVar("_C", bound=type)


@overload
def dataclass(cls: _C, /) -> _C: ...
@overload
def dataclass(
    *, frozen: bool = False, eq: bool = True, repr: bool = True, slots: bool = False
) -> Callable[[_C], _C]: ...
@dataclass_transform(field_specifiers=(dataclasses.field,))
def dataclass(
    cls: Any = None, /, *, frozen: bool = False, eq: bool = True, repr: bool = True, slots: bool = False
) -> Any:
    """As `dataclasses.dataclass`, whose `field`, `fields` and `replace` hold of it too.

    >>> @dataclass(frozen=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> dataclasses.replace(Point(1.0), y=2.0)
    Point(x=1.0, y=2.0)
    """

    def decorated(cls: Any) -> Any:
        if not frozen or slots:
            return dataclasses.dataclass(cls, frozen=frozen, eq=eq, repr=repr, slots=slots)
        return _frozen(cls, eq, repr)

    return decorated if cls is None else decorated(cls)


def _frozen(cls: Any, eq: bool, repr: bool) -> Any:
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else it is made of the signature, which takes long
    own = cls.__dict__
    shown, equal = repr and "__repr__" not in own, eq and "__eq__" not in own
    hashed = eq and ("__hash__" not in own or ("__eq__" in own and own["__hash__"] is None))
    dataclasses.dataclass(frozen=True, repr=False, eq=False)(cls)
    fields = dataclasses.fields(cls)
    if shown:
        _add(cls, _representation([f.name for f in fields if f.repr]), "__repr__")
    if equal:
        _add(cls, _equality(_values([f.name for f in fields if f.compare])), "__eq__")
    if hashed:
        _add(
            cls,
            _hash(_values([f.name for f in fields if (f.compare if f.hash is None else f.hash)])),
            "__hash__",
        )
    return cls


def _add(cls: Any, method: Any, name: str) -> None:
    method.__name__, method.__qualname__, method.__module__ = (
        name,
        f"{cls.__qualname__}.{name}",
        cls.__module__,
    )
    setattr(cls, name, method)


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The values of some fields of an object."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda self: ()
    of = attrgetter(names[0])
    return lambda self: (of(self),)


def _representation(names: list[str]) -> Any:
    of = _values(names)

    def shown(self: Any) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in zip(names, of(self), strict=True))
        return f"{self.__class__.__qualname__}({listed})"

    return recursive_repr()(shown)


def _equality(of: Callable[[Any], tuple[Any, ...]]) -> Any:
    def equal(self: Any, other: Any) -> Any:
        return of(self) == of(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hash(of: Callable[[Any], tuple[Any, ...]]) -> Any:
    def hashed(self: Any) -> int:
        return hash(of(self))

    return hashed


__all__ = ["dataclass"]
