"""Loops parted behind what is dear in them: what each pass computes so comes first, as vectors, and what uses it after.

A row of a gradient is a slope, of an exponential or two, times a row of inputs. In one loop the slope is a single number for each
row; in a loop of its own it is computed eight at a time. So is the sum of many products that stands beside a row of them.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.compiler.loops.program import (
    NESTING,
    Apply,
    Assign,
    Combine,
    For,
    Index,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Ref,
    RoutineCall,
    Statement,
    dims_of,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import coefficient
from graphc.ir import dims

FEWEST_PASSES = 8
"""Passes of a loop that become a vector."""

FEWEST_BEHIND = 4
"""Statements behind a dear one, without loops, that are more than part of its vectors."""

MANY_PRODUCTS = 8
"""Multiplications of a pass that are dear together, where a loop stands behind them."""

DEAR = frozenset(
    """exp expm1 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid softplus
    log_sigmoid logaddexp power erf erfc exp2 cbrt""".split()
)
"""Functions that vectors compute many times faster than numbers one by one."""


def vector_stages(program: Program) -> Program:
    """The program with its loops parted."""
    body = _parted(program.body)
    return program if body == program.body else replace(program, body=body)


def _parted(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    result: list[Statement] = []
    for each in body:
        if isinstance(each, NESTING):
            each = replace(each, body=_parted(each.body))
        if isinstance(each, For):
            result += _stages(each)
        else:
            result.append(each)
    return tuple(result)


def _stages(loop: For) -> list[Statement]:
    """A loop as two, or as it is."""
    if isinstance(loop.extent, int) and loop.extent < FEWEST_PASSES:
        return [loop]
    count = 0
    while count < len(loop.body) and isinstance(loop.body[count], (Let, Assign)):
        count += 1
    last = max((k for k in range(count) if is_dear(loop.body[k])), default=-1)
    if sum(map(_products, loop.body[:count])) >= MANY_PRODUCTS and any(
        isinstance(each, For) for each in loop.body[count : count + 1]
    ):
        last = count - 1
    first, rest = loop.body[: last + 1], loop.body[last + 1 :]
    behind = list(walk_statements(rest))
    nested = any(isinstance(each, NESTING) for each in rest)
    if not first or not isinstance(first[-1], Assign) or not (nested or len(behind) >= FEWEST_BEHIND):
        return [loop]
    if not _are_apart(loop.index, first, behind):
        return [loop]
    return [replace(loop, order="free", vector=True, body=first), replace(loop, vector=False, body=rest)]


def is_dear(s: Statement) -> bool:
    """Whether a statement has a function in it that vectors compute many times faster."""
    return any(isinstance(x, Apply) and x.op in DEAR for each in scalars_of(s) for x in walk_scalar(each))


def _products(s: Statement) -> int:
    """The multiplications in a statement."""
    return sum(
        isinstance(x, Apply) and x.op in ("multiply", "multiply_add")
        for each in scalars_of(s)
        for x in walk_scalar(each)
    )


def _are_apart(index: str, first: tuple[Statement, ...], behind: list[Statement]) -> bool:
    """Whether all passes of the first part may run before any of the rest does, in any order."""
    if any(isinstance(each, (RoutineCall, Private)) for each in behind):
        return False
    named = {each.name for each in first if isinstance(each, Let)}
    for each in behind:
        if any(isinstance(x, Ref) and x.name in named for s in scalars_of(each) for x in walk_scalar(s)):
            return False
        if any(named.intersection(dims.names_of(dim)) for dim in dims_of(each)):
            return False
    stored: dict[str, Index] = {}
    for each in first:
        if isinstance(each, Assign):
            if each.buffer in stored:
                return False
            stored[each.buffer] = each.index
    if not all(any(coefficient(dim, index) in (1, -1) for dim in place) for place in stored.values()):
        return False
    changed = {each.buffer for each in behind if isinstance(each, Assign)}
    changed |= {each.target for each in behind if isinstance(each, (Reduce, Combine))}
    changed |= {each.error for each in behind if isinstance(each, Reduce) and each.error}
    if changed.intersection(stored):
        return False
    for each in (*first, *behind):
        for s in scalars_of(each):
            for x in walk_scalar(s):
                if not isinstance(x, Load):
                    continue
                if x.buffer in stored and (x.index != stored[x.buffer] or x.guard):
                    return False
    read = {
        x.buffer for each in first for s in scalars_of(each) for x in walk_scalar(s) if isinstance(x, Load)
    }
    return not read.intersection(changed)


__all__ = ["is_dear", "vector_stages"]
