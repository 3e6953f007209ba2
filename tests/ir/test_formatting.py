"""Numbers, arrays and names as people read them."""

from __future__ import annotations

import math
import unicodedata
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.errors import InputError
from graphc.ir.formatting import check_digits, name_parts, show_number, show_value, visible

BACK = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")


def read(text: str) -> Decimal:
    """A shown number read back, by a reader that shares no code with what wrote it."""
    mantissa, _, power = text.partition("×10")
    return Decimal(mantissa.translate(BACK)).scaleb(int(power.translate(BACK)) if power else 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (-6.0, "−6"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (-0.6931471805599453, "−0.693"),
        (1234, "1234"),
        (1234.5, "1.23×10³"),
        (999.6, "1×10³"),
        (123456.0, "123456"),
        (1e6, "1×10⁶"),
        (1.23456e-5, "1.23×10⁻⁵"),
        (0.00123, "0.00123"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (True, "True"),
        (np.float32(0.1), "0.1"),
        (np.int64(-12), "−12"),
        (2**63, "9.22×10¹⁸"),
        (5e-324, "4.94×10⁻³²⁴"),
    ],
)
def test_numbers(value, text):
    assert show_number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 17))
def test_numbers_are_the_rounded_value(value, digits):
    shown = read(show_number(value, digits))
    rounded = Context(prec=digits, rounding=ROUND_HALF_EVEN).create_decimal(Decimal(value))
    exact = abs(value) < 10**6 and value == int(value)  # integers of up to six digits are not rounded
    assert shown == (Decimal(value) if exact else rounded)


@given(st.floats(), st.integers(1, 17))
def test_numbers_are_short(value, digits):
    assert len(show_number(value, digits)) <= digits + 10


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array(2.5), "2.5"),
        (np.array([1.0, -0.0, 2.5]), "[1, 0, 2.5]"),
        (np.linspace(-1, 1, 12).reshape(3, 4), "(3, 4) −1…1"),
        (np.zeros((2, 0)), "(2, 0) empty"),
        (np.full(9, 7.0), "(9,) all 7"),
        (np.array([1.0, 1.0001, 1.0002, 1]), "(4,) about 1"),
        (np.array([1.0, np.nan, 3.0, np.nan]), "(4,) 1…3, 2 NaN"),
        (np.full(4, np.nan), "(4,) all NaN"),
        (np.array([True, False, True, True]), "(4,) 3 True"),
        (np.array([1.0, np.inf, -np.inf, 0]), "(4,) −∞…∞"),
        (np.arange(4, dtype=np.uint8), "(4,) 0…3"),
    ],
)
def test_arrays(array, text):
    assert show_value(array) == text


@given(st.text(alphabet=st.characters(), min_size=1, max_size=60))
def test_visible_text_is_one_short_line_that_can_be_encoded(text):
    shown = visible(text)
    assert shown.strip()
    assert all(unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in shown)
    shown.encode("utf-8")
    if len(text) <= 40 and text.isprintable() and text.strip():
        assert shown == text


def test_long_names_keep_both_ends():
    assert visible("a" * 30 + "b" * 30, 11) == "aaaaa…bbbbb"
    assert visible("\ud800") == "⟨D800⟩"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("x", ("x", "")),
        ("lambda", ("λ", "")),
        ("Theta_1", ("Θ", "1")),
        ("w12", ("w", "12")),
        ("x_max", ("x", "max")),
        ("_x", ("_x", "")),
        ("learning_rate_x", ("learning_rate_x", "")),
        ("<b>1", ("<b>1", "")),
        ("x_1_2", ("x", "1,2")),
        ("w1_2", ("w", "1,2")),
        ("x_max_i", ("x", "max,i")),
        ("é1", ("é", "1")),
        ("e\u0301_1", ("é", "1")),
        ("β_1", ("β", "1")),
        ("δ₁", ("δ", "1")),
        ("W₁₂ᵢ", ("W", "12i")),
        ("ш_ход", ("ш", "ход")),
        ("ש_1", ("ש", "1")),
        ("x'", ("x′", "")),
        ("x_alpha", ("x", "α")),
        ("beta_max_2", ("β", "max,2")),
        ("x__1", ("x__1", "")),
        ("x_", ("x_", "")),
        ("x_{12}", ("x", "12")),
        ("θ_{t+1}", ("θ", "t+1")),
        ("h_{t-1}", ("h", "t−1")),
        ("W_{i,alpha}", ("W", "i,α")),
        ("x_{}", ("x_{}", "")),
        ("x_{a_b}", ("x_{a_b}", "")),
        (r"x_{\a}", (r"x_{\a}", "")),
        ("x_seventh", ("x_seventh", "")),
    ],
)
def test_names_have_a_letter_and_an_index(name, parts):
    assert name_parts(name) == parts


@pytest.mark.parametrize("digits", [0, 18, 2.5, True, "3", None])
def test_digits_are_checked(digits):
    with pytest.raises(InputError, match="digits"):
        check_digits(digits)
