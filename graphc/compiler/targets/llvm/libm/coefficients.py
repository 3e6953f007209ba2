"""The polynomials' coefficients, as `python -m tests.benchmarks.minimax` computes and prints them.

Each table is keyed by the format's bits; the comment is the greatest error that the rounded ones leave, relative to the result.
"""

from __future__ import annotations

Table = dict[int, tuple[float, ...]]


def _exact(*texts: str) -> tuple[float, ...]:
    return tuple(float.fromhex(text) for text in texts)


EXP: Table = {
    64: _exact(  # 2^-57.3
        "0x1.000000000000ap-1",
        "0x1.5555555555504p-3",
        "0x1.55555555506bap-5",
        "0x1.1111111125511p-7",
        "0x1.6c16c18477b49p-10",
        "0x1.a01a01370243cp-13",
        "0x1.a019995c75536p-16",
        "0x1.71df09df342aap-19",
        "0x1.28adffa5d7fd8p-22",
        "0x1.adaa876ecf581p-26",
    ),
    32: _exact(  # 2^-28.2
        "0x1.fffffc0000000p-2",
        "0x1.5554920000000p-3",
        "0x1.5558ae0000000p-5",
        "0x1.1239820000000p-7",
        "0x1.6a51c40000000p-10",
    ),
}

EXP_CUBIC: Table = {
    64: _exact(  # 2^-61.7
        "0x1.5555555555559p-3",
        "0x1.5555555555557p-5",
        "0x1.111111110f650p-7",
        "0x1.6c16c16c1577dp-10",
        "0x1.a01a01b00610cp-13",
        "0x1.a01a01ab13cadp-16",
        "0x1.71ddf808b6ae0p-19",
        "0x1.27e4d14428d45p-22",
        "0x1.af5f37267188dp-26",
        "0x1.1f83e1c58bcdbp-29",
    ),
    32: _exact(  # 2^-26.1
        "0x1.5554ac0000000p-3",
        "0x1.5554f00000000p-5",
        "0x1.1229fc0000000p-7",
        "0x1.6d436e0000000p-10",
    ),
}

SINH: Table = {
    64: _exact(  # 2^-61.7
        "0x1.5555555555559p-3",
        "0x1.111111110f64ep-7",
        "0x1.a01a01b00719ap-13",
        "0x1.71ddf805cc130p-19",
        "0x1.af5f3c7df756ep-26",
    ),
    32: _exact(  # 2^-34.3
        "0x1.5555560000000p-3",
        "0x1.110fbe0000000p-7",
        "0x1.a2e2e80000000p-13",
    ),
}

COSH: Table = {
    64: _exact(  # 2^-70.0
        "0x1.0000000000000p-1",
        "0x1.5555555555558p-5",
        "0x1.6c16c16c15009p-10",
        "0x1.a01a01ad77e78p-16",
        "0x1.27e4cc24f4382p-22",
        "0x1.1f8bb86ccd955p-29",
    ),
    32: _exact(  # 2^-33.2
        "0x1.0000000000000p-1",
        "0x1.5554e60000000p-5",
        "0x1.6d4f0e0000000p-10",
    ),
}

LOG: Table = {
    64: _exact(  # 2^-58.4
        "0x1.5555555555593p-1",
        "0x1.999999997fae8p-2",
        "0x1.24924942137f8p-2",
        "0x1.c71c51f040c02p-3",
        "0x1.746643b34dbd1p-3",
        "0x1.39a1449c4cf33p-3",
        "0x1.2f09e6f84c988p-3",
    ),
    32: _exact(  # 2^-29.2
        "0x1.55557a0000000p-1",
        "0x1.995ed40000000p-2",
        "0x1.31e0f00000000p-2",
    ),
}

LOG_TAIL: Table = {
    64: _exact(  # 2^-72.4
        "0x1.9999999999996p-2",
        "0x1.2492492492f51p-2",
        "0x1.c71c71c596897p-3",
        "0x1.745d18295d130p-3",
        "0x1.3b1364c697216p-3",
        "0x1.11206fb53cae0p-3",
        "0x1.de3d573afc085p-4",
        "0x1.eac6a8c4a830cp-4",
    ),
}

LOG_WIDE: Table = {
    64: _exact(  # 2^-61.4
        "0x1.555555555554fp-1",
        "0x1.999999999c165p-2",
        "0x1.24924921e64a2p-2",
        "0x1.c71c748d8619ap-3",
        "0x1.745c4b73e4563p-3",
        "0x1.3b35abac1dba3p-3",
        "0x1.0dcd0d8581481p-3",
        "0x1.1b7737d409ed4p-3",
    ),
    32: _exact(  # 2^-27.4
        "0x1.5555b40000000p-1",
        "0x1.992ab40000000p-2",
        "0x1.36eb6e0000000p-2",
    ),
}

LOG2_SHORT: Table = {
    64: _exact(  # 2^-37.8
        "0x1.71547652bee73p+1",
        "0x1.ec709d125515fp-1",
        "0x1.2777803b2ed36p-1",
        "0x1.a58d64fe10908p-2",
        "0x1.5cea9192e34c2p-2",
    ),
}

EXP2_SHORT: Table = {
    64: _exact(  # 2^-34.5
        "0x1.ffffffffab9c9p-1",
        "0x1.62e42ff1170bep-1",
        "0x1.ebfbe0a4f1018p-3",
        "0x1.c6b08aa9b3e49p-5",
        "0x1.3b29dc1645d8bp-7",
        "0x1.5d8a7a230ca6dp-10",
        "0x1.446a449e06f8cp-13",
        "0x1.fe0a943b4eeccp-17",
    ),
}

CBRT: Table = {
    64: _exact(  # 2^-17.5
        "0x1.ffff52759a9ffp-1",
        "-0x1.54e7625b57633p-2",
        "0x1.bbacffe4d5595p-3",
        "-0x1.27c935f1ed442p-3",
        "0x1.25c26530691bfp-4",
        "-0x1.1bb459dfad7a5p-6",
    ),
    32: _exact(  # 2^-12.1
        "0x1.ffe22e0000000p-1",
        "-0x1.4c82ec0000000p-2",
        "0x1.5a6fd80000000p-3",
        "-0x1.9fb5ca0000000p-5",
    ),
}
