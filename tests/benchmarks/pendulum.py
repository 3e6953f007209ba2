"""The equations of motion of a planar pendulum of six links, by Kane's method in SymPy, as a straight-line program.

    python -m tests.benchmarks.pendulum      writes pendulum.json beside this file

The outputs are the entries of the mass matrix and of the forcing vector; common subexpressions are eliminated once, for all
frameworks alike.
"""

from __future__ import annotations

import json
from typing import Any

from tests.benchmarks.workloads import PENDULUM

LINKS = 6


def equations() -> tuple[list[Any], list[Any]]:
    """(symbols, outputs): angles, speeds, then lengths and masses and gravity."""
    import sympy
    from sympy.physics.mechanics import KanesMethod, Particle, Point, ReferenceFrame, dynamicsymbols

    q, u = dynamicsymbols(f"q:{LINKS}"), dynamicsymbols(f"u:{LINKS}")
    lengths, masses = sympy.symbols(f"l:{LINKS}"), sympy.symbols(f"m:{LINKS}")
    gravity, time = sympy.symbols("g t")
    inertial = ReferenceFrame("N")
    last = Point("O")
    last.set_vel(inertial, 0)
    particles, loads, kinematic = [], [], []
    for k in range(LINKS):
        frame = inertial.orientnew(f"A{k}", "Axis", [q[k], inertial.z])
        frame.set_ang_vel(inertial, u[k] * inertial.z)
        point = last.locatenew(f"P{k}", lengths[k] * frame.x)
        point.v2pt_theory(last, inertial, frame)
        particles.append(Particle(f"M{k}", point, masses[k]))
        loads.append((point, masses[k] * gravity * inertial.x))
        kinematic.append(q[k].diff(time) - u[k])
        last = point
    kane = KanesMethod(inertial, q_ind=q, u_ind=u, kd_eqs=kinematic)
    kane.kanes_equations(particles, loads)
    plain = {f: sympy.Symbol(f.func.__name__) for f in (*q, *u)}
    outputs = [*kane.mass_matrix, *kane.forcing]
    return [*plain.values(), *lengths, *masses, gravity], [output.subs(plain) for output in outputs]


def program() -> dict[str, Any]:
    """Names, rows (target, operation, operands …) and outputs."""
    import sympy

    symbols, outputs = equations()
    replacements, reduced = sympy.cse(outputs, symbols=(sympy.Symbol(f"c{k}") for k in range(10**6)))
    rows: list[list[str]] = []

    def push(operation: str, *operands: str) -> str:
        rows.append([f"t{len(rows)}", operation, *operands])
        return rows[-1][0]

    known: dict[Any, str] = {symbol: symbol.name for symbol in symbols}

    def chain(operation: str, parts: list[str]) -> str:
        total = parts[0]
        for part in parts[1:]:
            total = push(operation, total, part)
        return total

    def write(form: Any) -> str:
        if form in known:
            return known[form]
        if form.is_Number:
            return repr(float(form))
        if form.is_Add:
            return chain("add", [write(part) for part in form.args])
        if form.is_Mul and form.args[0] == -1:
            return push("neg", write(form.func(*form.args[1:])))
        if form.is_Mul:
            return chain("mul", [write(part) for part in form.args])
        if form.is_Pow and form.exp == 2:
            return push("square", write(form.base))
        if form.func in (sympy.sin, sympy.cos):
            return push(form.func.__name__, write(form.args[0]))
        raise ValueError(f"no row for {form}")

    for name, form in replacements:
        known[name] = write(form)
    return {"names": [s.name for s in symbols], "rows": rows, "outputs": [write(form) for form in reduced]}


if __name__ == "__main__":
    data = program()
    PENDULUM.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{len(data['rows'])} operations, {len(data['outputs'])} outputs → {PENDULUM.name}")
