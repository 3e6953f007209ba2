"""Pictures on terminals: characters, and the protocols that draw pixels, each read back by a reader written here."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import graphc as g
from graphc.cli.terminal import named_protocol, takes_sixels
from graphc.viz.writers.terminal import PROTOCOLS, to_terminal

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def formulas():
    x, y, z = g.symbols("x y z")
    W, v = g.symbol("W", shape=(2, 2)), g.symbol("v", shape=(2,))
    with g.scope("layer"):
        inside = g.tanh(x * 2)
    at = {"x": 2.0, "y": -5.0, "z": 0.25}
    arrays = {"W": np.array([[1.0, 2.0], [-3.0, 4.0]]), "v": np.array([0.5, -1.0])}
    return {
        "sum times": ((x + y) * z, at),
        "log-sigmoid": (g.log(1 / (g.exp(-(x * y + z)) + 1)), at),
        "a square": (x * x, {"x": 3.0}),
        "a frame": (inside + 1, {"x": 2.0}),
        "a branch": (g.where(x > y, x, y * z), at),
        "a loop": (g.fori_loop(0, 3, lambda i, c: c * x, x), {"x": 2.0}),
        "arrays": (g.sum((W @ v) ** 2), arrays),
        "names in other alphabets": (g.symbol("β_1") * g.symbol("名"), None),
    }


FORMULAS = formulas()


@pytest.mark.parametrize("layout", ["right", "down"])
@pytest.mark.parametrize("name", FORMULAS)
def test_every_text_of_the_picture_stands_in_the_characters(name, layout):
    expression, at = FORMULAS[name]
    diagram = g.draw(expression, at, layout=layout)
    text = diagram.text()
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", diagram.svg())
    squeezed = text.replace(" ", "")
    for word in shown:
        word = (
            word.replace("&gt;", ">")
            .replace("&lt;", "<")
            .replace("&amp;", "&")
            .replace(" ", "")
            .replace("\xa0", "")
        )
        assert all(letter in squeezed for letter in word), (word, text)
    missing = [word for word in shown if word.strip() and "&" not in word and word.strip() not in text]
    assert len(missing) <= 0.1 * len(shown), (missing, text)
    assert text.endswith("\n") and not text.startswith("\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
    assert ESCAPE.sub("", diagram.text(colour=True)) == text


@pytest.mark.parametrize("name", ["sum times", "log-sigmoid"])
def test_every_edge_has_its_head(name):
    expression, at = FORMULAS[name]
    for layout in ("right", "down"):
        text = g.draw(expression, at, layout=layout).text()
        edges = len(g.draw(expression, at).view.edges)
        assert sum(text.count(head) for head in "▶▼◀▲") == edges, text


def test_lines_are_cut_where_they_are_longer_than_the_terminal():
    expression, at = FORMULAS["log-sigmoid"]
    lines = g.draw(expression, at).text(width=40).splitlines()
    assert max(map(len, lines)) == 40 and any(line.endswith("…") for line in lines)


@pytest.mark.parametrize("width", [0, -3, 2.5, "x", True, float("nan"), float("inf"), 10**400])
def test_a_width_is_a_whole_number(width):
    with pytest.raises(g.errors.InputError, match="width") as caught:
        g.draw(FORMULAS["sum times"][0]).text(width=width)
    assert caught.value.hint == "a whole number from 1 on"


def test_names_cannot_speak_to_the_terminal():
    name = g.symbol("\x1b]0;title\x07\x9b31m")
    assert not set(g.draw(name * 2, at={name: 1.0}).text()) & {"\x1b", "\x07", "\x9b", "\r"}


def test_colours_are_the_terminals_own():
    expression, at = FORMULAS["sum times"]
    codes = set(ESCAPE.findall(g.draw(expression, at).text(colour=True)))
    assert codes == {"\x1b[39m", "\x1b[94m", "\x1b[91m"}, "ink, forward, backward"


def test_text_file(tmp_path):
    expression, at = FORMULAS["sum times"]
    diagram = g.draw(expression, at)
    assert diagram.save(tmp_path / "a.txt").read_text(encoding="utf-8") == diagram.text()


# --- pixels --------------------------------------------------------------------------------------------------


def picture(width=23, height=17):
    """Few colours, so that what is read back is exact."""
    dots = np.random.default_rng(5).choice([0, 102, 255], size=(height, width, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(dots).save(stream, "PNG")
    return stream.getvalue(), dots


def test_kitty_holds_the_file():
    png = os.urandom(16) + (23).to_bytes(4, "big") + os.urandom(9000)
    text = to_terminal(png, "kitty", 100)
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert base64.b64decode("".join(data for _, data in chunks)) == png
    assert [keys[-1] for keys, _ in chunks] == ["1"] * (len(chunks) - 1) + ["0"] and chunks[0][0].startswith(
        "a=T,f=100"
    )
    assert all(len(data) <= 4096 for _, data in chunks)


def test_iterm_holds_the_file():
    png, _ = picture()
    data = re.search(r"size=(\d+);[^:]*:([^\x07]*)\x07", to_terminal(png, "iterm", 100))
    assert data and base64.b64decode(data[2]) == png and int(data[1]) == len(png)


def read_sixels(text):
    """The dots of a sixel picture, by the rules of the manual."""
    width, height = map(int, re.search(r'"1;1;(\d+);(\d+)', text).groups())
    palette: dict[int, list[int]] = {}
    dots = np.zeros((height + 6, width, 3), dtype=int)
    body = text[text.index('"') :]
    row = column = colour = 0
    for token in re.finditer(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)(.)|([?-~])|(\$)|(-)", body[body.index("#") :]
    ):
        define, r, gr, b, use, count, repeated, single, back, down = token.groups()
        if define is not None:
            palette[int(define)] = [round(int(part) * 255 / 100) for part in (r, gr, b)]
        elif use is not None:
            colour = int(use)
        elif back:
            column = 0
        elif down:
            row, column = row + 6, 0
        else:
            bits = ord(repeated or single) - 63
            run = slice(column, column + int(count or 1))
            for bit in range(6):
                if bits >> bit & 1:
                    dots[row + bit, run] = palette[colour]
            column = run.stop
    return dots[:height]


def test_sixels_are_the_picture():
    png, dots = picture()
    text = to_terminal(png, "sixel", 100)
    assert text.startswith("\x1bP") and text.endswith("\x1b\\\n")
    np.testing.assert_allclose(read_sixels(text), dots, atol=2)  # colours are in hundredths


def test_half_blocks_are_the_picture():
    png, dots = picture()
    front = back = None
    rows = []
    for line in to_terminal(png, "blocks", 100).splitlines():
        pairs = []
        for kind, colour, block in re.findall(r"\x1b\[(38|48);2;([\d;]+)m|(▀)", line):
            if kind == "38":
                front = [int(part) for part in colour.split(";")]
            elif kind == "48":
                back = [int(part) for part in colour.split(";")]
            elif block:
                pairs.append((front, back))
        rows += [[above for above, _ in pairs], [below for _, below in pairs]]
    np.testing.assert_array_equal(np.array(rows)[: len(dots)], dots)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wide_picture_is_made_smaller(protocol):
    png, _ = picture(200, 50)
    text = to_terminal(png, protocol, 40)
    if protocol == "blocks":
        assert max(line.count("▀") for line in text.splitlines()) == 40
    elif protocol == "sixel":
        assert '"1;1;40;10' in text
    else:
        data = "".join(re.findall(r"[;:]([A-Za-z0-9+/=]+)[\x07\x1b]", text))
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (40, 10)


def test_terminals_are_known_by_what_they_say():
    known = {
        "kitty": [{"TERM": "xterm-kitty"}, {"TERM": "xterm-ghostty"}, {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}],
        "iterm": [{"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}],
        "sixel": [{"TERM": "foot"}, {"TERM": "mlterm-256color"}, {"TERM": "xterm", "TERM_PROGRAM": "mintty"}],
        None: [{}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}, {"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}],
    }  # fmt: skip
    for protocol, environments in known.items():
        assert [named_protocol(each) for each in environments] == [protocol] * len(environments)
    assert (
        takes_sixels(b"\x1b[?65;1;4;9c")
        and not takes_sixels(b"\x1b[?4;1c")
        and not takes_sixels(b"\x1b[?64;14c")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are Unix's")
@pytest.mark.parametrize(
    ("term", "wanted"), [("xterm-kitty", b"\x1b_Ga=T"), ("dumb", "╭".encode()), ("foot", b"\x1bP")]
)
def test_on_a_terminal_a_picture_is_drawn(term, wanted):
    main, end = os.openpty()
    env = {
        **os.environ,
        "TERM": term,
        "COLUMNS": "80",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONIOENCODING": "utf-8",
    }
    for name in ("TMUX", "TERM_PROGRAM", "KITTY_WINDOW_ID"):
        env.pop(name, None)
    command = [sys.executable, "-m", "graphc", "draw", "x*y + 1", "--at", "x=2,y=3"]
    with subprocess.Popen(command, env=env, stdout=end, stderr=subprocess.DEVNULL) as process:
        os.close(end)
        output = b""
        while True:
            try:
                piece = os.read(main, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            output += piece
    os.close(main)
    assert process.returncode == 0 and wanted in output and b"<svg" not in output
