"""DOT text to SVG, PNG and PDF, by the Graphviz libraries that pygraphviz carries, else by a `dot` on the PATH.

A layout that runs inside this process cannot be stopped, so only small diagrams are laid out here; larger ones are laid out by a
child process with a time limit, and very large ones not at all: what nobody could read is not worth the wait.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from graphc.errors import RenderError, brief
from graphc.util import fork_safety

FORMATS = ("svg", "png", "pdf")

LAYOUT = "json"
"""The format that says where the parts of a picture stand, for those who draw them themselves."""

_PLACED = "dot"

AS_PLACED = "nop2"
"""The program that draws a text with a layout in it as it says."""

IN_PROCESS = 150
"""Diagrams of at most so many DOT nodes and edges are laid out in this process, in well under a second."""

LARGEST = 50_000
"""Diagrams of more DOT nodes and edges are refused."""

_HASTE = {"nslimit": "4", "nslimit1": "4", "mclimit": "0.5"}
"""What keeps the layout of a larger diagram from taking minutes for a little less length of line."""

TIME_LIMIT = 60.0
"""Seconds that a child process may take."""

_LOCK = fork_safety.lock()
"""Graphviz keeps its state in global variables."""

_CHILD = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
for setting in sys.argv[3:]:
    graph.graph_attr.__setitem__(*setting.split("=", 1))
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog=sys.argv[2]))
"""


def _pygraphviz() -> Any:
    import pygraphviz

    return pygraphviz


def _has_bundled_engine() -> bool:
    return find_spec("pygraphviz") is not None


def engine() -> str | None:
    """What renders here: 'pygraphviz', the path of `dot`, or None."""
    return "pygraphviz" if _has_bundled_engine() else shutil.which("dot")


def check_size(parts: int) -> None:
    """Raises `RenderError` for more nodes and edges than are laid out."""
    if parts > LARGEST:
        raise RenderError(
            f"the diagram has {parts} nodes and edges, more than the {LARGEST} that are laid out",
            hint="leave max_nodes= as it is, so that blocks and repetitions are collapsed; "
            '.save("x.dot") writes it for another tool',
        )


def render(
    source: str,
    form: str,
    *,
    parts: int,
    settings: Mapping[str, str] | None = None,
    time_limit: float = TIME_LIMIT,
    program: str = "dot",
) -> bytes:
    """A file's content.

    Parameters
    ----------
    source : DOT text
    form : 'svg', 'png' or 'pdf'; 'json' is the layout with what would be drawn, 'dot' the text with the layout in it
    parts : how many nodes and edges the text has
    settings : graph attributes that replace those of the text
    time_limit : seconds for a diagram that is not small
    program : 'dot', or 'nop2' for a text with a layout in it, which is drawn as it says

    Raises `RenderError` when the diagram is too large, takes too long, or nothing on this machine can render it.
    """
    if form not in (*FORMATS, LAYOUT, _PLACED):
        raise RenderError(f"no such format: {brief(form)}", hint=f"use one of {', '.join(FORMATS)}, or dot")
    check_size(parts)
    settings = {**(settings or {}), **(_HASTE if parts > IN_PROCESS else {})}
    changes = [f"{key}={value}" for key, value in settings.items()]
    if _has_bundled_engine():
        if parts <= IN_PROCESS or not sys.executable:
            return _in_process(source, form, settings, program)
        # -P: a file called pygraphviz.py in the working directory is not the package
        command = [sys.executable, "-P", "-c", _CHILD, form, program, *changes]
        paths = os.pathsep.join(path for path in sys.path if path)
        return _in_child(command, source, time_limit, {**os.environ, "PYTHONPATH": paths})
    dot = shutil.which("dot")
    if dot is None:
        raise RenderError(
            f"nothing on this machine renders {'SVG' if form == 'json' else form.upper()}",
            hint="pip install pygraphviz (its wheels carry Graphviz), or install Graphviz so that `dot` is on the PATH; "
            '.save("x.dot") works without',
        )
    command = [dot, *([] if program == "dot" else [f"-K{program}"]), f"-T{form}"]
    return _in_child([*command, *(f"-G{change}" for change in changes)], source, time_limit, None)


def redraw(
    source: str,
    form: str,
    lines: Mapping[str, str],
    *,
    parts: int,
    layout: Mapping[str, str],
    settings: Mapping[str, str],
) -> bytes:
    """A file's content with some edges led elsewhere than where Graphviz lays them.

    Parameters
    ----------
    source, form, parts : as for `render`
    lines : where an edge runs in Graphviz's layout → where it shall run, both as DOT writes it
    layout, settings : graph attributes for laying out, and for drawing

    Raises `RenderError` as `render` does.
    """
    placed = render(source, _PLACED, parts=parts, settings=layout).decode().replace("\\\n", "")
    for old, new in lines.items():
        placed = placed.replace(f'pos="{old}"', f'pos="{new}"')
    return render(placed, form, parts=parts, settings=settings, program=AS_PLACED)


def _in_process(source: str, form: str, settings: Mapping[str, str], program: str) -> bytes:
    with _LOCK:
        try:
            graph = _pygraphviz().AGraph(string=source)
            for key, value in settings.items():
                graph.graph_attr[key] = value
            return graph.draw(format=form, prog=program)
        except (ValueError, OSError, ImportError) as error:
            raise _failed(str(error)) from error


def _failed(why: str) -> RenderError:
    hint = '.save("x.dot") writes the text'
    if (
        "cannot open shared object file" in why
    ):  # wheels for Linux take these to be there; slim containers have none
        hint = (
            "install GLib and the client libraries of X: `apt-get install libglib2.0-0 libxrender1 libxext6`, "
            f"or `dnf install glib2 libXrender libXext`; {hint}"
        )
    return RenderError(f"the layout failed: {why}", hint=hint)


def _in_child(
    command: list[str], source: str, time_limit: float, environment: dict[str, str] | None
) -> bytes:
    try:
        done = subprocess.run(
            command,
            input=source.encode(),
            capture_output=True,
            timeout=time_limit,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderError(
            f"the layout was stopped after {time_limit:g} seconds",
            hint='.save("x.dot") writes the diagram for another tool; draw a part of the graph to look at',
        ) from None
    except OSError as error:
        raise RenderError(
            f"{command[0]} does not run: {error}", hint='.save("x.dot") writes the text'
        ) from error
    if done.returncode or not done.stdout:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise _failed("".join(last) or f"exit code {done.returncode}")
    return done.stdout
