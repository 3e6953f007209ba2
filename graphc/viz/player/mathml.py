"""Formulas as MathML, which browsers typeset themselves: LaTeX goes in, and nothing but harmless elements comes out.

The only importer of latex2mathml. What it writes is read again and rebuilt from a list of presentation elements, so that no text
of a user's, in a name or in an operation's LaTeX, becomes anything else in a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any
from xml.etree import ElementTree

from graphc.ir.formatting import visible
from graphc.viz.math_text import Math


def _latex2mathml():
    from latex2mathml import converter

    return converter


@dataclass(frozen=True)
class Slot:
    """The place of a number that the page computes.

    index : which of the page's values
    key : the question whose answer it is, in an exercise; empty where it is given
    bracket : whether it stands in brackets when it is negative
    """

    index: int
    key: str = ""
    bracket: bool = False


FIRST = 0xE000
"""The character, private to Unicode's users, that stands for value 0 in a formula; no visible name has one of them."""

LAST = 0xF8FF

_ELEMENTS = frozenset(
    "math mrow mi mn mo mtext mfrac msqrt mroot msup msub msubsup munder mover munderover mtable mtr mtd mspace mstyle".split()
)
_ATTRIBUTES = frozenset(
    "stretchy fence form mathvariant columnalign linethickness width displaystyle".split()
)
_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'


@dataclass(frozen=True)
class Fill:
    """What stands in the slots at first.

    texts : as text
    forms : 'number', 'matrix' or 'heat', as `layout.form_of` says
    hidden : whether what has a key is asked for and not shown
    """

    texts: Sequence[str]
    forms: Sequence[str]
    hidden: bool = False

    def __call__(self, slot: Slot) -> str:
        return "?" if self.hidden and slot.key else self.texts[slot.index]

    def form(self, slot: Slot) -> str:
        return self.forms[slot.index]


def line(pieces: Iterable[Any], fill: Fill, slots: Iterable[Slot] = ()) -> str:
    """A chain of equations as HTML: between one piece and the next a line may break.

    pieces : formulas, slots, and tuples of formulas, slots and operators that stand beside each other
    slots : those that stand inside a formula, by the character FIRST + index
    """
    inside = {chr(FIRST + slot.index): slot for slot in slots}
    parts = []
    for number, piece in enumerate(pieces):
        equals = "<mo>=</mo>" if number else ""
        items = piece if type(piece) is tuple else (piece,)
        body = "".join(_item(item, fill, inside) for item in items)
        parts.append(f"<math><mrow>{equals}{body}</mrow></math>")
    return " ".join(parts)


def _item(item: Math | Slot | str, fill: Fill, inside: dict[str, Slot]) -> str:
    if isinstance(item, Slot):
        return written(item, fill)
    if isinstance(item, Math):
        return _filled(item, fill, inside)
    return f"<mtext>{item}&#160;</mtext>" if item.isalpha() else f"<mo>{escape(item)}</mo>"


def written(slot: Slot, fill: Fill) -> str:
    """A slot as an element."""
    bracket = " data-b" if slot.bracket else ""
    text, form = fill(slot), fill.form(slot)
    if form != "number":  # an element of MathML that HTML may stand in; the page draws the array there
        return (
            f'<mtext class="array" data-v="{slot.index}" data-k="" data-form="{form}">{escape(text)}</mtext>'
        )
    text = f"({text})" if slot.bracket and text.startswith("−") else text
    return f'<mn data-v="{slot.index}" data-k="{escape(slot.key)}"{bracket}>{escape(text)}</mn>'


def plain(math: Math) -> str:
    """A formula without numbers to fill in."""
    return f"<math><mrow>{_convert(math)}</mrow></math>"


def _filled(math: Math, fill: Fill, inside: dict[str, Slot]) -> str:
    text = _convert(math)
    for character, slot in inside.items():
        for bracket in (False, True):
            stand_in = f"<mn>{'(' * bracket}{character}{')' * bracket}</mn>"
            text = text.replace(stand_in, written(Slot(slot.index, slot.key, bracket), fill))
    return text


@lru_cache(maxsize=4096)
def _convert(math: Math) -> str:
    """The inside of a formula; where it cannot be read as LaTeX, its text."""
    try:
        markup = _latex2mathml().convert(math.latex.replace(r"\textbackslash{}", r"\backslash "))
        root = ElementTree.fromstring(markup.replace(_NAMESPACE, "", 1))
        return "".join(_rebuilt(child, root, number) for number, child in enumerate(root))
    except Exception:  # its errors have no common class; a formula that is not typeset is shown as text
        return f"<mtext>{escape(visible(math.text, 400))}</mtext>"


def _rebuilt(element: ElementTree.Element, parent: ElementTree.Element, place: int) -> str:
    """An element from the list of harmless ones; the text of any other stays. Recursion is as deep as the printed formula."""
    text = element.text or ""
    if len(text) == 1 and FIRST <= ord(text) <= LAST:
        return f"<mn>({text})</mn>" if _needs_bracket(parent, place) else f"<mn>{text}</mn>"
    inner = escape(text, quote=False) + "".join(
        _rebuilt(child, element, number) for number, child in enumerate(element)
    )
    if element.tag not in _ELEMENTS:
        return f"<mtext>{escape(''.join(element.itertext()), quote=False)}</mtext>"
    attributes = "".join(
        f' {name}="{escape(value)}"' for name, value in element.attrib.items() if name in _ATTRIBUTES
    )
    return f"<{element.tag}{attributes}>{inner}</{element.tag}>"


def _needs_bracket(parent: ElementTree.Element, place: int) -> bool:
    """Whether a negative number there would be misread: after an operator, and as the base of a power."""
    if parent.tag == "msup":
        return place == 0
    if place == 0:
        return False
    before = parent[place - 1]
    return before.tag != "mo" or (before.get("form") != "prefix" and (before.text or "") not in "(,[=")
