"""Random programs over arrays: each way to evaluate them against NumPy, and their derivatives against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphc as g
from graphc.interpret import mpmath_eval
from tests.counts import examples
from tests.tensor_programs import Program, programs


def by_interpreter(program: Program) -> list:
    return typed(program, g.evaluate(program.outputs, program.arrays))


def typed(program: Program, values: list) -> list:
    """Scalars come as Python numbers."""
    return [
        v if isinstance(v, np.ndarray) else np.asarray(v, e.dtype)
        for v, e in zip(values, program.outputs, strict=True)
    ]


def by_compiling(program: Program) -> list:
    if not program.inputs:
        return by_interpreter(program)
    f = g.compile(program.outputs, program.inputs, rewrite=None)
    return typed(program, f(*program.arrays.values()))


def rewritten(program: Program) -> list:
    return typed(program, g.evaluate(g.stabilize(program.outputs), program.arrays))


RELAXED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}


def holds(program: Program, found: list) -> None:
    for expr, value, wanted in zip(program.outputs, found, program.values, strict=True):
        assert value.shape == wanted.shape and value.dtype == wanted.dtype == expr.dtype
        np.testing.assert_allclose(value, wanted, rtol=0, atol=program.tolerance(wanted))


@settings(max_examples=examples(63), **RELAXED)
@given(programs())
def test_the_interpreter_is_numpy(program):
    holds(program, by_interpreter(program))


@settings(max_examples=examples(25), **RELAXED)
@given(programs())
def test_what_the_rules_make_of_it(program):
    holds(program, rewritten(program))


@settings(max_examples=8, **RELAXED)
@given(programs())
def test_machine_code_is_numpy(program):
    holds(program, by_compiling(program))


@pytest.mark.slow
@settings(max_examples=300, **RELAXED)
@given(programs(most=12))
def test_machine_code_is_numpy_at_length(program):
    holds(program, by_compiling(program))


@settings(max_examples=examples(25), **RELAXED)
@given(programs())
def test_forward_and_reverse_mode_agree(program):
    """⟨v, Ju⟩ = ⟨Jᵀv, u⟩, and both modes keep shapes and types."""
    if not program.inputs:
        return
    rng = np.random.default_rng(3)
    output = program.outputs[0]
    v = rng.normal(size=program.values[0].shape).astype(program.dtype)
    vs = g.symbol("v", shape=output.shape, dtype=program.dtype)
    back = g.vjp(output, program.inputs, vs)
    left, right, size = 0.0, 0.0, 1.0
    for s, adjoint in zip(program.inputs, back, strict=True):
        u = rng.normal(size=program.arrays[s.name].shape).astype(program.dtype)
        us = g.symbol("u", shape=s.shape, dtype=program.dtype)
        along = g.jvp(output, s, us)
        assert along.shape == output.shape and adjoint.shape == s.shape
        assert along.dtype == adjoint.dtype == program.dtype
        one = v * np.asarray(g.evaluate(along, {**program.arrays, "u": u}))
        other = u * np.asarray(g.evaluate(adjoint, {**program.arrays, "v": v}))
        left += float(np.sum(one, dtype=np.float64))
        right += float(np.sum(other, dtype=np.float64))
        size += float(np.sum(np.abs(one), dtype=np.float64) + np.sum(np.abs(other), dtype=np.float64))
    # each step multiplies by numbers of moderate size, and rounds
    assert abs(left - right) <= 2000 * program.steps * np.finfo(program.dtype).eps * size


@settings(max_examples=examples(10), **RELAXED)
@given(programs(most=5))
def test_text_and_graphs(program):
    graph = g.Graph(program.outputs, program.inputs)
    graph.verify()
    text = str(program.outputs[0])
    if "…" not in text and "array<" not in text:
        assert g.parse(text, symbols=program.inputs) is program.outputs[0]


@settings(max_examples=15, **RELAXED)
@given(programs(most=3, names=False))
def test_exact_values(program):
    """Element by element in mpmath: what NumPy finds is its rounding."""
    output, value = program.outputs[0], program.values[0]
    if value.size > 12 or any(node.size() > 40 for node in map(_Sized, g.Graph(output).exprs)):
        return
    at = {s.name: program.arrays[s.name] for s in g.free_symbols(output)}
    exact = mpmath_eval.evaluate(output, at, 25)
    np.testing.assert_allclose(np.asarray(exact, dtype=float), value, rtol=0, atol=program.tolerance(value))


class _Sized:
    def __init__(self, node):
        self.node = node

    def size(self):
        return int(np.prod(self.node.shape, dtype=np.int64))
