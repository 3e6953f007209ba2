"""`%load_ext graphc`, as IPython calls it."""

from __future__ import annotations

import pytest

import graphc as g


class Shell:
    """What of IPython's shell an extension uses."""

    def __init__(self):
        self.magics = {}

    def register_magic_function(self, function, magic_kind, magic_name):
        self.magics[magic_kind, magic_name] = function


def loaded():
    shell = Shell()
    g.load_ipython_extension(shell)
    return shell.magics["cell", "graphc"]


def test_a_cell_is_drawn_with_its_values():
    picture = loaded()("magic_x=2, magic_w=-3", "magic_x\n * magic_w\n")
    assert "−6" in picture._repr_svg_()
    assert "−6" not in loaded()("", "magic_x*magic_w")._repr_svg_()


@pytest.mark.parametrize(
    "line, cell", [("magic_x", "magic_x"), ("magic_x=two", "magic_x"), ("", ""), ("", "import os")]
)
def test_what_is_no_formula_is_refused_in_six_lines(line, cell):
    with pytest.raises(g.GraphcError) as caught:
        loaded()(line, cell)
    assert len(caught.value._render_traceback_()) <= 6
