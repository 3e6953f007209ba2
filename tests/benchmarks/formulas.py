"""The workloads' formulas in a form that every competitor can read: straight-line programs over plain names."""

from __future__ import annotations

import random

POINT = (2.0, -3.0, 6.0)
"""x, w, b of the log-sigmoid."""


def random_program(
    operations: int, inputs: int = 5, seed: int = 0
) -> tuple[list[str], list[tuple[str, ...]]]:
    """A random straight-line program of bounded values: names of the inputs, and rows (target, operation, operands …).

    The last row is the output, and every row is needed for it.
    """
    rng = random.Random(seed)
    names = [f"x{number}" for number in range(inputs)]
    rows: list[tuple[str, ...]] = []
    unused: list[str] = list(names)
    known = list(names)

    def push(operation: str, *operands: str) -> str:
        target = f"t{len(rows)}"
        rows.append((target, operation, *operands))
        for operand in operands:
            if operand in unused:
                unused.remove(operand)
        known.append(target)
        unused.append(target)
        return target

    def pick() -> str:
        return rng.choice(unused) if rng.random() < 0.7 else rng.choice(known[-100:])

    while len(rows) + len(unused) < operations:
        kind = rng.random()
        if kind < 0.4:
            push(rng.choice(["sin", "cos", "tanh", "atan"]), pick())
        elif kind < 0.5:
            push("exp", push("neg", push("abs", pick())))
        elif kind < 0.6:
            push("sqrt", push("add1", push("square", pick())))
        else:
            push(rng.choice(["add", "sub", "mul"]), pick(), pick())
    while len(unused) > 1:
        push("add", unused[0], unused[1])
    return names, rows


def source(names: list[str], rows: list[tuple[str, ...]], module: str = "") -> str:
    """The program as a Python function `f`, with functions of `module.` (math, np, …)."""
    forms = {
        "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "neg": "-{0}", "abs": "abs({0})",
        "square": "{0} * {0}", "add1": "1.0 + {0}", "sin": module + "sin({0})", "cos": module + "cos({0})",
        "tanh": module + "tanh({0})", "atan": module + "atan({0})", "exp": module + "exp({0})", "sqrt": module + "sqrt({0})",
    }  # fmt: skip
    lines = [f"def f({', '.join(names)}):"]
    lines += [f"    {target} = {forms[operation].format(*operands)}" for target, operation, *operands in rows]
    return "\n".join([*lines, f"    return {rows[-1][0]}", ""])
