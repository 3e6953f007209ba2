"""PyTorch: gradients by its own checkers, memory by pointers, `torch.compile`."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import graphc as g
from graphc.errors import DtypeError, GradientError, InputError, ShapeError

torch = pytest.importorskip("torch")


def elementwise():
    x, y = g.symbols("x y")
    return g.compile(g.sin(x) * y + g.exp(-x * x), [x, y])


def model():
    X, w, t = g.symbol("X", shape=("n", 3)), g.symbol("w", shape=(3,)), g.symbol("t", shape=("n",))
    r = g.tanh(X @ w) - t
    return g.compile({"loss": g.mean(r**2), "r": r, "worst": g.argmax(r)}, [w, X, t])


def tensors(*shapes):
    torch.manual_seed(1)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("shapes", [((3, 1), (4,)), ((), (2,)), ((2, 2), (2, 2))], ids=str)
def test_elementwise_gradients(shapes):
    f, given = elementwise().torch(), tensors(*shapes)
    assert torch.autograd.gradcheck(f, given)
    assert torch.autograd.gradgradcheck(f, given)


def test_gradients_of_a_model():
    f, given = model().torch(), tensors((3,), (5, 3), (5,))

    def results(*values):
        found = f(*values)
        return found["loss"], found["r"]

    assert torch.autograd.gradcheck(results, given)
    assert torch.autograd.gradgradcheck(results, given)
    assert not f(*given)["worst"].requires_grad


def test_inputs_without_part_and_derivatives_that_are_zero():
    x, y, n = g.symbol("x"), g.symbol("y"), g.symbol("n", dtype="int64")
    f = g.compile(g.floor(x) + n, [x, y, n]).torch()
    x0, y0 = tensors((3,), (7,))
    f(x0, y0, torch.arange(3)).sum().backward()
    assert torch.equal(x0.grad, torch.zeros(3, dtype=torch.float64)) and y0.grad is None


def test_a_rule_of_the_users_own_is_the_derivative():
    def clipped(x):
        return x * 2

    clipped = g.custom_vjp(clipped, check=False)
    clipped.defvjp(lambda x: (x * 2, ()), lambda saved, back: (back * 100,))
    x = g.symbol("x")
    f = g.compile(clipped(x), [x]).torch()
    at = torch.ones(2, dtype=torch.float64, requires_grad=True)
    f(at).sum().backward()
    assert at.grad.tolist() == [100.0, 100.0]


def test_the_function_itself_is_differentiable():
    f, (a, b) = elementwise(), tensors((3,), (3,))
    assert f(a, b).requires_grad
    assert not f(a.detach(), b.detach()).requires_grad
    with torch.no_grad():
        assert not f(a, b).requires_grad


def test_casts_that_lose_nothing_carry_gradients():
    f = elementwise().torch()
    single = torch.ones(2, requires_grad=True)
    f(single, 2.0).sum().backward()
    assert single.grad.dtype == torch.float32
    x = g.symbol("x", dtype="float32")
    with pytest.raises(DtypeError, match="lose information"):
        g.compile(x * 2, [x]).torch()(torch.ones(2, dtype=torch.float64))


def test_memory_is_shared():
    """The array that the machine code reads is the tensor's, and the tensor that comes back is over the array that it wrote."""
    from graphc.ir.foreign_arrays import as_numpy

    given = torch.ones(1000, dtype=torch.float64)
    assert as_numpy("x", given).ctypes.data == given.data_ptr()
    turned = torch.ones(4, 6, dtype=torch.float64).T
    assert as_numpy("x", turned).ctypes.data == turned.data_ptr()
    x = g.symbol("x", shape=("n",))
    total = g.compile(g.cumsum(x), [x])
    result = total(given)
    assert np.shares_memory(result.numpy(), np.from_dlpack(result))
    seen = []
    callee = total._callee()
    from graphc.frontend.interop import torch as adapter

    class Spy:
        def __getattr__(self, name):
            return getattr(callee, name)

        def arrays(self, values):
            seen.extend(callee.arrays(values))
            return seen

    out = adapter.call(Spy(), [given])
    assert out.data_ptr() == seen[0].ctypes.data


def test_views_that_are_negated_or_of_a_class_derived_from_tensor():
    f, plain = elementwise(), torch.arange(1.0, 4.0, dtype=torch.float64)
    negated = torch.complex(plain, plain).conj().imag
    assert negated.is_neg()
    assert torch.equal(f(negated, 2.0), f(-plain, 2.0))
    with pytest.raises(DtypeError, match="complex"):
        f(torch.complex(plain, plain).conj(), 2.0)

    class Tagged(torch.Tensor):
        pass

    assert torch.equal(f(plain.as_subclass(Tagged), 2.0), f(plain, 2.0))


def test_functions_are_copied_and_pickled_with_what_holds_them():
    f, (a, b) = elementwise().torch(), tensors((3,), (3,))
    module = torch.nn.Module()
    module.f = f
    for again in (copy.deepcopy(module).f, copy.copy(f), pickle.loads(pickle.dumps(f))):
        assert torch.equal(again(a, b), f(a, b))
        for one, other in zip(
            torch.autograd.grad(again(a, b).sum(), (a, b)),
            torch.autograd.grad(f(a, b).sum(), (a, b)),
            strict=True,
        ):
            assert torch.equal(one, other)


