"""What notebooks show of what is printed elsewhere."""

from __future__ import annotations

from html import escape


def preformatted(text: str) -> str:
    """A text with columns, as HTML in letters of one width."""
    return f'<pre style="overflow-x:auto;line-height:1.3">{escape(text)}</pre>'


class ShownAsText:
    """A report whose printed form has columns: a notebook shows it as it stands, in letters of one width."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return preformatted(str(self))
