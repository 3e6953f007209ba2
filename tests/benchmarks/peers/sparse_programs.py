"""Four sparse derivatives: by graphc, by CasADi's virtual machine, dense by JAX.

    python -m tests.benchmarks.peers.sparse_programs stencil:300000:graphc       (or :casadi, :jax)

`stencil`, the Brusselator on a periodic square by differences of second order, by its number of unknowns; `collocation`, a cart
with a pole, trapezoidal defects, by its number of states; `bundle`, the residuals of cameras that see points, rotated, projected
and distorted, by their number of observations; `rosenbrock`, the Hessian of the extended function, by its number of variables.
The programs are written once, in the names that NumPy, JAX, graphc and CasADi share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.worker import serve

CAMERA, SEEN = 9, 5
"""Numbers of a camera; cameras that see each point."""

BOUNDS = {"stencil": 15, "collocation": 10, "bundle": 12, "rosenbrock": 2}
"""Colours: of the rows of a row's columns at most. A periodic square of odd side needs some more than a row has entries."""


def stencil(x: Any, size: int, m: Any) -> Any:
    """u' and v' of the Brusselator."""
    side = side_of(size)
    count = side * side
    cells = np.arange(count).reshape(side, side)
    around = [np.roll(cells, step, axis).ravel() for axis in (0, 1) for step in (1, -1)]
    u, v = x[:count], x[count:]

    def spread(w: Any) -> Any:
        return w[around[0]] + w[around[1]] + w[around[2]] + w[around[3]] - 4 * w

    reaction = u * u * v
    return m.concat([0.02 * spread(u) + 1.0 - 4.4 * u + reaction, 0.01 * spread(v) + 3.4 * u - reaction])


def side_of(size: int) -> int:
    return round((size / 2) ** 0.5)


def collocation(x: Any, size: int, m: Any) -> Any:
    """Trapezoidal defects of place, angle and their speeds, driven by a force: 4 states and a force at each node."""
    n = size // 4
    place, angle, speed, turn, force = (x[k * n : (k + 1) * n] for k in range(5))
    s, c = m.sin(angle), m.cos(angle)
    mass = 1.0 + 0.3 * s * s
    push = (force + 0.3 * s * (0.5 * turn * turn + 9.81 * c)) / mass
    bend = -(force * c + 0.15 * turn * turn * s * c + 1.3 * 9.81 * s) / (0.5 * mass)

    def defect(z: Any, rate: Any) -> Any:
        return z[1:] - z[:-1] - 0.01 * (rate[1:] + rate[:-1])

    return m.concat([defect(place, speed), defect(angle, turn), defect(speed, push), defect(turn, bend)])


def seen(size: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """The camera and the point of each observation, and how many there are of both."""
    points = size // SEEN
    cameras = max(SEEN, points // 100)
    point = np.repeat(np.arange(points), SEEN)
    camera = (point * 7 + np.tile(np.arange(SEEN), points) * 3) % cameras
    return camera, point, cameras, points


def bundle(x: Any, size: int, m: Any) -> Any:
    """Where points are seen: Rodrigues' rotation, a shift, a projection, radial distortion (Agarwal and others, 2010)."""
    camera, point, cameras, points = seen(size)
    own = [x[k * cameras : (k + 1) * cameras][camera] for k in range(CAMERA)]
    start = CAMERA * cameras
    p = [x[start + k * points : start + (k + 1) * points][point] for k in range(3)]
    r, shift, (focus, first, second) = own[:3], own[3:6], own[6:]
    angle = m.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2])
    axis = [each / angle for each in r]
    c, s = m.cos(angle), m.sin(angle)
    along = (1 - c) * (axis[0] * p[0] + axis[1] * p[1] + axis[2] * p[2])
    cross = [axis[(k + 1) % 3] * p[(k + 2) % 3] - axis[(k + 2) % 3] * p[(k + 1) % 3] for k in range(3)]
    q = [p[k] * c + cross[k] * s + axis[k] * along + shift[k] for k in range(3)]
    a, b = -q[0] / q[2], -q[1] / q[2]
    square = a * a + b * b
    scale = focus * (1 + square * (first + square * second))
    return m.concat([scale * a, scale * b])


def rosenbrock(x: Any, size: int, m: Any) -> Any:
    """The extended function: pairs of variables."""
    odd, even = x[0::2], x[1::2]
    return m.total(100 * (even - odd * odd) ** 2 + (1 - odd) ** 2)


PROGRAMS: dict[str, Callable[[Any, int, Any], Any]] = {
    "stencil": stencil, "collocation": collocation, "bundle": bundle, "rosenbrock": rosenbrock,
}  # fmt: skip


