"""Numbers in the page: the same text as Python's for the same value. Run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from math import pi

import numpy as np
import pytest

from graphc.ir.formatting import matrix_cells, show_number
from graphc.viz.player.page import asset

NODE = shutil.which("node") or shutil.which("nodejs")
pytestmark = pytest.mark.skipif(NODE is None, reason="no JavaScript engine on this machine: node")


def run(code):
    done = subprocess.run(
        [NODE, "-"],
        input=asset("numbers.js") + code,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_show():
    random = np.random.default_rng(1)
    values = [
        0.0,
        -0.0,
        0.5,
        0.125,
        2.5,
        -0.25,
        0.3125,
        999.5,
        9995.0,
        0.09995,
        1e-4,
        1e-3,
        999999,
        1e6,
        123456.5,
        1e22,
        5e-324,
    ]
    values += [
        1.7976931348623157e308,
        float("inf"),
        -float("inf"),
        float("nan"),
        0.0625,
        1234.5,
        12.345,
        -99.95,
        1e15 + 0.5,
    ]
    values += [
        float(v) for v in random.integers(0, 4096, 200) / 2.0 ** random.integers(0, 14, 200)
    ]  # many ties
    values += [float(v) for v in random.standard_normal(300) * 10.0 ** random.integers(-12, 12, 300)]
    for digits in (1, 2, 3, 5, 12, 17):
        texts = [repr(v).replace("inf", "Infinity").replace("nan", "NaN") for v in values]
        shown = run(f"console.log(JSON.stringify([{', '.join(texts)}].map(v => show(v, {digits}))))")
        assert shown == [show_number(v, digits) for v in values]
    whole = [0, -5, 999_999, 10**6, -(10**18), 2**63 - 1, 12_500_000]
    shown = run(
        f"console.log(JSON.stringify([{', '.join(f'{v}n' for v in whole)}, true, false].map(v => show(v, 3))))"
    )
    assert shown == [show_number(v, 3) for v in [*whole, True, False]]


def test_read():
    texts = ["1", " −2.5 ", "1/2", "-1/4", "1e-3", ".5", "2.", "inf", "-inf", "∞", "+3"]
    texts += ["1,5", "−0,25", ",5", "pi", "-π", "2pi", "pi/2", "3*pi/4", "2·3", "1,5e-3", "1/3"]
    numbers = [1, -2.5, 0.5, -0.25, 1e-3, 0.5, 2, float("inf"), -float("inf"), float("inf"), 3]
    numbers += [1.5, -0.25, 0.5, pi, -pi, 2 * pi, pi / 2, 3 * pi / 4, 6, 1.5e-3, 1 / 3]
    got = run(f"console.log(JSON.stringify({json.dumps(texts)}.map(read).map(String)))")
    assert [float(text.replace("Infinity", "inf")) for text in got] == numbers
    bad = [
        "",
        "a",
        "1/2/3",
        "1,5,2",
        "1.5,2",
        "p",
        "pi pi",
        "1**2",
        "*2",
        "0x10",
        "1 2",
        "alert(1)",
        "--1",
        "1e",
        "１",
    ]
    assert run(f"console.log(JSON.stringify({json.dumps(bad)}.map(read)))") == [None] * len(bad)
    assert run("console.log(JSON.stringify(String(read('nan'))))") == "NaN"


def test_elements_of_small_arrays():
    random = np.random.default_rng(2)
    arrays = [random.normal(size=(2, 3)) * 10.0 ** random.integers(-6, 7, (2, 3)) for _ in range(150)]
    arrays += [random.integers(-20, 20, (3, 2)) / 4.0 for _ in range(30)]
    arrays += [
        np.array(rows)
        for rows in ([[0.0, -0.0]], [[np.nan, 1.5], [np.inf, -2]], [[1e300, 1]], [[-1e-9, 3.0]])
    ]
    arrays += [np.array([[1e6 + 0.5, 2]]), np.array([[0.001, 0.0005]]), np.array([[999999.0, 1]])]
    for digits in (2, 3, 5):
        texts = json.dumps([[repr(float(v)) for v in np.ravel(array)] for array in arrays])
        texts = texts.replace("inf", "Infinity").replace("nan", "NaN")
        shown = run(
            f"console.log(JSON.stringify({texts}.map(row => cells(Float64Array.from(row.map(Number)), {digits}))))"
        )
        wanted = [[text for row in matrix_cells(array, digits) for text in row] for array in arrays]
        assert shown == wanted
