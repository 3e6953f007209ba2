"""The diagram that a user holds: shown by notebooks, saved by suffix."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from graphc.errors import InputError, RenderError, brief, user_line
from graphc.ir.formatting import check_decimals, show_value, visible
from graphc.util.arguments import number, truth
from graphc.util.files import as_text, write_whole
from graphc.util.fork_safety import cached_property
from graphc.viz.edge_routing import route
from graphc.viz.graphviz_engine import AS_PLACED, FORMATS, LAYOUT, check_size, redraw, render
from graphc.viz.layered.place import place
from graphc.viz.layered.trials import LayoutTrials
from graphc.viz.layout_scene import Scene, read
from graphc.viz.model import View
from graphc.viz.page_fit import fit
from graphc.viz.page_rows import balanced
from graphc.viz.player.shown import Player
from graphc.viz.steps.film import film
from graphc.viz.steps.steps import Steps
from graphc.viz.style import SLIDES, Style, as_style
from graphc.viz.writers import WRITERS
from graphc.viz.writers.dot import LAYOUTS, to_dot
from graphc.viz.writers.scorm import package
from graphc.viz.writers.text import to_text
from graphc.viz.writers.xdot import to_xdot

FORMS = tuple(dict.fromkeys((*FORMATS, *WRITERS, "html", "zip", "dot")))
"""What a diagram can be written as."""

_SUFFIXES = {**{f".{form}": form for form in FORMS}, ".gv": "dot"}


_WIDER = 0.3
"""Inches that channels are wider where edges find no way through them."""

_SHOWN = 4_000_000
"""A notebook does not keep pictures of more characters than this."""


class Diagram:
    """A diagram of a graph, made by `draw`.

    view : what it shows, as data
    style : how it looks
    digits : significant digits of its numbers
    layout : where its arrows lead: 'right' or 'down'
    decimals : places behind the point of its numbers, where they are fixed
    whole, collapse : the view with nothing collapsed, and what is collapsed of it in any case
    player : makes the text of the HTML file that steps through the graph
    exercise : whether notebooks show the player, which asks for the values
    scene : the view as it was laid out already
    source : the DOT text

    Notebooks show it as SVG, an exercise as its player.
    """

    def __init__(
        self,
        view: View,
        style: Style | str | Mapping[str, Any] = SLIDES,
        digits: int = 3,
        layout: str = "right",
        player: Callable[[], str] | None = None,
        decimals: int | None = None,
        whole: View | None = None,
        collapse: Any = None,
        exercise: bool = False,
        scene: Scene | None = None,
    ) -> None:
        self.view = view
        self.style: Style = as_style(style)
        if not isinstance(layout, str) or layout not in LAYOUTS:
            raise InputError(f"layout is {brief(layout)}", hint='"right" or "down"')
        self.digits = digits
        self.layout = layout
        self._player = player
        self.decimals: int | None = check_decimals(decimals)
        self._whole, self._collapse = whole or view, collapse
        self._exercise = exercise
        self._given = scene

    def __repr__(self) -> str:
        count = len(self.view.nodes)
        return f'<Diagram of {count} node{"s" if count != 1 else ""}; .save("diagram.svg") writes it>'

    @cached_property
    def source(self) -> str:
        """The diagram in the DOT language."""
        return to_dot(self.view, self.style, self.digits, self.layout, self.decimals)

    def render(self, form: str = "svg") -> bytes:
        """The content of a file: form is 'svg', 'png', 'pdf', 'tex', 'txt', 'html', 'zip' or 'dot'. Raises `RenderError`."""
        if form == "dot":
            return self.source.encode()
        if form == "html":
            return self.html().encode()
        if form == "zip":
            return package(self.html(), self.view.title)
        parts = self._parts
        check_size(parts)
        scene = self._scene
        if scene is None:
            return self._by_graphviz(form)
        if form in WRITERS:
            return WRITERS[form](scene, self.view.title, self.describe()).encode()
        settings = _pixels(self.style) if form == "png" else _inches(self.style, 1)
        return render(to_xdot(scene), form, parts=1, settings=settings, program=AS_PLACED)

    def _laid(self, view: View, layout: str, trials: LayoutTrials | None = None) -> Scene | None:
        return place(view, self.style, self.digits, layout, self.decimals, trials=trials)

    @cached_property
    def _whole_scene(self) -> Scene | None:
        """The picture in one piece as graphc lays it out; None where Graphviz shall."""
        return self._given or self._laid(self.view, self.layout)

    @cached_property
    def _balanced(self) -> tuple[View, Scene | None]:
        """The view as it is shown, in rows where its text would be too small else, and the picture."""
        trials = LayoutTrials(draft=True)
        draft = self._given or self._laid(self.view, self.layout, trials)
        if draft is None:
            return self.view, None
        better = trials.better
        shown = balanced(self.view, self.layout, draft, self.style, partial(self._laid, trials=trials))
        trials.draft = False
        if shown is not self.view:
            scene = self._laid(shown, self.layout, trials)
            if scene is not None:
                return shown, scene
        if self._given is None:
            self._given = self._laid(self.view, self.layout, trials) if better else draft
        return self.view, self._whole_scene

    @cached_property
    def _scene(self) -> Scene | None:
        return self._balanced[1]

    def _by_graphviz(self, form: str) -> bytes:
        """The content of a file, laid out by Graphviz: of what is too large, or whose frames lead into each other both ways."""
        parts = self._parts
        scene, lines, layout = self._placed()
        if form in WRITERS:
            return WRITERS[form](scene, self.view.title, self.describe()).encode()
        settings = _pixels(self.style) if form == "png" else {}
        if lines or layout:
            return redraw(self.source, form, lines, parts=parts, layout=layout, settings=settings)
        return render(self.source, form, parts=parts, settings=settings)

    def _placed(self) -> tuple[Scene, dict[str, str], dict[str, str]]:
        """The picture laid out by Graphviz, the lines that it did not lay, as it writes them, and the settings of its layout.

        Where edges find no way around what they meet it is laid out once more, with wider channels.
        """
        parts, wide = self._parts, _wide(self.style)
        plain = read(render(self.source, LAYOUT, parts=parts))
        scene, left = route(plain, self.layout)
        layout: dict[str, str] = {}
        if left:
            other = read(render(self.source, LAYOUT, parts=parts, settings=wide))
            led, still = route(other, self.layout)
            if still < left:
                plain, scene, layout = other, led, wide
        changed = zip(plain.items, scene.items, strict=True)
        return scene, {old.at: new.at for old, new in changed if old.at != new.at}, layout

    @property
    def _parts(self) -> int:
        return len(self.view.nodes) + 3 * len(self.view.edges)  # an edge with values is a node and two edges

    def html(self) -> str:
        """The player: a page that steps through the graph, with inputs that can be changed. Raises `RenderError`."""
        if self._player is None:
            raise RenderError("this diagram has no player", hint="g.draw(L, at={…}) makes one that has")
        return self._player()

    def play(self) -> Player:
        """The player: notebooks show it, and `.save("graph.html")` writes it. Raises `RenderError` where there is none.

        >>> from graphc.ir.expr import symbols
        >>> from graphc.api.draw import draw
        >>> x, y = symbols("x y")
        >>> draw(x * y + x, at={"x": 2, "y": 5}).play()
        <Player of L = x*y + x; .save("graph.html") writes it>
        """
        return Player(self.html(), self.view.title)

    def describe(self) -> str:
        """The picture in words, for who cannot see it."""
        view = self.view
        kinds = Counter(node.kind for node in view.nodes)
        inputs = [node.label for node in view.nodes if node.kind == "symbol"]
        what = [f"Computation graph with {_counted(kinds['operation'], 'operation')}"]
        what += [_counted(kinds["block"], "collapsed block")] if kinds["block"] else []
        said = [f"{' and '.join(what)}."]
        said += [f"Inputs: {', '.join(inputs[:12])}{', …' if len(inputs) > 12 else ''}."] if inputs else []
        outputs = {node.key: node.label for node in view.nodes if node.kind == "output"}
        for edge in view.edges:
            if edge.head in outputs and edge.value is not None:
                said.append(f"{outputs[edge.head]} = {show_value(edge.value, self.digits, self.decimals)}.")
        return visible(" ".join([*said, *view.caption, *([view.note] if view.note else [])]), 1000)

    def svg(self) -> str:
        """The diagram as SVG text. Raises `RenderError`."""
        return self.render("svg").decode()

    def text(self, colour: bool = False, width: int | None = None) -> str:
        """The diagram in characters, for a terminal, a mail or a comment: boxes, lines and numbers.

        Parameters
        ----------
        colour : with the escape sequences of terminals (ECMA-48) that give values their colours
        width : at most so many characters a line; what is longer is cut, with … as its last

        Raises `InputError` for a width that is no whole number from 1 on, and `RenderError` as `render` does.

        >>> from graphc.ir.expr import symbol
        >>> from graphc.api.draw import draw
        >>> x = symbol("x")
        >>> text = draw(-x, at={"x": 3}).text()
        >>> "│" in text and "▶" in text and "−3" in text
        True
        """
        if width is not None:
            width = int(
                number(
                    "width",
                    width,
                    lambda value: value >= 1 and value == int(value),
                    "a whole number from 1 on",
                )
            )
        check_size(self._parts)
        return to_text(self._whole_scene or self._placed()[0], truth("colour", colour), width)

    def fit(self, page: Any) -> Diagram:
        """This diagram fitted to a page, so that its smallest text can be read there.

        Parameters
        ----------
        page : "slide" (13.33 × 7.5 inches, text of 12 points or more), "a4" or "column" (6.3 × 9.7 and 3.4 × 9 inches, 8 points
            or more), or width and height in inches (8 points or more)

        It is broken into rows that numbered signs lead on, or turned; where that is not enough, matrices are told by shape and
        range, nodes collapsed, values left out: whichever loses least. A `UserWarning` says what is missing, or that no way was
        found to reach that size. Raises `InputError` for what is no page.

        >>> from graphc.ir.expr import symbols
        >>> from graphc.api.draw import draw
        >>> x, y = symbols("x y")
        >>> draw(x * y + x).fit("column")
        <Diagram of 5 nodes; .save("diagram.svg") writes it>
        """
        fitted = fit(self._whole, page, self.style, self.digits, self.layout, self.decimals, self._collapse)
        if fitted.told:
            warnings.warn_explicit(fitted.told, UserWarning, *(user_line() or (__file__, 0)))
        return Diagram(
            fitted.view,
            fitted.style,
            self.digits,
            fitted.layout,
            self._player,
            self.decimals,
            self._whole,
            self._collapse,
            self._exercise,
            fitted.scene,
        )

    def steps(self) -> Steps:
        """The diagram node by node, forwards and then backwards: frames over one fixed layout, in which values appear.

        `.save` writes them as SVG files in a directory, a Beamer frame in TikZ, an animated SVG or GIF, a film, or slides.
        Raises `RenderError` for a diagram that is too large for graphc's own layout.

        >>> from graphc.ir.expr import symbols
        >>> from graphc.api.draw import draw
        >>> x, y = symbols("x y")
        >>> draw(x * y + x, at={"x": 2, "y": 5}).steps()
        <6 steps; .save("steps/"), .svg, .gif, .mp4, .tex or .pptx writes them>
        """
        check_size(self._parts)
        view, scene = self._balanced
        if scene is None:
            raise RenderError(
                f"a diagram of {len(self.view.nodes)} nodes is not shown in steps",
                hint="collapse some of it: g.draw(L, at={…}, max_nodes=60)",
            )
        return Steps(film(view, scene, self.style), self.view.title, self.style)

    def save(self, path: str | os.PathLike[str], page: Any = None) -> Path:
        """Write the diagram to a file; the suffix says how: .svg, .png, .pdf, .tex, .txt, .dot, .html for the player, or .zip for
        the player as a package that learning platforms take (SCORM 1.2).

        `page` fits it to a page, as `fit` does. The file is written whole or not at all: when anything fails, a file that was
        there stays as it was.
        Returns the path. Raises `RenderError` for an unknown suffix, or when the diagram cannot be rendered, and `FileError`
        when the file cannot be written.
        """
        if page is not None:
            return self.fit(page).save(path)
        target = Path(as_text(path))
        write_whole(target, self.render(form_of(target)))
        return target

    def _repr_html_(self) -> str | None:
        return self.play()._repr_html_() if self._exercise else None

    def _repr_svg_(self) -> str | None:
        try:
            text = self.svg()
        except RenderError:  # a notebook then shows the repr, which says what can be done
            return None
        return text if len(text) <= _SHOWN else None


def form_of(path: str | os.PathLike[str]) -> str:
    """The form that a file's suffix names; raises `RenderError` for another suffix."""
    suffix = Path(path).suffix
    form = _SUFFIXES.get(suffix.lower())
    if form is None:
        what = f"the suffix {suffix!r}" if suffix else f"{os.fspath(path)!r} without a suffix"
        raise RenderError(f"graphc does not draw {what}", hint=f"use one of {', '.join(_SUFFIXES)}")
    return form


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _pixels(style: Style) -> dict[str, str]:
    """The settings for PNG, which cannot be enlarged to be read: more room than a page before it is scaled down."""
    return {"dpi": f"{style.dpi}", **_inches(style, 4)}


def _inches(style: Style, pages: float) -> dict[str, str]:
    """The setting that scales a picture down to so many pages in width and height."""
    width, height = style.page
    return {"size": f"{pages * width:g},{pages * height:g}"}


def _wide(style: Style) -> dict[str, str]:
    """The settings for wider channels between nodes."""
    return {"ranksep": f"{2 * style.rank_gap + _WIDER:g}", "nodesep": f"{style.node_gap + _WIDER / 2:g}"}
