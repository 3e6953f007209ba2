"""Every rule over whole arrays at extreme elements: no element and no derivative is worse than as written.

    python -m tests.fuzz array_rules --count 2000 --seed 0 [--seconds S] [--rule NAME] [--compiled] [--show N]

A program is an example of a rule with other formulas for its operands, inside of another formula, with the derivatives of the
sum of its elements. The truth of every element is mpmath's (`mp_truth`). Elements fail as numbers do in `rules`; `luck` counts
those where the formula as written is no better once each of its operations errs by one unit in the last place of what it adds up.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import graphc as g
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, substitute
from graphc.ir.graph import Dag
from graphc.ir.ulp import bits_of_error, ordinals, rounded
from graphc.rewrite import tables
from tests.fuzz.mp_truth import truths
from tests.fuzz.rule_judge import judge_number
from tests.fuzz.rule_noise import EXACT
from tests.fuzz.rule_programs import KINDS, _usual

OF_CHAINS = {
    "matrix-chain": (("x @ y @ z", {"x": ("n", "m"), "y": ("m", "k"), "z": ("k", 1)}),
                     ("x @ (y @ z)", {"x": (1, "m"), "y": ("m", "k"), "z": ("k", 3)})),
    "einsum-in-pairs": (('einsum("ij,jk,kl->il", x, y, z)', {"x": ("n", "m"), "y": ("m", "k"), "z": ("k", 1)}),),
}  # fmt: skip
"""Formulas for the rules that give no examples of their own."""

OPERANDS: tuple[Callable[[Expr], Expr], ...] = (
    lambda x: x,
    lambda x: x,
    lambda x: x,
    lambda x: -x,
    lambda x: x / 3,
    lambda x: 2 * x,
    lambda x: x * x,
    lambda x: x - 1,
    lambda x: 1 / x,
    lambda x: abs(x),
    lambda x: g.exp(x),
    lambda x: g.log(abs(x)),
)

CONTEXTS: tuple[Callable[[Expr], Expr], ...] = (
    lambda f: f,
    lambda f: f,
    lambda f: f,
    lambda f: -f,
    lambda f: f * 3,
    lambda f: 1 / f,
    lambda f: g.exp(f),
    lambda f: g.log(f),
    lambda f: f * f,
    lambda f: g.sqrt(f),
)

REPEATS = 8


@dataclass(frozen=True)
class Failure:
    rule: str
    written: Expr
    at: dict[str, Any]
    place: tuple[int, ...]
    before: float
    after: float
    correct: float
    lucky: bool

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value.tolist()}" for name, value in self.at.items())
        return (
            f"[{self.rule}] {self.written.dtype} {str(self.written)[:300]}\n    at {at}: element {self.place} is {self.before!r} "
            f"as written, {self.after!r} rewritten, truth {self.correct!r}{' (luck)' if self.lucky else ''}"
        )


def _examples(rule: Any) -> Sequence[tuple[str, dict[str, Any]]]:
    return getattr(rule, "examples", None) or OF_CHAINS[rule.name]


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz array_rules", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--count", type=int, default=1000, help="programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so many")
    parser.add_argument("--rule", action="append", help="of this rule alone; may be given several times")
    parser.add_argument("--compiled", action="store_true", help="as machine code")
    parser.add_argument("--show", type=int, default=3, help="failures shown for each rule")
    options = parser.parse_args(args)
    tried, unknown, failures = sweep(
        options.count, options.seed, options.seconds, options.rule, compiled=options.compiled
    )
    real = [failure for failure in failures if not failure.lucky]
    print(f"{'programs around':30} {'tried':>7}{'failed':>10}{'luck':>10}   (outputs)")
    for name, count in tried.items():
        own = [failure for failure in failures if failure.rule == name]
        lucky = sum(failure.lucky for failure in own)
        print(f"{name:30} {count:7}{len(own) - lucky:10}{lucky:10}")
    print(
        f"{'all':30} {sum(tried.values()):7}{len(real):10}{len(failures) - len(real):10}; {unknown} outputs without truth"
    )
    for name in tried:
        for failure in sorted((f for f in failures if f.rule == name), key=lambda f: f.lucky)[: options.show]:
            print(failure)
    return 1 if real else 0


def sweep(
    count: int,
    seed: int = 0,
    seconds: float = math.inf,
    names: Sequence[str] | None = None,
    *,
    compiled: bool = False,
) -> tuple[Counter[str], int, list[Failure]]:
    """Programs tried for each rule, outputs whose truth is not known, and what failed: one element of an output at most."""
    chosen = [rule for rule in tables.ON_ARRAYS if names is None or rule.name in names]
    rng = random.Random(seed)
    started = time.monotonic()
    tried: Counter[str] = Counter()
    failures: list[Failure] = []
    unknown = 0
    for number in range(count):
        rule = chosen[number % len(chosen)]
        outputs, at = _program(rule, rng)
        tried[rule.name] += 1
        more, open_ = _check(rule.name, outputs, at, compiled)
        failures += more
        unknown += open_
        if time.monotonic() - started > seconds:
            break
    return tried, unknown, failures


def _program(rule: Any, rng: random.Random) -> tuple[list[Expr], dict[str, Any]]:
    text, shapes = rng.choice(list(_examples(rule)))
    dtype = np.dtype(np.float32 if rng.random() < 0.35 else np.float64)
    lengths = {dim: rng.randint(1, 4) for shape in shapes.values() for dim in shape if isinstance(dim, str)}
    symbols = [
        g.symbol(
            name,
            shape=tuple([lengths.get(dim, dim) for dim in shape]),
            dtype="bool" if name == "p" else dtype,
        )
        for name, shape in shapes.items()
    ]
    f = g.parse(text, symbols)
    f = substitute(f, {s: rng.choice(OPERANDS)(s) for s in symbols if s.dtype.kind == "f"})
    f = rng.choice(CONTEXTS)(f)
    floats = [s for s in symbols if s.dtype.kind == "f"]
    outputs = [f, *g.grad(g.sum(f) if f.shape else f, floats)] if floats else [f]
    kind = rng.choice(KINDS)
    at = {s.name: _elements(s, rng, kind, dtype) for s in symbols}
    return outputs, at


def _elements(s: Expr, rng: random.Random, kind: Any, dtype: Any) -> Any:
    shape = tuple(int(n) for n in s.shape)  # type: ignore[arg-type]  # the lengths are numbers here
    size = int(np.prod(shape, dtype=int))
    if s.dtype.kind == "b":
        return np.array([rng.random() < 0.5 for _ in range(size)]).reshape(shape)
    values: list[float] = []
    for _ in range(size):
        value = rng.choice((kind, kind, kind, _usual))(rng, dtype)
        if values and rng.random() < 0.25:
            value = values[-1] * (1 + rng.choice((0, 1, -1)) * 2.0 ** -rng.uniform(1, 53))
        values.append(value if math.isfinite(value) else _usual(rng, dtype))
    with np.errstate(all="ignore"):
        found = np.array(values).astype(dtype)
    return np.where(np.isfinite(found), found, 1).astype(dtype).reshape(shape)


def _check(name: str, outputs: list[Expr], at: dict[str, Any], compiled: bool) -> tuple[list[Failure], int]:
    with np.errstate(all="ignore"):
        before, after = (_values(outputs, at, level, compiled) for level in (None, "stable"))
    failures: list[Failure] = []
    unknown = 0
    for written, old, new in zip(outputs, before, after, strict=True):
        dtype = written.dtype
        if dtype.kind != "f":
            continue
        with np.errstate(all="ignore"):
            places = ordinals(old, dtype).astype(float) - ordinals(new, dtype).astype(float)
            apart = (np.abs(places) >= 4) | (np.isnan(old) != np.isnan(new))
        apart = np.asarray(apart & ~(np.isnan(old) & np.isnan(new)))
        if not apart.any():
            continue
        exact = truths([written], at)
        if exact is None:
            unknown += 1
            continue
        failure = _worst(name, written, at, old, new, np.broadcast_to(exact[0], old.shape), apart)
        failures += [failure] if failure else []
    return failures, unknown


def _values(outputs: list[Expr], at: dict[str, Any], level: str | None, compiled: bool) -> list[Any]:
    if compiled:
        symbols = {s.name: s for output in outputs for s in g.free_symbols(output)}
        found = g.compile(outputs, list(symbols.values()), rewrite=level, cache=False)(
            *[at[n] for n in symbols]
        )
        return [np.asarray(v) for v in found]
    dag = Dag(list(tables.run(outputs, level).outputs) if level else outputs)
    values = run_arrays(dag, [at[s.name] for s in dag.symbols])
    return [np.asarray(values[output]) for output in dag.outputs]


def _worst(
    name: str, written: Expr, at: dict[str, Any], old: Any, new: Any, exact: Any, apart: Any
) -> Failure | None:
    """An element that has become worse, one that is not so by luck first."""
    found: list[Failure] = []
    for place in np.ndindex(old.shape):
        real = exact[place] if apart[place] else None
        if real is None or not mpmath.isfinite(real):
            continue
        correct = rounded(real, written.dtype)
        if judge_number(float(old[place]), float(new[place]), correct, written.dtype):
            moved = [value[place] for value in _moved(written, at)]
            furthest = max(moved, key=lambda value: bits_of_error(value, correct, written.dtype)[0])
            lucky = not judge_number(float(furthest), float(new[place]), correct, written.dtype)
            found.append(
                Failure(name, written, at, place, float(old[place]), float(new[place]), correct, lucky)
            )
    return min(found, key=lambda failure: failure.lucky, default=None)


ADDING = frozenset(("sum", "mean", "matmul", "einsum"))


def _moved(written: Expr, at: dict[str, Any]) -> list[Any]:
    """The formula as written, some times, its inexact operations off by units in the last place of what they add up."""
    rng = np.random.default_rng(0)
    dag = Dag([written])
    results: list[Any] = []
    with np.errstate(all="ignore"):
        for _ in range(REPEATS):
            values: list[Any] = []
            for node, operands in zip(dag.exprs, dag.operands, strict=True):
                if node.is_symbol or node.is_constant:
                    values.append(np.asarray(at[node.name] if node.is_symbol else node.value))
                    continue
                own = Dag([_alone(node)])
                taken = [values[i] for i in operands]
                value = np.asarray(_run(own, taken))
                if node.dtype.kind == "f" and node.op.name not in EXACT and not _moves(node):
                    size = np.abs(value)
                    if node.op.name in ADDING:
                        size = np.asarray(_run(own, [np.abs(x) if x.dtype.kind == "f" else x for x in taken]))
                    step = rng.integers(-1, 2, value.shape) * np.finfo(node.dtype).eps * size
                    value = np.where(np.isfinite(value) & np.isfinite(step), value + step, value).astype(
                        node.dtype
                    )
                values.append(value)
            results.append(np.asarray(values[dag.outputs[0]]))
    return results


def _run(dag: Dag, operands: list[Any]) -> Any:
    by_name = {f"o{k}": operand for k, operand in enumerate(operands)}
    found = run_arrays(dag, [by_name[s.name] for s in dag.symbols])
    return found[dag.outputs[0]]


def _alone(node: Expr) -> Expr:
    """The operation on symbols."""
    from graphc.ir.expr import rebuild

    operands = tuple([g.symbol(f"o{k}", shape=x.shape, dtype=x.dtype) for k, x in enumerate(node.operands)])
    return rebuild(node, operands)


def _moves(node: Expr) -> bool:
    return node.op.on_arrays and node.op.name in (
        "permute_dims", "reshape", "squeeze", "expand_dims", "broadcast_to", "broadcast_like", "index", "max", "min", "flip",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
