"""Steps: when what is seen, against a plain walk over the graph; and the formats, read back by other programs' readers."""

import io
import itertools
import os
import re
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

import graphc as g
from graphc.errors import FileError, InputError, RenderError
from graphc.viz.steps import steps as steps_module

x, w, b = g.symbols("x_step w_step b_step")
AT = {"x_step": 1.25, "w_step": 2.5, "b_step": 0.625}
Z = x * w + b
L = g.log(g.sigmoid(Z)) + x * Z


@pytest.fixture(scope="module")
def steps():
    return g.draw(L, at=AT).steps()


def texts(svg):
    """The texts of an SVG, by an XML parser of its own."""
    return [
        element.text
        for element in ElementTree.fromstring(svg.encode()).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_forwards_and_then_backwards(steps):
    forward = [title for title in steps.titles if title.startswith("forward")]
    backward = [title for title in steps.titles if title.startswith("backward")]
    assert forward == [f"forward: {label}" for label in ("×", "+", "σ", "log", "×", "+")]
    assert backward[0] == "backward: what the output starts with"
    assert [title.split(": ")[1] for title in backward[1:]] == ["+", "×", "log", "σ", "+", "×"]
    assert len(steps) == 1 + len(forward) + len(backward)


def test_values_appear_in_their_step_and_stay(steps):
    seen = [texts(steps.svg(number)) for number in range(len(steps))]
    for earlier, later in itertools.pairwise(seen):
        assert all(later.count(text) >= earlier.count(text) for text in earlier)
    # x*w = 3.125 is computed in step 1; the output, by plain arithmetic, in step 6
    assert "3.12" not in seen[0] and "3.12" in seen[1]
    import math

    z = 1.25 * 2.5 + 0.625
    value = f"{math.log(1 / (1 + math.exp(-z))) + 1.25 * z:.3g}"
    assert value not in seen[5] and value in seen[6]
    assert not any("Σ" in text for text in seen[6]) and any("Σ" in text for text in seen[-1])
    whole = texts(g.draw(L, at=AT).svg())
    assert sorted(seen[-1]) == sorted(whole)


def test_the_layout_is_one(steps):
    boxes = {re.search(r'viewBox="([^"]*)"', steps.svg(number))[1] for number in range(len(steps))}
    assert len(boxes) == 1
    first = set(re.findall(r"<(?:ellipse|path|polygon) [^>]*>", steps.svg(0)))
    assert first <= set(re.findall(r"<(?:ellipse|path|polygon) [^>]*>", steps.svg(len(steps) - 1)))


def test_structure_alone_has_no_backward_steps():
    steps = g.draw(L).steps()
    assert len(steps) == 7 and not any(title.startswith("backward") for title in steps.titles)


@pytest.mark.parametrize(
    "options",
    [{"layout": "down"}, {"style": "dark"}, {"collapse": True}, {"show": ["value", "adjoint", "local"]}],
)
def test_all_looks_have_steps(options):
    with g.scope("first step layer"):
        h = g.tanh(x * w + b * 3)
    steps = g.draw(h * b, at=AT, **options).steps()
    whole = g.draw(h * b, at=AT, **options)
    assert sorted(texts(steps.svg(-1))) == sorted(texts(whole.svg()))


def test_loops_have_steps():
    total = g.fori_loop(0, 3, lambda i, s: s * w + x, b)
    diagram = g.draw(total, at=AT, step=1)
    steps = diagram.steps()
    assert sorted(texts(steps.svg(-1))) == sorted(texts(diagram.svg()))


def test_several_lines_through_one_place_do_not_hide_values():
    shared = g.exp(x * w)
    steps = g.draw([shared * shared, shared + b], at=AT, seed=[1.0, 2.0]).steps()
    assert sorted(texts(steps.svg(-1))) == sorted(
        texts(g.draw([shared * shared, shared + b], at=AT, seed=[1.0, 2.0]).svg())
    )


def test_a_sequence_of_files(steps, tmp_path):
    place = steps.save(f"{tmp_path}/steps/")
    names = sorted(os.listdir(place))
    assert names == [f"step-{number:02}.svg" for number in range(1, len(steps) + 1)]
    for number, name in enumerate(names):
        assert (place / name).read_text() == steps.svg(number)
    assert steps.save(place) == place and sorted(os.listdir(place)) == names
    with pytest.raises(FileError, match="directory"):
        steps.save(f"{tmp_path}/missing/steps/")


def test_an_animation_shows_each_part_in_its_steps(steps, tmp_path):
    text = steps.save(tmp_path / "a.svg", seconds=2).read_text()
    ElementTree.fromstring(text.encode())
    total = 2 * (len(steps) - 1) + 6
    assert f"{total}s step-end infinite" in text and "prefers-reduced-motion" in text
    frames = dict(re.findall(r"@keyframes (s[\d-]+) \{(.*?\})\}", text))
    assert set(re.findall(r'class="(s[\d-]+)', text)) == set(frames)
    for name, rule in frames.items():
        first = int(name[1:].split("-")[0])
        on = [float(at) for at in re.findall(r"([\d.]+)%\{visibility:visible", rule)]
        assert min(on) == pytest.approx(100 * 2 * first / total, abs=1e-3)
    assert "<script" not in text


def test_a_gif_has_a_frame_for_each_step(steps, tmp_path):
    image = pytest.importorskip("PIL.Image")
    with image.open(steps.save(tmp_path / "a.gif", seconds=0.5)) as gif:
        times = []
        for number in range(gif.n_frames):
            gif.seek(number)
            times.append(gif.info["duration"])
        assert gif.n_frames == len(steps) and times == [500] * (len(steps) - 1) + [1500]


def test_slides_have_one_picture_each(steps, tmp_path):
    pytest.importorskip("pptx")
    with zipfile.ZipFile(steps.save(tmp_path / "a.pptx")) as deck:
        slides = [name for name in deck.namelist() if re.fullmatch(r"ppt/slides/slide\d+\.xml", name)]
        assert len(slides) == len(steps)
        for name in slides:
            text = deck.read(name).decode()
            assert text.count("<p:pic>") == 1 and 'descr="Step' in text
        assert {deck.read(name)[:4] for name in deck.namelist() if name.endswith(".png")} == {b"\x89PNG"}


def test_beamer_has_overlays_named_nodes_and_the_documents_font(steps, tmp_path):
    text = steps.save(tmp_path / "a.tex").read_text()
    assert r"\documentclass[aspectratio=169]{beamer}" in text and r"\fontfamily" not in text
    slides = [int(first) for first in re.findall(r"\\onslide<(\d+)", text)]
    assert max(slides) == len(steps) and min(slides) == 2  # what all slides have is in no overlay
    nodes = {node.key for node in g.draw(L, at=AT).view.nodes if node.kind != "output"}
    assert nodes <= set(re.findall(r"\\node\[inner sep=0[^\]]*\] \((\w+)\)", text))
    used = set(re.findall(r"\\(?:path|node)\[(gc [a-z]+(?: \d+)?)\]", text))
    defined = set(re.findall(r"^  (gc [a-z]+(?: \d+)?)/\.style", text, re.M))
    assert used == defined and "gc forward" in " ".join(defined)
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}") and text.count("$") % 2 == 0


