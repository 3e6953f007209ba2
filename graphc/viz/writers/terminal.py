"""A picture as the escape sequences that terminals draw: Kitty's and iTerm2's protocols, sixels, and half blocks.

Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol, https://iterm2.com/documentation-images.html, the VT3xx manual of
Digital Equipment (sixel).
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

from graphc.errors import RenderError

PROTOCOLS = ("kitty", "iterm", "sixel", "blocks")
"""How a terminal may take a picture."""

_CHUNK = 4096
"""Letters of one of Kitty's commands."""

_COLOURS = 64
"""Colours of a sixel picture: a diagram has a dozen, and the steps between them where letters end."""


def to_terminal(png: bytes, protocol: str, width: int) -> str:
    """What a terminal draws as the picture.

    png : the picture as the content of a PNG file
    protocol : one of `PROTOCOLS`
    width : at most so many pixels; a half block is one pixel wide. A wider picture is made smaller, which sixels and half blocks
        need Pillow for; `RenderError` says so
    """
    writers: dict[str, Callable[[], str]] = {
        "kitty": lambda: _kitty(_narrowed(png, width)),
        "iterm": lambda: _iterm(_narrowed(png, width)),
        "sixel": lambda: _sixel(_opened(png, width)),
        "blocks": lambda: _blocks(_opened(png, width)),
    }
    return writers[protocol]()


def _kitty(png: bytes) -> str:
    text = b64encode(png).decode()
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    parts: list[str] = []
    for number, chunk in enumerate(chunks):
        head = "a=T,f=100," if number == 0 else ""
        parts.append(f"\x1b_G{head}m={int(number < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts) + "\n"


def _iterm(png: bytes) -> str:
    return f"\x1b]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{b64encode(png).decode()}\x07\n"


def _narrowed(png: bytes, width: int) -> bytes:
    """The picture itself where it fits: its width stands at a fixed place of the file."""
    if int.from_bytes(png[16:20], "big") <= width:
        return png
    stream = io.BytesIO()
    _opened(png, width).save(stream, "PNG")
    return stream.getvalue()


def _opened(png: bytes, width: int) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise RenderError(
            "a picture in this terminal needs Pillow, which is not installed",
            hint="pip install pillow; or write the picture to a file: -o graph.svg",
        ) from error
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return picture


def _sixel(picture: Any) -> str:
    """Bands of six rows; in each, every colour that occurs writes its own dots over the others."""
    indexed = picture.quantize(_COLOURS)
    palette = np.array(indexed.getpalette()[: 3 * _COLOURS]).reshape(-1, 3)
    dots = np.asarray(indexed)
    height, width = dots.shape
    text = [f'\x1bPq"1;1;{width};{height}']
    text += [
        f"#{number};2;" + ";".join(str(round(part * 100 / 255)) for part in colour)
        for number, colour in enumerate(palette.tolist())
    ]
    for top in range(0, height, 6):
        band = dots[top : top + 6]
        weights = 1 << np.arange(len(band))[:, None]
        rows: list[str] = []
        for colour in np.unique(band).tolist():
            letters = "".join(map(chr, ((band == colour) * weights).sum(axis=0) + 63))
            rows.append(
                f"#{colour}" + "".join(_run(letter, len(list(run))) for letter, run in groupby(letters))
            )
        text.append("$".join(rows) + "-")
    return "".join(text) + "\x1b\\\n"


def _run(letter: str, count: int) -> str:
    return f"!{count}{letter}" if count > 3 else letter * count


def _blocks(picture: Any) -> str:
    """Two rows of pixels a line: the upper one as a half block, the lower one as what is behind it."""
    dots = np.asarray(picture)
    if len(dots) % 2:
        dots = np.concatenate([dots, dots[-1:]])
    lines: list[str] = []
    for upper, lower in zip(dots[::2].tolist(), dots[1::2].tolist(), strict=True):
        line, front, back = "", None, None
        for above, below in zip(upper, lower, strict=True):
            if above != front:
                line += f"\x1b[38;2;{';'.join(map(str, above))}m"
            if below != back:
                line += f"\x1b[48;2;{';'.join(map(str, below))}m"
            front, back = above, below
            line += "▀"
        lines.append(line + "\x1b[0m")
    return "\n".join(lines) + "\n"
