"""Figures as a lecturer projects them: what cannot be read on a slide of 1920 × 1080.

python -m tests.slides examples/xor.py figures      runs a script, says what is wrong with each figure that it saves

Text is to be large enough and whole, no text may lie on another, no legend on what is plotted or over the edge of its
plot, and curves of one plot that differ by colour alone are to stay apart in grey.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SLIDE = 1920, 1080
SMALLEST = 20
"""Pixels of the slide that the smallest letters are high: a point less than the 18 of the usual advice is 27."""
APART = 8
"""The difference in lightness L* that two curves need."""


def lightness(colour) -> float:
    """L* of the CIE, 0 for black and 100 for white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    y = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def shown_texts(figure) -> list[tuple[str, float, Bbox]]:
    """(text, size in points, place) of all that is visible."""
    renderer, hidden = figure.canvas.get_renderer(), set()
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            shown = set()
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) if axes.axison else ():
                if (
                    min(limits) <= tick.get_loc() <= max(limits)
                ):  # numbers beyond the ends are there, but not drawn
                    shown |= {id(tick.label1), id(tick.label2)}
            hidden |= (
                {id(text) for text in axis.findobj(Text)} - shown - {id(axis.label), id(axis.offsetText)}
            )
    out = []
    for text in figure.findobj(Text):
        if id(text) in hidden or not text.get_visible() or not text.get_text().strip():
            continue
        if text.axes is None or text.axes.get_visible():
            box = Text.get_window_extent(text, renderer)  # of an annotation without its arrow
            out.append((text.get_text(), float(text.get_fontsize()), box))
    return out


def plotted(axes) -> np.ndarray:
    """Points (n, 2) on what an axes shows: along its lines, in its markers and bars, in pixels."""
    found = [np.empty((0, 2))]
    for line in axes.lines:
        if (
            line.get_visible()
            and len(line.get_xdata())
            and line.get_transform().contains_branch(axes.transData)
        ):
            path = line.get_transform().transform_path(line.get_path()).vertices
            path = path[np.isfinite(path).all(axis=1)]
            if line.get_linestyle() not in ("None", "none", " ", "") and len(path) > 1:
                share = np.linspace(0, 1, 20)[:, None]
                path = np.concatenate([a + share * (b - a) for a, b in itertools.pairwise(path[:5000])])
            found.append(path)
    for collection in axes.collections:
        offsets = np.asarray(collection.get_offsets())
        if offsets.size and np.isfinite(offsets).any() and len(offsets) > 1:
            found.append(collection.get_offset_transform().transform(np.ma.filled(offsets, np.nan)))
    for patch in axes.patches:
        box = patch.get_window_extent()
        if box.height < 0.98 * axes.bbox.height and box.width < 0.98 * axes.bbox.width:
            grid = np.stack(
                np.meshgrid(*(np.linspace(*ends, 12) for ends in (box.intervalx, box.intervaly))), axis=-1
            )
            found.append(grid.reshape(-1, 2))
    points = np.concatenate(found)
    inside = axes.bbox
    return points[
        (points[:, 0] >= inside.x0)
        & (points[:, 0] <= inside.x1)
        & (points[:, 1] >= inside.y0)
        & (points[:, 1] <= inside.y1)
    ]


def faults(figure) -> list[str]:
    """What is wrong with a figure on a slide."""
    if not isinstance(figure.canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    figure.canvas.draw()
    whole = figure.bbox
    scale = min(SLIDE[0] / whole.width, SLIDE[1] / whole.height)
    said, texts = [], shown_texts(figure)
    small = [(points * figure.dpi / 72 * scale, text) for text, points, _ in texts]
    if small and min(small)[0] < SMALLEST:
        said.append(f"small: {min(small)[1]!r} has {min(small)[0]:.0f} px")
    for text, _, box in texts:
        if min(box.x0, box.y0) < -1 or box.x1 > whole.width + 1 or box.y1 > whole.height + 1:
            said.append(f"cut: {text!r}")
    for (one, _, a), (other, _, b) in itertools.combinations(texts, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 2 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.2 * min(
            a.height, b.height
        ):
            said.append(f"on another: {one!r}, {other!r}")
    for axes in figure.axes:
        legend = axes.get_legend()
        points = plotted(axes)
        if legend is not None:
            for text in legend.get_texts():
                box = text.get_window_extent()
                hit = (
                    np.mean(
                        (points[:, 0] > box.x0)
                        & (points[:, 0] < box.x1)
                        & (points[:, 1] > box.y0)
                        & (points[:, 1] < box.y1)
                    )
                    if len(points)
                    else 0
                )
                if hit > 0 and not legend.get_frame_on():
                    said.append(f"legend over data: {text.get_text()!r}")
                if any(box.y0 < axes.bbox.y1 and box.x0 < edge < box.x1 for edge in axes.bbox.intervalx):
                    said.append(f"legend over the edge: {text.get_text()!r}")
        lines = [line for line in axes.lines if not line.get_label().startswith("_")]
        for one, other in itertools.combinations(lines, 2):
            same = (one.get_linestyle(), one.get_marker(), one.get_linewidth()) == (
                other.get_linestyle(),
                other.get_marker(),
                other.get_linewidth(),
            )
            if same and abs(lightness(one.get_color()) - lightness(other.get_color())) < APART:
                said.append(f"alike in grey: {one.get_label()!r}, {other.get_label()!r}")
    return list(dict.fromkeys(said))


def main(script: str, *arguments: str) -> int:
    """Run a script; its figures' faults go to the standard error. The number of figures that have some."""
    bad = 0
    save = Figure.savefig

    def watched(figure, file, *rest, **options):
        nonlocal bad
        said = faults(figure)
        if said:
            bad += 1
            print(f"{Path(str(file)).name}:", *said, sep="\n  ", file=sys.stderr)
        return save(figure, file, *rest, **options)

    Figure.savefig = watched
    sys.argv[:] = [script, *arguments]
    sys.path.insert(0, str(Path(script).resolve().parent))
    runpy.run_path(script, run_name="__main__")
    return bad


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
