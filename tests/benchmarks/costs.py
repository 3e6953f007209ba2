"""What single operations take, beside what the compiler's model says: `python -m tests.benchmarks.costs [NAME …]`.

Machine code over an array that fits into the first caches, the least of some rounds, all operations by turns. From each the time
of a function that only adds is taken, so that reading and writing is not counted. The search chooses between forms by the model.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import graphc as g
import graphc.ops.exact_product  # registers multiply_error, which texts name
from graphc.search.columns import cost

SIZE, ROUNDS = 2000, 15

ONE = (
    "a + 1", "1/a", "sqrt(a)", "cbrt(a)", "square(a)", "abs(a)",
    "exp(a)", "expm1(a)", "exp2(a)", "log(a)", "log1p(a)", "log2(a)", "log10(a)",
    "sin(a)", "cos(a)", "tan(a)", "asin(a/32)", "acos(a/32)", "atan(a)", "sinh(a)", "cosh(a)", "tanh(a)", "asinh(a)", "acosh(a)",
    "atanh(a/32)", "sigmoid(a)", "softplus(a)", "log_sigmoid(a)", "erf(a)", "erfc(a)", "erfcx(a)", "exprel(a)",
    "gamma(a)", "lgamma(a)", "a**2",
    "digamma(a)", "ndtr(a)", "log_ndtr(a)", "a**3", "a**4", "a**12", "a**0.25", "a**1.5", "a**3.5", "a**-2",
)  # fmt: skip
TWO = (
    "a + b", "a*b", "a/b", "a**b", "hypot(a, b)", "atan2(a, b)", "logaddexp(a, b)", "maximum(a, b)", "a if a < b else b",
    "add_error(a, b)", "multiply_error(a, b)", "kl_div(a, b)", "xlogy(a, b)", "betaln(a, b)",
    "beta(a, b)", "gammainc(a, b)", "gammaincc(a, b)",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    columns = rng.uniform(1.1, 20, SIZE), rng.uniform(1.1, 20, SIZE)
    texts = [text for text in (*ONE, *TWO) if not sys.argv[1:] or any(name in text for name in sys.argv[1:])]
    symbols = g.symbols("a b")
    compiled: dict[str, Any] = {}
    for text in ("a - b", *texts):
        expr = g.parse(text, symbols)
        compiled[text] = g.compile([expr], symbols, rewrite=None, cache=False), expr
    least = dict.fromkeys(compiled, np.inf)
    for _ in range(ROUNDS):
        for text, (function, _) in compiled.items():
            function(*columns)  # what another function has left in the caches is not this one's
            began = time.perf_counter()
            function(*columns)
            least[text] = min(least[text], time.perf_counter() - began)
    empty = least["a - b"]
    print(f"{'operation':24}{'measured':>10}{'model':>10}{'ratio':>8}   nanoseconds")
    for text in texts:
        took, model = 1e9 * (least[text] - empty) / SIZE + 0.25, cost(compiled[text][1])
        print(f"{text:24}{took:10.2f}{model:10.2f}{took / model if model else np.nan:8.2f}")


if __name__ == "__main__":
    main()
