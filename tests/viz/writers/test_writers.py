"""The writers of SVG and TikZ: what Graphviz laid out arrives, and nothing of a user is markup or a command."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as g
from graphc.errors import RenderError
from graphc.viz import graphviz_engine
from graphc.viz.layout_scene import Text, read
from graphc.viz.writers.tikz import latex, to_tikz
from tests.viz.writers.test_dot import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"

x, y, w, b = g.symbols("x y w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
AT = {"x": 2, "w": -3, "b": 6}


def hostile():
    total = g.constant(1.0)
    for name in HOSTILE:
        total = total * g.symbol(name)
    return g.draw(total, name="</title><script>alert(1)</script>")


# --- SVG ------------------------------------------------------------------------------------------------------


def test_a_screen_reader_is_told_what_it_is():
    root = ET.fromstring(g.draw(L, AT).svg().encode())
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and title.text == "L = log(1/(exp(-(x*w + b)) + 1))"
    assert description is not None and description.text is not None
    assert (
        "7 operations" in description.text
        and "Inputs: x, w, b." in description.text
        and "L = −0.693" in description.text
    )


def test_texts_are_as_wide_as_they_were_laid_out():
    for text in ET.fromstring(g.draw(L, AT).svg().encode()).iter(f"{SVG}text"):
        assert 0 < float(text.get("textLength", "nan")) < 200
        assert text.get("lengthAdjust") == "spacingAndGlyphs"


def test_every_number_once():
    shown = ["".join(t.itertext()) for t in ET.fromstring(g.draw(L, AT).svg().encode()).iter(f"{SVG}text")]
    # the lecture's ten values and ten derivatives, some of which are equal
    expected = "2 −3 −6 6 0 0 1 2 0.5 −0.693 −1.5 1 0.5 0.5 0.5 −0.5 −0.5 −0.5 2 1".split()
    labels = ["×", "+", "−x", "exp", "+1", "1/x", "log", "x", "w", "b", "L"]
    assert sorted(shown) == sorted([*expected, *labels])


def test_everything_is_inside_the_picture():
    root = ET.fromstring(g.draw(L, AT).svg().encode())
    _, _, width, height = (float(number) for number in root.get("viewBox", "").split())
    for text in root.iter(f"{SVG}text"):
        left, length = float(text.get("x", "nan")), float(text.get("textLength", "nan"))
        assert left >= 0 and left + length <= width
        assert 0 <= float(text.get("y", "nan")) <= height


def test_there_is_nothing_active_in_it():
    svg = hostile().svg()
    root = ET.fromstring(svg.encode())
    allowed = {"svg", "title", "desc", "rect", "g", "text", "polygon", "polyline", "path", "ellipse"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    names = {name for element in root.iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name for name in names)
    assert "<script" not in svg


def test_large_pictures_are_scaled_to_their_page():
    root = ET.fromstring(g.draw(sum((g.sin(x * k) for k in range(40)), start=x)).svg().encode())
    width, height = (float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))
    assert width <= 13.34 * 72 and height <= 7.51 * 72


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"bb": "0,0,1,1"}', b'{"bb": "a", "size": "1,1"}']
)
def test_an_answer_that_is_none(content):
    with pytest.raises(RenderError, match="cannot be read"):
        read(content)


# --- TikZ -----------------------------------------------------------------------------------------------------


def test_tikz_holds_every_text_and_no_command_of_a_user():
    diagram = g.draw(L, AT)
    source = diagram.render("tex").decode()
    assert source.startswith("\\RequirePackage") and source.isascii()
    for text in ("$x$", "$-$6", "0.693", "log", "$-$x"):
        assert text in source
    scene = read(graphviz_engine.render(diagram.source, "json", parts=10))
    texts = [part for item in scene.items for part in item.parts if isinstance(part, Text)]
    assert source.count(r"\node[") == len(texts)


@given(st.text(max_size=20))
def test_any_text_is_safe_in_latex(text):
    written = latex(text)
    assert written.isascii()
    bare = re.sub(
        r"\$[^$]*\$", "", written.replace(r"\$", "")
    )  # without what is mathematics, which graphc wrote
    assert not re.search(r"[#&%_](?<!\\[#&%_])", bare)
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", written.replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    for command in re.findall(r"\\[A-Za-z]+", written):
        assert command not in (r"\input", r"\write", r"\def", r"\csname", r"\catcode")


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex, of texlive-latex-extra and texlive-pictures"
)
@pytest.mark.parametrize("which", ["lecture", "hostile", "everything"])
def test_the_real_latex_compiles_it(which, tmp_path):
    v = g.symbol("V", shape=(9,))
    with g.scope("layer_1 & more"):
        inside = g.sigmoid(x + v)
    diagram = {
        "lecture": lambda: g.draw(L, AT),
        "hostile": hostile,
        "everything": lambda: g.draw(
            g.sum(g.log(inside - 0.8)),
            {"x": 1, "V": range(9)},
            show=("value", "adjoint", "local", "image", "histogram", "name"),
        ),
    }[which]()
    path = diagram.save(tmp_path / "picture.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", path.name]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout and "Font Warning" not in done.stdout
    assert (tmp_path / "picture.pdf").read_bytes().startswith(b"%PDF-")


def test_tikz_of_a_scene_is_the_same_every_time():
    scene = read(graphviz_engine.render(g.draw(L, AT).source, "json", parts=10))
    assert to_tikz(scene) == to_tikz(scene)
