"""Graphs in files: what is saved comes back as the same objects, and what is damaged or hostile is refused."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.api.serialize import from_text, to_text
from graphc.errors import FormatError, GraphcError
from graphc.ir.expr import apply
from graphc.ir.op import all_ops
from graphc.ir.types import DTYPES
from tests.counts import examples

x, y, z = g.symbols("x y z")
LOSS = g.log(1 / (g.exp(-(x * y + z)) + 1))
FORMAT_PAGE = Path(__file__).resolve().parents[2] / "docs" / "format.md"


def stamped(content: dict[str, Any]) -> str:
    """A file with this content and the digest that docs/format.md asks for."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return json.dumps({**rest, "digest": hashlib.sha256(canonical.encode()).hexdigest()})


def content_of(what: Any) -> dict[str, Any]:
    return json.loads(to_text(what))


# --- what is saved comes back -----------------------------------------------------------------------------------------


def test_an_expression_comes_back_as_the_same_object(tmp_path: Path) -> None:
    g.save(LOSS, tmp_path / "f.json")
    assert g.load(tmp_path / "f.json") is LOSS
    assert g.load(str(tmp_path / "f.json")) is LOSS


def test_a_graph_keeps_its_inputs_and_the_structure_of_its_outputs(tmp_path: Path) -> None:
    Pair = namedtuple("Pair", "value slopes")
    unused = g.symbol("unused", shape=("n", 3), dtype="int8")
    tree = {"loss": Pair(LOSS, g.grad(LOSS, [x, y])), "again": (LOSS,)}
    graph = g.Graph(tree, [z, unused, y, x])
    g.save(graph, tmp_path / "f.json")
    loaded = g.load(tmp_path / "f.json")
    assert isinstance(loaded, g.Graph)
    loaded.verify()
    assert loaded.exprs == graph.exprs
    assert loaded.symbols == (z, unused, y, x)
    assert loaded.digest == graph.digest
    assert to_text(loaded) == to_text(graph)
    value = g.compile(loaded)(x=2.0, y=-3.0, z=6.0, unused=np.zeros((2, 3), "int8"))
    assert list(value) == ["loss", "again"]
    assert value["loss"]._fields == ("value", "slopes") and type(value["loss"]).__name__ == "Pair"


def test_a_traced_function_is_saved_as_its_graph() -> None:
    @g.function
    def f(b, a):
        return a - b

    assert from_text(to_text(f)).symbols == (g.symbol("b"), g.symbol("a"))


def test_structures_of_expressions_come_back() -> None:
    tree = [x, (y, {"a": x * y}), [x]]
    assert from_text(to_text(tree)) == tree
    assert from_text(to_text(tree[1])) == tree[1]


@pytest.mark.parametrize("name", DTYPES)
def test_constants_keep_every_bit(name: str) -> None:
    dtype = DTYPES[name]
    seed = np.random.default_rng(7)
    bits = (
        seed.integers(0, 2, (5, 3), "uint8")
        if name == "bool"
        else seed.integers(0, 256, (5, 3, dtype.itemsize), "uint8")
    )
    array = bits.view(dtype).reshape(5, 3)
    for value in (array, array[0, 0], array[:0], array.T):
        node = g.constant(value)
        again = from_text(to_text(node))
        assert again is node and again.shape == value.shape
    if dtype.kind == "f":
        whole = {4: "uint32", 8: "uint64"}[dtype.itemsize]
        last = np.iinfo(whole).max
        for pattern in (0, 1, last, last >> 1, (last >> 1) + 1):
            node = g.constant(np.array(pattern, whole).view(dtype)[()])
            assert from_text(to_text(node)) is node


@pytest.mark.parametrize("op", list(all_ops()), ids=lambda op: op.name)
def test_every_operation_comes_back(op) -> None:
    kinds = {"polygamma": ["int64", "float32"], "where": ["bool", "int8", "float32"]}
    dtypes = kinds.get(op.name, ["bool" if op.category == "logic" else "float32"] * op.arity)
    symbols = [g.symbol(f"u{i}", shape=("n", 2), dtype=dtype) for i, dtype in enumerate(dtypes)]
    expr = symbols[0].astype("uint16") if op.name == "astype" else apply(op, *symbols)
    assert from_text(to_text(expr)) is expr


