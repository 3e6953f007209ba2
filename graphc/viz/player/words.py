"""The words of a player's page: in English as the page is written, in other languages as its script writes them anew.

A language is a file of `languages/`, named by its code: the keys of `en.json` with texts in which {0} and {1} are numbers and
names, its own name and its direction, `ltr` or `rtl`. One file more is one language more. The page begins in the first language
that its reader's browser asks for.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any


@cache
def languages() -> dict[str, dict[str, str]]:
    """Code → the words of a language, English first."""
    folder = files("graphc.viz.player").joinpath("languages")
    found = {
        item.name.removesuffix(".json"): json.loads(item.read_text(encoding="utf-8"))
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".json")
    }
    return {"en": found.pop("en"), **found}


def word(key: str, *parts: Any) -> str:
    """A text in English.

    >>> word("forward_of", 2, 7)
    'Forward 2 of 7'
    """
    text = languages()["en"][key]
    for number, part in enumerate(parts):
        text = text.replace(f"{{{number}}}", str(part))
    return text


def told(key: str, *parts: Any, tag: str = "span", **attributes: str) -> str:
    """An element with a text, which the page writes anew in another language.

    >>> told("play", tag="button", id="play")
    '<button data-t="play" type="button" id="play">Play</button>'
    """
    given = {"type": "button", **attributes} if tag == "button" else attributes
    also = "".join(f' {_attribute(name)}="{escape(value)}"' for name, value in given.items())
    return f'<{tag} data-t="{key}"{_listed("a", parts)}{also}>{escape(word(key, *parts))}</{tag}>'


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def label(key: str, *parts: Any) -> str:
    """The attribute that names an element to those who do not see it."""
    return f' aria-label="{escape(word(key, *parts))}" data-l="{key}"{_listed("la", parts)}'


def _listed(name: str, parts: tuple[Any, ...]) -> str:
    listed = json.dumps([str(part) for part in parts], ensure_ascii=False)
    return f' data-{name}="{escape(listed)}"' if parts else ""


__all__ = ["label", "languages", "told", "word"]
