"""Records beside Python's dataclasses: the same objects, errors and fields."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from functools import cached_property
from typing import Any

import pytest

from graphc.util import records


def _classes(dataclass: Any) -> dict[str, Any]:
    @dataclass(frozen=True)
    class Empty:
        pass

    @dataclass(frozen=True)
    class Point:
        """A place."""

        x: float
        y: float = 0.5
        more: list[int] = field(default_factory=list, compare=False)

        @cached_property
        def total(self) -> float:
            return self.x + self.y

    @dataclass(frozen=True)
    class Deep(Point):
        y: float = 2.0
        z: int = field(default=7, repr=False)
        fixed: tuple[int, ...] = field(init=False, default=(1, 2))

    @dataclass(frozen=True, eq=False)
    class Same:
        x: Any

    @dataclass(frozen=True, repr=False)
    class Silent:
        x: Any
        y: Any = field(default=None, hash=False)

    @dataclass(frozen=True)
    class Own:
        x: Any

        def __post_init__(self) -> None:
            if self.x is None:
                raise ValueError("nothing")

        def __repr__(self) -> str:
            return "own"

        def __hash__(self) -> int:
            return 3

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and abs(self.x) == abs(other.x)

    @dataclass(frozen=True)
    class EqualAlone:
        x: Any

        def __eq__(self, other: object) -> bool:
            return isinstance(other, EqualAlone)

    @dataclass
    class Open:
        x: int = 1

    return {k: v for k, v in locals().items() if k != "dataclass"}


OURS, PYTHONS = _classes(records.dataclass), _classes(dataclasses.dataclass)

CALLS = [
    ("Empty", (), {}), ("Empty", (1,), {}), ("Point", (1.0,), {}), ("Point", (), {"y": 2}), ("Point", (1, 2, [3]), {}),
    ("Point", (1,), {"more": (4,)}), ("Point", (1, 2, 3, 4), {}), ("Deep", (1,), {}), ("Deep", (1,), {"z": 2}),
    ("Deep", (1,), {"fixed": ()}), ("Same", ([],), {}), ("Silent", (1, [2]), {}), ("Own", (None,), {}), ("Own", (-2,), {}),
    ("EqualAlone", (1,), {}), ("Open", (), {}), ("Open", (5,), {}),
]  # fmt: skip


def _made(cls: Any, args: Any, more: Any) -> Any:
    try:
        return cls(*args, **more)
    except (TypeError, ValueError) as error:
        return type(error)


def _same(text: str) -> str:
    return text.replace("object at 0x", "").split(" at ")[0]


@pytest.mark.parametrize(("name", "args", "more"), CALLS, ids=str)
def test_a_record_is_made_shown_compared_and_changed_as_a_dataclass(name, args, more):
    mine, theirs = (_made(classes[name], args, more) for classes in (OURS, PYTHONS))
    if isinstance(theirs, type):
        assert mine is theirs
        return
    fields = [[(f.name, f.default, f.init, f.compare) for f in dataclasses.fields(x)] for x in (mine, theirs)]
    assert fields[0] == fields[1]
    assert [getattr(mine, f[0]) for f in fields[0]] == [getattr(theirs, f[0]) for f in fields[0]]
    if name not in ("Same", "Silent"):
        assert repr(mine) == repr(theirs)
    again = [x.__class__(*args, **more) for x in (mine, theirs)]
    assert (mine == again[0]) == (theirs == again[1])
    assert mine != theirs
    hashed = [_made(hash, (x,), {}) for x in (mine, theirs)]
    if name not in ("Same",):
        assert hashed[0] == hashed[1]
    assert mine.__class__.__match_args__ == theirs.__class__.__match_args__
    for x in (mine, theirs):
        for change in (lambda x=x: setattr(x, "x", 9), lambda x=x: delattr(x, "x")):
            if name == "Open":
                change()
            else:
                with pytest.raises(dataclasses.FrozenInstanceError):
                    change()


def test_a_record_is_replaced_copied_and_keeps_what_it_computed():
    point = OURS["Deep"](1.0)
    assert dataclasses.replace(point, x=3.0) == OURS["Deep"](3.0)
    assert copy.copy(point) == point and copy.deepcopy(point) == point
    assert point.total == 3.0 and "total" in vars(point)
    assert OURS["Point"].__doc__ == "A place."


@records.dataclass(frozen=True)
class Kept:
    x: int
    y: Any = None


def test_a_record_is_pickled_and_shows_itself_within_itself():
    assert pickle.loads(pickle.dumps(Kept(1, (2,)))) == Kept(1, (2,))
    inside: list[Any] = []
    kept = Kept(1, inside)
    inside.append(kept)
    assert repr(kept) == "Kept(x=1, y=[...])"


def test_fields_by_keyword_alone_are_those_of_a_dataclass():
    @records.dataclass(frozen=True)
    class Named:
        x: int
        y: int = field(kw_only=True)

    assert Named(1, y=2) == Named(y=2, x=1) and hash(Named(1, y=2)) == hash((1, 2))
    with pytest.raises(TypeError):
        Named(1, 2)  # type: ignore[misc]
