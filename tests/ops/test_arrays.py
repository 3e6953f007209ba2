"""Operations on arrays: values against NumPy, derivatives against differences and against each other, and all their forms.

Parametrised over the cases; one test holds that every declared operation has one.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import graphc as g
from graphc.api.serialize import from_text, to_text
from graphc.ir.op import array_ops
from tests.ops.array_cases import CASES, LENGTHS

EPS = np.finfo(np.float64).eps


def each(condition=lambda case: True):
    chosen = [case for case in CASES if condition(case)]
    return pytest.mark.parametrize("case", chosen, ids=[f"{case.op}{CASES.index(case)}" for case in chosen])


def evaluate(expr, point):
    """The value by the interpreter."""
    return np.asarray(g.evaluate(expr, point))


def close(found, wanted, ulps=200):
    """Both round in different orders: some hundred units of the largest element."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    if found.dtype.kind in "biu":
        return bool(np.array_equal(found, wanted))
    scale = max(1.0, np.abs(wanted).max(initial=0))
    return bool(np.abs(found - wanted).max(initial=0) <= ulps * np.finfo(found.dtype).eps * scale)


def test_every_operation_has_a_case():
    assert {case.op for case in CASES} == {op.name for op in array_ops() if not op.user_defined}


@each()
def test_values_are_numpys(case):
    symbols, point = case.symbols(), case.point()
    expr = case.build(*symbols)
    wanted = np.asarray(case.numpy(*point.values()))
    assert expr.shape == wanted.shape and expr.dtype == wanted.dtype
    assert case.op in {node.op.name for node in g.Graph(expr).exprs}
    found = evaluate(expr, point)
    assert close(found, wanted)
    strided = {
        name: np.asfortranarray(np.repeat(array, 2, -1))[..., ::2] if array.ndim else array
        for name, array in point.items()
    }
    assert close(evaluate(expr, strided), wanted)


@each(lambda case: case.named)
def test_names_stand_for_lengths(case):
    symbols, point = case.symbols(named=True), case.point()
    expr = case.build(*symbols)
    wanted = np.asarray(case.numpy(*point.values()))
    assert close(evaluate(expr, point), wanted)
    graph = g.Graph(expr, symbols)
    graph.verify()
    if case.smooth:
        target = symbols[0]
        named = g.evaluate(g.grad(g.sum(expr), target), point)
        known = case.symbols()
        assert close(named, g.evaluate(g.grad(g.sum(case.build(*known)), known[0]), point))


@each(lambda case: all(own == "float" for own in case.dtypes or ("float",)))
def test_float32_stays_float32(case):
    symbols, point = case.symbols(dtype="float32"), case.point(dtype="float32")
    expr = case.build(*symbols)
    assert expr.dtype != np.float64 or case.op in (
        "arange",
        "eye",
        "dim",
        "cholesky",
        "eigvalsh",
        "eigenvectors",
    )
    if case.smooth and expr.dtype == np.float32:
        adjoint = g.grad(g.sum(expr), symbols[0])
        assert adjoint.dtype == np.float32
        assert {node.dtype.name for node in g.Graph(adjoint).exprs} <= {"float32", "bool", "int64"}
        assert np.asarray(g.evaluate(adjoint, point)).shape == point["a"].shape


@each(lambda case: case.smooth)
def test_forward_and_reverse_mode_agree(case):
    symbols, point = case.symbols(), case.point()
    expr = case.build(*symbols)
    rng = np.random.default_rng(5)
    v = rng.normal(size=expr.shape)
    for target in (s for s in symbols if s.dtype.kind == "f"):
        u = rng.normal(size=target.shape)
        along = np.asarray(g.evaluate(g.jvp(expr, target, u), point))
        back = np.asarray(g.evaluate(g.vjp(expr, target, v), point))
        assert along.shape == expr.shape and back.shape == target.shape
        left, right = np.sum(along * v), np.sum(back * u)
        scale = max(1.0, np.sum(np.abs(along * v)), np.sum(np.abs(back * u)))
        assert abs(left - right) <= 1e-12 * scale


def five_point(f, x, direction, h=2e-3):
    """f′ along a direction: the error is h⁴/30·f⁽⁵⁾ and ε/h of the value."""
    return (
        8 * (f(x + h * direction) - f(x - h * direction))
        - (f(x + 2 * h * direction) - f(x - 2 * h * direction))
    ) / (12 * h)


@pytest.mark.sample(2)
@each(lambda case: case.smooth)
def test_derivatives_are_those_of_differences(case):
    """The first derivative in every direction of the basis, and the second along a random one."""
    symbols, point = case.symbols(), case.point(seed=3)
    expr = case.build(*symbols)
    rng = np.random.default_rng(6)
    weights = rng.normal(size=expr.shape)
    for target in (s for s in symbols if s.dtype.kind == "f"):
        name = target.name
        gradient = g.grad(g.sum(expr * weights), target)

        def by_numpy(value, name=name):
            return np.sum(np.asarray(case.numpy(*{**point, name: value}.values())) * weights)

        def by_graph(value, name=name, gradient=gradient):
            return np.asarray(g.evaluate(gradient, {**point, name: value}))

        found = by_graph(point[name])
        wanted = np.zeros(target.shape)
        for place in np.ndindex(*target.shape):
            unit = np.zeros(target.shape)
            unit[place] = 1
            wanted[place] = five_point(by_numpy, point[name], unit)
        scale = max(1.0, np.abs(wanted).max(initial=0), abs(by_numpy(point[name])))
        assert np.abs(found - wanted).max(initial=0) <= 1e-7 * scale
        u = rng.normal(size=target.shape)
        second = np.asarray(g.evaluate(g.hvp(g.sum(expr * weights), target, u), point))
        rate = five_point(by_graph, point[name], u, 1e-3)
        scale = max(1.0, np.abs(rate).max(initial=0), np.abs(found).max(initial=0))
        assert np.abs(second - rate).max(initial=0) <= 1e-6 * scale


@each()
def test_printed_saved_and_pickled(case):
    for named in (False, True) if case.named else (False,):
        expr = case.build(*case.symbols(named))
        assert g.parse(str(expr), symbols=g.free_symbols(expr)) is expr, str(expr)
        assert from_text(to_text(expr)) is expr
        assert pickle.loads(pickle.dumps(expr)) is expr
        latex = expr._repr_latex_()
        assert latex.count("{") == latex.count("}") and latex.count(r"\left") == latex.count(r"\right")
        g.Graph(expr).verify()


@each(lambda case: case.smooth)
def test_graphs_are_drawn_and_explained(case):
    symbols, point = case.symbols(case.named), case.point()
    expr = g.sum(case.build(*symbols))
    graph = g.Graph(expr, symbols)
    back = graph.backward(point)
    assert all(np.shape(back[graph.node(s)]) == point[s.name].shape for s in symbols if s.dtype.kind == "f")
    assert "digraph" in g.draw(graph, at=point).source
    told = g.explain(graph, at=point)
    assert "∂L/∂a" in str(told) and told.latex() and told.markdown()
    assert "∂L/∂a" in str(g.explain(graph))
    both = graph.with_backward()
    both.verify()
    assert from_text(to_text(both)).digest == both.digest


def test_lengths_of_the_cases_differ():
    """Else an axis could stand for another unnoticed."""
    assert len(set(LENGTHS.values())) == len(LENGTHS)
