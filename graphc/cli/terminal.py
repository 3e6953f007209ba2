"""What a terminal can show: pictures by a protocol of its own, or characters.

Terminals say what they are in the environment, and, asked for their primary attributes, whether they take sixels (4).
Sources: the manuals of Kitty, iTerm2, WezTerm, Ghostty and foot; ECMA-48, DA.
"""

from __future__ import annotations

import os
import select
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress

import click

from graphc.cli.output import columns, without_noise, write_bytes
from graphc.viz.diagram import Diagram
from graphc.viz.writers.terminal import PROTOCOLS, to_terminal

if sys.platform != "win32":
    import fcntl
    import termios
    import tty

TERMINAL_FORMS = (*PROTOCOLS, "txt")

_ASKED = 0.15
"""Seconds that a terminal has to say what it takes."""

_CELL = 8
"""Pixels of a letter's width where the terminal does not say."""


def named_protocol(environment: Mapping[str, str]) -> str | None:
    """The protocol that a terminal takes by what it says of itself; None where it says nothing.

    >>> named_protocol({"TERM": "xterm-kitty"}), named_protocol({"TERM": "xterm-256color"})
    ('kitty', None)
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "").lower()
    if environment.get("TMUX") or term.startswith(("screen", "tmux")):
        return None  # it would have to be told to pass pictures on
    if (
        "kitty" in term
        or "ghostty" in term
        or environment.get("KITTY_WINDOW_ID")
        or program in ("ghostty", "wezterm")
    ):
        return "kitty"
    if program == "iterm.app":
        return "iterm"
    if term.startswith(("foot", "mlterm", "contour", "yaft")) or "sixel" in term or program == "mintty":
        return "sixel"
    return None


def takes_sixels(answer: bytes) -> bool:
    """Whether a terminal's primary attributes name sixels.

    >>> takes_sixels(b"\\x1b[?62;4;22c"), takes_sixels(b"\\x1b[?62;22c"), takes_sixels(b"")
    (True, False, False)
    """
    if not (answer.startswith(b"\x1b[?") and answer.endswith(b"c")):
        return False
    return b"4" in answer[3:-1].split(b";")[1:]


def _asked() -> bytes:
    """What the terminal answers when it is asked what it is; nothing where there is none, or where it does not answer."""
    if sys.platform == "win32":
        return b""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return b""
    try:
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            os.write(terminal, b"\x1b[c")
            answer = b""
            while (
                not answer.endswith(b"c")
                and len(answer) < 200
                and select.select([terminal], [], [], _ASKED)[0]
            ):
                answer += os.read(terminal, 64)
            return answer
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
    except (OSError, termios.error):
        return b""
    finally:
        os.close(terminal)


def _width() -> int:
    """Pixels that the terminal is wide."""
    width = 0
    if sys.platform != "win32":
        with suppress(OSError, ValueError):
            _, _, width, _ = struct.unpack(
                "4H", fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
            )
    return width or _CELL * columns()


def chosen() -> str:
    """How a picture is shown on this terminal."""
    named = named_protocol(os.environ)
    if named is not None:
        return named
    if os.environ.get("TERM", "dumb") != "dumb" and takes_sixels(_asked()):
        return "sixel"
    return "txt"


def show_picture(diagram: Diagram, turned: Diagram, form: str) -> None:
    """A diagram on the terminal.

    turned : the same diagram with its arrows in the other direction, for where characters are too few for this one
    form : one of `TERMINAL_FORMS`
    """
    if form == "txt":
        with without_noise():
            text = _characters(diagram, turned)
        click.echo(text, nl=False)
        return
    with without_noise():
        png = diagram.render("png")
    write_bytes(to_terminal(png, form, columns() if form == "blocks" else _width()).encode())


def _characters(diagram: Diagram, turned: Diagram) -> str:
    """The picture in characters as it fits the terminal's width, with colours where it is one."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"
    room = columns() if sys.stdout.isatty() else None
    texts = {each: each.render("txt").decode() for each in (diagram, turned)[: 1 if room is None else 2]}
    widths = {each: max(map(len, text.splitlines()), default=0) for each, text in texts.items()}
    best = diagram if room is None or widths[diagram] <= room else min(widths, key=lambda each: widths[each])
    return best.text(colour, room)
