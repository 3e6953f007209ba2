"""Coefficients of the polynomials behind the trigonometric, inverse and error functions, constant term first.

Minimax approximations by `python -m tests.benchmarks.minimax`.
"""


def _floats(text: str) -> list[float]:
    return [float.fromhex(word) for word in text.split()]


SIN = _floats(
    "-0x1.5555555555548p-3 0x1.111111110f730p-7 -0x1.a01a019beb5b3p-13 0x1.71de3559dfc93p-19 -0x1.ae5e517450eacp-26"
    " 0x1.5d8daa53feb20p-33"
)
"""(sin √z/√z − 1)/z on [0, (π/4)²]."""

COS = _floats(
    "0x1.555555555554bp-5 -0x1.6c16c16c15014p-10 0x1.a01a019c8ef31p-16 -0x1.27e4f7f15a731p-22 0x1.1ee9db9d9c30ep-29"
    " -0x1.8fa665329c350p-37"
)
"""(cos √z − 1 + z/2)/z² on [0, (π/4)²]."""

SIN_SINGLE = _floats("-0x1.5555451fa139fp-3 0x1.110737895a558p-7 -0x1.9942a2ff52f8ep-13")
"""SIN to 28 bits."""

COS_SINGLE = _floats(
    "-0x1.ffffffcb73705p-2 0x1.55553c72b2f4bp-5 -0x1.6c07ef3ca3a16p-10 0x1.991624b6c1331p-16"
)
"""(cos √z − 1)/z on [0, (π/4)²] to 34 bits."""