def unknowns(name: str, size: int) -> int:
    if name == "stencil":
        return 2 * side_of(size) ** 2
    if name == "collocation":
        return 5 * (size // 4)
    if name == "bundle":
        _, _, cameras, points = seen(size)
        return CAMERA * cameras + 3 * points
    return size


def point_of(name: str, size: int) -> np.ndarray:
    return 0.5 + np.random.default_rng(0).random(unknowns(name, size))


class Names:
    """What the programs call, by one package."""

    def __init__(self, package: Any, concat: Callable[..., Any], total: Callable[..., Any]) -> None:
        self.sin, self.cos, self.sqrt = package.sin, package.cos, package.sqrt
        self.concat, self.total = concat, total


def derivative(name: str, size: int) -> tuple[Any, Any]:
    """The variable and the sparse derivative, of graphc."""
    import graphc as g

    x = g.symbol("x", shape=unknowns(name, size))
    value = PROGRAMS[name](x, size, Names(g, g.concat, g.sum))
    if name == "rosenbrock":
        return x, g.hessian(value, x, sparse=True, format="csc")
    return x, g.jacobian(value, x, sparse=True, format="csc")


def by_graphc(name: str, size: int) -> Callable[[], Any]:
    import graphc as g

    x, sparse = derivative(name, size)
    print(sparse, file=sys.stderr)
    f: Any = g.compile(sparse, [x], cache=False)
    point = point_of(name, size)
    out = f(point)

    def call() -> Any:
        f(point, out=out)
        return out.data

    return call


def by_casadi(name: str, size: int) -> Callable[[], Any]:
    """Through buffers, which spare it the conversion of arguments."""
    import casadi as ca

    x = ca.SX.sym("x", unknowns(name, size))

    class Indexed:
        """Arrays of places and steps index columns as NumPy's do."""

        def __init__(self, of: Any) -> None:
            self.of = of

        def __getitem__(self, key: Any) -> Any:
            return Indexed(self.of[key.tolist()] if isinstance(key, np.ndarray) else self.of[key])

    def plain(z: Any) -> Any:
        return z.of if isinstance(z, Indexed) else z

    for operator in ("add", "sub", "mul", "truediv", "pow", "radd", "rsub", "rmul", "rtruediv"):
        name_of = f"__{operator}__"
        setattr(Indexed, name_of, lambda a, b, n=name_of: Indexed(getattr(ca.SX, n)(a.of, plain(b))))
    Indexed.__neg__ = lambda a: Indexed(-a.of)  # type: ignore[attr-defined]

    class Functions:
        sin, cos, sqrt = (staticmethod(lambda z, f=f: Indexed(f(z.of))) for f in (ca.sin, ca.cos, ca.sqrt))

    value = plain(
        PROGRAMS[name](
            Indexed(x),
            size,
            Names(Functions, lambda parts: ca.vertcat(*map(plain, parts)), lambda z: ca.sum1(z.of)),
        )
    )
    matrix = ca.hessian(value, x)[0] if name == "rosenbrock" else ca.jacobian(value, x)
    function = ca.Function("f", [x], [matrix])
    buffer, run = function.buffer()
    entries, point = np.zeros(function.nnz_out(0)), point_of(name, size)
    buffer.set_arg(0, memoryview(point))
    buffer.set_res(0, memoryview(entries))

    def call() -> Any:
        run()
        return entries

    call.kept = function, buffer, point  # type: ignore[attr-defined]  # the buffers are theirs

    return call


def by_jax(name: str, size: int) -> Callable[[], Any]:
    """The whole matrix, by forward or reverse mode as its shape has it, or forward over reverse."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    point = point_of(name, size)
    names = Names(jnp, jnp.concatenate, jnp.sum)

    def value(x: Any) -> Any:
        return PROGRAMS[name](x, size, names)

    if name == "rosenbrock":
        make = jax.hessian(value)
    else:
        make = jax.jacrev(value) if len(value(jnp.asarray(point))) < len(point) else jax.jacfwd(value)
    function = jax.jit(make)

    def call() -> Any:
        # entries column after column, as the others give theirs
        return np.asarray(function(point).block_until_ready())

    return call


def report(entries: Any) -> str:
    """The sum and the sum of squares of what is not zero: those of all ways agree."""
    flat = np.ravel(entries)
    return f"{flat.sum():.9g} {np.sqrt(flat @ flat):.9g}"


if __name__ == "__main__":
    problem, size, who = sys.argv[1].split(":")
    build = {"graphc": by_graphc, "casadi": by_casadi, "jax": by_jax}[who]
    serve({sys.argv[1]: lambda: build(problem, int(size))}, report=report)
