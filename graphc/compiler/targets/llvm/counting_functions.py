"""Functions in LLVM IR behind discrete distributions: the least whole number that a probability reaches, hypergeometric sums.

A quantile of whole numbers has no formula, and approximations of it are off by one where it matters: the distribution function
itself is asked, at places that are doubled away from the mean and then halved.
"""

from __future__ import annotations

_GREATEST = "0x7FEFFFFFFFFFFFFF"


def _listed(names: str) -> str:
    return ", ".join(f"double %{name}" for name in names.split())


def _reached(name: str, parameters: str, lead: str, lower: str, upper: str) -> str:
    """Whether P(X ≤ k) is `below` or more; where that is above ½, whether P(X > k) is `above` or less, which has its digits."""
    return f"""define internal i1 @graphc_{name}_reached(double %k, double %below, double %above, {_listed(parameters)}) #0 {{
entry:
  %next = fadd double %k, 1.0
{lead}
inside:
  %low = fcmp ole double %below, 0.5
  br i1 %low, label %lower, label %upper
lower:
  %share = call double {lower}
  %enough = fcmp oge double %share, %below
  ret i1 %enough
upper:
  %excess = call double {upper}
  %little = fcmp ole double %excess, %above
  ret i1 %little
beyond:
  ret i1 1
}}
"""


def _count(name: str, parameters: str, lead: str, last: str) -> str:
    """The least whole k that reaches a probability.

    lead : instructions that give %mean, %variance, %least, the number before the first, and %most, the last one; last : what is
    returned for the last one
    """
    given = f"double %below, double %above, {_listed(parameters)}"
    return f"""define internal double @graphc_{name}_count({given}) #0 {{
entry:
{lead}
  %spread = call double @llvm.sqrt.f64(double %variance)
  %width = call double @llvm.ceil.f64(double %spread)
  %wide = fcmp ogt double %width, 1.0
  %step0 = select i1 %wide, double %width, double 1.0
  %whole = call double @llvm.floor.f64(double %mean)
  %first = fadd double %least, 1.0
  %under = fcmp olt double %whole, %first
  %raised = select i1 %under, double %first, double %whole
  %over = fcmp ogt double %raised, %most
  %start = select i1 %over, double %most, double %raised
  %at_start = call i1 @graphc_{name}_reached(double %start, {given})
  br i1 %at_start, label %down, label %up
down:
  %high_d = phi double [ %start, %entry ], [ %low_d, %down_on ]
  %step_d = phi double [ %step0, %entry ], [ %twice_d, %down_on ]
  %away_d = fsub double %high_d, %step_d
  %inside_d = fcmp ogt double %away_d, %least
  %low_d = select i1 %inside_d, double %away_d, double %least
  br i1 %inside_d, label %down_ask, label %bisect
down_ask:
  %reached_d = call i1 @graphc_{name}_reached(double %low_d, {given})
  br i1 %reached_d, label %down_on, label %bisect
down_on:
  %twice_d = fmul double %step_d, 2.0
  br label %down
up:
  %low_u = phi double [ %start, %entry ], [ %high_u, %up_on ]
  %step_u = phi double [ %step0, %entry ], [ %twice_u, %up_on ]
  %away_u = fadd double %low_u, %step_u
  %inside_u = fcmp olt double %away_u, %most
  %high_u = select i1 %inside_u, double %away_u, double %most
  br i1 %inside_u, label %up_ask, label %bisect
up_ask:
  %reached_u = call i1 @graphc_{name}_reached(double %high_u, {given})
  br i1 %reached_u, label %bisect, label %up_on
up_on:
  %twice_u = fmul double %step_u, 2.0
  br label %up
bisect:
  %low = phi double [ %low_d, %down ], [ %low_d, %down_ask ], [ %low_u, %up ], [ %low_u, %up_ask ], [ %low_n, %halve ]
  %high = phi double [ %high_d, %down ], [ %high_d, %down_ask ], [ %high_u, %up ], [ %high_u, %up_ask ], [ %high_n, %halve ]
  %gap = fsub double %high, %low
  %half = fmul double %gap, 0.5
  %sum = fadd double %low, %half
  %middle = call double @llvm.floor.f64(double %sum)
  %after = fcmp ogt double %middle, %low
  %before = fcmp olt double %middle, %high
  %between = and i1 %after, %before
  br i1 %between, label %halve, label %done
halve:
  %there = call i1 @graphc_{name}_reached(double %middle, {given})
  %low_n = select i1 %there, double %low, double %middle
  %high_n = select i1 %there, double %middle, double %high
  br label %bisect
done:
  %final = fcmp oge double %high, %most
  %result = select i1 %final, double {last}, double %high
  ret double %result
}}
"""


