"""Texts as Graphviz's HTML-like labels have them: escaped, names in italics with their index below the line."""

from __future__ import annotations

from html import escape

from graphc.ir.formatting import name_parts, visible
from graphc.viz.derivative_names import read_derivative


def name(name: str) -> str:
    """A symbol's name in italics, its index below the line."""
    derivative = read_derivative(name)
    if derivative is not None:
        return "".join(
            plain(text) if kind == "sign" else _letters(text) for kind, text in derivative.pieces()
        )
    return _letters(name)


def _letters(name: str) -> str:
    letter, index = name_parts(name)
    below = f"<SUB>{escape(index)}</SUB>" if index else ""
    return f"<I>{plain(letter)}</I>{below}"


def plain(text: str, limit: int = 40) -> str:
    """Text inside an HTML-like label. DOT replaces \\N and its like even there, so a backslash is doubled."""
    return escape(visible(text, limit)).replace("\\", "\\\\")


def font(text: str, colour: str, size: float, limit: int = 40) -> str:
    """Text in a colour and a size; where there is none, a space that is as high."""
    inside = plain(text, limit) if text else "&#160;"
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{inside}</FONT>'


def html(content: str) -> str:
    """An HTML-like label, as DOT writes it."""
    return f"<{content}>"
