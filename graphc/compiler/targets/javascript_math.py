"""Functions that a program in JavaScript takes along: what `Math` has not, or answers differently from IEEE 754."""

from __future__ import annotations

HELPERS = {
    "pow": """
function pow(x, y) { // 1 to any power is 1, that of NaN and of −1 to ±∞ included
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
}""",
    "exp2": """
function exp2(x) { return Math.pow(2, x); }""",
    "rsqrt": """
function rsqrt(x) { return 1 / Math.sqrt(x); }""",
    "copysign": """
function copysign(x, y) { return y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x); }""",
    "roundeven": """
function roundeven(x) {
  const low = Math.floor(x), rest = x - low;
  return copysign(rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : rest > 0 ? low + 1 : low, x);
}""",
    "sigmoid": """
function sigmoid(x) { // 1/(1 + exp(−x)) without overflow
  const small = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : small) / (1 + small);
}""",
    "softplus": """
function softplus(x) { // log(1 + exp(x)) without overflow
  return (x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)));
}""",
    "log_sigmoid": """
function log_sigmoid(x) { // −log(1 + exp(−x)) without overflow
  return -((x < 0 ? -x : 0) + Math.log1p(Math.exp(-Math.abs(x))));
}""",
    "logaddexp": """
function logaddexp(x, y) { // infinities do not meet in a difference
  if (x === y) return x + Math.LN2;
  return (x > y ? x : y) + Math.log1p(Math.exp(-Math.abs(x - y)));
}""",
    # Maclaurin's series with positive terms alone: DLMF 7.6.2
    "erf": """
function erf(x) {
  if (Math.abs(x) >= 2) return x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}""",
    # The continued fraction DLMF 7.9.1 from below: at x = 2 its error after n steps is about exp(−4√(2n)). The square of x is
    # split, so that its rounding error does not become one of the exponential.
    "erfc": """
function erfc(x) {
  if (x < 2) return 1 - erf(x);
  if (x > 28) return 0;
  let below = x;
  for (let n = 60; n > 0; n--) below = x + n / 2 / below;
  const near = Math.fround(x);
  return (Math.exp(-near * near) * Math.exp((near - x) * (near + x))) / (Math.sqrt(Math.PI) * below);
}""",
    # Stirling's series from 15 on, DLMF 5.11.1: its first term left out is below 4e-18 there
    "stirling": """
function stirling(x) {
  const s = 1 / (x * x);
  return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * 691 / 360360))))) / x;
}""",
    "sinpi": """
function sinpi(x) { // of π·x: x is reduced exactly
  return Math.sin(Math.PI * (x - 2 * Math.round(x / 2)));
}""",
    "tgamma": """
function tgamma(x) {
  if (x === 0) return 1 / x;
  if (x === Infinity) return x;
  if (x < 0) return x === Math.floor(x) ? NaN : Math.PI / (sinpi(x) * tgamma(1 - x));
  let below = 1;
  for (; x < 15; x += 1) below *= x;
  const half = Math.pow(x, x / 2 - 0.25); // the power itself would overflow before Γ does
  return ((Math.sqrt(2 * Math.PI) * half * Math.exp(-x)) * half * Math.exp(stirling(x))) / below;
}""",
    "lgamma": """
function lgamma(x) {
  if (Math.abs(x) === Infinity) return Infinity;
  if (x <= 0) return x === Math.floor(x) ? Infinity : Math.log(Math.PI / Math.abs(sinpi(x))) - lgamma(1 - x);
  let below = 1;
  for (; x < 15; x += 1) below *= x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + stirling(x) - Math.log(below);
}""",
    # the recurrence, then the asymptotic series DLMF 5.11.2; reflected below 0
    "digamma": """
function digamma(x) {
  if (x === 0) return -1 / x;
  if (x === Infinity) return x;
  if (x < 0) {
    const whole = Math.round(x);
    return x === whole ? NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * (x - whole));
  }
  let below = 0;
  for (; x < 12; x += 1) below += 1 / x;
  const s = 1 / (x * x);
  const tail = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12))))));
  return Math.log(x) - 0.5 / x - tail - below;
}""",
    # Hurwitz's zeta function by the formula of Euler and Maclaurin, DLMF 25.11.5: Bernoulli numbers over factorials
    "polygamma": """
const bernoulli = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
  -3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000];
function polygamma(order, x) {
  const n = Number(order), s = n + 1;
  if (n === 0) return digamma(x);
  if (n < 0 || !(x >= -1e5)) return NaN;
  let total = 0;
  for (; x < n + 20; x += 1) total += Math.pow(x, -s);
  const leading = Math.pow(x, -n);
  total += leading / n + (0.5 * leading) / x;
  let rise = (leading / (x * x)) * s;
  bernoulli.forEach((factor, k) => {
    total += rise * factor;
    rise *= ((s + (2 * k + 1)) * (s + (2 * k + 2))) / (x * x);
  });
  return (n % 2 === 1 ? 1 : -1) * tgamma(s) * total;
}""",
    "power": """
function power(x, y, wrap) { // of integers, by squaring; the reciprocal of a negative power is rounded towards 0
  if (y < 0n) return x === 1n ? 1n : x === -1n ? (y % 2n === 0n ? 1n : -1n) : 0n;
  let result = 1n;
  for (; y > 0n; y /= 2n) {
    if (y % 2n === 1n) result = wrap(result * x);
    x = wrap(x * x);
  }
  return result;
}""",
    "whole": """
function whole(x, low, high) { // towards 0; the nearest end beyond the range, 0 for NaN
  if (x !== x) return 0n;
  return x <= Number(low) ? low : x >= Number(high) ? high : BigInt(Math.trunc(x));
}""",
}
"""Functions in the order in which they are written; one may call those that `_USES` names for it."""

_USES = {
    "roundeven": ("copysign",),
    "erf": ("erfc",),
    "erfc": ("erf",),
    "tgamma": ("stirling", "sinpi"),
    "lgamma": ("stirling", "sinpi"),
    "polygamma": ("digamma", "tgamma", "stirling", "sinpi"),
}


def with_used(name: str) -> tuple[str, ...]:
    """A function of `HELPERS` and those it calls."""
    return (name, *_USES.get(name, ()))
