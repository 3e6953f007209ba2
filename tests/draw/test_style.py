"""Colours: contrast on the background, and differences that survive colour blindness and a grey printer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from graphc.draw import SLIDES, Style

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


@pytest.mark.parametrize("role", ["forward", "backward", "text", "note", "line"])
def test_text_has_contrast_on_the_background(role):
    assert contrast(getattr(SLIDES, role), SLIDES.background) >= 4.5


@pytest.mark.parametrize("fill", ["operation", "symbol", "constant", "adjoint"])
def test_text_has_contrast_on_the_nodes(fill):
    for role in ("text", "note", "backward"):
        assert contrast(getattr(SLIDES, role), getattr(SLIDES, fill)) >= 4.5
    assert contrast(SLIDES.text, getattr(SLIDES, fill)) >= 7


def test_the_darkest_text_has_contrast_on_what_loses_digits():
    assert contrast(SLIDES.text, SLIDES.lost) >= 7


@pytest.mark.parametrize(
    "vision", [np.eye(3), PROTANOPIA, DEUTERANOPIA, TRITANOPIA], ids=["full", "prot", "deut", "trit"]
)
def test_the_two_value_colours_stay_apart(vision):
    one, other = (lab(np.clip(vision @ linear(c), 0, 1)) for c in (SLIDES.forward, SLIDES.backward))
    assert np.linalg.norm(one - other) >= 40  # a difference of 2.3 is just noticeable


def test_the_two_value_colours_differ_in_grey():
    lightness = [lab(np.full(3, luminance(linear(c))))[0] for c in (SLIDES.forward, SLIDES.backward)]
    assert abs(lightness[0] - lightness[1]) >= 10


def test_a_style_is_frozen_data():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SLIDES.forward = "#000000"  # type: ignore[misc]
    assert dataclasses.replace(SLIDES, name="mine") != SLIDES
    assert Style() == SLIDES