def test_names_of_any_kind_come_back() -> None:
    for name in ('<b>"x', "\\", "\n\0", "θ", "𝐱", "}, {", "\udcff", "x" * 10_000):
        assert from_text(to_text(g.symbol(name))) is g.symbol(name)


def test_a_long_chain_comes_back() -> None:
    chain = x
    for _ in range(20_000):
        chain = g.sin(chain) * 1.0001
    assert from_text(to_text(chain)) is chain


def test_the_same_graph_is_the_same_file_in_any_process(tmp_path: Path) -> None:
    program = f"""
import graphc as g
x, y, z = g.symbols("x y z")
L = g.log(1/(g.exp(-(x*y + z)) + 1))
g.save(g.Graph({{"L": L, "d": g.grad(L, [x, y, z])}}), {str(tmp_path / "f.json")!r})
"""
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        here = to_text(g.Graph({"L": LOSS, "d": g.grad(LOSS, [x, y, z])}))
        assert (tmp_path / "f.json").read_text() == here


def test_the_documented_example_is_a_file() -> None:
    example = re.search(r"```json\n(.*?)```", FORMAT_PAGE.read_text(), re.DOTALL)
    assert example is not None
    graph = from_text(example[1])
    assert graph.exprs[graph.outputs[0]] is x * y + 1
    written = to_text(g.Graph(x * y + 1, [x, y]))
    assert re.sub(r'"graphc": "[^"]*"|"digest": .*', "", written) == re.sub(
        r'"graphc": "[^"]*"|"digest": .*', "", example[1]
    )
    assert stamped(json.loads(example[1])) == json.dumps(json.loads(example[1]))


def test_every_documented_key_is_written() -> None:
    text = FORMAT_PAGE.read_text()
    assert all(f"| `{key}` |" in text for key in content_of(LOSS))


# --- operations of the user's own -------------------------------------------------------------------------------------

OWN = """
import graphc as g
swish = g.define_op("test_swish", "t/(1 + exp(-k*t))", params="t k", label="S", latex=r"S", domain=[(-3, 3), (0.5, 2)])
twice = g.define_op("test_twice", "test_swish(a, 2)*2", params="a")
x, k = g.symbols("x k")
"""


def test_own_operations_are_declared_where_they_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    write = (
        OWN
        + f"g.save(test := twice(x) + swish(x, k), {str(path)!r}); print(g.evaluate(test, dict(x=0.3, k=1.5)))"
    )
    read = f"""
import graphc as g
e = g.load({str(path)!r})
print(g.evaluate(e, dict(x=0.3, k=1.5)))
assert str(e) == "test_twice(x) + test_swish(x, k)", e
assert g.load({str(path)!r}) is e
assert g.evaluate(g.parse("test_swish(x, 1)"), dict(x=1.0)) == 0.7310585786300049
""" + OWN.replace("import graphc as g", "") + "assert twice(x) + swish(x, k) is e"  # fmt: skip
    outputs = [
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        for program in (write, read)
    ]
    assert outputs[0] == outputs[1] != ""


@pytest.fixture(scope="module")
def own():
    return g.define_op("test_own", "u*v + sin(u)", params="u v")


def test_an_own_operation_with_another_formula_is_refused(own) -> None:
    content = content_of(own(x, y))
    content["ops"][0]["nodes"][-1]["op"] = "subtract"
    with pytest.raises(FormatError, match="'test_own' of the file has another formula"):
        from_text(stamped(content))
    content["ops"][0]["name"] = "exp"
    with pytest.raises(FormatError, match="'exp' of the file has another formula"):
        from_text(stamped(content))


