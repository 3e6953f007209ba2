"""Random array programs: some outputs, inputs of several types and layouts, lengths with names, updates; built from a seed alone.

The oracle is NumPy: every member of a program carries the function of NumPy's that it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

import numpy as np

import graphc as g
from graphc.interpret.numpy_eval import bound
from graphc.ir.expr import walk
from tests.fuzz.array_members import Member, Pool, evaluated, is_dyadic
from tests.fuzz.array_steps import STEPS

LENGTHS = (0, 1, 2, 3, 3, 4, 5)
LARGEST = 100_000
"""Elements of one value at a later call."""

LAYOUTS = ("C", "C", "F", "strided", "reversed", "read-only")
DTYPES = ("float64",) * 5 + ("float32",) * 3 + ("int64", "int64", "int32", "uint8", "bool")


@dataclass
class Program:
    """A random program.

    inputs : name → member; outputs : of which every one counts as a formula; updates : name → its new value
    lengths : name → length, at first and at a later call
    """

    seed: int
    inputs: dict[str, Member]
    outputs: list[Member]
    updates: dict[str, Member] = field(default_factory=dict)
    lengths: tuple[dict[str, int], dict[str, int]] = ({}, {})

    def arguments(self, rng: np.random.Generator, later: bool) -> dict[str, np.ndarray]:
        """Values for the inputs."""
        lengths = self.lengths[later]
        return {
            name: random_values(rng, bound(member.expr.shape, lengths), member.expr.dtype)
            for name, member in self.inputs.items()
        }

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {m.expr.dtype}{m.expr.shape}" for name, m in self.inputs.items())
        outputs = "\n  ".join(str(m.expr) for m in self.outputs)
        updates = "".join(f"\n  {name} ← {m.expr}" for name, m in self.updates.items())
        return f"<program {self.seed} of {inputs}:\n  {outputs}{updates}>"


def random_values(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Dyadic floats, small whole numbers."""
    if dtype.kind == "f":
        return np.asarray(rng.integers(-12, 13, shape) / 4).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
    return np.asarray(rng.integers(0 if dtype.kind == "u" else -2, 3, shape)).astype(dtype)


def program(seed: int) -> Program:
    """The program of a seed."""
    rng = Random(seed)
    known = rng.sample(LENGTHS, rng.randint(1, 3))
    named = [length for length in set(known) if rng.random() < 0.5]
    lengths = {f"n{length}": length for length in named}
    later = {name: rng.choice(LENGTHS) for name in lengths}
    if later and rng.random() < 0.15:
        later[rng.choice(list(later))] = rng.randint(100, 700)
    names = {length: name for name, length in lengths.items()}
    pool = Pool(rng, lengths)
    values = np.random.default_rng(seed)
    inputs: dict[str, Member] = {}
    common = rng.choice(DTYPES[:8])
    for name in "xyzuv"[: rng.randint(2, 5)]:
        shape = tuple(rng.choice([*known, *known, 1]) for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 2, 3])))
        dtype = common if rng.random() < 0.6 else rng.choice(DTYPES)
        symbol = g.symbol(name, shape=tuple(names.get(n, n) for n in shape), dtype=dtype)
        value = random_values(values, shape, np.dtype(dtype))
        inputs[name] = Member(symbol, lambda: None, (), value, True)
        pool.members.append(inputs[name])
    made: list[Member] = []
    for _ in range(rng.randint(4, 16)):
        step = rng.choice(STEPS)(pool)
        if step is not None:
            made.append(step)
    if not made:
        return Program(seed, {}, [])
    some = [made[-1], *rng.choices(made, k=rng.randint(2, 7))]
    outputs = list(
        dict.fromkeys(some if seed % 2 else reversed(made))
    )  # few: what is fused into others; all: more values
    if rng.random() < 0.3:
        outputs.append(rng.choice(pool.members))
    updates: dict[str, Member] = {}
    if rng.random() < 0.3:
        for name, member in inputs.items():
            new = pool.pick(lambda m, s=member.expr: m.expr.shape == s.shape and m.expr.dtype == s.dtype, 0.3)
            if new is not None and new is not member and rng.random() < 0.7:
                updates[name] = new
    used = {s.name for s in g.free_symbols(*[m.expr for m in (*outputs, *updates.values())])} | set(updates)
    taken = {name: member for name, member in inputs.items() if name in used}
    nodes = walk([member.expr for member in (*outputs, *updates.values())])
    if any(math.prod(bound(node.shape, later)) > MOST_LATER for node in nodes):
        later = lengths  # a Kronecker product of long axes would fill the memory
    return Program(seed, taken, outputs, updates, (lengths, later))


MOST_LATER = 1 << 22
"""Elements of an array at the lengths of a later call."""


class Undecided(Exception):
    """What an oracle cannot say: rounding may decide, or lengths that graphc reads in another way."""


def oracle(made: Program, arguments: dict[str, np.ndarray], later: bool) -> dict[Member, np.ndarray] | None:
    """NumPy's values of outputs and updates; None where it refuses an index; raises `Undecided`."""
    values: dict[Member, np.ndarray] = {made.inputs[name]: array for name, array in arguments.items()}
    names = made.lengths[later]

    def value(member: Member) -> np.ndarray:
        if member in values:
            return values[member]
        operands = [value(operand) for operand in member.operands]
        result = evaluated(member.formula, operands)
        if result is None:
            try:
                with np.errstate(all="ignore"):
                    member.formula(*operands)
            except IndexError:
                raise
            except Exception as error:
                raise Undecided(str(error)) from None
        assert result is not None
        try:
            shape = bound(member.expr.shape, names)
        except (KeyError, ValueError):
            raise Undecided("shape") from None
        if result.size > LARGEST:
            raise Undecided("size")
        if result.dtype.kind not in "biuf":
            raise Undecided("numbers that no type of arrays holds")
        if shape != result.shape or not np.all(np.isfinite(result)):
            raise Undecided("shape or range")
        if member.exact and member.kind in "fi" and is_dyadic(member.value) and not is_dyadic(result):
            raise Undecided("rounding")
        values[member] = result
        return result

    try:
        return {member: value(member) for member in (*made.outputs, *made.updates.values())}
    except IndexError:
        return None


def agree(member: Member, expected: np.ndarray, result: np.ndarray) -> bool:
    """Whether a result is what NumPy gives, but for what other orders of rounding do."""
    if result.shape != expected.shape or result.dtype != member.expr.dtype:
        return False
    if member.exact or result.dtype.kind != "f":
        return np.array_equal(result, expected)
    scale = float(np.abs(expected).max(initial=1.0))
    tolerance = 400 * (member.depth + 1) * float(np.finfo(result.dtype).eps) * scale
    return bool(np.all(np.abs(result - expected) <= tolerance))
