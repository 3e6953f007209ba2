"""`g.lambdify` beside `sympy.lambdify`: ready how soon, and how long a call takes, in one run.

    python -m tests.benchmarks.lambdify [--quick]

The expressions are those of the kinds in SymPy's documentation, statistical and quantum formulas, and the equations of motion of
pendulums of 3 to 12 links. Each is prepared by `sympy.lambdify(cse=True)` and by graphc without its cache of machine code; ratios above
1 are graphc's gain. Values are compared meanwhile, in units of the largest value of a result.
"""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import os
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def expressions() -> Iterator[tuple[str, str, Any, Any]]:
    """(kind, name, arguments, expression), sixty and a few."""
    import sympy as S

    x, y, z, s, m, k, n = S.symbols("x y z s m k n", positive=True)
    documented = [
        ("sin(x)+cos(x)", x, S.sin(x) + S.cos(x)), ("x**2", x, x**2), ("reversed", [x, y, z], [z, y, x]),
        ("sqrt(x)", x, S.sqrt(x)), ("sin(xy)**2", [x, y], S.sin(x * y) ** 2), ("row", [x, y], S.Matrix([x, x + y]).T),
        ("sin", x, S.sin(x)), ("Max", x, S.Max(x, S.sin(x))), ("x+1", x, x + 1), ("x+sin(x)", x, x + S.sin(x)),
        ("Piecewise", x, S.Piecewise((x, x <= 1), (1 / x, True))), ("Abs", x, S.Abs(S.sin(x))),
        ("exp/(1+exp)", x, 1 / (1 + S.exp(-x))), ("tan+atan2", [x, y], S.tan(x) + S.atan2(y, x)),
        ("log**2", x, S.log(x) ** 2), ("sinc", x, S.sin(x) / x), ("hyperbolic", x, S.sinh(x) * S.cosh(x) - S.tanh(x)),
        ("polynomial", x, sum(x**i / S.factorial(i) for i in range(12))), ("tuple", [x, y], (x * y, [x / y, S.sqrt(x * y)])),
        ("jacobian", [x, y], S.Matrix([x * S.cos(y), x * S.sin(y)]).jacobian([x, y])), ("gamma", x, S.gamma(x)),
        ("rotation", [x, y, z], S.rot_axis1(x) * S.rot_axis2(y) * S.rot_axis3(z)), ("erf", x, S.erf(x) * S.exp(-(x**2))),
        ("gradient", [x, y], [S.diff(S.exp(-(x**2)) * S.sin(x * y), v) for v in (x, y)]),
        ("hessian", [x, y], S.hessian(S.exp(x * y) * S.sin(x + y), [x, y])),
    ]  # fmt: skip
    normal = S.exp(-((x - m) ** 2) / (2 * s**2)) / (s * S.sqrt(2 * S.pi))
    statistical = [
        ("normal", [x, m, s], normal), ("log normal", [x, m, s], S.expand_log(S.log(normal), force=True)),
        ("score", [x, m, s], [S.diff(S.log(normal), v) for v in (m, s)]), ("cdf", [x, m, s], (1 + S.erf((x - m) / s)) / 2),
        ("Student", [x, n], S.gamma((n + 1) / 2) / (S.sqrt(n * S.pi) * S.gamma(n / 2)) * (1 + x**2 / n) ** (-(n + 1) / 2)),
        ("gamma density", [x, k, s], x ** (k - 1) * S.exp(-x / s) / (S.gamma(k) * s**k)),
        ("Weibull", [x, k, s], k / s * (x / s) ** (k - 1) * S.exp(-((x / s) ** k))),
        ("logistic", [x, m, s], S.exp(-(x - m) / s) / (s * (1 + S.exp(-(x - m) / s)) ** 2)),
        ("Gumbel", [x, m, s], S.exp(-(x - m) / s - S.exp(-(x - m) / s)) / s), ("Cauchy", [x, m, s], 1 / (S.pi * s * (1 + ((x - m) / s) ** 2))),
        ("Laplace", [x, m, s], S.exp(-S.Abs(x - m) / s) / (2 * s)), ("Rayleigh", [x, s], x / s**2 * S.exp(-(x**2) / (2 * s**2))),
        ("mixture", [x, m, s], 0.3 * normal + 0.7 * normal.subs(x, x - 2)), ("Maxwell", [x, s], S.sqrt(2 / S.pi) * x**2 * S.exp(-(x**2) / 2 / s**2) / s**3),
        ("information", [m, s], S.hessian(S.log(normal).subs(x, S.Rational(7, 10)), [m, s])),
    ]  # fmt: skip
    from sympy.physics.hydrogen import R_nl
    from sympy.physics.qho_1d import psi_n

    quantum = [
        *((f"oscillator {i}", x, S.expand_func(psi_n(i, x, 1, 1).rewrite(S.exp))) for i in (0, 1, 3, 6)),
        *((f"hydrogen {i}{j}", x, R_nl(i, j, x, 1)) for i, j in ((1, 0), (2, 1), (4, 0), (5, 3))),
        *((f"Legendre {i}", x, S.legendre(i, S.cos(x))) for i in (2, 5, 9)), ("Hermite 8", x, S.hermite(8, x)),
        ("Morse", [x, m, s], s * (1 - S.exp(-m * (x - 1))) ** 2), ("Lennard-Jones", [x, s], 4 * s * (x**-12 - x**-6)),
        ("Planck", [x, k], 2 * x**3 / (S.exp(x / k) - 1)), ("Fermi", [x, m, k], 1 / (S.exp((x - m) / k) + 1)),
        ("tunnel", [x, y], 1 / (1 + S.sinh(x) ** 2 / (4 * y * (1 + y)))), ("Breit-Wigner", [x, m, s], s / (2 * S.pi) / ((x - m) ** 2 + s**2 / 4)),
        ("Rabi", [x, y, z], y**2 / (y**2 + z**2) * S.sin(S.sqrt(y**2 + z**2) * x / 2) ** 2),
    ]  # fmt: skip
    for kind, rows in (("documented", documented), ("statistical", statistical), ("quantum", quantum)):
        for name, args, expr in rows:
            yield kind, name, args, expr


