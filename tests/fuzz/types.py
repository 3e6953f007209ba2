"""Random programs over booleans, small and large integers and floats: `python -m tests.fuzz types --count 50000 --seed 0`.

A program is a random tree, or one of the rules' own patterns with random trees of all types as operands, at the ends of the
types. Many are compiled together; of each four such sets one becomes machine code, the others run rewritten in the interpreter,
which costs a tenth and meets the same rules. A value may be what NumPy computes of the formula as written, or nearer to what
it is in extended precision; the dtype is NumPy's; what compiles without rewriting compiles with it. First derivatives are held
against differences in extended precision.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphc as g
from graphc.ir.expr import Expr, apply, walk
from graphc.rewrite.rules import compensated
from tests.fuzz.typed_oracle import LONG, evaluate
from tests.fuzz.typed_programs import POINTS, SYMBOLS, program, values

TOGETHER = 60
"""Programs that are compiled together."""
MACHINE_EVERY = 4
"""One of so many sets of programs becomes machine code."""

REPEATS = 12
"""How often a formula that seems wrong is evaluated with errors of its own."""


@dataclass
class Report:
    """What came of the programs: numbers of the wrong and the refused, to be replayed one by one."""

    tried: int = 0
    points: int = 0
    fired: int = 0
    derivatives: int = 0
    compiled: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    reals: list[str] = field(default_factory=list)
    """Wrong, but as wrong where floats of the same values stand in for all that is promoted, or where something is undefined on
    the way: a matter of a rule's numbers, not of types."""


# --- judgement ---------------------------------------------------------------------------------------------------------------


def _tolerance(output: Expr) -> float:
    single = any(node.dtype == np.float32 for node in walk([output]))
    return 2e-5 if single else 1e-12


def agree(output: Expr, found: Any, written: Any, exact: Any) -> np.ndarray:
    """At which points a compiled value is right: to the bit for integers and booleans that come of such alone; else as near to
    the exact value as the formula as written, or within the rounding of its type."""
    found, written = np.asarray(found), np.asarray(written)
    same = (found == written) | ((found != found) & (written != written))
    if output.dtype.kind != "f":
        return same
    exact = np.asarray(exact)
    with np.errstate(all="ignore"):
        least = _tolerance(output) * (
            1 + np.abs(np.where(np.isfinite(exact), exact, np.where(np.isfinite(written), written, 0)))
        )
        largest = float(np.finfo(output.dtype).max)
        exact = np.where(np.abs(exact) > largest, np.sign(exact) * LONG(np.inf), exact)
        error = np.abs(found.astype(LONG) - exact)
        own = np.abs(written.astype(LONG) - exact)
        near = (error <= 8 * own) | (error <= least) | (found == exact) | (np.abs(found - written) <= least)
        near |= (found != found) & (exact != exact)
        # what overflows on the way in its own type is right as written and as it is exactly
        return same | near


def chaotic(output: Expr, at: dict[str, Any]) -> np.ndarray:
    """Points at which rounding on the way decides a branch, a whole number, a sign or all digits: nothing to compare with."""
    nodes = [
        node
        for node in walk([output])
        if node.operands
        and (
            node.dtype.kind != "f"
            or node.op.name in ("floor", "ceil", "trunc", "round", "floor_divide", "mod", "sign")
        )
        and any(x.dtype.kind == "f" for x in node.operands)
    ]
    odd = np.zeros(POINTS, dtype=bool)
    if output.dtype.kind == "f":  # what cancels by more than extended precision holds has no exact value here
        with np.errstate(all="ignore"):
            every = [
                np.abs(np.broadcast_to(v, POINTS).astype(LONG))
                for v in evaluate(walk([output]), at, wide=True)
            ]
            largest = np.max([np.where(np.isfinite(v), v, 0) for v in every], axis=0)
            odd |= largest * LONG(2.0**-60) > 1e-3 * every[-1]
    if nodes:
        for one, other in zip(evaluate(nodes, at), evaluate(nodes, at, wide=True), strict=True):
            odd |= np.broadcast_to(np.abs(one.astype(LONG) - other.astype(LONG)) > 0.5, POINTS)
        # near a jump the compiled value may fall on the other side of it
        with np.errstate(all="ignore"):
            for node in nodes:
                operands = [
                    np.broadcast_to(v, POINTS).astype(LONG)
                    for v in evaluate(list(node.operands), at, wide=True)
                ]
                gap = (
                    np.abs(operands[0] - operands[1])
                    if len(operands) == 2
                    else np.abs(operands[0] - np.rint(operands[0]))
                )
                if node.op.name in ("floor_divide", "mod"):
                    quotient = operands[0] / operands[1]
                    gap = np.abs(quotient - np.rint(quotient))
                size = 1 + np.max(np.abs(operands), axis=0)
                odd |= (gap <= 1e-4 * size) & (node.op.name != "where")
    return odd


