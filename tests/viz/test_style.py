"""Colours: contrast on the background, and differences that survive colour blindness and a grey printer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import graphc as g
from graphc.errors import InputError
from graphc.viz import SLIDES, STYLES, Style, as_style
from graphc.viz.writers.images import mixed

# Machado, Oliveira and Fernandes (2009), A Physiologically-based Model for Simulation of Color Vision Deficiency,
# severity 1.0; the matrices act on linear RGB.
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TRITANOPIA = np.array(
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
)


def linear(colour: str) -> np.ndarray:
    """Linear RGB of an sRGB colour (IEC 61966-2-1)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(rgb: np.ndarray) -> float:
    return float(rgb @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    low, high = sorted((luminance(linear(one)), luminance(linear(other))))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* under D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    t = xyz / [0.9505, 1.0, 1.089]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


ALL = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)


@ALL
@pytest.mark.parametrize("role", ["forward", "backward", "text", "note", "line", "alarm"])
def test_text_has_contrast_on_the_background(style, role):
    assert contrast(getattr(style, role), style.background) >= 4.5
    assert role == "line" or contrast(getattr(style, role), style.frame) >= 4.5


@ALL
@pytest.mark.parametrize("fill", ["operation", "symbol", "constant", "adjoint"])
def test_text_has_contrast_on_the_nodes(style, fill):
    for role in ("text", "note", "backward"):
        assert contrast(getattr(style, role), getattr(style, fill)) >= 4.5
    assert contrast(style.text, getattr(style, fill)) >= 7


@ALL
def test_text_has_contrast_on_what_loses_digits_and_on_alarms(style):
    assert contrast(style.text, style.lost) >= 7
    assert contrast(style.on_alarm, style.alarm) >= 4.5
    assert contrast(style.text, mixed(style.background, style.alarm, 0.15)) >= 7


@ALL
@pytest.mark.parametrize(
    "vision", [np.eye(3), PROTANOPIA, DEUTERANOPIA, TRITANOPIA], ids=["full", "prot", "deut", "trit"]
)
def test_the_two_value_colours_stay_apart(style, vision):
    one, other = (lab(np.clip(vision @ linear(c), 0, 1)) for c in (style.forward, style.backward))
    grey = style.name in ("paper", "mono")  # a difference of 2.3 is just noticeable
    assert np.linalg.norm(one - other) >= (35 if grey else 40)


@ALL
def test_the_two_value_colours_differ_in_grey(style):
    lightness = [lab(np.full(3, luminance(linear(c))))[0] for c in (style.forward, style.backward)]
    assert abs(lightness[0] - lightness[1]) >= (
        0 if style.name == "dark" else 10
    )  # nobody prints the dark one


def test_a_style_is_frozen_data():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SLIDES.forward = "#000000"  # type: ignore[misc]
    assert dataclasses.replace(SLIDES, name="mine") != SLIDES
    assert Style() == SLIDES


def test_styles_by_name_and_as_a_dict():
    assert all(as_style(name) is style for name, style in STYLES.items())
    mine = as_style({"base": "dark", "forward": "#ABCDEF", "page": [5, 4.5]})
    assert mine == dataclasses.replace(STYLES["dark"], name="custom", forward="#ABCDEF", page=(5, 4.5))
    assert as_style({}) == dataclasses.replace(SLIDES, name="custom")
    x = g.symbol("x")
    assert "#ABCDEF" in g.draw(x * 2, {"x": 1}, style={"forward": "#ABCDEF"}).source


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        ("slide", "no style", "'slides'?"),
        (7, "a style is a name", "style="),
        (None, "a style is a name", "style="),
        ({"ink": "#000000"}, "has no", "choose among"),
        ({"forwrad": "#000000"}, "has no", "'forward'?"),
        ({"base": "neon"}, "no style", "choose among"),
        ({"forward": "red"}, "forward is", "#rrggbb"),
        ({"forward": '#00000"'}, "forward is", "#rrggbb"),
        ({"forward": None}, "forward is", "#rrggbb"),
        ({"font": 'x"; evil'}, "font is", "letters"),
        ({"size": -1}, "size is", "positive"),
        ({"size": float("nan")}, "size is", "positive"),
        ({"size": True}, "size is", "positive"),
        ({"page": (1,)}, "page is", "inches"),
        ({"page": "A4"}, "page is", "inches"),
        ({"dpi": 10.5}, "dpi is", "whole"),
        ({3: 4}, "has no", "choose among"),
    ],
)
def test_what_is_no_style(given, words, hint):
    with pytest.raises(InputError, match=words) as caught:
        as_style(given)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "given",
    [
        {"matrix": "big"},
        {"matrix": -1},
        {"images": 1},
        {"images": 49},
        {"images": True},
        {"size": -1},
        {"forward": "red"},
        {"dpi": 10.5},
    ],
)
def test_the_place_of_a_wrong_style_is_the_user_s(given):
    x = g.symbol("x")
    with pytest.raises(InputError) as caught:
        g.draw(x, style=given)
    assert caught.value.site is not None and caught.value.site.filename == __file__


@ALL
def test_every_style_draws_everything(style):
    x = g.symbol("x")
    diagram = g.draw(
        g.log(x - 1) / x, {"x": 1}, style=style, show=("value", "adjoint", "local", "cost", "name")
    )
    assert diagram.style is style
    assert f'fill="{style.background}"' in diagram.svg()
    assert diagram.render("png").startswith(b"\x89PNG")