def test_own_operations_must_be_defined_in_the_file(own) -> None:
    content = content_of(own(x, y))
    definition = content["ops"].pop()
    with pytest.raises(FormatError, match="'test_own' is not defined before it is used"):
        from_text(stamped(content))
    content["ops"] = [definition, definition]
    with pytest.raises(FormatError, match="defined twice"):
        from_text(stamped(content))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("name", 3, "not a text"),
        ("name", "not a name", "cannot be declared"),
        ("name", "lambda", "cannot be declared"),
        ("name", "pi", "cannot be declared"),
        ("params", "u v", "not a list"),
        ("params", ["u", 2], "not a text"),
        ("params", ["u"], "cannot be declared"),
        ("params", ["u", "__import__('os')"], "cannot be declared"),
        ("output", 99, "not an earlier node"),
        ("output", None, "not an earlier node"),
        ("nodes", [], "there is no"),
        ("nodes", {}, "not a list"),
        ("label", 3, "label"),
        ("latex", 3, "LaTeX"),
        ("latex", "<7>", "cannot be declared"),
        ("domain", [["0", "1"]], "cannot be declared"),
        ("domain", [["nan", "1"], ["0", "1"]], "numbers"),
        ("domain", [["0", "1", "2"], ["0", "1"]], "cannot be declared"),
        ("domain", [["exec('x')", "1"], ["0", "1"]], "numbers"),
        ("summary", [], "not a text"),
    ],
)
def test_hostile_definitions_are_refused(own, key: str, value: Any, says: str) -> None:
    content = content_of(own(x, y))
    content["ops"][0]["name"] = "test_other"
    content["ops"][0][key] = value
    with pytest.raises(FormatError, match=re.escape(says)):
        from_text(stamped(content))
    assert "test_other" not in g.operations()


def test_formulas_that_would_take_sympy_forever_are_refused() -> None:
    u = g.symbol("u")
    nested = u
    for _ in range(40):
        nested = g.sin(nested) * nested
    content = content_of(nested)
    definition = {
        "name": "test_huge", "params": ["u"], "nodes": content["nodes"], "output": content["outputs"][0],
        "label": "h", "latex": None, "domain": [["0", "1"]], "summary": "",
    }  # fmt: skip
    with pytest.raises(FormatError, match="more than 10,000 nodes"):
        from_text(stamped({**content, "ops": [definition]}))
    assert "test_huge" not in g.operations()


