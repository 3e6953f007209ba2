"""What a page computes, run by node and held against NumPy's interpreter; where elements come from, held against NumPy's."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

import graphc as g
from graphc.interpret.numpy_eval import run
from graphc.ir.graph import Dag
from graphc.viz.player.codes import sealed
from graphc.viz.player.elements import _rule
from graphc.viz.player.page import asset
from graphc.viz.player.recompute import as_data, recomputation

NODE = shutil.which("node") or shutil.which("nodejs")
needs_node = pytest.mark.skipif(NODE is None, reason="no JavaScript engine on this machine: node")

A, B = g.symbol("A_re", shape=(3, 4)), g.symbol("B_re", shape=("n", 3))
v, k = g.symbol("v_re", shape=4), g.symbol("k_re")
t, p, i = (
    g.symbol("t_re", shape=4, dtype="float32"),
    g.symbol("p_re", dtype="bool"),
    g.symbol("i_re", dtype="int64"),
)


def javascript(code):
    done = subprocess.run(
        [str(NODE), "-"], input=code, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


UNPACK = """
const KINDS = { float64: Float64Array, float32: Float32Array, bool: Uint8Array, int64: BigInt64Array };
const given = GIVEN.map(each => each.bytes === undefined ? eval(each.text)
  : new KINDS[each.type](Uint8Array.from(atob(each.bytes), c => c.charCodeAt(0)).buffer));
