"""Functions in LLVM IR that some operations call: integer powers, polygamma, one result of several of SciPy's, counting ones.

A helper joins a module only when an operation in it asks for it.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from math import factorial

from graphc.compiler.targets.llvm.counting_functions import COUNTING, COUNTING_USES


def _int_pow(name: str, signed: bool) -> str:
    """x**y by repeated squaring; a negative exponent gives the reciprocal rounded towards 0."""
    if not signed:
        entry = "  br label %loop"
    else:
        entry = """  %negative = icmp slt i64 %y, 0
  br i1 %negative, label %reciprocal, label %loop
reciprocal:
  %one = icmp eq i64 %x, 1
  %minus = icmp eq i64 %x, -1
  %odd = trunc i64 %y to i1
  %alternating = select i1 %odd, i64 -1, i64 1
  %small = select i1 %minus, i64 %alternating, i64 0
  %inverse = select i1 %one, i64 1, i64 %small
  ret i64 %inverse"""
    return f"""define internal i64 @{name}(i64 %x, i64 %y) #0 {{
entry:
{entry}
loop:
  %result = phi i64 [ 1, %entry ], [ %next, %loop ]
  %base = phi i64 [ %x, %entry ], [ %squared, %loop ]
  %left = phi i64 [ %y, %entry ], [ %halved, %loop ]
  %bit = trunc i64 %left to i1
  %product = mul i64 %result, %base
  %next = select i1 %bit, i64 %product, i64 %result
  %squared = mul i64 %base, %base
  %halved = lshr i64 %left, 1
  %done = icmp eq i64 %halved, 0
  br i1 %done, label %exit, label %loop
exit:
  ret i64 %next
}}
"""


def _literal(value: float) -> str:
    """A double in LLVM's syntax, to the bit."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


_BERNOULLI = [
    Fraction(1, 6), Fraction(-1, 30), Fraction(1, 42), Fraction(-1, 30), Fraction(5, 66), Fraction(-691, 2730),
    Fraction(7, 6), Fraction(-3617, 510), Fraction(43867, 798), Fraction(-174611, 330),
]  # fmt: skip


def _polygamma() -> str:
    """ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹ n! ζ(n + 1, x), the Hurwitz zeta function by Euler and Maclaurin's formula.

    The sum runs until the argument exceeds n + 20, where ten terms of the remainder's expansion are below an ULP. Below
    −100,000 the sum would be long: NaN. Of order 0 it is digamma. Source: DLMF 25.11.5 and 5.15.
    """
    lines = []
    for j, bernoulli in enumerate(_BERNOULLI, start=1):
        coefficient = _literal(float(bernoulli / factorial(2 * j)))
        previous = f"%rise{j - 1}"
        lines += [
            f"  %term{j} = fmul double {previous}, {coefficient}",
            f"  %sum{j} = fadd double %sum{j - 1}, %term{j}",
            f"  %up{j} = fadd double %s, {float(2 * j - 1):.1f}",
            f"  %upper{j} = fadd double %s, {float(2 * j):.1f}",
            f"  %grow{j} = fmul double %up{j}, %upper{j}",
            f"  %shrink{j} = fdiv double %grow{j}, %square",
            f"  %rise{j} = fmul double {previous}, %shrink{j}",
        ]
    expansion = "\n".join(lines)
    return f"""define internal double @graphc_polygamma(i64 %n, double %x) #0 {{
entry:
  %order = sitofp i64 %n to double
  %s = fadd double %order, 1.0
  %minus_s = fneg double %s
  %least = fadd double %order, 20.0
  %valid_order = icmp sgt i64 %n, 0
  %valid_x = fcmp oge double %x, -1.0e5
  %valid = and i1 %valid_order, %valid_x
  br i1 %valid, label %test, label %other
other:
  %plain = icmp eq i64 %n, 0
  br i1 %plain, label %digamma, label %bad
digamma:
  %psi = call double @graphc_digamma(double %x)
  ret double %psi
bad:
  ret double 0x7FF8000000000000
test:
  %a = phi double [ %x, %entry ], [ %a_next, %add ]
  %acc = phi double [ 0.0, %entry ], [ %acc_next, %add ]
  %small = fcmp olt double %a, %least
  br i1 %small, label %add, label %rest
add:
  %power = call double @pow(double %a, double %minus_s)
  %acc_next = fadd double %acc, %power
  %a_next = fadd double %a, 1.0
  br label %test
rest:
  %minus_n = fneg double %order
  %leading = call double @pow(double %a, double %minus_n)
  %integral = fdiv double %leading, %order
  %last = fdiv double %leading, %a
  %half = fmul double %last, 0.5
  %tail = fadd double %integral, %half
  %square = fmul double %a, %a
  %over = fdiv double %last, %a
  %rise0 = fmul double %over, %s
  %sum0 = fadd double %tail, 0.0
{expansion}
  %zeta = fadd double %acc, %sum10
  %factorial = call double @tgamma(double %s)
  %size = fmul double %factorial, %zeta
  %odd = trunc i64 %n to i1
  %negated = fneg double %size
  %result = select i1 %odd, double %size, double %negated
  ret double %result
}}
"""


PARTS = {"sici": 2, "shichi": 2, "airy": 4}
"""SciPy's functions that hand several results through pointers, and how many."""


def _part(function: str, count: int, number: int) -> str:
    """One of the results of a function of SciPy's."""
    places = "\n".join(f"  %at{k} = alloca double" for k in range(count))
    listed = ", ".join(f"ptr %at{k}" for k in range(count))
    return f"""define internal double @{part_of(function, number)}(double %x) {{
entry:
{places}
  call void @graphc_scipy_{function}(double %x, {listed})
  %result = load double, ptr %at{number}
  ret double %result
}}
"""


def part_of(function: str, number: int) -> str:
    """The name of the helper that gives one result of a function of SciPy's."""
    return f"graphc_part_{function}_{number}"


def part_declaration(function: str) -> str:
    """What a module that takes parts of a function's results declares."""
    return f"declare void @graphc_scipy_{function}(double{', ptr' * PARTS[function]}) nounwind"


HELPERS: dict[str, str] = {
    "graphc_pow_i64": _int_pow("graphc_pow_i64", signed=True),
    "graphc_pow_u64": _int_pow("graphc_pow_u64", signed=False),
    "graphc_polygamma": _polygamma(),
    "graphc_digamma": "declare double @graphc_digamma(double) #0",
    **{part_of(name, k): _part(name, count, k) for name, count in PARTS.items() for k in range(count)},
    **COUNTING,
}
"""Name → definition; `graphc_digamma` is SciPy's, bound when the module is linked."""

HELPER_USES: dict[str, tuple[tuple[str, int], ...]] = {
    "graphc_polygamma": (("pow", 2), ("tgamma", 1), ("graphc_digamma", 1)),
    **COUNTING_USES,
}
"""Helper → the functions that it calls, of the C library or of this table, with their number of arguments."""


def used_by(helper: str) -> tuple[set[str], dict[str, str]]:
    """The other helpers that one calls, and what a module declares for it: functions of doubles, by name.

    Behind the operands of SciPy's stands a flag of Cython's.
    """
    helpers, declared = set(), {}
    for name, count in HELPER_USES.get(helper, ()):
        if name in HELPERS:
            helpers.add(name)
        else:
            kinds = ["double"] * count + (["i32"] if name.startswith("graphc_scipy_") else [])
            declared[name] = f"declare double @{name}({', '.join(kinds)}) #0"
    return helpers, declared