def test_formulas_are_measured_with_own_operations_spelt_out() -> None:
    u = g.symbol("u")
    wide = u
    for factor in range(2, 40):
        wide = wide + g.exp(u * float(factor))
    once = g.define_op("test_wide", wide, params="u")
    content = content_of(once(u))
    inner = {"op": "symbol", "name": "u", "dtype": "float64"}
    calls = [{"op": "test_wide", "of": [i], "dtype": "float64"} for i in range(3)]
    twice = {**content["ops"][0], "name": "test_deep", "nodes": [inner, *calls], "output": 3}
    with pytest.raises(FormatError, match="more than 10,000 nodes"):
        from_text(stamped({**content, "ops": [content["ops"][0], twice]}))
    assert "test_deep" not in g.operations()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\x80\x04\x95pickle", "not UTF-8"),
        (b"\xff\xfe{\0}\0", "not UTF-8"),
        (b"<svg/>", "not JSON"),
        (b"{", "not JSON"),
        (b"{}", "no \"format\""),
        (b"[]", "no \"format\""),
        (b"3", "no \"format\""),
        (b"null", "no \"format\""),
        (b"NaN", "no \"format\""),
        (b'"graphc"', "no \"format\""),
        (b'{"format": "other"}', "no \"format\""),
        (b'{"format": ["graphc"]}', "no \"format\""),
        (b'{"format": "graphc"}', "version is null"),
        (b'{"format": "graphc", "version": "1"}', 'version is "1"'),
        (b'{"format": "graphc", "version": true}', "version is true"),
        (b'{"format": "graphc", "version": 0}', "version is 0"),
        (b'{"format": "graphc", "version": 1.0}', "version is 1.0"),
        (b'{"format": "graphc", "version": 3}', "version 3 of the format; graphc"),
        (b'{"format": "graphc", "version": 1}', "has no 'digest'"),
        (b'{"format": "graphc", "format": "graphc"}', "same key twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"format": ' * 100_000, "nested too deeply"),
        (b'{"format": "graphc", "version": ' + b"9" * 1_000_000 + b"}", "version is Infinity"),
        (b"9" * 1_000_000, "no \"format\""),
        (b'{"a": 1e' + b"9" * 100_000 + b"}", "no \"format\""),
    ],
)  # fmt: skip
def test_foreign_files_are_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        g.load(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 500


def test_a_newer_file_says_what_to_do() -> None:
    with pytest.raises(FormatError, match="pip install --upgrade graphc"):
        from_text(stamped({**content_of(LOSS), "version": 3, "new": "things"}))


def test_every_truncation_is_refused() -> None:
    data = to_text(LOSS).encode()
    for length in range(len(data) - 2):  # the last two characters are the closing bracket and the line's end
        with pytest.raises(FormatError):
            from_text(data[:length])


def test_every_changed_byte_is_refused_or_changes_nothing() -> None:
    data = to_text(LOSS).encode()
    for at in range(len(data)):
        for flip in (1, 2, 16, 128):
            damaged = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            try:
                assert from_text(damaged) is LOSS  # white space between the parts
                assert data[at : at + 1].isspace()
            except FormatError:
                pass


NODES: list[dict[str, Any]] = [
    {"op": "symbol", "name": "y", "dtype": "float64"},
    {"op": "symbol", "name": "x", "dtype": "float64"},
    {"op": "multiply", "of": [1, 0], "dtype": "float64"},
    {"op": "constant", "bits": "000000000000f03f", "dtype": "float64"},
    {"op": "add", "of": [2, 3], "dtype": "float64"},
    {"op": "constant", "bits": "0000000000000000", "dtype": "float64"},
    {"op": "greater", "of": [1, 5], "dtype": "bool"},
]


def _changed(**changes: Any) -> dict[str, Any]:
    """The file of [x*y + 1, x > 0] with inputs y and x, with other parts."""
    good = {
        "format": "graphc", "version": 1, "graphc": "0.1.0", "kind": "graph", "ops": [], "nodes": NODES,
        "inputs": [0, 1], "outputs": [4, 6], "structure": {"list": ["leaf", "leaf"]},
    }  # fmt: skip
    return copy.deepcopy({**good, **changes})


def test_the_file_that_is_changed_below_is_a_good_one() -> None:
    graph = from_text(stamped(_changed()))
    graph.verify()
    assert graph.symbols == (y, x)
    assert [graph.exprs[output] for output in graph.outputs] == [x * y + 1, x > 0]


@pytest.mark.parametrize(
    ("row", "change", "says"),
    [
        (0, None, "node 0: null is not an object"),
        (0, [], "node 0: list is not an object"),
        (0, {"op": "symbol", "dtype": "float64"}, "node 0: a symbol has no 'name'"),
        (0, {"op": "symbol", "name": 3, "dtype": "float64"}, "node 0: a symbol's name is a text"),
        (0, {"op": "symbol", "name": "", "dtype": "float64"}, "node 0: a symbol's name is a text"),
        (0, {"op": "symbol", "name": "y", "dtype": "complex128"}, 'node 0: "complex128" is not a type'),
        (0, {"op": "symbol", "name": "y", "dtype": ["float64"]}, "node 0: list is not a type"),
        (0, {"op": "symbol", "name": "y", "dtype": "float64", "shape": [-1]}, "-1 is not a dimension"),
        (0, {"op": "symbol", "name": "y", "dtype": "float64", "shape": [True]}, "true is not a dimension"),
        (0, {"op": "symbol", "name": "y", "dtype": "float64", "shape": ["a b"]}, '"a b" is not a dimension'),
        (0, {"op": "symbol", "name": "y", "dtype": "float64", "shape": 3}, "shape: 3 is not a list"),
        (0, {"op": "symbol", "name": "x", "dtype": "float64"}, "listed twice"),
        (0, {"op": "symbol", "name": "x", "dtype": "float32"}, "'x' stands for two symbols"),
        (0, {"op": "symbol", "name": "y", "dtype": "float64", "value": 1}, 'unknown key "value"'),
        (2, {"op": "multiply", "of": [1], "dtype": "float64"}, "node 2: multiply takes 2 operands, not 1"),
        (2, {"op": "multiply", "of": [1, 2], "dtype": "float64"}, "node 2: operands: 2 is not an earlier node"),
        (2, {"op": "multiply", "of": [1, -1], "dtype": "float64"}, "-1 is not an earlier node"),
        (2, {"op": "multiply", "of": [1, True], "dtype": "float64"}, "true is not an earlier node"),
        (2, {"op": "multiply", "of": [1, 0.0], "dtype": "float64"}, "0.0 is not an earlier node"),
        (2, {"op": "multiply", "of": "01", "dtype": "float64"}, 'operands: "01" is not a list'),
        (2, {"op": "multiply", "of": [1, 0], "dtype": "float32"}, "multiply is recorded as float32() and gives float64()"),
        (2, {"op": "multiply", "of": [1, 0], "dtype": "float64", "shape": [2]}, "recorded as float64(2,)"),
        (2, {"op": "frobnicate", "of": [1, 0], "dtype": "float64"}, 'unknown operation "frobnicate"'),
        (2, {"op": "__class__", "of": [1, 0], "dtype": "float64"}, "unknown operation"),
        (2, {"op": ["multiply"], "of": [1, 0], "dtype": "float64"}, "unknown operation list"),
        (2, {"op": "multiply", "dtype": "float64"}, "an operation has no 'of'"),
        (2, {"op": "logical_and", "of": [1, 0], "dtype": "bool"}, "work on booleans"),
        (3, {"op": "constant", "dtype": "float64", "bits": "00"}, "1 bytes for a constant of 8 bytes"),
        (3, {"op": "constant", "dtype": "float64", "bits": "0" * 15}, "7.5 bytes"),
        (3, {"op": "constant", "dtype": "float64", "bits": "00 0000000000f0"}, "not hexadecimal"),
        (3, {"op": "constant", "dtype": "float64", "bits": "000000000000F03F"}, "not hexadecimal"),
        (3, {"op": "constant", "dtype": "float64", "bits": 7}, "the bits 7"),
        (3, {"op": "constant", "dtype": "bool", "bits": "02"}, "neither 0 nor 1"),
        (3, {"op": "constant", "dtype": "float64", "bits": "", "shape": [10**18, 10**18]}, "0 bytes for a constant"),
        (3, {"op": "constant", "dtype": "float64", "bits": "", "shape": [0, 10**18, 10**18]}, "node 3: "),
        (3, {"op": "constant", "dtype": "float64", "bits": "", "shape": [0] * 100}, "node 3: "),
        (3, {"op": "constant", "dtype": "float64", "bits": "", "shape": ["n"]}, "named dimension"),
        (6, {"op": "astype", "of": [1], "dtype": "float64", "attrs": ["int8"]}, 'unknown key "attrs"'),
    ],
)  # fmt: skip
def test_wrong_nodes_are_refused(row: int, change: Any, says: str) -> None:
    nodes = copy.deepcopy(NODES)
    nodes[row] = change
    with pytest.raises(FormatError) as caught:
        from_text(stamped(_changed(nodes=nodes)))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "picture"}, 'the kind is "picture"'),
        ({"kind": ["graph"]}, "the kind is list"),
        ({"nodes": {}}, "nodes: dict is not a list"),
        ({"nodes": []}, "there is no node"),
        ({"ops": None}, "ops: null is not a list"),
        ({"ops": [3]}, "operation 0 is 3, not an object"),
        ({"inputs": [0]}, "which the inputs do not list"),
        ({"inputs": [0, 1, 1]}, "listed twice"),
        ({"inputs": [0, 1, 2]}, "an input is a symbol"),
        ({"inputs": [0, 7]}, "inputs: 7 is not"),
        ({"inputs": None}, "inputs: null is not a list"),
        ({"outputs": []}, "2 places for 0 outputs"),
        ({"outputs": [4, 4, 4]}, "2 places for 3 outputs"),
        ({"outputs": [], "structure": {"list": []}}, "at least one output"),
        ({"structure": "leaf"}, "1 places for 2 outputs"),
        ({"structure": "leaves"}, "is not a structure"),
        ({"structure": {}}, "null is not a list"),
        ({"structure": {"set": ["leaf", "leaf"]}}, "null is not a list"),
        ({"structure": {"tuple": "leaf"}}, "is not a list"),
        ({"structure": {"dict": ["a", "a"], "items": ["leaf", "leaf"]}}, "not distinct"),
        ({"structure": {"dict": ["a", 1], "items": ["leaf", "leaf"]}}, "not distinct"),
        ({"structure": {"dict": ["a"], "items": ["leaf", "leaf"]}}, "differ in number"),
        ({"structure": {"namedtuple": "P", "fields": ["a"], "items": ["leaf", "leaf"]}}, "differ in number"),
        ({"structure": {"namedtuple": "P", "fields": ["a", "_b"], "items": ["leaf", "leaf"]}}, "no graph"),
        ({"structure": {"namedtuple": "P", "fields": ["a", "def"], "items": ["leaf", "leaf"]}}, "no graph"),
        ({"structure": {"namedtuple": "P()", "fields": ["a", "b"], "items": ["leaf", "leaf"]}}, "no graph"),
        ({"more": 1}, 'unknown key "more"'),
    ],
)  # fmt: skip
def test_wrong_parts_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(FormatError) as caught:
        from_text(stamped(_changed(**changes)))
    assert says in str(caught.value)


