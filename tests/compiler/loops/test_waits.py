"""What loops wait for: functions of few links on the way from pass to pass, and the number that comes last compared last."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops.guessed_choices import late_last, waits_of
from graphc.compiler.loops.program import Apply, For, Let, Load, Ref, walk_scalar, walk_statements
from tests.compiler.loops.support import program_of

STEPS = 40


def fixed(results: list[Any], symbols: list[Any]) -> list[For]:
    body = program_of(results, symbols).body
    return [s for s in walk_statements(body) if isinstance(s, For) and s.order == "fixed"]


def soft(m: Any, terms: Any) -> Any:
    """The soft minimum of some numbers."""
    least = terms[0]
    for term in terms[1:]:
        least = m.minimum(least, term)
    total = m.exp(least - terms[0])
    for term in terms[1:]:
        total = total + m.exp(least - term)
    return least - m.log(total)


ORDERS = [order for count in (2, 3, 4) for order in itertools.permutations(range(count))]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.sample(3)
def test_extremes_and_functions_on_the_way_to_the_next_pass(order):
    """The number that is carried stands anywhere among those that rows bring."""
    count = len(order)
    x = g.symbol(f"x_wait_{count}", shape=(STEPS, count))

    def step(carry: Any, row: Any) -> Any:
        terms = [carry + 1.0, *(row[k] for k in range(1, count))]
        new = soft(g, [terms[k] for k in order])
        return new, new

    _, ys = g.scan(step, g.constant(0.5), x)
    (loop,) = [each for each in fixed([ys], [x]) if len(each.body) > 1]
    assert len(waits_of(loop).calls) >= 2
    for each in late_last(loop):
        for value in walk_scalar(getattr(each, "value", Ref("", np.dtype(float)))):
            inner = [*walk_scalar(value)][1:]
            if isinstance(value, Apply) and value.op == "minimum" and count > 2:
                outermost = sum(isinstance(y, Apply) and y.op == "minimum" for y in inner) == count - 2
                if outermost:  # what is carried is in the operand that is compared last, and in no other
                    waits = [any(_carried(y, loop) for y in walk_scalar(part)) for part in value.operands]
                    assert waits == [False, True]
    rng = np.random.default_rng(count)
    rows = 3 * rng.normal(size=(STEPS, count))
    carry, wanted = 0.5, []
    for row in rows:
        terms = [carry + 1.0, *row[1:]]
        carry = soft(np, [terms[k] for k in order])
        wanted.append(carry)
    np.testing.assert_allclose(g.compile(ys, [x], cache=False)(rows), wanted, rtol=1e-14)


def _carried(x: Any, loop: For) -> bool:
    """Whether a scalar is of the number that is carried: by the names of what the body makes of it."""
    names: set[str] = set()
    for s in loop.body:
        if isinstance(s, Let) and any(
            (isinstance(y, Load) and not y.index) or (isinstance(y, Ref) and y.name in names)
            for y in walk_scalar(s.value)
        ):
            names.add(s.name)
    return (isinstance(x, Load) and not x.index) or (isinstance(x, Ref) and x.name in names)


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "expm1", "log1p", "exp2", "log2"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_function_that_a_loop_waits_for_has_the_bits_of_any_other(name, dtype):
    x = g.symbol(f"x_bits_{name}_{dtype}", shape=("n",), dtype=dtype)

    def step(carry: Any, row: Any) -> Any:
        y = getattr(g, name)(row + carry)
        back = g.where(y > 0.0, g.exp(-(y * y)), 0.0) * 0.0
        return g.exp(-g.exp(back)) * 0.0 + back, y

    _, ys = g.scan(step, g.constant(0.0, dtype=dtype), x)
    assert any(name in {call.op for call in waits_of(each).calls} for each in fixed([ys], [x]))
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, info.max, info.min, info.tiny, info.smallest_subnormal]
    ends = [
        700.0,
        709.78,
        709.79,
        710.5,
        -700.0,
        -708.5,
        -744.0,
        -745.2,
        -800.0,
        88.7,
        88.8,
        -87.5,
        -103.9,
        -104.6,
    ]
    at = np.concatenate([special, ends, 20 * rng.normal(size=300), np.exp(40 * rng.normal(size=300))])
    with np.errstate(all="ignore"):
        at = np.append(at, np.nan).astype(dtype)
    mine = g.compile(ys, [x], cache=False)(at)
    wanted = g.compile(getattr(g, name)(x), [x], cache=False)(
        at + at.dtype.type(0)
    )  # the carry is 0, and −0 + 0 is
    assert np.array_equal(mine, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(mine[:-1]), np.signbit(wanted[:-1]))