def test_a_film_needs_ffmpeg(steps, tmp_path, monkeypatch):
    monkeypatch.setattr(steps_module.shutil, "which", lambda name: None)
    with pytest.raises(RenderError, match="ffmpeg") as caught:
        steps.save(tmp_path / "a.mp4")
    assert "install" in str(caught.value) and not list(tmp_path.iterdir())


def test_a_film_is_what_ffmpeg_makes_of_the_frames(steps, tmp_path, monkeypatch):
    def run(command, **options):
        place = os.path.dirname(command[-1])
        frames = [name for name in os.listdir(place) if name.endswith(".png")]
        assert len(frames) == len(steps) + 2  # the last one three times
        with open(command[-1], "wb") as file:
            file.write(b"film")
        return type("Done", (), {"returncode": 0, "stderr": b""})

    monkeypatch.setattr(steps_module.shutil, "which", lambda name: "/bin/ffmpeg")
    monkeypatch.setattr(steps_module.subprocess, "run", run)
    assert steps.save(tmp_path / "a.mp4").read_bytes() == b"film"


def test_packages_that_are_missing_are_named(steps, tmp_path, monkeypatch):
    import sys

    for package, form in (("pptx", "pptx"), ("PIL.Image", "gif")):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            with pytest.raises(RenderError, match="not installed") as caught:
                steps.save(tmp_path / f"a.{form}")
            assert "graphc[slides]" in str(caught.value)


def test_what_is_refused(steps, tmp_path):
    for step in (len(steps), -len(steps) - 1, 1.0, "1", True, None):
        with pytest.raises(InputError, match="no step"):
            steps.svg(step)
    for seconds in (0, -1, float("nan"), float("inf"), "1", True, None):
        with pytest.raises(InputError, match="seconds"):
            steps.save(tmp_path / "a.svg", seconds=seconds)
    with pytest.raises(RenderError, match="steps"):
        steps.save(tmp_path / "a.avi")
    assert not list(tmp_path.iterdir())


def test_what_is_too_long_is_refused():
    chain = x
    for number in range(260):
        chain = g.sin(chain * (number + 2))
    with pytest.raises(RenderError, match=r"too long|not shown in steps"):
        g.draw(chain, at={"x_step": 1.0}, max_nodes=None).steps()


def test_hostile_names_are_neither_markup_nor_commands(tmp_path):
    name = "<script>\\input{x}\n%$&"
    steps = g.draw(g.symbol(name) * 2 + 1, at={name: 1.0}).steps()
    for form in ("svg", "tex"):
        text = steps.save(tmp_path / f"a.{form}").read_text()
        assert ("<script>" if form == "svg" else "\\input") not in text
    with io.StringIO(text) as lines:
        assert all(line.isprintable() for line in map(str.rstrip, lines))


def test_a_notebook_shows_the_animation(steps):
    assert steps._repr_html_().startswith("<svg")


def test_an_empty_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = g.symbol("x")
    with pytest.raises(g.GraphcError, match="the path is empty"):
        g.draw(x * 2, at={"x": 1.0}).steps().save("")
    assert not list(tmp_path.iterdir())
