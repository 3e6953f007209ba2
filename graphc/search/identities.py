"""What mathematics says is equal: the proposals of the search, as text.

They are identities over the real numbers without their conditions. Where one fails the search sees that its two sides differ and
leaves it (`egraph`), so a square root may be multiplied into without a word about signs.

Sources: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), chapters 4 and 7; Higham, Accuracy and Stability of
Numerical Algorithms (2002), chapter 1; Kahan, Branch cuts for complex elementary functions (1987).
"""

from __future__ import annotations

from functools import cache

from graphc.frontend.parse import parse
from graphc.ir.expr import Expr, symbols, walk
from graphc.search.algebra import ALGEBRA
from graphc.search.egraph import Pattern, pattern_of
from graphc.search.saturation import Proposal

ACCURATE = """
exp(x) - 1 = expm1(x)
1 - exp(x) = -expm1(x)
expm1(x) + 1 = exp(x)
expm1(x) = exp(x/2)*(2*sinh(x/2))
log(1 + x) = log1p(x)
log(1 - x) = log1p(-x)
log(x) = log1p(x - 1)
log1p(x) = 2*atanh(x/(x + 2))
log(a) - log(b) = log(a/b)
log(a) - log(b) = log1p((a - b)/b)
log(a/b) = log1p((a - b)/b)
log(a/b) = log(a) - log(b)
log(a/b) = -log1p((b - a)/a)
log(a) - log(b) = -log1p((b - a)/a)
log((a + b)/(a - b)) = log1p(2*b/(a - b))
log((a + b)/(a - b)) = -log1p(-2*b/(a + b))
log((a + b)/(a - b)) = 2*atanh(b/a)
log1p(a) - log1p(b) = log1p((a - b)/(1 + b))
log((1 + x)/(1 - x)) = 2*atanh(x)
log1p(x) - log1p(-x) = 2*atanh(x)
log(x + sqrt(x*x + 1)) = asinh(x)
log(x + sqrt(x*x - 1)) = acosh(x)
acosh(1 + x) = log1p(x + sqrt(x*(x + 2)))
acosh(x) = log1p((x - 1) + sqrt((x - 1)*(x + 1)))
acosh(x) = 2*asinh(sqrt((x - 1)/2))
acos(1 - x) = 2*asin(sqrt(x/2))
acos(x) = 2*asin(sqrt((1 - x)/2))
acos(x) = 2*atan2(sqrt(1 - x), sqrt(1 + x))
acos(x) = atan2(sqrt((1 - x)*(1 + x)), x)
asin(x) = atan2(x, sqrt((1 - x)*(1 + x)))
asin(x) = atan(x/sqrt((1 - x)*(1 + x)))
asin(sqrt(x)) = atan(sqrt(x/(1 - x)))
asin(sqrt(x)) = atan2(sqrt(x), sqrt(1 - x))
atan(a) - atan(b) = atan((a - b)/(1 + a*b))
atan(a) - atan(b) = atan2(a - b, 1 + a*b)
atan(a) + atan(b) = atan2(a + b, 1 - a*b)
atan2(a, b) - atan2(a, c) = atan2(c - b, (b/a)*c + a)
acos((a*c + b*d)/(sqrt(a*a + b*b)*sqrt(c*c + d*d))) = abs(atan2(a*d - b*c, a*c + b*d))
x - asin(y) = asin(sin(x)*sqrt((1 - y)*(1 + y)) - y*cos(x))
x - asin(sin(x)/y) = asin((y - 1)*((y + 1)/y)*(sin(x)/(sqrt((y - sin(x))*(y + sin(x))) + cos(x))))
x - acos(cos(x)/y) = asin((y - 1)*((y + 1)/y)*(-cos(x)/(sqrt((y - cos(x))*(y + cos(x))) + sin(x))))
atan(a/b) = atan2(a, b)
atan2(a, b) = atan(a/b)
atan2(a*c, b*c) = atan2(a, b)
atanh(a) - atanh(b) = atanh((a - b)/(1 - a*b))
asinh(a) - asinh(b) = asinh(a*sqrt(1 + b*b) - b*sqrt(1 + a*a))
asin(a) - asin(b) = asin(a*sqrt(1 - b*b) - b*sqrt(1 - a*a))
asin(a) - asin(b) = asin((a - b)*((a + b)/(a*sqrt((1 - b)*(1 + b)) + b*sqrt((1 - a)*(1 + a)))))
pi/2 - atan(x) = atan(1/x)
sqrt(a*a + b*b) = hypot(a, b)
sqrt(square(a) + square(b)) = hypot(a, b)
sqrt(square(a) + b) = hypot(a, sqrt(b))
sqrt(1 + square(a)) = hypot(1, a)
sqrt(a/b) = sqrt(a)/sqrt(b)
sqrt((a*a)*b + 1) = hypot(1, a*sqrt(b))
sqrt(a*b) = sqrt(a)*sqrt(b)
sqrt(a*a - c) = abs(a)*sqrt(1 - c/a/a)
sqrt(a*a + c) = abs(a)*sqrt(1 + c/a/a)
sqrt(a*a - b*b) = sqrt(a - b)*sqrt(a + b)
sqrt(a/2) = sqrt(a)*sqrt(0.5)
square(a) - square(b) = (a - b)*(a + b)
a*a - b*b = (a - b)*(a + b)
cos(x)**2 - sin(x)**2 = cos(2*x)
cos(2*x) + cosh(2*y) = 2*(square(cos(x)) + square(sinh(y)))
cosh(2*y) - cos(2*x) = 2*(square(sin(x)) + square(sinh(y)))
hypot(a, b) - hypot(a, c) = (b - c)*((b + c)/(hypot(a, b) + hypot(a, c)))
c/(a*a + b*b) = c/hypot(a, b)/hypot(a, b)
(c*d)/(a*a + b*b) = (c/hypot(a, b))*(d/hypot(a, b))
a/(a*a + b*b) = 1/(a + b*(b/a))
(a*d)/(a*a + b*b) = d/(a + b*(b/a))
(a*c + b*d)/(a*a + b*b) = (c + d*(b/a))/(a + b*(b/a))
(a*c - b*d)/(a*a + b*b) = (c - d*(b/a))/(a + b*(b/a))
(b*c - a*d)/(a*a + b*b) = (c*(b/a) - d)/(a + b*(b/a))
sqrt(a + sqrt(a*a + b*b)) = abs(b)/sqrt(hypot(a, b) - a)
sqrt(hypot(a, b) + a) = abs(b)/sqrt(hypot(a, b) - a)
sqrt(hypot(a, b) - a) = abs(b)/sqrt(hypot(a, b) + a)
hypot(a*c, b*c) = abs(c)*hypot(a, b)
(a + b)**3 - (a - b)**3 = 2*b*(3*square(a) + square(b))
(a + b)**3 + (a - b)**3 = 2*a*(square(a) + 3*square(b))
a**4 - b**4 = (a - b)*((a + b)*(square(a) + square(b)))
a**3 - b**3 = (a - b)*(square(a) + a*b + square(b))
1/expm1(a) - 1/expm1(b) = expm1(a - b)/(expm1(a)*expm1(-b))
1/expm1(a) - 1/expm1(b) = -expm1(b - a)/(expm1(-a)*expm1(b))
1/(a*a) - 1/(b*b) = (b - a)*(b + a)/(a*a*(b*b))
a/(1 + a) - b/(1 + b) = (a - b)/((1 + a)*(1 + b))
(c*a)/(1 + c*a) - (c*b)/(1 + c*b) = c*(a - b)/((1 + c*a)*(1 + c*b))
sqrt(1 + a*a) = hypot(1, a)
hypot(a, b) = sqrt(a*a + b*b)
sqrt(a) - sqrt(b) = (a - b)/(sqrt(a) + sqrt(b))
sqrt(a) - b = (a - b*b)/(sqrt(a) + b)
b - sqrt(a) = (b*b - a)/(b + sqrt(a))
sqrt(a) + b = (a - b*b)/(sqrt(a) - b)
hypot(a, b) - c = (a*a + (b - c)*(b + c))/(hypot(a, b) + c)
hypot(a, b) - b = a*(a/(hypot(a, b) + b))
a + b = (a*a - b*b)/(a - b)
a - b = (a*a - b*b)/(a + b)
cbrt(a) - cbrt(b) = (a - b)/(cbrt(a)*cbrt(a) + cbrt(a)*cbrt(b) + cbrt(b)*cbrt(b))
sqrt(a*a + b*b*b) = hypot(a, b*sqrt(b))
cbrt(sqrt(a*a + b*b*b) - a) = b/cbrt(sqrt(a*a + b*b*b) + a)
cbrt(sqrt(a*a + b*b*b) + a) = b/cbrt(sqrt(a*a + b*b*b) - a)
cbrt(sqrt(a*a + b*b) - a) = square(cbrt(b))/cbrt(sqrt(a*a + b*b) + a)
cbrt(a)*cbrt(b) = cbrt(a*b)
cbrt(a*a*a) = a
1/a - 1/b = (b - a)/(a*b)
1/a - 1/b = (b - a)/a/b
1/sqrt(a) - 1/sqrt(b) = (b - a)/(sqrt(a)*sqrt(b)*(sqrt(a) + sqrt(b)))
1 - 1/sqrt(a) = (a - 1)/(a + sqrt(a))
1/sqrt(a) - 1 = (1 - a)/(a + sqrt(a))
1 - 1/a = (a - 1)/a
1/a - 1 = (1 - a)/a
1 - x/(x + y) = y/(x + y)
1 - sqrt(1 - x) = x/(1 + sqrt(1 - x))
sqrt(1 + x) - 1 = x/(1 + sqrt(1 + x))
exp(a) - exp(b) = exp(b)*expm1(a - b)
1 - c*exp(a) = (1 - c) - c*expm1(a)
b - c*exp(a) = (b - c) - c*expm1(a)
b + c*exp(a) = (b + c) + c*expm1(a)
exp(a) - exp(b) = 2*exp((a + b)/2)*sinh((a - b)/2)
exp(a) - exp(-a) = 2*sinh(a)
exp(a) + exp(-a) = 2*cosh(a)
expm1(a) + expm1(-a) = 4*square(sinh(a/2))
expm1(a) - expm1(-a) = 2*sinh(a)
cosh(x) - 1 = 2*square(sinh(x/2))
cosh(x) - 1 = square(sinh(x))/(1 + cosh(x))
cosh(a) - cosh(b) = 2*sinh((a + b)/2)*sinh((a - b)/2)
sinh(a) - sinh(b) = 2*cosh((a + b)/2)*sinh((a - b)/2)
tanh(a) - tanh(b) = sinh(a - b)/(cosh(a)*cosh(b))
sinh(a)*cosh(b) - cosh(a)*sinh(b) = sinh(a - b)
sinh(a)*cosh(b) + cosh(a)*sinh(b) = sinh(a + b)
cosh(a)*cosh(b) - sinh(a)*sinh(b) = cosh(a - b)
cosh(a)*cosh(b) + sinh(a)*sinh(b) = cosh(a + b)
sinh(a - b) = sinh(a)*cosh(b) - cosh(a)*sinh(b)
cosh(2*x) - 1 = 2*square(sinh(x))
cosh(2*x) = 1 + 2*square(sinh(x))
cosh(x) + 1 = 2*square(cosh(x/2))
(tanh(a) - tanh(b))/(1 - tanh(a)*tanh(b)) = tanh(a - b)
(tan(a) - tan(b))/(1 + tan(a)*tan(b)) = tan(a - b)
1/tanh(x) - 1 = 2/expm1(2*x)
1/tanh(x) - 1/sinh(x) = tanh(x/2)
1/sinh(x) - 1/tanh(x) = -tanh(x/2)
1 - 1/cosh(x) = tanh(x)*tanh(x/2)
tanh(x) = expm1(2*x)/(expm1(2*x) + 2)
asinh(x) = log1p(x + x*x/(1 + hypot(1, x)))
atanh(x) = 0.5*log1p(2*x/(1 - x))
acosh(a) - acosh(b) = log1p((a - b + (sqrt((a - 1)*(a + 1)) - sqrt((b - 1)*(b + 1))))/(b + sqrt((b - 1)*(b + 1))))
acos(a) - acos(b) = asin(b*sqrt((1 - a)*(1 + a)) - a*sqrt((1 - b)*(1 + b)))
acos(a) - acos(b) = asin(b) - asin(a)
exp(a*x) - exp(b*x) = exp(b*x)*expm1((a - b)*x)
gammainc(a, x) = 1 - gammaincc(a, x)
gammaincc(a, x) = 1 - gammainc(a, x)
1 - gammaincc(a, x) = gammainc(a, x)
1 - gammainc(a, x) = gammaincc(a, x)
1 - ndtr(x) = ndtr(-x)
ndtr(a) - ndtr(b) = ndtr(-b) - ndtr(-a)
log(ndtr(x)) = log_ndtr(x)
erfc(x/sqrt(2))/2 = ndtr(-x)
lgamma(x + 1) - lgamma(x) = log(x)
gamma(x + 1)/gamma(x) = x
gamma(x + 1) = x*gamma(x)
1 - tanh(x) = 2/(exp(2*x) + 1)
1 + tanh(x) = 2*sigmoid(2*x)
1 - tanh(x) = 2*sigmoid(-2*x)
cosh(x)*cosh(x) - sinh(x)*sinh(x) = 1
cosh(x) - sinh(x) = exp(-x)
cosh(x) + sinh(x) = exp(x)
1 - cos(x) = 2*square(sin(x/2))
cos(x) - 1 = -2*square(sin(x/2))
1 + cos(x) = 2*square(cos(x/2))
1 - cos(x) = sin(x)*tan(x/2)
1 - cos(x) = square(sin(x))/(1 + cos(x))
(1 - cos(x))/sin(x) = tan(x/2)
sin(x)/(1 + cos(x)) = tan(x/2)
1 - sin(x) = 2*square(sin(pi/4 - x/2))
sin(a) - sin(b) = 2*cos((a + b)/2)*sin((a - b)/2)
cos(a) - cos(b) = -2*sin((a + b)/2)*sin((a - b)/2)
cos(a) - cos(b) = 2*sin((a + b)/2)*sin((b - a)/2)
tan(a) - tan(b) = sin(a - b)/(cos(a)*cos(b))
1/tan(a) - 1/tan(b) = sin(b - a)/(sin(a)*sin(b))
1/cos(x) - 1 = tan(x)*tan(x/2)
1/sin(x) - 1/tan(x) = tan(x/2)
tan(x) - sin(x) = tan(x)*(2*square(sin(x/2)))
square(cos(x)) - square(sin(x)) = cos(2*x)
1 - square(sin(x)) = square(cos(x))
1 - square(cos(x)) = square(sin(x))
1 - square(tanh(x)) = 1/square(cosh(x))
1 + square(tan(x)) = 1/square(cos(x))
1 + square(sinh(x)) = square(cosh(x))
square(cosh(x)) - 1 = square(sinh(x))
sin(a + b) = sin(a)*cos(b) + cos(a)*sin(b)
sin(a - b) = sin(a)*cos(b) - cos(a)*sin(b)
cos(a + b) = cos(a)*cos(b) - sin(a)*sin(b)
cos(a - b) = cos(a)*cos(b) + sin(a)*sin(b)
sin(a)*cos(b) - cos(a)*sin(b) = sin(a - b)
cos(a)*cos(b) + sin(a)*sin(b) = cos(a - b)
cos(a)*cos(b) - sin(a)*sin(b) = cos(a + b)
sin(a)*sin(b) = (cos(a - b) - cos(a + b))/2
sin(2*x) = 2*sin(x)*cos(x)
sin(x)*cos(x) = sin(2*x)/2
cos(2*x) = 1 - 2*square(sin(x))
cos(x) = 1 - 2*square(sin(x/2))
1 - 2*square(sin(x)) = cos(2*x)
tan(x) = sin(x)/cos(x)
sin(x)/cos(x) = tan(x)
cos(x)/sin(x) = 1/tan(x)
sin(asin(x)) = x
cos(asin(x)) = sqrt((1 - x)*(1 + x))
cos(acos(x)) = x
sin(acos(x)) = sqrt((1 - x)*(1 + x))
tan(atan(x)) = x
sin(atan(x)) = x/hypot(1, x)
cos(atan(x)) = 1/hypot(1, x)
cos(atan2(y, x)) = x/hypot(x, y)
sin(atan2(y, x)) = y/hypot(x, y)
tan(asin(x)) = x/sqrt((1 - x)*(1 + x))
tan(acos(x)) = sqrt((1 - x)*(1 + x))/x
tan(x/2) = sin(x)/(1 + cos(x))
sinh(asinh(x)) = x
cosh(asinh(x)) = hypot(1, x)
cosh(acosh(x)) = x
sinh(acosh(x)) = sqrt((x - 1)*(x + 1))
tanh(atanh(x)) = x
exp(log(x)) = x
log(exp(x)) = x
exp(log1p(x)) = 1 + x
expm1(log1p(x)) = x
log1p(expm1(x)) = x
expm1(log(x)) = x - 1
sinh(x) = (exp(x) - exp(-x))/2
cosh(x) = (exp(x) + exp(-x))/2
tanh(x) = sinh(x)/cosh(x)
sinh(x)/cosh(x) = tanh(x)
tanh(x/2) = expm1(x)/(expm1(x) + 2)
(exp(x) - 1)/(exp(x) + 1) = tanh(x/2)
(1 - exp(x))/(1 + exp(x)) = -tanh(x/2)
expm1(x)/(exp(x) + 1) = tanh(x/2)
1/(1 + exp(-x)) = sigmoid(x)
1/(1 + exp(x)) = sigmoid(-x)
exp(x)/(1 + exp(x)) = sigmoid(x)
exp(x)/(exp(x) - 1) = -1/expm1(-x)
1 - sigmoid(x) = sigmoid(-x)
log(1 + exp(x)) = softplus(x)
log1p(exp(x)) = softplus(x)
log(exp(a) + exp(b)) = logaddexp(a, b)
log(c*exp(a) + d*exp(b)) = logaddexp(a + log(c), b + log(d))
logaddexp(a, b) - a = softplus(b - a)
logaddexp(a, b) - b = softplus(a - b)
softplus(x) - x = softplus(-x)
log(sigmoid(x)) = -softplus(-x)
log(cosh(x)) = x + log1p(exp(-2*x)) - log(2)
log(1 - exp(x)) = log(-expm1(x))
log(1 - exp(x)) = log1p(-exp(x))
expm1(x)/x = exprel(x)
(exp(x) - 1)/x = exprel(x)
1 - erf(x) = erfc(x)
1 - erfc(x) = erf(x)
1 + erf(x) = erfc(-x)
erfc(x)*exp(x*x) = erfcx(x)
erfc(x) = exp(-x*x)*erfcx(x)
erf(a) - erf(b) = erfc(b) - erfc(a)
exp(x*x)*erfc(x) = erfcx(x)
gamma(a + b)/(gamma(a)*gamma(b)) = exp(-betaln(a, b))
a*log(a/b) + (1 - a)*log((1 - a)/(1 - b)) = kl_div(a, b) + kl_div(1 - a, 1 - b)
gamma(a)/gamma(b) = exp(lgamma(a) - lgamma(b))
log(gamma(x)) = lgamma(x)
exp(lgamma(x)) = gamma(x)
(1 + x)**y = exp(y*log1p(x))
(1 - x)**y = exp(y*log1p(-x))
(1 + x)**y - 1 = expm1(y*log1p(x))
1 - (1 + x)**y = -expm1(y*log1p(x))
1 - (1 - x)**y = -expm1(y*log1p(-x))
x**y - 1 = expm1(y*log(x))
1 - x**y = -expm1(y*log(x))
a**y - b**y = b**y*expm1(y*log1p((a - b)/b))
a**y - b**y = b**y*expm1(y*(log(a) - log(b)))
a**y/b**y = exp(y*log1p((a - b)/b))
x**y = exp(y*log(x))
exp(y*log(x)) = x**y
exp(y*log1p(x)) = (1 + x)**y
log(x**y) = y*log(x)
exp(a*b) = exp(a)**b
a**b*a**c = a**(b + c)
(a**b)**c = a**(b*c)
a**b*c**b = (a*c)**b
1/a**b = a**(-b)
"""
"""Forms that keep digits, and what leads to them."""