def mechanics(links: int) -> tuple[list[Any], list[Any]]:
    """The arguments, and mass matrix and forcing vector, of a pendulum of so many links, by Kane's method."""
    import sympy as S
    from sympy.physics.mechanics import KanesMethod, Particle, Point, ReferenceFrame, dynamicsymbols

    q, u = dynamicsymbols(f"q:{links}"), dynamicsymbols(f"u:{links}")
    lengths, masses = S.symbols(f"l:{links}"), S.symbols(f"m:{links}")
    gravity, time_ = S.symbols("g t")
    inertial = ReferenceFrame("N")
    last = Point("O")
    last.set_vel(inertial, 0)
    particles, loads, kinematic = [], [], []
    for number in range(links):
        frame = inertial.orientnew(f"A{number}", "Axis", [q[number], inertial.z])
        frame.set_ang_vel(inertial, u[number] * inertial.z)
        point = last.locatenew(f"P{number}", lengths[number] * frame.x)
        point.v2pt_theory(last, inertial, frame)
        particles.append(Particle(f"M{number}", point, masses[number]))
        loads.append((point, masses[number] * gravity * inertial.x))
        kinematic.append(q[number].diff(time_) - u[number])
        last = point
    kane = KanesMethod(inertial, q_ind=q, u_ind=u, kd_eqs=kinematic)
    kane.kanes_equations(particles, loads)
    return [*q, *u, *lengths, *masses, gravity], [kane.mass_matrix, kane.forcing]


def per_call(functions: list[Callable[..., Any]], values: list[float], rounds: int = 15) -> list[float]:
    """The shortest time of a call of each, written as a person writes it, `f(a, b)`, taken in turns of a millisecond.

    The time of the loop around the calls, as `timeit` makes it, is taken off: it is a fifth of the shortest ones.
    """
    names = {f"v{number}": value for number, value in enumerate(values)}
    call = f"f({', '.join(names)})"
    timers = [timeit.Timer(call, globals={"f": function, **names}) for function in functions]
    timers.append(timeit.Timer("v0", globals=names))
    best = [float("inf")] * len(timers)
    counts = [1] * len(timers)
    for _ in range(rounds):
        for number, timer in enumerate(timers):
            best[number] = min(best[number], timer.timeit(counts[number]) / counts[number])
            counts[number] = max(1, int(1e-3 / max(best[number], 1e-9)))
    return [each - best[-1] for each in best[:-1]]


def difference(one: Any, two: Any) -> float:
    """The largest difference of two nested results, relative to the largest value."""
    import sympy as S

    flat = [np.ravel(np.asarray(part, float)) for tree in (one, two) for part in S.flatten([tree])]
    half = len(flat) // 2
    a, b = np.concatenate(flat[:half]), np.concatenate(flat[half:])
    return float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-300))


def compare(name: str, args: Any, expr: Any) -> tuple[float, float, float, float]:
    """(operations, readiness, calls, difference): ratios of SymPy's time to graphc's."""
    import sympy as S

    import graphc as g

    began = time.perf_counter()
    peer = S.lambdify(args, expr, cse=True)
    middle = time.perf_counter()
    own = g.lambdify(args, expr)
    end = time.perf_counter()
    count = len(args) if isinstance(args, (list, tuple)) else 1
    values = [float(v) for v in np.random.default_rng(0).uniform(0.5, 1.5, count)]
    flat = [e for part in S.flatten([expr]) for e in (part if isinstance(part, S.MatrixBase) else [part])]
    theirs, ours = per_call([peer, own], values)
    return (
        S.count_ops(flat),
        (middle - began) / (end - middle),
        theirs / ours,
        difference(own(*values), peer(*values)),
    )


def main(quick: bool = False) -> None:
    import sympy as S

    import graphc as g

    os.environ["GRAPHC_CACHE_SIZE"] = "0"
    x = S.Symbol("x")
    S.lambdify(x, S.sin(x) + 1, cse=True)(1.0), g.lambdify(x, S.sin(x) + 1)(1.0)
    rows = [(kind, name, *compare(name, args, expr)) for kind, name, args, expr in expressions()]
    for links in (3, 4, 6) if quick else (3, 4, 6, 8, 10, 12):
        rows.append(("mechanics", f"{links} links", *compare(f"{links} links", *mechanics(links))))
    print(
        f"{'kind':12} {'expression':18} {'operations':>10} {'ready ×':>8} {'calls ×':>8} {'difference':>10}"
    )
    for kind, name, operations, ready, calls, off in rows:
        print(f"{kind:12} {name:18} {operations:10} {ready:8.2f} {calls:8.1f} {off:10.1e}")
    many = [row for row in rows if row[2] >= 500]
    calls = np.array([row[4] for row in rows])
    print(
        f"{len(rows)} expressions; calls: geometric mean {np.exp(np.log(calls).mean()):.1f}×, "
        f"{(calls >= 3).sum()} of {len(rows)} at 3× or more, least {calls.min():.1f}×; from 500 operations on ready {min((row[3] for row in many), default=0):.2f}× to "
        f"{max((row[3] for row in many), default=0):.2f}×; largest difference {max(row[5] for row in rows):.1e}"
    )


if __name__ == "__main__":
    main("--quick" in sys.argv)
