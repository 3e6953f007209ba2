"""Functions that a C file takes along: what C's library has not, or answers differently from NumPy."""

from __future__ import annotations

import numpy as np

from graphc.ir.types import DType

FUNCTIONS = {
    "floor_div": """
static int64_t floor_div(int64_t a, int64_t b) { /* of lengths: b is not below 0, and nothing is divided by 0 */
    if (b == 0) return 0;
    return a / b - (a % b < 0);
}""",
    "graphc_sigmoid": """
static double graphc_sigmoid(double x) { /* 1/(1 + exp(-x)) without overflow */
    const double small = exp(-fabs(x));
    return (x >= 0 ? 1.0 : small) / (1.0 + small);
}""",
    "graphc_softplus": """
static double graphc_softplus(double x) { /* log(1 + exp(x)) without overflow */
    return (x > 0 ? x : 0.0) + log1p(exp(-fabs(x)));
}""",
    "graphc_log_sigmoid": """
static double graphc_log_sigmoid(double x) { /* -log(1 + exp(-x)) without overflow */
    return (x < 0 ? x : 0.0) - log1p(exp(-fabs(x)));
}""",
    "graphc_logaddexp": """
static double graphc_logaddexp(double x, double y) { /* infinities do not meet in a difference */
    if (x == y) return x + 0.69314718055994531;
    return (x > y ? x : y) + log1p(exp(-fabs(x - y)));
}""",
    "graphc_rsqrt": """
static double graphc_rsqrt(double x) { return 1.0 / sqrt(x); }""",
    "graphc_maximum": """
static double graphc_maximum(double x, double y) { /* NaN if either is; +0 is larger than -0 */
    if (x == y) return signbit(x) ? y : x;
    return x > y || x != x ? x : y;
}""",
    "graphc_minimum": """
static double graphc_minimum(double x, double y) { /* NaN if either is; -0 is smaller than +0 */
    if (x == y) return signbit(x) ? x : y;
    return x < y || x != x ? x : y;
}""",
    "graphc_digamma": """
static double graphc_digamma(double x) { /* the recurrence, then DLMF 5.11.2; reflected below 0 */
    const double pi = 3.14159265358979324;
    double below = 0.0, reflected = 0.0, s;
    if (x == 0.0) return -1.0 / x;
    if (x < 0.0) {
        const double whole = rint(x);
        if (x == whole) return NAN;
        reflected = -pi / tan(pi * (x - whole));
        x = 1.0 - x;
    }
    for (; x < 12.0; x += 1.0) below += 1.0 / x;
    s = 1.0 / (x * x);
    return reflected + log(x) - 0.5 / x - below
        - s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s / 12))))));
}""",
    "graphc_polygamma": """
static double graphc_polygamma(int64_t n, double x) { /* Hurwitz's zeta function by Euler and Maclaurin, DLMF 25.11.5 */
    static const double bernoulli[10] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160,
        -691.0 / 1307674368000, 1.0 / 74724249600, -3617.0 / 10670622842880000, 43867.0 / 5109094217170944000,
        -174611.0 / 802857662698291200000.0};
    const double s = (double)n + 1.0;
    double total = 0.0, leading, rise;
    int k;
    if (n == 0) return graphc_digamma(x);
    if (n < 0 || !(x >= -1.0e5)) return NAN;
    for (; x < (double)n + 20.0; x += 1.0) total += pow(x, -s);
    leading = pow(x, -(double)n);
    total += leading / (double)n + 0.5 * leading / x;
    rise = leading / (x * x) * s;
    for (k = 0; k < 10; k++) {
        total += rise * bernoulli[k];
        rise *= (s + (2 * k + 1)) * (s + (2 * k + 2)) / (x * x);
    }
    return (n % 2 == 1 ? 1.0 : -1.0) * tgamma(s) * total;
}""",
    "graphc_pow_i64": """
static int64_t graphc_pow_i64(int64_t x, int64_t y) { /* wraps around; the reciprocal of a negative power is rounded towards 0 */
    uint64_t result = 1, base = (uint64_t)x;
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    for (; y > 0; y /= 2) {
        if (y % 2) result *= base;
        base *= base;
    }
    return (int64_t)result;
}""",
    "graphc_pow_u64": """
static uint64_t graphc_pow_u64(uint64_t x, uint64_t y) {
    uint64_t result = 1;
    for (; y > 0; y /= 2) {
        if (y % 2) result *= x;
        x *= x;
    }
    return result;
}""",
}
"""Name → text; a function stands behind those that it uses."""

_USES = {"graphc_polygamma": ("graphc_digamma",)}


def with_used(name: str) -> tuple[str, ...]:
    """A function and those it calls."""
    return (*_USES.get(name, ()), name)


def saturating_cast(dtype: DType) -> tuple[str, str]:
    """The name and the text of the cast of a float to an integer type: towards 0, the end of the range beyond it, 0 for NaN."""
    ends, name, kind = np.iinfo(dtype), f"graphc_to_{dtype.name}", f"{dtype.name}_t"
    low = f"{dtype.name.upper()}_MIN" if dtype.kind == "i" else "0"
    return (
        name,
        f"""
static {kind} {name}(double x) {{ /* towards 0; the end of the range beyond it, 0 for NaN */
    if (x != x) return 0;
    if (x <= {float(ends.min)!r}) return {low};
    if (x >= {float(int(ends.max) + 1)!r}) return {dtype.name.upper()}_MAX;
    return ({kind})x;
}}""",
    )


def compensated(kind: str, size: str) -> tuple[str, str]:
    """The name and the text of one step of a sum that keeps what rounding takes from it (Neumaier)."""
    name, absolute = f"graphc_add_{size}", "fabs" if size == "float64" else "fabsf"
    return (
        name,
        f"""
static void {name}({kind} *sum, {kind} *error, {kind} x) {{
    const {kind} old = *sum, new = old + x;
    *error += {absolute}(old) >= {absolute}(x) ? (old - new) + x : (x - new) + old;
    *sum = new;
}}""",
    )


def finished(kind: str, size: str) -> tuple[str, str]:
    """The name and the text of the end of such a sum."""
    name = f"graphc_sum_{size}"
    return (
        name,
        f"""
static {kind} {name}({kind} sum, {kind} error) {{
    return isfinite(error) && error != 0 ? sum + error : sum;
}}""",
    )