@cache
def proposals() -> tuple[Proposal, ...]:
    """All of them, those that keep digits first."""
    names = {name: symbols(name) for name in ("x", "y", "a", "b", "c", "d")}
    made = []
    for table in (ACCURATE, ALGEBRA):
        for line in table.strip().splitlines():
            before, after = (pattern_of(parse(side, names)) for side in line.split(" = "))
            made.append(Proposal(before, after, line, table is ACCURATE))
    return tuple(made)


FAMILIES = {
    "exponential": "exp exp2 expm1 log log2 log10 log1p sinh cosh tanh asinh acosh atanh sigmoid softplus log_sigmoid logaddexp"
    " exprel kl_div logit xlogy xlog1py entr",
    "trigonometric": "sin cos tan asin acos atan atan2 sinc",
    "normal": "erf erfc erfcx ndtr log_ndtr",
    "gamma": "gamma lgamma betaln digamma gammainc gammaincc",
}
"""Families of functions, by the names of operations: what is made of one is never shorter in another."""

_FAMILY = {name: family for family, names in FAMILIES.items() for name in names.split()}


def families(expr: Expr) -> frozenset[str]:
    """The families that functions of a formula are of; powers are exponentials but those of halves of whole numbers."""
    found = set()
    for node in walk([expr]):
        name = node.op.name
        if name in _FAMILY:
            found.add(_FAMILY[name])
        elif name == "pow" and not (
            node.operands[1].is_constant and float(2 * node.operands[1].value).is_integer()
        ):
            found.add("exponential")
    return frozenset(found | ({"exponential"} if found - {"trigonometric"} else set()))


@cache
def _within(known: frozenset[str]) -> tuple[Proposal, ...]:
    return tuple([proposal for proposal in proposals() if _written(proposal.after) <= known])


def _written(pattern: Pattern) -> set[str]:
    """The families of a pattern's functions."""
    if not isinstance(pattern, tuple):
        return set()
    own = {_FAMILY[pattern[0].name]} if pattern[0].name in _FAMILY else set()
    return own.union(*map(_written, pattern[1:]))


def fitting(expr: Expr) -> tuple[Proposal, ...]:
    """The proposals that write no function of a family that a formula has nothing of."""
    return _within(families(expr))


__all__ = ["ACCURATE", "families", "fitting", "proposals"]