const plain = x => typeof x === "object" ? Array.from(x, Number).map(String) : String(Number(x));
console.log(JSON.stringify((PROGRAM)(given).map(plain)));"""


def literal_of(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}n" if isinstance(value, int) else repr(float(value)).replace("inf", "Infinity")


def computed(outputs, symbols, values):
    dag = Dag(outputs, symbols)
    program = recomputation(dag, values)
    assert program is not None
    given = []
    for value in values:
        array = np.asarray(value)
        given.append(as_data(array) if array.ndim else {"text": literal_of(value)})
    found = javascript(UNPACK.replace("GIVEN", json.dumps(given)).replace("PROGRAM", program))
    return [np.array([float(x.replace("Infinity", "inf")) for x in np.ravel(each)]) for each in found], dag


@needs_node
@pytest.mark.parametrize("scale", [1.0, 1e-3, 50.0])
def test_arrays_are_those_of_numpy(scale):
    random = np.random.default_rng(4)
    point = [random.normal(size=(3, 4)) * scale, random.normal(size=(5, 3)), random.normal(size=4), 0.75]
    loss = g.logsumexp(B @ g.tanh(A @ v * k)) + g.sum(g.softmax(A, axis=1)[:, 1]) * g.max(v)
    graph = g.Graph(loss, [A, B, v, k])
    record = graph.differentiate(None)
    outputs = [*graph.exprs, *record.contributions.values(), A.T, g.where(A > 0, A, k), g.sum(A, axis=0)]
    found, dag = computed(outputs, [A, B, v, k], point)
    values = run(dag, dict(zip(("A_re", "B_re", "v_re", "k_re"), point, strict=True)))
    for place, shown in zip(dag.outputs, found, strict=True):
        assert np.allclose(
            shown, np.ravel(np.asarray(values[place], float)), rtol=1e-12, atol=1e-300, equal_nan=True
        )


@needs_node
def test_types_loops_and_numbers_given_as_arrays():
    rows = np.array([0.5, -1.0, 2.0])
    end, each = g.scan(lambda c, r: (g.tanh(c * k + r), c * r), 0.25, g.symbol("rows_re", shape=3))
    cases = [
        ([t * 2, p & (i > 2), i * i], [t, p, i], [np.array([1, 2, 3, 4], np.float32), True, 2**40]),
        ([end, each], [g.symbol("rows_re", shape=3), k], [rows, 1.5]),
        ([k * k + 1, g.exp(k)], [k], [np.array([1.0, 2.0, -3.0])]),
    ]
    for outputs, symbols, point in cases:
        found, dag = computed(outputs, symbols, point)
        values = run(dag, {x.name: value for x, value in zip(symbols, point, strict=True)})
        for place, shown in zip(dag.outputs, found, strict=True):
            assert np.allclose(shown, np.ravel(np.asarray(values[place], float)), rtol=1e-7)


@needs_node
def test_no_input_hangs_a_page():
    doubled = g.while_loop(lambda c: c < 100, lambda c: c * 2, k)
    program = recomputation(Dag([doubled], [k]), [3.0])
    code = f"const f = {program}; const tried = x => {{ try {{ return f([x])[0]; }} catch (error) {{ return error.name; }} }};"
    shown = javascript(f"{code} console.log(JSON.stringify([3, -1, 0].map(tried)))")
    assert shown == [192, "RangeError", "RangeError"]


def test_what_has_no_form_in_javascript_is_not_computed():
    m = g.symbol("m_re", shape=(2, 2))
    assert recomputation(Dag([g.svdvals(m)], [m]), [np.eye(2)]) is None


@needs_node
@pytest.mark.parametrize("build", [
    lambda x, y: x @ y, lambda x, y: x.T, lambda x, y: x[1], lambda x, y: x[:, ::-2], lambda x, y: g.reshape(x, (4, 3)),
    lambda x, y: g.broadcast_to(y, (2, 4)), lambda x, y: g.sum(x, axis=0), lambda x, y: g.mean(x),
    lambda x, y: g.sum(x, axis=1, keepdims=True), lambda x, y: x * y, lambda x, y: x - y, lambda x, y: g.outer(y, y),
    lambda x, y: g.prod(x, axis=1),
])  # fmt: skip
def test_an_element_is_made_of_what_its_rule_says(build):
    """The page's own script names the parts of each element: put into a formula of plain numbers they give the element."""
    x, y = g.symbol("x_el", shape=(3, 4)), g.symbol("y_el", shape=4)
    random = np.random.default_rng(5)
    point = {"x_el": random.normal(size=(3, 4)), "y_el": random.normal(size=4)}
    node = build(x, y)
    dag = Dag([node, *node.operands], [x, y])
    values = run(dag, point)
    held = [np.asarray(values[place]) for place in dag.outputs]
    rule = _rule(node, held[1:])
    assert rule is not None
    data = {
        "rules": {"0": {**rule, "o": list(range(1, len(held)))}},
        "shapes": {str(number): list(array.shape) for number, array in enumerate(held) if array.ndim},
        "names": [f"s{number}" for number in range(len(held))],
    }
    script = (
        asset("elements.js")
        .replace("const MOST = 8", "const MOST = 99")
        .partition('\nif (one("element"))')[0]
    )
    code = f"const data = {json.dumps(data)}; const one = () => null, show = String, clamp = 0;\n"
    code += asset("values.js")[asset("values.js").index("// Place by place") :] + script
    code += "const text = k => madeOf(0, k).text(part => `H[${part[0]}][${part[1]}]`);"
    code += "console.log(JSON.stringify(Array.from({length: SIZE}, (_, k) => text(k))));"
    texts = javascript(code.replace("SIZE", str(held[0].size)))
    for text, element in zip(texts, held[0].ravel(), strict=True):
        plain = text.replace("·", "*").replace("−", "-").replace("×", "*")
        found = eval(
            plain, {"H": [array.ravel() for array in held]}
        )  # a test's own text, of numbers and places
        assert np.isclose(found, element, rtol=1e-12), text


@needs_node
def test_codes_are_the_same_in_page_and_python():
    script = asset("exercise.js")
    script = script[script.index("const SIGNS") : script.index("const pupil")]
    texts = ["", "a|b|0-0-1", "ăîșț|Ana|3-4-5", "🙂" * 40, "x" * 1000]
    shown = javascript(f"{script}console.log(JSON.stringify({json.dumps(texts)}.map(sealed)))")
    assert shown == [sealed(text) for text in texts]
