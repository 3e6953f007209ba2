"""Special functions: error functions, the gamma family.

The references are SciPy's, imported when first evaluated: NumPy has none of these.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.machinery
import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import DtypeError, InputError, brief
from graphc.ir.expr import apply, constant, current_site
from graphc.ir.op import Facts, Notation, Op
from graphc.ir.types import INT64, TypeRule, floating
from graphc.ops.comparison import where
from graphc.ops.elementary import exp
from graphc.ops.rounding import trunc
from graphc.ops.support.declare import Function, declare, like, with_checks
from graphc.util import fork_safety

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


@fork_safety.once
def scipy_special():
    """SciPy's special functions, with the C functions behind them in `cython_special`."""
    import scipy.special.cython_special

    return scipy.special


@fork_safety.once
def scipy_blas():
    """`scipy.linalg.cython_blas`, without the half second that the rest of `scipy.linalg` takes."""
    import scipy

    name = "scipy.linalg.cython_blas"
    place = Path(scipy.__file__).parent / "linalg"
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        file = place / f"cython_blas{suffix}"
        spec = importlib.util.spec_from_file_location(name, file) if file.exists() else None
        if name in sys.modules or spec is None or spec.loader is None:
            continue
        try:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        except ImportError:
            break
        finally:
            sys.modules.pop(name, None)  # whoever imports it later gets it as a part of its package
        return module
    return importlib.import_module(name)


def scipy_lowlevel(address: int, owner: Any) -> Any:
    """The C function `double (int, double *)` at an address as a `scipy.LowLevelCallable`; `owner` is what keeps it there."""
    import scipy

    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double))
    function = kind(address)
    function.owner = owner  # type: ignore[attr-defined]  # ctypes lets one
    return scipy.LowLevelCallable(function)


def scipy_callback(address: int, signature: str, data: Any, owner: Any) -> Any:
    """The C function of some signature at an address as a `scipy.LowLevelCallable`, with the memory of an array as its data."""
    import scipy

    function = ctypes.CFUNCTYPE(None)(address)
    function.owner = owner  # type: ignore[attr-defined]
    pointer = None
    if data is not None:
        pointer = ctypes.c_void_p(data.ctypes.data)
        pointer.owner = data  # type: ignore[attr-defined]
    return scipy.LowLevelCallable(function, pointer, signature)


def _lgamma(x):
    # SciPy's answers -inf at -inf, against the C standard, and overflows for subnormals, where log|Γ(x)| = -log|x|
    result = scipy_special().gammaln(x)
    small = np.abs(x) < 1e-300
    near_zero = -np.log(np.where(small & (x != 0), np.abs(x), 1))
    return np.where(np.isinf(x), np.inf, np.where(small & (x != 0), near_zero, result))


def _gamma(x):
    # SciPy's versions differ at the poles, where the C standard has an infinity of the zero's sign, and NaN at the others
    result = scipy_special().gamma(x)  # of integers a float64
    x = np.asarray(x, dtype=result.dtype)
    pole = (x < 0) & (np.floor(x) == x)
    return np.where(
        x == 0, np.copysign(result.dtype.type(np.inf), x), np.where(pole, result.dtype.type(np.nan), result)
    )[()]


_SCIPYS = {"lgamma": ("gammaln", "loggamma"), "digamma": ("psi", "digamma")}
"""Names of SciPy's, where they are others."""


def _special(name, scipy_name, formula, domain, partial, summary, **more):
    return declare(
        Op(
            name=name,
            params=("x",),
            summary=summary,
            types=TypeRule(floating),
            reference=scipy_name
            if callable(scipy_name)
            else lambda x: getattr(scipy_special(), scipy_name)(x),
            formula=formula,
            domain=(domain,),
            partials=(partial,),
            category="special",
            scipy=_SCIPYS.get(name, (name,)),
            **more,
        )
    )


