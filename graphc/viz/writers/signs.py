"""The label of an operation as an HTML-like label of Graphviz: the axes that it runs over stand below its sign."""

from __future__ import annotations

import re
from html import escape

from graphc.ir.formatting import visible

_OVER_AXES = re.compile(
    r"(Σ|Π|mean|var|std|max|min|argmax|argmin|any|all|logsumexp|‖·‖|\w*softmax|cumsum|cumprod)_(\S+)"
)


def signed(label: str) -> str:
    """An operation's label.

    >>> signed("Σ_batch"), signed("a_b")
    ('Σ<SUB>batch</SUB>', 'a_b')
    """
    found = _OVER_AXES.fullmatch(label)
    return f"{_plain(found[1])}<SUB>{_plain(found[2])}</SUB>" if found else _plain(label)


def _plain(text: str) -> str:
    return escape(visible(text, 40)).replace("\\", "\\\\")  # DOT replaces \\N and its like even there


__all__ = ["signed"]
