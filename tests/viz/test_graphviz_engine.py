"""Rendering and saving: every format, every way it can fail, and files that survive a failure."""

from __future__ import annotations

import os
import stat
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import graphc as g
from graphc.errors import FileError, InputError, RenderError
from graphc.viz import graphviz_engine
from graphc.viz.layered import place as layered_place
from graphc.viz.writers.xdot import to_xdot

x, y = g.symbols("x y")
DIAGRAM = g.draw(x * y + 1, at={"x": 2, "y": 3})


def chain(length: int):
    node = x
    for _ in range(length):
        node = g.sin(node)
    return node


SIGNATURES = {
    "svg": b"<?xml",
    "png": b"\x89PNG\r\n",
    "pdf": b"%PDF-",
    "dot": b"digraph",
    "tex": b"\\RequirePackage",
}


@pytest.mark.parametrize("form", SIGNATURES)
def test_formats(form, tmp_path):
    target = DIAGRAM.save(tmp_path / f"picture.{form}")
    assert target.read_bytes().startswith(SIGNATURES[form])
    assert os.listdir(tmp_path) == [f"picture.{form}"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o400


def test_suffixes_are_read_in_any_case_and_gv_is_dot(tmp_path):
    assert DIAGRAM.save(str(tmp_path / "a.SVG")).read_bytes().startswith(b"<?xml")
    assert DIAGRAM.save(tmp_path / "a.gv").read_text() == DIAGRAM.source


@pytest.mark.parametrize("name", ["picture.jpg", "picture", "picture.", ".svg"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name, tmp_path):
    with pytest.raises(RenderError, match="does not draw") as caught:
        DIAGRAM.save(tmp_path / name)
    assert ".svg" in caught.value.hint
    assert os.listdir(tmp_path) == []


def test_notebooks_show_svg():
    ET.fromstring(DIAGRAM._repr_svg_().encode())
    ET.fromstring(g.Graph(x * y)._repr_svg_().encode())
    assert "times)" in g.Graph(chain(600))._repr_svg_()  # collapsed
    assert g.Graph(chain(30_000))._repr_svg_() is None


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "old.svg"
    target.write_text("old")
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(FileError, match="No space left"):
        DIAGRAM.save(target)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["old.svg"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*there is no directory .*missing"):
        DIAGRAM.save(tmp_path / "missing" / "a.svg")


@pytest.mark.parametrize("path", [3, None, "a\0b.svg"])
def test_what_is_no_path(path):
    with pytest.raises(FileError):
        DIAGRAM.save(path)


def test_what_is_no_style():
    with pytest.raises(InputError, match="style"):
        g.draw(x, style="sliders")


def test_links_and_permissions_stay(tmp_path):
    target, link = tmp_path / "real.dot", tmp_path / "link.dot"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    DIAGRAM.save(link)
    assert link.is_symlink()
    assert target.read_text() == DIAGRAM.source
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_what_is_no_regular_file_is_written_to(tmp_path):
    pipe = tmp_path / "pipe.dot"
    os.mkfifo(pipe)
    open_end = os.open(
        pipe, os.O_RDONLY | os.O_NONBLOCK
    )  # the reader is there before the writer, and gets what fits a pipe
    DIAGRAM.save(pipe)
    with open(open_end, encoding="utf-8") as reader:
        assert reader.read() == DIAGRAM.source
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_larger_diagram_is_laid_out_by_a_child_process(monkeypatch):
    monkeypatch.setattr(graphviz_engine, "_in_process", lambda *_: pytest.fail("laid out in this process"))
    monkeypatch.setattr(layered_place, "LARGEST", 0)
    tree = ET.fromstring(g.draw(chain(60), at={"x": 1}, max_nodes=None).svg().encode())
    shown = ["".join(item.itertext()) for item in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert shown.count("sin") == 60


def test_the_child_and_this_process_draw_the_same(monkeypatch):
    here = DIAGRAM.render("svg")
    monkeypatch.setattr(graphviz_engine, "IN_PROCESS", 0)
    assert DIAGRAM.render("svg") == here
    assert DIAGRAM.render("png").startswith(SIGNATURES["png"])


def test_a_file_in_the_working_directory_is_not_the_engine(monkeypatch, tmp_path):
    (tmp_path / "pygraphviz.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graphviz_engine, "IN_PROCESS", 0)
    assert DIAGRAM.render("svg").startswith(b"<?xml")


def test_a_layout_that_takes_too_long_is_stopped():
    with pytest.raises(RenderError, match="stopped after") as caught:
        graphviz_engine.render(DIAGRAM.source, "svg", parts=graphviz_engine.LARGEST, time_limit=1e-3)
    assert '.save("x.dot")' in caught.value.hint


def test_what_nobody_could_read_is_refused_at_once_and_dot_still_works(tmp_path, monkeypatch):
    monkeypatch.setattr(graphviz_engine, "LARGEST", 6000)
    diagram = g.draw(chain(3000), max_nodes=None)
    with pytest.raises(RenderError, match="more than") as caught:
        diagram.save(tmp_path / "large.svg")
    assert '.save("x.dot")' in caught.value.hint and "max_nodes" in caught.value.hint
    assert diagram._repr_svg_() is None
    assert diagram.save(tmp_path / "large.dot").read_text().count("->") == 3001


def test_text_that_is_no_graph():
    for parts in (1, graphviz_engine.IN_PROCESS + 1):
        with pytest.raises(RenderError, match="layout failed"):
            graphviz_engine.render("this is not DOT {", "svg", parts=parts)
    with pytest.raises(RenderError, match="no such format"):
        graphviz_engine.render("digraph {}", "gif", parts=1)


def test_a_library_that_the_system_lacks(monkeypatch):
    """As in a slim container: the wheel of pygraphviz takes GLib to be there."""
    lacking = "libgobject-2.0.so.0: cannot open shared object file: No such file or directory"

    def load():
        raise ImportError(lacking)

    monkeypatch.setattr(graphviz_engine, "_pygraphviz", load)
    with pytest.raises(RenderError, match="libgobject") as caught:
        graphviz_engine.render("digraph {}", "svg", parts=1)
    assert "libglib2.0-0" in caught.value.hint and '.save("x.dot")' in caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for dot")
def test_without_the_bundled_engine_dot_serves(monkeypatch, tmp_path):
    script = tmp_path / "dot"
    nothing = '{"bb": "0,0,1,1", "size": "1,1", "name": "g"}'  # a layout
    script.write_text(f"#!/bin/sh\nif [ $1 = -Tjson ]; then echo '{nothing}'; exit; fi\necho \"$@\"\ncat\n")
    script.chmod(0o755)
    monkeypatch.setattr(graphviz_engine, "_has_bundled_engine", lambda: False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert graphviz_engine.engine() == str(script)
    assert DIAGRAM._scene is not None
    first, rest = DIAGRAM.render("png").decode().split("\n", 1)
    assert first.split() == ["-Knop2", "-Tpng", "-Gdpi=192", "-Gsize=53.32,30"]
    assert rest == to_xdot(DIAGRAM._scene)
    script.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    with pytest.raises(RenderError, match="broken"):
        g.draw(g.symbol("x") + 1).svg()


def test_with_no_engine_one_clear_error_and_dot_still_works(monkeypatch, tmp_path):
    monkeypatch.setattr(graphviz_engine, "_has_bundled_engine", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    diagram = g.draw(g.symbol("x") + 1)
    assert graphviz_engine.engine() is None
    with pytest.raises(RenderError, match="renders SVG") as caught:
        diagram.save(tmp_path / "a.svg")
    assert "pip install pygraphviz" in caught.value.hint
    assert diagram._repr_svg_() is None
    assert diagram.save(tmp_path / "a.dot").exists()
    assert os.listdir(tmp_path) == ["a.dot"]


def test_threads_may_draw_at_once():
    expected = DIAGRAM.svg()
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(DIAGRAM.svg())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 8


def test_paths_are_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert DIAGRAM.save("here.dot") == Path("here.dot")
    assert Path("here.dot").exists()