def noise(output: Expr, at: dict[str, Any], found: Any, exact: Any) -> np.ndarray:
    """Points at which roundings of one unit on the way move the formula as written as far as what was found is off, or leave
    no digit of it: exp of a large logarithm in single precision, a quotient by what cancels to nothing."""
    rng = np.random.default_rng(0)
    shaken = np.array([
        np.broadcast_to(evaluate([output], at, shaken=rng)[0], POINTS).astype(LONG) for _ in range(REPEATS)
    ])  # fmt: skip
    with np.errstate(all="ignore"):
        spread = np.max(shaken, axis=0) - np.min(shaken, axis=0)
        nothing = (spread > 1e-3 * np.abs(shaken[0])) | np.any(
            np.isfinite(shaken) != np.isfinite(shaken[0]), axis=0
        )
        error = np.abs(np.broadcast_to(found, POINTS).astype(LONG) - exact)
        return nothing | (error <= 4 * np.max(np.abs(shaken - exact), axis=0))


def _as_reals(output: Expr) -> Expr:
    """The formula with float symbols for all that is promoted to floats."""
    made: dict[Expr, Expr] = {}
    of_floats: set[Expr] = set()
    for node in walk([output]):
        if node.dtype.kind == "f" or any(x in of_floats for x in node.operands):
            of_floats.add(node)
        if not node.operands:
            made[node] = node
            continue
        types = node.op.types(tuple(x.dtype for x in node.operands))[0]
        operands = [
            made[x]
            if t.kind != "f" or x.dtype == t or x.is_constant
            else g.astype(made[x], t)
            if x in of_floats and x.dtype.kind != "b"
            else g.where(made[x], np.ones((), t)[()], np.zeros((), t)[()])
            if x.dtype.kind == "b" and x.operands
            else _stand_in(x, t)
            for x, t in zip(node.operands, types, strict=True)
        ]
        made[node] = (
            apply(node.op, *operands, attrs=() if node.op.name == "astype" else node.attrs)
            if node.op.name != "astype"
            else g.astype(operands[0], node.attrs[0])
        )
    return made[output]


