"""A diagram fitted to a page: broken into rows, turned, and as far as needed collapsed, until its smallest text can be read.

What keeps the most is tried first: the picture as it is, in rows, with arrows that lead down; then the same with fewer nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from graphc.errors import InputError, brief
from graphc.ir.formatting import LARGEST_SHOWN, visible
from graphc.viz.collapse import MAX_NODES, fold
from graphc.viz.layered.place import place
from graphc.viz.layered.trials import LayoutTrials
from graphc.viz.layout_scene import Scene
from graphc.viz.model import View
from graphc.viz.page_rows import arranged, smallest
from graphc.viz.style import Style

PAGES: Mapping[str, tuple[float, float, float]] = {
    "slide": (13.33, 7.5, 12.0),
    "a4": (6.3, 9.7, 8.0),
    "column": (3.4, 9.0, 8.0),
}
"""Name → width and height in inches within the margins, and points of the smallest text."""

_LEAST = 8.0
"""Points of the smallest text on a page of another size."""

_STEPS = (MAX_NODES, 40, 30, 24, 18, 14, 10, 8, 6, 4)
"""So many nodes are drawn at most, one after another, until the picture fits."""

_CLOSE, _TIGHT, _SMALL = 0.1, 0.05, 0.4
"""Inches between neighbours, the same where no values stand between them, and across a node, where room is scarce."""

_MATRIX = 3
"""Matrices larger than this are the first whose elements are left out."""

_FEW = 10
"""Before fewer nodes than this are drawn, values are left out."""

_LETTERS = (24, 14, 8)
"""So many letters are left of names where nothing else helps."""


@dataclass(frozen=True)
class PageFit:
    """A view for a page.

    view, style, layout : what is drawn, and how
    told : what was collapsed or could not be reached, as a sentence; empty where nothing was lost
    scene : the view laid out; None where graphc has no layout for it
    """

    view: View
    style: Style
    layout: str
    told: str = ""
    scene: Scene | None = None


def check_page(page: Any) -> tuple[float, float, float]:
    """Width and height in inches, and points of the smallest text; raises `InputError` for what is no page."""
    if isinstance(page, str) and page in PAGES:
        return PAGES[page]
    if isinstance(page, (tuple, list)) and len(page) == 2 and all(map(_is_length, page)):
        return float(page[0]), float(page[1]), _LEAST
    raise InputError(
        f"page is {brief(page)}",
        hint=f"one of {', '.join(map(repr, PAGES))}, or a width and a height in inches, (6.5, 4)",
    )


def _is_length(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and isfinite(value) and 0.5 <= value <= 1000


def fit(
    view: View, page: Any, style: Style, digits: int, layout: str, decimals: int | None, collapse: Any = None
) -> PageFit:
    """The view that loses least among those whose smallest text is large enough on a page.

    Parameters
    ----------
    view : with nothing collapsed
    page : "slide" (13.33 × 7.5 inches, text of 12 points or more), "a4" or "column" (within the margins, 8 points or more), or
        width and height in inches (8 points or more)
    style, digits, decimals : how it is drawn
    layout : where the arrows lead, if that fits
    collapse : what is collapsed in any case, as in `fold`

    Raises `InputError` for what is no page.
    """
    width, height, least = check_page(page)
    found = _Found(least, digits, decimals)
    whole = fold(view, collapse, None, rows=False)
    looks = _looks(style, width, height, least)
    for folded, shown, look, told in _tried(view, whole, collapse, looks):
        told = "; ".join(filter(None, (_told(whole, folded), told)))
        put = partial(found.draft, look)
        if found.add(arranged(shown, layout, width, height, least, put), look, told):
            break
    best = found.finished()
    if best is None:
        return PageFit(fold(view, collapse), looks[0], layout, "the picture has no layout that fits a page")
    if found.size >= least - _EXACT:
        return best
    told = f"the smallest text has {found.size:.1f} points on this page, less than {least:g}"
    return replace(best, told="; ".join(filter(None, (best.told, told))))


class _Found:
    """The best of what was tried: the first whose smallest text is large enough, or that whose is largest.

    Everything is tried as a draft, without a search for fewer crossings; what may be taken is laid out once more with it.
    """

    def __init__(self, least: float, digits: int, decimals: int | None) -> None:
        self.least, self.digits, self.decimals = least, digits, decimals
        self.size = 0.0
        self.best: PageFit | None = None
        self._trials = LayoutTrials()

    def draft(self, style: Style, view: View, layout: str) -> Scene | None:
        """A view laid out in little time."""
        return self._placed(view, style, layout, draft=True)

    def _placed(self, view: View, style: Style, layout: str, draft: bool) -> Scene | None:
        self._trials.draft = draft
        return place(view, style, self.digits, layout, self.decimals, trials=self._trials)

    def add(self, tried: Iterator[tuple[View, str, Scene]], style: Style, told: str) -> bool:
        """Try more; whether one fits."""
        before, best = self.size, self.best
        for shown, way, draft in tried:
            made, size = PageFit(shown, style, way, told), _size(draft)
            if size >= _NEAR * self.least:
                made, size = self._exact(made, draft)
            if size > self.size or self.best is None or size >= self.least - _EXACT:
                self.size, self.best = size, made
            if size >= self.least - _EXACT:
                return True
        if best is not None and self.size < 1.05 * before:  # so little is not worth what was left out
            self.size, self.best = before, best
        return False

    def finished(self) -> PageFit | None:
        """The best with its scene; the size is that of its smallest text."""
        if self.best is not None and self.best.scene is None:
            self.best, self.size = self._exact(self.best, None)
        return self.best

    def _exact(self, made: PageFit, draft: Scene | None) -> tuple[PageFit, float]:
        """A view with its scene, laid out as well as can be, and the size of its smallest text."""
        scene = draft
        if draft is None or self._trials.better:
            scene = self._placed(made.view, made.style, made.layout, draft=False)
        return replace(made, scene=scene), 0.0 if scene is None else _size(scene)


def _size(scene: Scene) -> float:
    """Points of the smallest text on the page."""
    return scene.scale * smallest(scene)


_EXACT = 0.01
"""Points by which a text may be smaller."""

_NEAR = 0.95
"""A draft whose smallest text is so large, as a part of what it shall be, may fit when it is laid out exactly."""


def _looks(style: Style, width: float, height: float, least: float) -> tuple[Style, Style, Style]:
    """The style on a page: with its own sizes where they are large enough, with texts and gaps as small as they may be, and the
    same where no values stand between the nodes.
    """
    plain = replace(
        style,
        page=(width, height),
        value_size=max(style.value_size, least + 1),
        note_size=max(style.note_size, least),
    )
    close = replace(
        plain,
        size=min(plain.size, least + 2),
        value_size=least,
        note_size=least,
        rank_gap=min(style.rank_gap, _CLOSE),
        node_gap=min(style.node_gap, _CLOSE),
        node_size=min(style.node_size, _SMALL),
    )
    tight = replace(
        close,
        size=min(plain.size, least + 1),
        rank_gap=min(style.rank_gap, _TIGHT),
        node_size=min(style.node_size, 0.75 * _SMALL),
    )
    return plain, close, tight


def _tried(
    view: View, whole: View, collapse: Any, looks: tuple[Style, Style, Style]
) -> Iterator[tuple[View, View, Style, str]]:
    """What may stand on a page, what keeps the most first: what is left of the whole view, that as it is shown, how it looks,
    and what was left out besides nodes.
    """
    plain, close, tight = looks
    views = list(_folded(view, whole, collapse))
    many = [folded for folded in views if len(folded.nodes) >= _FEW]
    few = [folded for folded in views if len(folded.nodes) < _FEW]
    if not many:
        many, few = few, []
    for folded in many:
        yield from _with_values(folded, plain, close)
    for folded in many:  # a graph without its values tells more than a box or two with them
        yield folded, _bare(folded), tight, "values are left out"
    for folded in few:
        yield from _with_values(folded, plain, close)
    for folded in views[-1:]:
        yield folded, _bare(folded), tight, "values are left out"
        for letters in _LETTERS:
            told = f"values are left out, and of names all but {letters} letters"
            yield folded, _cut(_bare(folded), letters), tight, told


def _folded(view: View, whole: View, collapse: Any) -> Iterator[View]:
    """The whole view, and with ever fewer nodes."""
    seen: set[tuple[str, ...]] = set()
    for most in (len(whole.nodes), *(step for step in _STEPS if step < len(whole.nodes))):
        folded = whole if most >= len(whole.nodes) else fold(view, collapse, most, rows=False)
        keys = tuple(node.key for node in folded.nodes)
        if keys not in seen and len(keys) <= 4 * MAX_NODES:
            seen.add(keys)
            yield folded


def _with_values(folded: View, plain: Style, close: Style) -> Iterator[tuple[View, View, Style, str]]:
    """A view with all its values, and with larger and then all matrices as shape and range."""
    yield folded, folded, plain, ""
    yield folded, folded, close, ""
    before = close.matrix
    written = {length for length in _written(folded) if length <= before}
    for shown in (_MATRIX, 0):
        if any(shown < length <= before for length in written):
            before = shown
            yield (
                folded,
                folded,
                replace(close, matrix=shown, images=0),
                "arrays are shown as shape and range",
            )


def _bare(view: View) -> View:
    """A view without values."""
    nodes = tuple([replace(node, adjoint=None) for node in view.nodes])
    return replace(view, nodes=nodes, show=view.show - {"value", "adjoint", "local", "image", "histogram"})


def _written(view: View) -> set[int]:
    """The rows or columns of the vectors and matrices whose elements may be written out, those of short vectors aside."""
    shapes = {np.shape(value) for edge in view.edges for value in (edge.value, edge.contribution, edge.local)}
    lengths = {max(shape) for shape in shapes if len(shape) == 1 and shape[0] > _MATRIX}
    # of larger matrices there are images, which go when the largest that are written out go
    return lengths | {min(max(shape), LARGEST_SHOWN) for shape in shapes if len(shape) == 2}


def _cut(view: View, letters: int) -> View:
    """The view with its names cut."""
    nodes = [
        replace(
            node,
            label=visible(node.label, letters),
            name=visible(node.name, letters) if node.name else "",
            lines=tuple(visible(line, letters) for line in node.lines),
            block=tuple(_short(name, letters) for name in node.block),
        )
        for node in view.nodes
    ]
    edges = [
        replace(edge, place=visible(edge.place, 3), note=visible(edge.note, letters)) for edge in view.edges
    ]
    sides = {tuple(_short(name, letters) for name in block): high for block, high in view.sides.items()}
    return replace(view, nodes=tuple(nodes), edges=tuple(edges), sides=sides)


def _short(name: str, letters: int) -> str:
    """A frame's name cut; the spaces behind it tell frames of one name apart."""
    bare = name.rstrip()
    return visible(bare, letters) + name[len(bare) :]


def _told(whole: View, folded: View) -> str:
    """What is collapsed of a view, in words."""
    left = {node.key for node in folded.nodes}
    names = [node.label.replace("\n", " ") for node in folded.nodes if node.kind == "block"]
    hidden = sum(node.key not in left for node in whole.nodes)
    if not hidden:
        return ""
    listed = ", ".join(dict.fromkeys(names[:6])) + (", …" if len(names) > 6 else "")
    return f"collapsed to fit the page: {listed} ({hidden} nodes of {len(whole.nodes)} are not drawn)"


__all__ = ["PAGES", "PageFit", "check_page", "fit"]
