"""A small whole power that is known, of x: by multiplication of sums of two floats, a third of the work of pow.

The powers x², x⁴, … and their products are kept to twice the digits, so that the result is as near as pow's.
"""

from __future__ import annotations

import struct
from functools import partial

from graphc.compiler.targets.llvm.libm.pairs import Pair, fast_two_sum, two_product
from graphc.compiler.targets.llvm.libm.registry import form
from graphc.compiler.targets.llvm.libm.writer import LibmValue, LibmWriter

LARGEST = 16
"""Of more multiplications pow is no slower."""


def _times(m: LibmWriter, x: Pair, y: Pair) -> Pair:
    high, low = two_product(m, x.high, y.high)
    return fast_two_sum(high, low + m.fma(x.high, y.low, x.low * y.high))


def _power(n: int, m: LibmWriter, x: LibmValue) -> LibmValue:
    """xⁿ; for n < 0 of 1/x, which overflows and vanishes where the result does."""
    base, low, rest = x, m.number(0.0), abs(n)
    if n < 0:
        base = 1.0 / x
        low = m.fma(-base, x, m.number(1.0)) * base
    square, total = Pair(base, low), None
    plain, product = base, None  # infinite, zero or no number where the result is, with its sign
    while rest:
        if rest & 1:
            total = square if total is None else _times(m, total, square)
            product = plain if product is None else product * plain
        rest >>= 1
        if rest:
            square, plain = _times(m, square, square), plain * plain
    assert total is not None and product is not None
    return m.select(total.high.is_nan() | product.equals(0.0), product, total.high)


def name_of(exponent: str) -> str | None:
    """The form of pow for an exponent in LLVM's text; None where it is no whole number from 2 to `LARGEST`, or of that size."""
    if not exponent.startswith("0x"):
        return None
    (value,) = struct.unpack("<d", struct.pack("<Q", int(exponent, 16)))
    return f"pow_{value:.0f}".replace("-", "minus_") if value in _EXPONENTS else None


_EXPONENTS = {float(n) for size in range(2, LARGEST + 1) for n in (size, -size)}

for _n in _EXPONENTS:
    form(f"pow_{_n:.0f}".replace("-", "minus_"), 64, partial(_power, int(_n)))

__all__ = ["name_of"]