def _scipy(name: str, *arguments: str) -> str:
    listed = ", ".join(f"double %{argument}" for argument in arguments)
    return f"@graphc_scipy_{name}({listed}, i32 0)"


_INSIDE = "  br i1 false, label %beyond, label %inside"

_POISSON = _reached(
    "poisson", "mu", _INSIDE, _scipy("gammaincc", "next", "mu"), _scipy("gammainc", "next", "mu")
) + _count(
    "poisson", "mu",
    f"""  %mean = fadd double %mu, 0.0
  %variance = fadd double %mu, 0.0
  %least = fadd double -1.0, 0.0
  %most = fadd double {_GREATEST}, 0.0""",
    "0x7FF0000000000000",
)  # fmt: skip

_BINOM = _reached(
    "binom", "n p",
    """  %rest = fsub double %n, %k
  %past = fcmp ole double %rest, 0.0
  br i1 %past, label %beyond, label %inside""",
    _scipy("betaincc", "next", "rest", "p"), _scipy("betainc", "next", "rest", "p"),
) + _count(
    "binom", "n p",
    """  %mean = fmul double %n, %p
  %other = fsub double 1.0, %p
  %variance = fmul double %mean, %other
  %least = fadd double -1.0, 0.0
  %most = fadd double %n, 0.0""",
    "%n",
)  # fmt: skip

_NBINOM = _reached(
    "nbinom", "n p", _INSIDE, _scipy("betainc", "n", "next", "p"), _scipy("betaincc", "n", "next", "p")
) + _count(
    "nbinom", "n p",
    f"""  %other = fsub double 1.0, %p
  %failures = fmul double %n, %other
  %mean = fdiv double %failures, %p
  %variance = fdiv double %mean, %p
  %least = fadd double -1.0, 0.0
  %most = fadd double {_GREATEST}, 0.0""",
    "0x7FF0000000000000",
)  # fmt: skip

# --- hypergeometric sums ------------------------------------------------------------------------------------------------------

_NUMBERS = "total marked drawn"


def _times(name: str, high: str, low: str, factor: str) -> str:
    """A number of two parts times a float: %name.h and %name.l."""
    return f"""  %{name}.p = fmul double {high}, {factor}
  %{name}.m = fneg double %{name}.p
  %{name}.e = call double @llvm.fma.f64(double {high}, double {factor}, double %{name}.m)
  %{name}.f = call double @llvm.fma.f64(double {low}, double {factor}, double %{name}.e)
  %{name}.h = fadd double %{name}.p, %{name}.f
  %{name}.g = fsub double %{name}.h, %{name}.p
  %{name}.l = fsub double %{name}.f, %{name}.g"""


def _over(name: str, high: str, low: str, divisor: str) -> str:
    """A number of two parts over a float."""
    return f"""  %{name}.q = fdiv double {high}, {divisor}
  %{name}.m = fneg double %{name}.q
  %{name}.e = call double @llvm.fma.f64(double %{name}.m, double {divisor}, double {high})
  %{name}.d = fadd double %{name}.e, {low}
  %{name}.f = fdiv double %{name}.d, {divisor}
  %{name}.h = fadd double %{name}.q, %{name}.f
  %{name}.g = fsub double %{name}.h, %{name}.q
  %{name}.l = fsub double %{name}.f, %{name}.g"""


_THINGS, _OTHERS = "marked unmarked drawn", "unmarked marked drawn"
_WALKED = "{ double, double } @graphc_hypergeom_walk"