def _stand_in(x: Expr, dtype: np.dtype) -> Expr:
    """A float symbol for an integer or boolean that is promoted, of which as much is known."""
    name = f"{id(x)}_{dtype}"
    ends = (0, 1) if x.dtype.kind == "b" else (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
    return g.symbol(name, dtype=dtype, range=ends)


def also_of_reals(output: Expr, at: dict[str, Any], point: int) -> bool:
    """Whether rewriting the same formula of floats alone is as wrong there, or something is undefined on the way, for which rules
    may put a limit."""
    with np.errstate(all="ignore"):
        for node, value in zip(nodes := walk([output]), evaluate(nodes, at), strict=True):
            if node.operands and value.dtype.kind == "f" and np.isnan(np.broadcast_to(value, POINTS)[point]):
                return True
    real = _as_reals(output)
    inner = {
        f"{id(x)}_{t}": (x, t) for x in walk([output]) for t in (np.dtype("float32"), np.dtype("float64"))
    }
    here = {name: np.asarray(value)[point : point + 1] for name, value in at.items()}
    for s in g.free_symbols(real):
        if s.name in inner:
            x, t = inner[s.name]
            here[s.name] = np.broadcast_to(evaluate([x], here)[0].astype(t), 1)
    symbols = list(g.free_symbols(real))
    # the last touch, which is for leaves alone, is left out: most of what is promoted is no leaf
    rewritten = g.stabilize(real, without=[rule.name for rule in compensated.RULES])
    found = g.evaluate(rewritten, {s.name: here[s.name] for s in symbols})
    return not bool(agree(real, found, evaluate([real], here)[0], evaluate([real], here, wide=True)[0]).all())


# --- a run -------------------------------------------------------------------------------------------------------------------


def _refused(outputs: list[Expr], numbers: list[int], report: Report) -> list[tuple[int, Expr]]:
    """Those that compile, one by one; the others are refused, unless they are refused as written too."""
    fine = []
    for number, output in zip(numbers, outputs, strict=True):
        try:
            g.rewrites(output)
            g.compile(output, cache=False)
            fine.append((number, output))
        except Exception as error:
            try:
                g.compile(output, rewrite=None, cache=False)
            except Exception:
                continue
            report.refused.append(f"{number}: {output!s:.200}: {type(error).__name__}: {error!s:.160}")
    return fine


def _compiled(outputs: list[Expr], machine: bool) -> tuple[Any, int]:
    """(point → values, how many rules fired): as machine code, or rewritten in the interpreter."""
    trace = g.rewrites(outputs)
    symbols = list(g.free_symbols(*outputs))
    if machine:
        function = g.compile(outputs, symbols, cache=False)
        return lambda at: function(*[at[s.name] for s in symbols]), len(trace)
    return lambda at: g.evaluate(list(trace.outputs), at), len(trace)


def _batch(seed: int, numbers: list[int], report: Report, machine: bool) -> None:
    outputs = [program(seed, number) for number in numbers]
    report.tried += len(numbers)
    try:
        call, fired = _compiled(outputs, machine)
    except Exception:
        fine = _refused(outputs, numbers, report)
        numbers, outputs = [number for number, _ in fine], [output for _, output in fine]
        call, fired = _compiled(outputs, machine)
    symbols = list(g.free_symbols(*outputs))
    report.fired += fired
    report.compiled += len(outputs) * machine
    # of the set and the symbol alone, so that a program replayed by itself meets the points that it failed at
    group = numbers[0] // TOGETHER
    at = {s.name: values(s, np.random.default_rng([seed, group, *s.name.encode()])) for s in symbols}
    found = call(at)
    first = call({name: value[0].item() for name, value in at.items()})
    written, exact = evaluate(outputs, at), evaluate(outputs, at, wide=True)
    for k, (number, output) in enumerate(zip(numbers, outputs, strict=True)):
        value = np.asarray(found[k])
        report.points += value.size + 1
        # an interpreted scalar is Python's own number: its type is the formula's
        own = value.dtype if isinstance(found[k], np.ndarray) else output.dtype
        if own != written[k].dtype or output.dtype != own:
            report.wrong.append(f"{number}: {output!s:.200}: is {own}, NumPy's is {written[k].dtype}")
            continue
        good = np.broadcast_to(agree(output, value, written[k], exact[k]), POINTS).copy()
        alone = agree(output, np.asarray(first[k]), np.ravel(written[k])[:1], np.ravel(exact[k])[:1])
        good[0] &= bool(np.all(alone))
        if good.all():
            continue
        good |= chaotic(output, at)
        if not good.all():
            good |= noise(output, at, value, exact[k])
        for point in np.flatnonzero(~good)[:1]:
            here = {s.name: at[s.name][point] for s in g.free_symbols(output)}
            is_, was = (np.broadcast_to(v, POINTS)[point] for v in (value, written[k]))
            text = f"{number}: {output!s:.240} at {here}: {is_}, not {was}"
            (report.reals if also_of_reals(output, at, point) else report.wrong).append(text)
    _derivatives(list(zip(numbers, outputs, strict=True)), at, report, machine)


def _derivatives(programs: list[tuple[int, Expr]], at: dict[str, Any], report: Report, machine: bool) -> None:
    """First derivatives by the float64 symbols, against differences in extended precision."""
    x = SYMBOLS["float64"][0]
    chosen = [(n, y) for n, y in programs if y.dtype.kind == "f" and x in g.free_symbols(y)][::3]
    slopes: list[tuple[int, Expr, Expr]] = []
    for number, output in chosen:
        try:
            slopes.append((number, output, g.grad(output, x)))
        except g.GraphcError as error:
            if "no derivative" not in str(error) and "not differentiable" not in str(error):
                report.refused.append(f"{number}: grad {output!s:.200}: {error!s:.160}")
    if not slopes:
        return
    try:
        found = _compiled([slope for *_, slope in slopes], machine)[0](at)
    except Exception as error:
        fine = _refused([slope for *_, slope in slopes], [number for number, *_ in slopes], report)
        if len(fine) == len(slopes):
            report.refused.append(f"{slopes[0][0]}: derivatives together: {error!s:.160}")
        return
    report.derivatives += len(slopes)
    outputs = [output for _, output, _ in slopes]
    moved = []
    with np.errstate(all="ignore"):
        centre = at[x.name].astype(LONG)
        for step in (-2e-5, -1e-5, 1e-5, 2e-5):
            moved.append(evaluate(outputs, {**at, x.name: centre + LONG(step)}, wide=True))
        middle = evaluate(outputs, at, wide=True)
        for k, (number, output, _) in enumerate(slopes):
            a, b, c, d = (np.broadcast_to(values[k], POINTS) for values in moved)
            rising, falling = (c - middle[k]) / LONG(1e-5), (middle[k] - b) / LONG(1e-5)
            central = (8 * (c - b) - (d - a)) / LONG(1.2e-4)
            smooth = np.isfinite(central) & (np.abs(rising - falling) <= 1e-3 * (np.abs(central) + 1e-3))
            smooth &= (
                (np.abs(central) < 1e6)
                & (np.abs(central) > 1e-6)
                & (np.abs(middle[k]) < 1e6)
                & ~chaotic(output, at)
            )
            value = np.broadcast_to(np.asarray(found[k]), POINTS)
            written = np.broadcast_to(evaluate([output], at)[0], POINTS)
            smooth &= np.abs(written - middle[k]) <= 1e-3 * (1 + np.abs(middle[k]))
            wrong = smooth & ~(np.abs(value - central) <= 2e-2 * (np.abs(central) + 1e-2))
            for point in np.flatnonzero(wrong)[:1]:
                slope = slopes[k][2]
                interpreted = np.broadcast_to(
                    np.asarray(g.evaluate(slope, {n: v[point : point + 1] for n, v in at.items()})), 1
                )[0]
                here = {s.name: at[s.name][point] for s in g.free_symbols(output)}
                text = (
                    f"{number}: grad {output!s:.240} at {here}: {value[point]}, not {float(central[point])}"
                )
                # the derivative as written overflows or cancels as well
                (
                    report.reals
                    if not abs(interpreted - central[point]) <= 2e-2 * (abs(central[point]) + 1e-2)
                    else report.wrong
                ).append(text)


def run(
    count: int, seed: int = 0, seconds: float | None = None, start: int = 0, verbose: bool = False
) -> Report:
    """So many programs, or as many as there is time for."""
    report, begun, shown = Report(), time.monotonic(), {"wrong": 0, "refused": 0}
    for first in range(start, start + count, TOGETHER):
        if seconds is not None and time.monotonic() - begun > seconds:
            break
        machine = first // TOGETHER % MACHINE_EVERY == 0 or count == 1
        _batch(seed, list(range(first, min(first + TOGETHER, start + count))), report, machine)
        if verbose:
            for title, listed in (("wrong", report.wrong), ("refused", report.refused)):
                print(
                    *[f"{title} {text}" for text in listed[shown[title] :]],
                    sep="\n",
                    end="\n" if listed[shown[title] :] else "",
                    flush=True,
                )
                shown[title] = len(listed)
            if first // TOGETHER % 25 == 24:
                print(_summary(report), flush=True)
    return report


def _summary(report: Report) -> str:
    return (
        f"tried {report.tried}, wrong {len(report.wrong)}, refused {len(report.refused)}; "
        f"{report.compiled} as machine code, {report.points} points, "
        f"{report.fired} rewrites, {report.derivatives} derivatives; {len(report.reals)} differ for floats alone too"
    )


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.fuzz types", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float)
    parser.add_argument(
        "--start", type=int, default=0, help="the number of the first program, a multiple of 60"
    )
    parser.add_argument("--replay", type=int, help="this program of the run alone")
    options = parser.parse_args(args)
    if options.replay is not None:
        output = program(options.seed, options.replay)
        print(output, g.rewrites(output), sep="\n")
        report = run(1, options.seed, start=options.replay)
    else:
        report = run(options.count, options.seed, options.seconds, options.start, verbose=True)
        print(*report.wrong, *report.refused, *report.reals, sep="\n")
    print(_summary(report))
    return int(bool(report.wrong or report.refused))
