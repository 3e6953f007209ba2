"""What notebooks show of reports, histories and errors."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import graphc as g
from graphc.analysis.bench import bench
from graphc.errors import InputError
from graphc.train.history import History

x, y = g.symbols("notebook_x notebook_y")
L = g.log(x * y + 1)
POINT = {"notebook_x": 2.0, "notebook_y": 3.0}
SHOWN = {
    "check_grad": lambda: g.check_grad(L, POINT),
    "diagnose": lambda: g.diagnose(L, POINT),
    "accuracy": lambda: g.accuracy(x - y, samples=4),
    "rewrites": lambda: g.rewrites(g.log(g.exp(x) * y)),
    "bench": lambda: bench(x + y, POINT, size=0, rounds=1),
}


@pytest.mark.parametrize("what", SHOWN)
def test_reports_are_shown_as_they_are_printed(what):
    report = SHOWN[what]()
    (page,) = [ElementTree.fromstring(report._repr_html_())]
    assert page.tag == "pre" and "".join(page.itertext()) == str(report)


def test_a_model_is_its_table_of_layers():
    model = g.nn.Model(g.nn.Affine(2), g.symbol("x", shape=("n", 3)))
    assert "".join(ElementTree.fromstring(model._repr_html_()).itertext()) == model.summary()


def test_a_history_is_a_table_of_its_last_records():
    history = History([{"epoch": n, "loss": 1 / n, "<b>": 2.0} for n in range(1, 31)])
    page = ElementTree.fromstring(history._repr_html_())
    rows = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert rows[0] == ["epoch", "loss", "<b>"] and len(rows) == 21 and rows[-1] == ["30", "0.03333", "2"]
    assert "20 of 30" in page.findtext("caption")
    assert ElementTree.fromstring(History()._repr_html_()).tag == "table"


@pytest.mark.parametrize("lines", [1, 3, 9])
@pytest.mark.parametrize("hint", [None, "write it so"])
def test_what_ipython_shows_of_an_error_has_six_lines_at_most(lines, hint):
    error = InputError("\n".join(f"line {n}" for n in range(lines)), node="x*y", hint=hint)
    shown = error._render_traceback_()
    assert len(shown) <= 6 and shown[0] == "InputError: line 0"
    assert "  node: x*y" in shown and (hint is None or shown[-1] == "  hint: write it so")
    assert any(line.startswith("  at:   ") and "test_notebook.py" in line for line in shown)