_WALK = f"""define internal {_WALKED}(double %from, double %k, {_listed(_THINGS)}) #0 {{
entry:
  %fewer = fcmp olt double %marked, %drawn
  %last = select i1 %fewer, double %marked, double %drawn
  %missing = fsub double %unmarked, %drawn
  br label %loop
loop:
  %j = phi double [ %from, %entry ], [ %up, %more ]
  %w.h = phi double [ 1.0, %entry ], [ %four.h, %more ]
  %w.l = phi double [ 0.0, %entry ], [ %four.l, %more ]
  %near = phi double [ 0.0, %entry ], [ %near.n, %more ]
  %near.r = phi double [ 0.0, %entry ], [ %near.s, %more ]
  %far = phi double [ 0.0, %entry ], [ %far.n, %more ]
  %far.r = phi double [ 0.0, %entry ], [ %far.s, %more ]
  %up = fadd double %j, 1.0
  %exists = fcmp olt double %j, %last
  br i1 %exists, label %term, label %end
term:
  %a = fsub double %marked, %j
  %b = fsub double %drawn, %j
  %c = fadd double %missing, %up
{_times("one", "%w.h", "%w.l", "%a")}
{_over("two", "%one.h", "%one.l", "%up")}
{_times("three", "%two.h", "%two.l", "%b")}
{_over("four", "%three.h", "%three.l", "%c")}
  %is_near = fcmp ole double %up, %k
  %sum = select i1 %is_near, double %near, double %far
  %rest = select i1 %is_near, double %near.r, double %far.r
  %new = fadd double %sum, %four.h
  %back = fsub double %new, %sum
  %lost.a = fsub double %new, %back
  %lost.b = fsub double %sum, %lost.a
  %lost.c = fsub double %four.h, %back
  %lost = fadd double %lost.b, %lost.c
  %rest.n = fadd double %rest, %lost
  %near.n = select i1 %is_near, double %new, double %near
  %near.s = select i1 %is_near, double %rest.n, double %near.r
  %far.n = select i1 %is_near, double %far, double %new
  %far.s = select i1 %is_near, double %far.r, double %rest.n
  %negligible = fmul double %far.n, 0x3B80000000000000
  %counts = fcmp ogt double %four.h, %negligible
  %normal = fcmp ogt double %four.h, 1.0e-306
  %finite = fcmp olt double %far.n, 1.0e300
  %on.a = and i1 %counts, %normal
  %on = and i1 %on.a, %finite
  br i1 %on, label %more, label %stop
more:
  br label %loop
end:
  %near.t = fadd double %near, %near.r
  %far.t = fadd double %far, %far.r
  br label %out
stop:
  %near.u = fadd double %near.n, %near.s
  %far.u = fadd double %far.n, %far.s
  br label %out
out:
  %near.v = phi double [ %near.t, %end ], [ %near.u, %stop ]
  %far.v = phi double [ %far.t, %end ], [ %far.u, %stop ]
  %pair = insertvalue {{ double, double }} undef, double %near.v, 0
  %both = insertvalue {{ double, double }} %pair, double %far.v, 1
  ret {{ double, double }} %both
}}
"""
"""Probabilities beside that of `from`, from there upwards, by the quotients of neighbours in twice the digits: the sum up to k
and the sum beyond."""

_CDF = f"""define internal double @graphc_hypergeom_cdf(double %k, {_listed(_NUMBERS)}) #0 {{
entry:
  %unmarked = fsub double %total, %marked
  %surplus = fsub double %drawn, %unmarked
  %positive = fcmp ogt double %surplus, 0.0
  %least = select i1 %positive, double %surplus, double 0.0
  %fewer = fcmp olt double %marked, %drawn
  %most = select i1 %fewer, double %marked, double %drawn
  %under = fcmp ult double %k, %least
  br i1 %under, label %nothing, label %test
nothing:
  ret double 0.0
test:
  %over = fcmp oge double %k, %most
  br i1 %over, label %all, label %inside
all:
  ret double 1.0
inside:
  %m1 = fadd double %marked, 1.0
  %d1 = fadd double %drawn, 1.0
  %t2 = fadd double %total, 2.0
  %share = fdiv double %m1, %t2
  %usual = fmul double %share, %d1
  %whole = call double @llvm.floor.f64(double %usual)
  %too_low = fcmp olt double %whole, %least
  %raised = select i1 %too_low, double %least, double %whole
  %too_high = fcmp ogt double %raised, %most
  %mode = select i1 %too_high, double %most, double %raised
  %up = call {_WALKED}(double %mode, double %k, {_listed(_THINGS)})
  %up.near = extractvalue {{ double, double }} %up, 0
  %up.far = extractvalue {{ double, double }} %up, 1
  %mirrored = fsub double %drawn, %mode
  %edge = fsub double %drawn, %k
  %before = fsub double %edge, 1.0
  %down = call {_WALKED}(double %mirrored, double %before, {_listed(_OTHERS)})
  %down.near = extractvalue {{ double, double }} %down, 0
  %down.far = extractvalue {{ double, double }} %down, 1
  %with = fcmp ole double %mode, %k
  %one = select i1 %with, double 1.0, double 0.0
  %other = fsub double 1.0, %one
  %below.a = fadd double %up.near, %down.far
  %below = fadd double %below.a, %one
  %above.a = fadd double %up.far, %down.near
  %above = fadd double %above.a, %other
  %everything = fadd double %below, %above
  %more = fcmp ogt double %below, %above
  %less = select i1 %more, double %above, double %below
  %share_less = fdiv double %less, %everything
  %rest = fsub double 1.0, %share_less
  %result = select i1 %more, double %rest, double %share_less
  ret double %result
}}
"""

