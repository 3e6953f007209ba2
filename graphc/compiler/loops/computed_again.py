"""What a sum, a difference or a product or two of inputs make is computed wherever it is read, and not kept in memory.

A store and the loads of it cost more than a few products of numbers that the reader mostly has in its registers already, and a
reader that takes elements of two places, as the slope of x[1:] − x[:-1] does, is then a loop without a memory of its own.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.compiler.loops.block_writer import without_unread
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Constant,
    For,
    Holds,
    Let,
    Load,
    Program,
    Reduce,
    Ref,
    RoutineCall,
    Scalar,
    Statement,
    apply,
    body_of,
    scalars_of,
    walk_scalar,
)
from graphc.compiler.loops.prover import substitute
from graphc.compiler.loops.rebuild import with_all_scalars, with_loads
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.util.records import dataclass

CHEAP = frozenset(("add", "subtract", "multiply", "negative"))
"""Operations that take no longer than a load."""

MOST_OPERATIONS = 6
"""Operations that are rather done again."""

MOST_READS = 2
"""Places at which an element is read."""


@dataclass(frozen=True)
class _Made:
    """How elements of a buffer are made: the indices of the loops around, and the value."""

    indices: tuple[str, ...]
    value: Scalar


def computed_again(program: Program) -> Program:
    """The program without memory for what is computed as fast as it is read."""
    made = _made(program)
    if not made:
        return program

    def read(x: Load) -> Scalar:
        return _value(x, made[x.buffer]) if x.buffer in made else x

    def change(x: Scalar) -> Scalar:
        return with_loads(x, read)

    body = tuple([with_all_scalars(each, change) for each in program.body])
    buffers, body = without_unread(program.buffers, body)
    return replace(program, buffers=buffers, body=body)


def _made(program: Program) -> dict[str, _Made]:
    """The buffers that are not kept."""
    stays = {each.name for each in program.of_role("input", "constant")}
    shapes = {each.name: each.shape for each in program.of_role("workspace") if each.shape}
    stores: dict[str, list[_Made | None]] = {}
    reads: dict[str, int] = {}
    apart: set[str] = set()

    def walk(s: Statement, loops: tuple[For, ...], names: dict[str, Scalar]) -> None:
        for scalar in scalars_of(s):
            for x in walk_scalar(scalar):
                if isinstance(x, Load):
                    reads[x.buffer] = reads.get(x.buffer, 0) + 1
        if isinstance(s, Reduce):
            apart.update((s.target, s.error or ""))
        elif isinstance(s, RoutineCall):
            apart.update(view.buffer for view in s.views)
        elif isinstance(s, Assign) and s.buffer in shapes:
            stores.setdefault(s.buffer, []).append(_store(s, loops, names, shapes[s.buffer], stays))
        if not isinstance(s, For):
            loops = ()  # it may not run at all
        inner = dict(names)
        for each in body_of(s):
            if isinstance(each, Let):
                inner[each.name] = each.value
            walk(each, (*loops, each) if isinstance(each, For) else loops, inner)

    for each in program.body:
        walk(each, (each,) if isinstance(each, For) else (), {})
    result = {}
    for name, made in stores.items():
        if len(made) == 1 and made[0] is not None and name not in apart and reads.get(name, 0) <= MOST_READS:
            result[name] = made[0]
    return result


def _store(
    s: Assign, loops: tuple[For, ...], names: dict[str, Scalar], shape: tuple[Dim, ...], stays: set[str]
) -> _Made | None:
    """What a store makes of each element, where it is cheap and all of a buffer is made so."""
    indices = tuple([str(dim) for dim in s.index if isinstance(dim, str)])
    if indices != tuple([loop.index for loop in loops]) or len(indices) != len(s.index):
        return None
    if tuple([loop.extent for loop in loops]) != shape:
        return None
    value = _expanded(s.value, names, MOST_OPERATIONS)
    if value is None or not _is_cheap(value, set(indices), stays):
        return None
    return _Made(indices, value)


def _expanded(x: Scalar, names: dict[str, Scalar], room: int) -> Scalar | None:
    """An expression with values in place of their names; None where it has too many operations."""
    left = room

    def expand(x: Scalar) -> Scalar:
        nonlocal left
        if isinstance(x, Ref) and x.name in names and left >= 0:
            return expand(names[x.name])
        if isinstance(x, Apply):
            left -= 1
            if left >= 0:
                return replace(x, operands=tuple([expand(each) for each in x.operands]))
        return x

    value = expand(x)
    return value if left >= 0 else None


def _is_cheap(x: Scalar, indices: set[str], stays: set[str]) -> bool:
    """Whether an expression is of cheap operations on what nobody writes, at places of the loops."""
    for each in walk_scalar(x):
        match each:
            case Constant():
                pass
            case Load(buffer, index, _, guard):
                names = {name for dim in index for name in dims.names_of(dim)}
                if buffer not in stays or guard or not names <= indices:
                    return False
            case Apply(op, _):
                if op not in CHEAP or each.dtype.kind != "f":
                    return False
            case _:
                return False
    return True


def _value(x: Load, made: _Made) -> Scalar:
    """What a load reads, computed; 0 where nothing is to be read."""
    fresh = {name: dims.Name(f"{name}'") for name in made.indices}

    def place(dim: Dim) -> Dim:
        for name, other in fresh.items():
            dim = substitute(dim, name, other)
        for name, here in zip(made.indices, x.index, strict=True):
            dim = substitute(dim, str(fresh[name]), here)
        return dim

    value = with_loads(
        made.value, lambda load: replace(load, index=tuple(map(place, load.index)), guard=x.guard)
    )
    if not x.guard:
        return value
    return apply("where", Holds(x.guard), value, Constant(x.dtype.type(0), x.dtype))


__all__ = ["computed_again"]
