"""Butcher tableaus of explicit Runge–Kutta methods, with their error estimates and dense output.

Sources: Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I (1993), II.1 to II.6; Dormand and Prince (1980) and
Shampine (1986) for 5(4) and its dense output; Tsitouras, Runge–Kutta pairs of order 5(4) satisfying only the first column
simplifying assumption (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tableau:
    """An explicit method.

    order : its order
    nodes : c, the times of the stages as parts of a step
    stages : a, row by row
    weights : b
    error : what the weights differ from those of the embedded method by; None where there is none
    dense : for each stage the coefficients of θ, θ², … of its weight at the part θ of a step; None where there is no dense output
    error_order : the order of the embedded method
    reuses_last : whether the last stage is the first one of the next step
    """

    order: int
    nodes: tuple[float, ...]
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    error: tuple[float, ...] | None = None
    dense: tuple[tuple[float, ...], ...] | None = None
    error_order: int = 0
    reuses_last: bool = False


EULER = Tableau(1, (0.0,), ((),), (1.0,))

MIDPOINT = Tableau(2, (0.0, 0.5), ((), (0.5,)), (0.0, 1.0))

RK4 = Tableau(
    4, (0.0, 0.5, 0.5, 1.0), ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
)

_DOPRI5_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0)
_DOPRI5_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_DOPRI5_DENSE = (
    -12715105075 / 11282082432,
    0.0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
)


def _hermite(weights: Sequence[float], free: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """The weights of a quartic through both ends, with their slopes, and one number more: θ²(1 − θ)² times `free`.

    The first stage is the slope at the beginning and the last one that at the end.
    """
    last = len(weights) - 1
    rows = []
    for stage, (b, d) in enumerate(zip(weights, free, strict=True)):
        begin, end = float(stage == 0), float(stage == last)
        # bθ + θ(1 − θ)(begin·1 − b) + θ²(1 − θ)(2b − begin − end) + θ²(1 − θ)²d
        first = b + (begin - b)
        second = -(begin - b) + (2 * b - begin - end) + d
        third = -(2 * b - begin - end) - 2 * d
        rows.append((first, second, third, d))
    return tuple(rows)


DOPRI5 = Tableau(
    5,
    (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
    (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        _DOPRI5_WEIGHTS[:6],
    ),
    _DOPRI5_WEIGHTS,
    _DOPRI5_ERROR,
    _hermite(_DOPRI5_WEIGHTS, _DOPRI5_DENSE),
    error_order=4,
    reuses_last=True,
)

_TSIT5_WEIGHTS = (
    0.09646076681806523,
    0.01,
    0.4798896504144996,
    1.379008574103742,
    -3.290069515436081,
    2.324710524099774,
    0.0,
)


def _times(*factors: Sequence[float]) -> tuple[float, ...]:
    """A product of polynomials, each by its coefficients from θ⁰ on; of the result those from θ on."""
    product = [1.0]
    for factor in factors:
        longer = [0.0] * (len(product) + len(factor) - 1)
        for i, a in enumerate(product):
            for j, b in enumerate(factor):
                longer[i + j] += a * b
        product = longer
    return tuple(product[1:])


TSIT5 = Tableau(
    5,
    (0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0),
    (
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
        _TSIT5_WEIGHTS[:6],
    ),
    _TSIT5_WEIGHTS,
    (
        -0.00178001105222577714,
        -0.0008164344596567469,
        0.007880878010261995,
        -0.1447110071732629,
        0.5823571654525552,
        -0.45808210592918697,
        0.015151515151515152,
    ),
    (
        _times(
            (0.0, -1.0530884977290216), (-1.3299890189751412, 1.0), (0.7139816917074209, -1.4364028541716351, 1.0)
        ),
        _times((0.0, 0.0, 0.1017), (1.2949852507374631, -2.1966568338249754, 1.0)),
        _times((0.0, 0.0, 2.490627285651252793), (1.57803468208092486, -2.38535645472061657, 1.0)),
        _times((0.0, 0.0, -16.54810288924490272), (-1.21712927295533244, 1.0), (-0.61620406037800089, 1.0)),
        _times((0.0, 0.0, 47.37952196281928122), (-1.203071208372362603, 1.0), (-0.658047292653547382, 1.0)),
        _times((0.0, 0.0, -34.87065786149660974), (-1.2, 1.0), (-0.666666666666666667, 1.0)),
        _times((0.0, 0.0, 2.5), (-1.0, 1.0), (-0.6, 1.0)),
    ),
    error_order=4,
    reuses_last=True,
)  # fmt: skip

FIXED = {"euler": EULER, "midpoint": MIDPOINT, "rk4": RK4}
ADAPTIVE = {"dopri5": DOPRI5, "tsit5": TSIT5}

__all__ = ["ADAPTIVE", "DOPRI5", "EULER", "FIXED", "MIDPOINT", "RK4", "TSIT5", "Tableau"]