def test_dlpack_goes_both_ways_without_copies():
    x = g.symbol("x", shape=("n",))
    result = g.compile(g.cumsum(x), [x])(np.ones(100))
    assert torch.from_dlpack(result).data_ptr() == result.ctypes.data


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_in_a_compiled_function(backend):
    f, h, given = model().torch(), elementwise().torch(), tensors((3,), (5, 3), (5,))

    def composed(w, X, t):
        return (f(w, X, t)["loss"] * 2 + h(w, 2.0).sum()).sin()

    expected = torch.autograd.grad(composed(*given), given)
    compiled = torch.compile(composed, fullgraph=True, backend=backend)
    found = torch.autograd.grad(compiled(*given), given)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_the_operation_passes_pytorchs_own_checks():
    f, given = model().torch(), tensors((3,), (5, 3), (5,))
    torch.library.opcheck(torch.ops.graphc.call.default, (given, f._name))


def test_what_is_refused():
    f = elementwise()
    with pytest.raises(DtypeError, match="bfloat16"):
        f(torch.ones(2, dtype=torch.bfloat16), 1.0)
    with pytest.raises(InputError, match="meta"):
        f(torch.ones(2, device="meta"), 1.0)
    X = g.symbol("X", shape=("n", 3))
    with pytest.raises(ShapeError):
        g.compile(g.sum(X), [X])(torch.ones(3, dtype=torch.float64))
    x = g.symbol("x")
    with pytest.raises(InputError, match=r"f\.torch\(\)"):
        g.evaluate(x * 2, {x: torch.ones(2, requires_grad=True, dtype=torch.float64)})
    W = g.symbol("W", shape=(2,))
    step = g.compile(g.sum(W), [W], updates={W: W * 0.5})
    with pytest.raises(InputError, match="updates"):
        step(torch.ones(2, dtype=torch.float64, requires_grad=True)).backward()
    plain = torch.ones(2, dtype=torch.float64)
    step(plain)
    assert plain.tolist() == [0.5, 0.5]


def test_what_has_no_derivative_says_so():
    v, x = g.symbols("v x")
    f = g.compile(g.jv(v, x), [v, x]).torch()
    a, b = tensors((2,), (2,))
    with pytest.raises(GradientError):
        f(a.exp(), b.exp()).sum().backward()


