"""A player as an object: notebooks show it in a frame of its own, and it can be saved."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from graphc.errors import RenderError, brief
from graphc.ir.formatting import visible
from graphc.util.files import as_text, write_whole
from graphc.viz.writers.scorm import package

HEIGHT = 760
"""Pixels that a page in a notebook is high."""


def in_frame(page: str, title: str, height: int) -> str:
    """A page within another one: it may run its own script and nothing else."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="{escape(visible(title, 80))}" sandbox="allow-scripts" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )


class Player:
    """The player of a graph, made by `diagram.play()`: notebooks show it, `.save("graph.html")` writes it."""

    def __init__(self, page: str, title: str) -> None:
        self._page = page
        self._title = title

    def __repr__(self) -> str:
        return f'<Player of {visible(self._title, 60)}; .save("graph.html") writes it>'

    def html(self) -> str:
        """The page, which needs nothing else."""
        return self._page

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a .html file, or as a package for learning platforms (SCORM 1.2) to a .zip file.

        The file is written whole or not at all. Returns the path. Raises `RenderError` for another suffix, and `FileError` when
        the file cannot be written.
        """
        target = Path(as_text(path))
        suffix = target.suffix.lower()
        if suffix not in (".html", ".zip"):
            raise RenderError(
                f"a player is an .html or a .zip file, not {brief(target.name)}",
                hint='write .save("graph.html")',
            )
        write_whole(target, self._page.encode() if suffix == ".html" else package(self._page, self._title))
        return target

    def _repr_html_(self) -> str:
        return in_frame(self._page, self._title, HEIGHT)


__all__ = ["HEIGHT", "Player", "in_frame"]
