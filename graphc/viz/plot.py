"""Plots of points, by matplotlib, which is loaded when the first is drawn."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphc.errors import RenderError
from graphc.ir.ulp import ordinals
from graphc.util.files import as_text, write_whole

FORMATS = ("png", "svg", "pdf")

TICKS = (-300, -200, -100, 0, 100, 200, 300)
"""Powers of ten that are marked on a wide axis."""

_COLOURS = ("#B34400", "#0A4F94", "#5B6775")


def _matplotlib() -> Any:
    try:
        import matplotlib.figure  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise RenderError("plots need matplotlib", hint="pip install matplotlib") from error
    return matplotlib


def scatter(
    path: str | os.PathLike[str],
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    wide: bool = False,
    bounds: Sequence[float] = (),
) -> Path:
    """Write a plot of several values over one: .png, .svg or .pdf by the suffix. Returns the path.

    wide : whether x goes by the numbers of the floats, so that each power of ten is as long as any other on both sides of 0
    bounds : where the pieces of a piecewise formula meet, in order: every other piece is shaded

    Raises `RenderError` for another suffix and without matplotlib, `FileError` when the file cannot be written.
    """
    target, form = _target(path)
    figure = _matplotlib().figure.Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    places = ordinals(x).astype(float) if wide else x
    for (label, values), colour in zip(series.items(), _COLOURS, strict=False):
        axes.plot(places, values, ".", label=label, color=colour, markersize=4)
    if bounds:
        ends = [min(x), *(bound for bound in bounds if min(x) < bound < max(x)), max(x)]
        drawn = ordinals(ends).astype(float).tolist() if wide else ends
        for number in range(1, len(drawn) - 1, 2):
            axes.axvspan(drawn[number], drawn[number + 1], color="#F2E8C9", zorder=0)
    if wide:
        ticks = [sign * 10.0**power for power in TICKS for sign in (-1, 1)] + [0.0]
        ticks = sorted(tick for tick in ticks if min(x) <= tick <= max(x))
        axes.set_xticks(ordinals(ticks).astype(float), [f"{tick:g}" for tick in ticks])
    axes.set_ylim(bottom=-1)
    _labelled(axes, title, xlabel, ylabel)
    return _saved(figure, target, form)


def lines(
    path: str | os.PathLike[str],
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    log: bool = False,
) -> Path:
    """Write a plot of several curves over one axis: .png, .svg or .pdf by the suffix. Returns the path.

    log : whether the values go by powers of ten

    Raises `RenderError` for another suffix and without matplotlib, `FileError` when the file cannot be written.
    """
    target, form = _target(path)
    figure = _matplotlib().figure.Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for place, (label, values) in enumerate(series.items()):
        axes.plot(
            x, values, label=label, color=_COLOURS[place] if place < len(_COLOURS) else None, linewidth=1.6
        )
    if log:
        axes.set_yscale("log")
    if all(float(place).is_integer() for place in x):
        axes.xaxis.get_major_locator().set_params(integer=True)
    _labelled(axes, title, xlabel, ylabel)
    return _saved(figure, target, form)


def _target(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """The file of a plot, and its format."""
    target = Path(as_text(path))
    form = target.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise RenderError(
            f"graphc does not plot {target.suffix or 'without a suffix'!r}",
            hint=f"use one of {', '.join(f'.{known}' for known in FORMATS)}",
        )
    return target, form


def _labelled(axes: Any, title: str, xlabel: str, ylabel: str) -> None:
    """The words of a plot. Names and formulas are a user's text: a dollar sign in them is no formula of matplotlib's."""
    axes.set_xlabel(xlabel, parse_math=False)
    axes.set_ylabel(ylabel, parse_math=False)
    axes.set_title(title, fontsize="medium", parse_math=False)
    axes.grid(color="#DDDDDD", linewidth=0.5)
    axes.legend(frameon=False)


def _saved(figure: Any, target: Path, form: str) -> Path:
    """Write a figure, whole or not at all."""
    content = io.BytesIO()
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}  # equal plots are equal files
    figure.savefig(content, format=form, dpi=150, metadata=undated[form])
    write_whole(target, content.getvalue())
    return target


__all__ = ["lines", "scatter"]
