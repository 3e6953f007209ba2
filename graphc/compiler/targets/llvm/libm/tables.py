"""Coefficients of the polynomials behind the trigonometric, inverse and error functions, constant term first.

Minimax approximations by `python -m tests.benchmarks.exchange`.
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

ATAN = _floats(
    "-0x1.5555555555552p-2 0x1.99999999990d6p-3 -0x1.2492492453642p-3 0x1.c71c71aaeea01p-4 -0x1.745d138f1293bp-4"
    " 0x1.3b1360aa4b7b2p-4 -0x1.110c70c45dba0p-4 0x1.e182d0a998126p-5 -0x1.ac72874903bf9p-5 0x1.77fb88fac560ap-5"
    " -0x1.301bb43ec6315p-5 0x1.83a4ae7c6ea8bp-6 -0x1.1237b2c37b2fep-7"
)
"""(atan √z/√z − 1)/z on [0, 1/4]."""

ATAN_SINGLE = _floats(
    "-0x1.555551071e023p-2 0x1.9996ec16feb8bp-3 -0x1.244aba78057b9p-3 0x1.c0234cfa1606bp-4 -0x1.4702131a49056p-4"
    " 0x1.3d2a0be9b5a2ap-5"
)
"""ATAN to 32 bits."""

ASIN = _floats(
    "0x1.5555555555390p-3 0x1.333333336e84cp-4 0x1.6db6db4276853p-5 0x1.f1c72c3a54c8cp-6 0x1.6e89f42157f8fp-6"
    " 0x1.1c6be331a92f6p-6 0x1.c6fdaa6925b9cp-7 0x1.8ec3607862b89p-7 0x1.abcdc7e6e89f4p-8 0x1.3ff4985fce00fp-6"
    " -0x1.09d170cc058aep-6 0x1.056c5cb053949p-5"
)
"""(asin √z/√z − 1)/z on [0, 1/4]."""

ASIN_SINGLE = _floats(
    "0x1.55554c6244fd8p-3 0x1.33387b7fa2771p-4 0x1.6caefb6c6781dp-5 0x1.049052ea444a4p-5 0x1.d932e49ae9047p-7"
    " 0x1.334f1cf1ab176p-5"
)
"""ASIN to 32 bits."""

ERF = _floats(
    "0x1.06eba8214db68p-3 -0x1.812746b0379b0p-2 0x1.ce2f21a04072ep-4 -0x1.b82ce311e6b7fp-6 0x1.565bccf6e1085p-8"
    " -0x1.c02dafec25639p-11 0x1.f9a2b369d74f1p-14 -0x1.f4c9e2613a846p-17 0x1.b97bd35ee7c9fp-20"
    " -0x1.5bef3d47d172bp-23 0x1.d678f4efb6296p-27 -0x1.a9d29088b3d74p-31"
)
"""erf √z/√z − 1 on [0, 1]."""

ERF_SINGLE = _floats(
    "0x1.06eba7e7bc1afp-3 -0x1.81273d5cfc4fcp-2 0x1.ce2ce6402368ep-4 -0x1.b7f829239dd77p-6 0x1.53ffdc90b06d5p-8"
    " -0x1.a3d2279c03874p-11 0x1.49105ae4f0f98p-14"
)
"""ERF to 30 bits."""

LOG_ERFC = _floats(
    "-0x1.d97fbf27aa2a1p+0 -0x1.51c9b0006c21ap+1 -0x1.afabc11a2afd3p-1 -0x1.5477f099b7104p-5 0x1.48c9d37fc5f71p-7"
    " -0x1.033f5a12b8674p-9 0x1.f1b04a5a514efp-13 0x1.b92de0a433be5p-16 -0x1.c852bc447f09ap-16 0x1.4484a1510d955p-17"
    " -0x1.1e258e84736a6p-19 0x1.b7dda6db29ac9p-23 0x1.f23acdf85ff9dp-25 -0x1.1ecacdfc9fac0p-25"
    " 0x1.24a90bf5676c6p-27 -0x1.6a8728d690a39p-30 0x1.0657e28b864fdp-33 -0x1.56415a6b57f65p-38"
)
"""log erfc(1 + v) on [0, 5], as near as 1 − erfc needs it: with the weight erfc."""

LOG_ERFC_SINGLE = _floats(
    "0x1.8a48467991177p-13 -0x1.212c0ac724cacp+0 -0x1.44356f2e32c32p-1 -0x1.bc14d06c847b4p-4 0x1.9d025966d21e7p-6"
    " -0x1.138bc773446bbp-8 0x1.cec3072f05d70p-12 -0x1.6bd4051ca6725p-16"
)
"""LOG_ERFC on [1, 4.1] to 35 bits."""

ERFCX = _floats(
    "-0x1.f5665f116ec0cp-9 -0x1.1ebd220ea593bp-4 -0x1.59e2c284b1226p-8 0x1.8f702ec6b32e6p-5 -0x1.d76830c352f56p-5"
    " 0x1.686106046f993p-5 -0x1.8ff5ef76dd551p-6 0x1.38ec6670e34cdp-7 -0x1.143c4ca0a869bp-9 -0x1.3cf368fc9204bp-13"
    " 0x1.27e662cd49772p-12 -0x1.fda91497b0771p-15 -0x1.66e16197ae406p-16 0x1.9709214d2317ep-17"
    " 0x1.3854cef4b3318p-20 -0x1.fffedf2f272a7p-20 -0x1.64a4e2d165b30p-26 0x1.41f44f4a370cbp-22"
    " -0x1.8043c70fb0d5ap-28 -0x1.8939ff0d157bfp-25 0x1.31db48415a14cp-30 0x1.405fe7d20ef39p-28"
)
"""(t + 1/2)·exp(t²)·erfc t − 5/8 in (t − 7/2)/(t + 7/2), for t on [0.79, 27.3]."""

ERFCX_SINGLE = _floats(
    "0x1.ba03870b94675p-7 -0x1.7bf5e5a6491a8p-5 -0x1.54079e8ac7d9fp-4 0x1.4ff95d6c57c70p-4 -0x1.bc379d8832095p-6"
    " -0x1.066e039486649p-8 0x1.1f1d17f5b3d56p-8 0x1.1ecf080a78a22p-11 -0x1.89482d4885a3dp-11"
)
"""(t + 1/2)·exp(t²)·erfc t − 5/8 in (t − 2)/(t + 2), for t on [0.79, 10.4], to 29 bits."""

EXP_SINGLE = _floats(
    "0x1.fffffb97ceb94p-2 0x1.55549129aec41p-3 0x1.5558f3a3a0675p-5 0x1.123a05ffeaed7p-7 0x1.6a22f1b3361b3p-10"
)
"""(eʳ − 1 − r)/r² for |r| ≤ log(2)/2, to 28 bits."""