def test_threads():
    f, (a, b) = elementwise().torch(), tensors((50,), (50,))
    expected = torch.autograd.grad(f(a, b).sum(), (a, b))
    found = []

    def run():
        for _ in range(20):
            found.append(torch.autograd.grad(f(a, b).sum(), (a, b)))

    workers = [threading.Thread(target=run) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 80 and all(
        torch.equal(x, y) for each in found for x, y in zip(each, expected, strict=True)
    )


def test_functions_that_are_gone_leave_nothing():
    f = elementwise()
    at = f.torch()
    gone = weakref.ref(at)
    del f, at
    gc.collect()
    assert gone() is None


def transformations():
    """Name → what `torch.func` makes of a row function (X, w) and of a function of elements (x, y)."""
    func, T = torch.func, torch.tensor
    rng = np.random.default_rng(12)
    A, w, ws = T(rng.normal(size=(20, 3))), T(rng.normal(size=3)), T(rng.normal(size=(4, 3)))
    one = torch.ones(3, dtype=torch.float64)

    def dual(rows, elements):
        with torch.autograd.forward_ad.dual_level() as _:
            point = torch.autograd.forward_ad.make_dual(w, one)
            return torch.autograd.forward_ad.unpack_dual(rows(A, point)).tangent

    def backward_through_vmap(rows, elements):
        point = w.clone().requires_grad_()
        return torch.autograd.grad(func.vmap(lambda a: rows(a[None], point))(A).sum(), point)

    return {
        "grad": lambda rows, _: func.grad(lambda q: rows(A, q).sum())(w),
        "jacrev": lambda rows, _: func.jacrev(lambda q: rows(A, q))(w),
        "jacfwd": lambda rows, _: func.jacfwd(lambda q: rows(A, q))(w),
        "hessian": lambda rows, _: func.hessian(lambda q: rows(A, q).sum())(w),
        "jacrev twice": lambda rows, _: func.jacrev(func.jacrev(lambda q: rows(A, q).sum()))(w),
        "jvp of grad": lambda rows, _: func.jvp(func.grad(lambda q: rows(A, q).sum()), (w,), (one,)),
        "vjp": lambda rows, _: func.vjp(lambda q: rows(A, q), w)[1](A[:, 0]),
        "dual numbers": dual,
        "vmap of one argument": lambda rows, _: func.vmap(rows, in_dims=(None, 0))(A, ws),
        "vmap within vmap": lambda rows, _: func.vmap(lambda a: func.vmap(rows, in_dims=(None, 0))(a, ws))(A.reshape(4, 5, 3)),
        "a gradient for each row": lambda rows, _: func.vmap(func.grad(lambda q, a: rows(a[None], q).sum()), (None, 0))(w, A),
        "backward through vmap": backward_through_vmap,
        "elements": lambda _, f: func.vmap(f)(A[:, 0], A[:, 1]),
        "elements along the last axis": lambda _, f: func.vmap(f, in_dims=1, out_dims=1)(A, A),
        "elements with a number": lambda _, f: func.vmap(f, in_dims=(0, None))(A, T(2.0, dtype=torch.float64)),
        "elements of other ranks": lambda _, f: func.vmap(f, in_dims=(0, 0))(A, A[:, 0]),
        "forward Jacobians of elements": lambda _, f: func.vmap(func.jacfwd(f, argnums=(0, 1)))(A[:, 0], A[:, 1]),
        "reverse Jacobians of elements": lambda _, f: func.vmap(func.jacrev(f, argnums=(0, 1)))(A[:, 0], A[:, 1]),
        "a Hessian of elements": lambda _, f: func.hessian(lambda a: f(a, A[:, 1])[1].sum())(A[:, 0]),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of PyTorch itself
@pytest.mark.parametrize("name", transformations())
def test_transformations_of_torch_func(name):
    """Forward derivatives and batches, which operations of PyTorch's do not have of themselves: they were 0, and an error."""
    x, y = g.symbol("x"), g.symbol("y")
    X, w = g.symbol("X", shape=("n", 3)), g.symbol("w", shape=(3,))
    rows = g.compile(g.tanh(X @ w), [X, w]).torch()
    elements = g.compile([x + y, x * g.sin(y), 3 * x], [x, y]).torch()
    made = transformations()[name](rows, elements)
    expected = transformations()[name](
        lambda X, w: torch.tanh(X @ w), lambda x, y: (x + y, x * torch.sin(y), 3 * x)
    )
    leaves = torch.utils._pytree.tree_leaves
    for one, other in zip(leaves(made), leaves(expected), strict=True):
        torch.testing.assert_close(one, torch.as_tensor(other).expand(one.shape), rtol=1e-12, atol=1e-13)


def test_constant_arrays_beside_numbers_under_transformations():
    x = g.symbol("x")
    held = torch.tensor([1.0, 2.0], dtype=torch.float64)
    f = g.compile(g.sin(g.constant([1.0, 2.0]) * x), [x]).torch()
    for given in (torch.tensor([0.3, 0.7]), torch.tensor([0.3, 0.7, 1.1])):
        given = given.double()
        own = lambda v: torch.cos(held * v) * held
        torch.testing.assert_close(torch.func.vmap(f)(given), torch.sin(held * given[:, None]))
        for derivative in (torch.func.jacrev, torch.func.jacfwd):
            found = torch.func.vmap(derivative(f))(given)
            torch.testing.assert_close(found, own(given[:, None]))
    slopes = torch.autograd.functional.jacobian(f, torch.tensor([[0.3], [0.7]]).double())
    expected = torch.autograd.functional.jacobian(
        lambda v: torch.sin(held * v), torch.tensor([[0.3], [0.7]]).double()
    )
    torch.testing.assert_close(slopes, expected)


EVERY_MODE = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
"""What PyTorch's own checker can check: both modes, each over batches of tangents and of adjoints."""


@pytest.mark.parametrize("kind", ["numbers", "arrays"])
def test_the_checker_in_every_mode(kind):
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    if kind == "numbers":
        x, y = g.symbols("x y")
        f, at = g.compile(g.sin(x) * y + g.exp(-x * x), [x, y]).torch(), (draw(3), draw(2, 1))
    else:
        A, b = g.symbol("A", shape=("n", 3)), g.symbol("b", shape=(3,))
        f, at = g.compile([g.tanh(A @ b), g.sum(b**3)], [A, b]).torch(), (draw(4, 3), draw(3))
    assert torch.autograd.gradcheck(f, at, **EVERY_MODE)
    assert torch.autograd.gradgradcheck(f, at, check_fwd_over_rev=True, check_batched_grad=True)


def test_derivatives_that_autograd_batches():
    A, b = g.symbol("A", shape=(4, 3)), g.symbol("b", shape=(3,))
    f = g.compile(g.tanh(A @ b), [A, b]).torch()
    matrix, at = (
        torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3),
        torch.tensor([0.2, -0.5, 1.0]).double(),
    )
    functional = torch.autograd.functional

    def own(v):
        return torch.tanh(matrix @ v)

    for strategy in ("reverse-mode", "forward-mode"):
        found = functional.jacobian(lambda v: f(matrix, v), at, vectorize=True, strategy=strategy)
        torch.testing.assert_close(found, functional.jacobian(own, at))
        found = functional.hessian(
            lambda v: f(matrix, v).square().sum(), at, vectorize=True, outer_jacobian_strategy=strategy
        )
        torch.testing.assert_close(found, functional.hessian(lambda v: own(v).square().sum(), at))
    v = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(f(matrix, v), v, torch.eye(4).double(), is_grads_batched=True)
    torch.testing.assert_close(found, functional.jacobian(own, at))