erf: Function = _special(
    "erf", "erf", lambda S, x: S.erf(x), (-5.0, 5.0), lambda out, x: TWO_OVER_ROOT_PI * exp(-(x * x)),
    "The error function 2/√π ∫₀ˣ e^(−t²) dt.", emit=lambda e, x: e.call("erf", x), notation=Notation("erf"),
    sympy=("erf",), ulps=1.5, reference_ulps=3.0,
    facts=Facts(parity="odd", monotone=1, bounded_slope=True, range=(-1.0, 1.0), nan="never"),
    nanoseconds=2.5, texts={"python": "math.erf", "javascript": "erf"},
)  # fmt: skip
erfc: Function = _special(
    "erfc", "erfc", lambda S, x: S.erfc(x), (-5.0, 5.0), lambda out, x: -TWO_OVER_ROOT_PI * exp(-(x * x)),
    "The complementary error function 1 − erf(x), without cancellation.", emit=lambda e, x: e.call("erfc", x),
    notation=Notation("erfc"), facts=Facts(monotone=-1, range=(0.0, 2.0), nan="never"), sympy=("erfc",), ulps=1.5,
    reference_ulps=20.0,
    nanoseconds=5.0, texts={"python": "math.erfc", "javascript": "erfc"},
)  # fmt: skip
ERFCX_PLACE, ERFCX_SHIFT, ERFCX_NEAR = 4.0, 0.875, 0.5
ERFCX = (
    0.6678723559221743, -0.16696107670534563, 0.08970970564565936, -0.02754815413414517, -0.00965834149357321,
    0.023200986634297267, -0.021428036711313495, 0.013767278006554452, -0.006576268174040588, 0.0022163124380299173,
    -0.0003870472551595664, -7.000967776420052e-05, 6.685214075328108e-05, -1.2913232132575943e-05,
    -4.506171280304303e-06, 2.701450544380208e-06, 3.889877214378826e-08, -3.76587192039319e-07,
    4.905291482378394e-08, 4.9605903333998716e-08, -1.1986833813016779e-08, -6.962793013124655e-09,
    2.2321656038462604e-09, 1.1046686041515401e-09, -3.7837309160724793e-10, -1.9941027920960335e-10,
    5.936228038888264e-11, 3.9208636536512474e-11, -8.135849887113551e-12, -7.746299138675377e-12,
    8.153833190268001e-13, 1.370296347646328e-12, -2.0645122143860108e-14, -1.8261545349861554e-13,
    -9.760538214615068e-15, 1.3063670032167285e-14, 1.319166905597929e-15,
)  # fmt: skip
"""(x + 7/8)·exp(x²)·erfc x in y = (x − 4)/(x + 4), for x ≥ 0, to so many terms that three derivatives keep their
digits. The mapping is that of M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x)·exp(x²)·erfc x in
0 ≤ x < ∞, Mathematics of Computation 36 (1981)."""


def _erfcx_positive(x):
    """erfcx x for x ≥ 0."""
    y = 1 - 2 * ERFCX_PLACE / (x + ERFCX_PLACE)
    total = like(ERFCX[-1], x)
    for coefficient in ERFCX[-2::-1]:
        total = total * y + coefficient
    return total / (x + ERFCX_SHIFT)


def _erfcx_code(x):
    """Below 0 2·exp(x²) less that of −x. The square is n² + (x − n)(x + n), for an n whose square is exact."""
    n = trunc(x * 16) * 0.0625
    power = where(x > -30, exp(n * n) * exp((x - n) * (x + n)), exp(x * x))
    positive = _erfcx_positive(abs(x))
    return where(x < 0, 2 * power - positive, positive)


def _erfcx_partial(out, x):
    """2x·erfcx x − 2/√π, whose terms have one sign below 0 and are apart up to ½; above the approximation's derivative."""
    size = where(x < ERFCX_NEAR, ERFCX_NEAR, x)
    inverse, place = 1 / (size + ERFCX_SHIFT), 1 / (size + ERFCX_PLACE)
    y = 1 - 2 * ERFCX_PLACE * place
    total, slope = like(ERFCX[-1], x), like(0, x)
    for coefficient in ERFCX[-2::-1]:
        slope = slope * y + total
        total = total * y + coefficient
    above = (2 * ERFCX_PLACE * slope * place * place - total * inverse) * inverse
    return where(x < ERFCX_NEAR, 2 * x * out - TWO_OVER_ROOT_PI, above)