def test_a_structure_nested_too_deep_is_refused() -> None:
    for depth in (51, 500, 20_000):
        text = stamped(_changed(structure="DEEP")).replace(
            '"DEEP"', '{"list": [' * depth + '"leaf"' + "]}" * depth
        )
        with pytest.raises(FormatError):
            from_text(text)
    inner: Any = "leaf"
    for _ in range(51):
        inner = {"list": [inner]}
    with pytest.raises(FormatError, match="nested more than 50 deep"):
        from_text(stamped(_changed(structure=inner, outputs=[4])))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**30) | st.floats() | st.sampled_from(["", "leaf", "add", "x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["op", "of", "tuple", "dtype"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=examples(250))
@given(st.data())
def test_any_change_gives_a_valid_graph_or_an_error(data: st.DataObject) -> None:
    content: Any = _changed()
    holder, key = content, data.draw(st.sampled_from(sorted(content)))
    while isinstance(holder[key], (dict, list)) and holder[key] and data.draw(st.integers(0, 3)):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    holder[key] = data.draw(_JSON)
    try:
        loaded = from_text(stamped(content))
    except FormatError as error:
        assert str(error)
    else:
        (loaded if isinstance(loaded, g.Graph) else g.Graph(loaded)).verify()


# --- the file itself ----------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    g.save(LOSS, path)
    path.chmod(0o640)
    g.save(x + y, path)
    assert g.load(path) is x + y
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["f.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.json"
    g.save(LOSS, path)

    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        g.save(x + y, path)
    assert g.load(path) is LOSS
    assert os.listdir(tmp_path) == ["f.json"]


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    g.save(LOSS, real)
    link.symlink_to(real)
    g.save(x + y, link)
    assert link.is_symlink() and g.load(real) is x + y
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    open_end = os.open(
        fifo, os.O_RDONLY | os.O_NONBLOCK
    )  # the reader is there before the writer, and gets what fits a pipe
    g.save(LOSS, fifo)
    with open(open_end, "rb") as reader:
        assert from_text(reader.read()) is LOSS
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_files_that_cannot_be_read_or_written_are_oserrors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        g.load(tmp_path / "missing.json")
    with pytest.raises(FileNotFoundError):
        g.save(LOSS, tmp_path / "missing" / "f.json")
    with pytest.raises(OSError, match="is a directory"):
        g.load(tmp_path)


def test_what_is_no_expression_is_not_saved(tmp_path: Path) -> None:
    for thing in ("x", None, [x, "y"], object(), {1: x}, []):
        with pytest.raises(GraphcError):
            g.save(thing, tmp_path / "f.json")
    assert os.listdir(tmp_path) == []
