"""Writes docs/rules.md from the tables of rewriting rules.

Run: python docs/make_rules.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from graphc.rewrite import derivatives, tables
from graphc.rewrite.arrays import axes, cosine_distances, matmul_chain, views
from graphc.rewrite.expansions import common_variable, grouped_terms, logistic_entropy
from graphc.rewrite.expansions import near_zero as expansions
from graphc.rewrite.rational import rational_functions, several_variables
from graphc.rewrite.rules import (
    algebra,
    angles,
    branches,
    cancellation,
    cheaper,
    close_inputs,
    compensated,
    complements,
    compound_powers,
    divergences,
    divided_differences,
    error_functions,
    gamma_differences,
    gamma_logarithms,
    growth,
    growth_differences,
    like_terms,
    log_beta,
    log_quotients,
    log_shares,
    logarithmic_derivatives,
    logarithms,
    logistic_sums,
    near_one,
    norm_rest,
    overflow,
    pair_quotients,
    planes,
    power_logarithms,
    powers_below,
    products,
    quotient_sums,
    ratios,
    removable,
    smoothing,
    stability,
    sums,
    symmetric,
    vanishing,
)

PAGE = Path(__file__).resolve().parent / "rules.md"

HEAD = """# The rewriting rules

Written by `python docs/make_rules.py` from the tables in `graphc/rewrite`; edit those instead.

`g.compile` rewrites a formula before it generates machine code; `g.rewrites(expr)` lists the rules applied, `g.stabilize` and
`g.simplify` give the result, `without=["name"]` switches rules off, and `rewrite=None` all of them. An *exact*
rule keeps every bit, including special values, and applies at every level; a *stable* rule keeps the real function, with smaller
errors or over a wider range, and applies at `rewrite="stable"`. In patterns a letter stands for any expression, `c` for a
constant, `p` for a condition; a replacement shown as "…" is computed from the match. Rules are tried in the order of this page.
Tests compare each rule with high-precision values over the whole range of floats, and rules over arrays on random shapes, with
infinities and NaN.
"""

SECTIONS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("Exact", "Most follow from properties declared on the operations.", algebra.RULES),
    (
        "Arrays",
        "Along axes: `a` stands for any of them. Pairs and ties of axes are matched as sets.",
        axes.RULES + cosine_distances.RULES,
    ),
    (
        "Derivatives",
        "Before all others: each derivative in a graph is written from the stable form of what it is the derivative of.",
        derivatives.RULES + smoothing.RULES,
    ),
    (
        "Formulas of one variable",
        "Before all others: terms of one variable beside each other, and formulas of a product or a quotient written as such.",
        grouped_terms.RULES + common_variable.RULES,
    ),
    (
        "Series near 0",
        "Before all others: formulas of one variable that the rules below do not mend near 0, which is found by trial.",
        expansions.RULES,
    ),
    (
        "Sums of several variables and of roots",
        "Before the normal form: the largest sums of a graph that cancel when they are multiplied out.",
        several_variables.RULES,
    ),
    ("Branches", "What a condition decides is decided once.", branches.RULES),
    ("Sums of exponentials", "", sums.RULES),
    ("Exponentials beside half of their quotients", "", symmetric.RULES),
    ("Removable singularities", "", removable.RULES),
    ("Near 1", "Powers of 1 + x, compound interest, and divergences.", (*near_one.RULES, *divergences.RULES)),
    (
        "Differences",
        "After Hamming, Numerical Methods for Scientists and Engineers (1973), chapter 3.",
        cancellation.RULES,
    ),
    (
        "Gamma functions at close arguments, and beside logarithms",
        "",
        log_beta.RULES + gamma_differences.RULES + gamma_logarithms.RULES,
    ),
    (
        "Logarithms",
        "",
        log_quotients.RULES
        + log_shares.RULES
        + pair_quotients.RULES
        + logarithms.RULES
        + logarithmic_derivatives.RULES
        + logistic_entropy.RULES
        + power_logarithms.RULES,
    ),
    (
        "Two close inputs",
        "Differences that cancel where inputs are close to each other: of inputs themselves they are exact.",
        close_inputs.RULES,
    ),
    (
        "Complements",
        "Of distribution functions, and of what functions come to far out; mixtures of exponentials.",
        complements.RULES,
    ),
    (
        "Angles",
        "Of triangles and vectors; inverse functions, differences and sums of angles, great circles.",
        (*planes.RULES, *angles.RULES),
    ),
    (
        "Functions",
        "",
        stability.RULES
        + growth.RULES
        + compound_powers.RULES
        + growth_differences.RULES
        + error_functions.RULES,
    ),
    ("Ratios of exponentials, norms", "", (*ratios.RULES, *norm_rest.RULES)),
    ("Products and quotients", "", products.RULES),
    ("Shares in sums", "Second derivatives of logarithms of mixtures.", logistic_sums.RULES),
    (
        "Terms that cancel",
        "In any order, with any factor, among other terms.",
        like_terms.RULES,
    ),
    ("Overflow and underflow on the way", "", overflow.RULES),
    ("Sums of quotients of one symbol", "", quotient_sums.RULES),
    ("Powers in denominators", "", powers_below.RULES),
    ("Divided differences", "", divided_differences.RULES),
    ("Views", "", (*views.RULES, *views.SCALAR_RULES)),
    (
        "Rational functions",
        "Once, after the others: the largest parts of a graph that are such functions.",
        rational_functions.RULES,
    ),
    (
        "Products of many arrays",
        "Once, after the others: the order that multiplies the fewest numbers.",
        matmul_chain.RULES,
    ),
    (
        "The last touch",
        "Once, after all others: what rounding left out of a difference is given back.",
        compensated.RULES,
    ),
    ("For speed", "After that: what a stable form would compute twice.", cheaper.RULES),
    ("Against 0·∞", "Last: products that vanish before a factor of them overflows.", vanishing.RULES),
)


def code(text: str) -> str:
    """Text as code inside a table, where a bar would end the cell."""
    return f"`{text}`".replace("|", "\\|")


def words(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def row(rule: Any) -> str:
    told = str(rule).removeprefix(f"{rule.name}: ").removesuffix(f" ({rule.kind})")
    formula = hasattr(rule, "pattern") or hasattr(rule, "shows")
    why = words(getattr(rule, "why", ""))
    return f"| {code(rule.name)} | {code(told) if formula else words(told)} | {why} | {rule.kind} |"


def anchor(title: str) -> str:
    """The anchor of a heading, the same on GitHub and on the site."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def page() -> str:
    """The whole list as Markdown."""
    listed = [rule for _, _, rules in SECTIONS for rule in rules]
    assert set(map(id, listed)) == set(map(id, tables.BUILT_IN)), "a table of rules is missing here"
    lines = [HEAD, *(f"- [{title}](#{anchor(title)})" for title, _, _ in SECTIONS), ""]
    for title, remark, rules in SECTIONS:
        lines += [f"## {title}", ""]
        lines += [remark, ""] if remark else []
        lines += [
            "| name | pattern → replacement | why | kind |",
            "| --- | --- | --- | --- |",
            *map(row, rules),
            "",
        ]
    return "\n".join(lines[:-1]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