erfcx: Function = _special(
    "erfcx", "erfcx", lambda S, x: S.exp(x**2) * S.erfc(x), (-3.0, 50.0), _erfcx_partial,
    "The scaled complementary error function exp(x²)·erfc(x), which does not underflow.", expand=_erfcx_code,
    notation=Notation("erfcx"), facts=Facts(monotone=-1, range=(0.0, math.inf), nan="never"), ulps=4.0, reference_ulps=20.0,
    specials=(((0.0,), 1.0), ((-0.0,), 1.0), ((math.inf,), 0.0), ((-math.inf,), math.inf)),
    nanoseconds=8.0,
)  # fmt: skip
gamma: Function = _special(
    "gamma", _gamma, lambda S, x: S.gamma(x), (0.1, 20.0), lambda out, x: out * digamma(x),
    "The gamma function Γ(x), (x − 1)! at whole x.", emit=lambda e, x: e.call("tgamma", x),
    notation=Notation("Γ", None, r"\Gamma\left(<0>\right)"), sympy=("gamma",), ulps=10.0,
    nanoseconds=40.0, texts={"python": "math.gamma", "javascript": "tgamma"},
)  # fmt: skip
lgamma: Function = _special(
    "lgamma", _lgamma, lambda S, x: S.log(S.Abs(S.gamma(x))), (2.5, 100.0), lambda out, x: digamma(x),
    "The logarithm of |Γ(x)|.", notes="Near its roots 1 and 2 the error is small beside 1, not beside the value.",
    emit=lambda e, x: e.call("lgamma", x),
    notation=Notation("log Γ", None, r"\log\left|\Gamma\left(<0>\right)\right|"), sympy=("loggamma",), ulps=10.0,
    nanoseconds=40.0, texts={"python": "math.lgamma", "javascript": "lgamma"},
)  # fmt: skip
digamma: Function = _special(
    "digamma", "psi", lambda S, x: S.digamma(x), (0.1, 100.0), lambda out, x: polygamma(1, x),
    "The digamma function ψ(x) = Γ′(x)/Γ(x).", emit=lambda e, x: e.special("digamma", x),
    notation=Notation("ψ", None, r"\psi\left(<0>\right)"), sympy=("digamma",), ulps=50.0,
    nanoseconds=40.0, texts={"python": "digamma", "javascript": "digamma"},
)  # fmt: skip


def _polygamma_types(dtypes):
    order, x = dtypes
    if order.kind not in "iu":
        raise DtypeError(f"polygamma needs an integer order, not {order}", hint="write g.polygamma(1, x)")
    real = floating((x,))[1]
    return (INT64, real), real


def _polygamma_reference(order, x):
    # SciPy answers in float64. Far below 0 it adds up a term for each whole number on the way: NaN there, as in machine code
    near = np.where(np.asarray(x) >= -1e5, x, np.nan)
    values = np.asarray(scipy_special().polygamma(order, near))
    # of even orders the pole at 0 has two signs, and SciPy's has one
    left = (np.asarray(near) == 0) & np.signbit(near) & (np.asarray(order) % 2 == 0)
    return np.where(left & (values == -np.inf), np.inf, values).astype(np.asarray(x).dtype)[()]


def _next_order(out: Any, n: Any, x: Any) -> Any:
    return polygamma(n + 1, x)


POLYGAMMA = Op(
    name="polygamma",
    params=("n", "x"),
    summary="The polygamma function ψ⁽ⁿ⁾(x): the n-th derivative of digamma.",
    notes=(
        "n is a whole number, at least 1 for machine code; by n there is no derivative. x is real, not 0, −1, −2, …; "
        "NaN below −100,000."
    ),
    types=TypeRule(_polygamma_types, group=(1,)),
    reference=_polygamma_reference,
    formula=lambda S, n, x: S.polygamma(n, x),
    domain=((1.0, 3.0), (0.2, 50.0)),
    partials=(None, _next_order),
    emit=lambda e, n, x: e.special("polygamma", n, x),
    notation=Notation("ψ⁽ⁿ⁾", None, r"\psi^{(<0>)}\left(<1>\right)"),
    sympy=("polygamma",),
    ulps=100.0,
    category="special",
    nanoseconds=200.0,
    texts={"python": "polygamma", "javascript": "polygamma"},
)
declare(POLYGAMMA)


@with_checks(POLYGAMMA)
def polygamma(n, x):
    """The polygamma function ψ⁽ⁿ⁾(x): the n-th derivative of digamma.

    n : a whole number from 1 on, or an integer expression; there is no derivative by it
    x : real, not 0, −1, −2, …

    Raises `DtypeError` for an order that is not an integer, `InputError` for a negative one.
    """
    order = constant(n)
    if order.is_constant and np.any(order.value < 0):
        raise InputError(
            f"the order of polygamma is a number of derivatives, not {brief(n)}",
            site=current_site(),
            hint="polygamma(1, x) is the derivative of digamma, whose integral is lgamma",
        )
    return apply(POLYGAMMA, order, x)


__all__ = ["digamma", "erf", "erfc", "erfcx", "gamma", "lgamma", "polygamma"]