_RATIO = f"""define internal double @graphc_hypergeom_ratio(double %k, {_listed(_NUMBERS)}) #0 {{
entry:
  %unmarked = fsub double %total, %marked
  %mirrored = fsub double %drawn, %k
  %sums = call {_WALKED}(double %mirrored, double -1.0, {_listed(_OTHERS)})
  %far = extractvalue {{ double, double }} %sums, 1
  %result = fadd double %far, 1.0
  ret double %result
}}
"""

_HYPERGEOM = _reached(
    "hypergeom", _NUMBERS,
    """  %left = fsub double %drawn, %next
  %unmarked = fsub double %total, %marked
  br i1 false, label %beyond, label %inside""",
    f"@graphc_hypergeom_cdf(double %k, {_listed(_NUMBERS)})",
    "@graphc_hypergeom_cdf(double %left, double %total, double %unmarked, double %drawn)",
) + _count(
    "hypergeom", _NUMBERS,
    """  %unmarked = fsub double %total, %marked
  %surplus = fsub double %drawn, %unmarked
  %positive = fcmp ogt double %surplus, 0.0
  %first_one = select i1 %positive, double %surplus, double 0.0
  %least = fsub double %first_one, 1.0
  %fewer = fcmp olt double %marked, %drawn
  %most = select i1 %fewer, double %marked, double %drawn
  %some = fcmp ogt double %total, 1.0
  %items = select i1 %some, double %total, double 1.0
  %share = fdiv double %marked, %items
  %mean = fmul double %share, %drawn
  %undrawn = fsub double %total, %drawn
  %left = fdiv double %undrawn, %items
  %usual = fmul double %mean, %left
  %rest = fsub double 1.0, %share
  %variance = fmul double %usual, %rest""",
    "%most",
)  # fmt: skip

COUNTING: dict[str, str] = {
    "graphc_binom_count": _BINOM,
    "graphc_hypergeom_cdf": _CDF,
    "graphc_hypergeom_count": _HYPERGEOM,
    "graphc_hypergeom_ratio": _RATIO,
    "graphc_hypergeom_walk": _WALK,
    "graphc_nbinom_count": _NBINOM,
    "graphc_poisson_count": _POISSON,
}
"""Name → definition."""

_SEARCH = (("llvm.sqrt.f64", 1), ("llvm.ceil.f64", 1), ("llvm.floor.f64", 1))
_SUM = (("graphc_hypergeom_walk", 0), ("llvm.fma.f64", 3))
_BETA = (("graphc_scipy_betainc", 3), ("graphc_scipy_betaincc", 3))
_GAMMA = (("graphc_scipy_gammainc", 2), ("graphc_scipy_gammaincc", 2))

COUNTING_USES: dict[str, tuple[tuple[str, int], ...]] = {
    "graphc_binom_count": (*_SEARCH, *_BETA),
    "graphc_hypergeom_cdf": (*_SUM, ("llvm.floor.f64", 1)),
    "graphc_hypergeom_count": (*_SEARCH, *_SUM, ("graphc_hypergeom_cdf", 0)),
    "graphc_hypergeom_ratio": _SUM,
    "graphc_nbinom_count": (*_SEARCH, *_BETA),
    "graphc_poisson_count": (*_SEARCH, *_GAMMA),
}
"""Name → what it calls of SciPy, LLVM and this table, with the number of arguments."""

__all__ = ["COUNTING", "COUNTING_USES"]
