"""Graphs in files: a documented, versioned JSON format (docs/format.md), written whole and read with suspicion.

A file is data from anywhere: what is damaged, foreign, newer or contradicts itself is refused with a `FormatError`
that says what is wrong. Nothing in a file is evaluated.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from graphc.api.graph import Graph
from graphc.errors import FormatError, GraphcError, InputError
from graphc.frontend.define_op import define_op
from graphc.frontend.json_nodes import (
    FLOAT,
    Row,
    from_rows,
    indices,
    keys,
    listed,
    must,
    shown,
    texts,
    to_rows,
)
from graphc.ir.expr import Expr, constant, symbol, walk
from graphc.ir.graph import Dag
from graphc.ir.node_names import checked_name, remember_names
from graphc.ir.op import Op, all_ops, find
from graphc.util.files import as_text, read_whole, write_whole
from graphc.util.gc_pause import paused
from graphc.util.pytree import flatten, from_plain, to_plain, unflatten
from graphc.version import __version__

FORMAT = "graphc"
VERSION = 2
"""Of files with names of nodes; those without are of version 1, which every graphc reads."""

_KINDS = ("expression", "graph")
_KEYS = frozenset(
    ("format", "version", "graphc", "kind", "ops", "nodes", "inputs", "outputs", "structure", "digest")
)
_DEFINITION = frozenset(("name", "params", "nodes", "output", "label", "latex", "domain", "summary"))
_MAX_NESTING = 50
_MAX_FORMULAS = 10_000
"""Operations, written out without sharing, in all formulas of the user's own operations in a file: reading them has
SymPy differentiate them, which takes time in proportion to that."""


def save(what: Any, path: str | os.PathLike[str]) -> None:
    """Write a graph, an expression or a structure of expressions to a file, from which `load` reads it.

    Parameters
    ----------
    what : a `Graph` or traced function (its inputs are kept, and `load` gives a `Graph`), or an expression, or a
        tuple, list, dict or named tuple of expressions (`load` gives the same)
    path : the file; by convention it ends in .json. It is replaced atomically.

    Constants are saved bit by bit, user-defined operations with their formulas, and names that the user gave to nodes. Source
    locations, and the information which nodes belong to the backward graph, are not saved. Raises `FileError` when the file
    cannot be written.
    """
    write_whole(path, to_text(what).encode())


def load(path: str | os.PathLike[str]) -> Any:
    """The graph or expression that `save` wrote.

    User-defined operations in the file are declared; it is an error if one exists with another formula. Raises `FormatError`,
    saying what is wrong, for a file that is damaged, not graphc's, or of a newer version, and `FileError` when it cannot be
    read.
    """
    data = read_whole(path)
    try:
        return from_text(data)
    except FormatError as error:
        error.message = f"{as_text(path)}: {error.message}"
        error.args = (error.message,)
        raise


# --- writing --------------------------------------------------------------------------------------------------------


def to_text(what: Any) -> str:
    """The text of a file: JSON, one node a line."""
    if isinstance(what, Dag):
        dag, kind, structure = what, "graph", getattr(what, "structure", None)
    elif isinstance(what, (Expr, tuple, list, dict)):
        leaves, structure = flatten(what)
        dag, kind = Dag(leaves), "expression"
    else:
        graph = Graph(what)
        dag, kind, structure = graph, "graph", graph.structure
    if structure is None:
        structure = flatten([None] * len(dag.outputs))[1]
    own = _own_ops(dag.exprs)
    sizes: dict[str, int] = {}
    for op in own:
        _measure(op.name, _formula(op), sizes)
    names = dag.names
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION if names else 1,
        "graphc": __version__,
        "kind": kind,
        "ops": [_definition(op) for op in own],
        "nodes": to_rows(dag.exprs, dag.operands),
        "inputs": list(dag.inputs),
        "outputs": list(dag.outputs),
        "structure": to_plain(structure),
    }
    if names:
        content["names"] = [[node, names[node]] for node in sorted(names)]
    content["digest"] = _digest(content)
    encode = json.JSONEncoder().encode
    lines = [
        f'"{key}": {_lines(value, encode) if key == "nodes" else encode(value)}'
        for key, value in content.items()
    ]
    return "{" + ",\n".join(lines) + "}\n"


def _lines(rows: list[Row], encode: Any) -> str:
    return "[\n" + ",\n".join(map(encode, rows)) + "\n]"


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 of everything but the digest, in JSON without spaces and with sorted keys."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _own_ops(nodes: Iterable[Expr]) -> list[Op]:
    """The user's own operations below some nodes, in the order of declaration: a formula uses only earlier ones."""
    own: set[Op] = set()
    pending = {node.op for node in nodes if node.op.user_defined}
    while pending:
        op = pending.pop()
        own.add(op)
        pending |= {node.op for node in walk([_formula(op)]) if node.op.user_defined} - own
    return [op for op in all_ops() if op in own]


def _formula(op: Op) -> Expr:
    """What an operation of the user's own stands for, written in symbols named as its parameters."""
    assert op.expand is not None
    return constant(op.expand(*(symbol(param) for param in op.params)))


def _definition(op: Op) -> Row:
    dag = Dag([_formula(op)], [symbol(param) for param in op.params])
    return {
        "name": op.name,
        "params": list(op.params),
        "nodes": to_rows(dag.exprs, dag.operands),
        "output": dag.outputs[0],
        "label": op.notation.label,
        "latex": op.notation.latex,
        "domain": [[repr(float(end)) for end in interval] for interval in op.domain],
        "summary": op.summary,
    }


def _written_out(formula: Expr, own: Mapping[str, int]) -> int:
    """How many nodes a formula has where nothing is shared and the user's own operations are spelt out.

    own : that number for the formulas of those. Beyond the limit, any number above it.
    """
    sizes: dict[Expr, int] = {}
    for node in walk([formula]):
        size = sum(sizes[operand] for operand in node.operands)
        size = (1 + size) * own[node.op.name] if node.op.user_defined else 1 + size
        sizes[node] = min(size, _MAX_FORMULAS + 1)
    return sizes[formula]


def _measure(name: str, formula: Expr, own: dict[str, int]) -> None:
    """Note the size of an operation's formula; raises `FormatError` when all of them are too large."""
    own[name] = _written_out(formula, own)
    what = f"the formulas of the user's own operations, written out, have more than {_MAX_FORMULAS:,} nodes"
    must(sum(own.values()) <= _MAX_FORMULAS, what)


# --- reading --------------------------------------------------------------------------------------------------------


def from_text(data: bytes | str) -> Any:
    """What the text of a file stands for; raises `FormatError`."""
    try:
        with paused():
            return _from_content(_content(data))
    except RecursionError:
        raise FormatError("the file is nested too deeply to be graphc's") from None


def _content(data: bytes | str) -> dict[str, Any]:
    """The JSON object of a file of this format and version that was not changed since."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise FormatError(f"not a graphc file: byte {error.start} is not UTF-8 text") from None
    if not text.strip():
        raise FormatError("the file is empty")
    try:
        content = json.loads(text, object_pairs_hook=_object, parse_int=_whole)
    except json.JSONDecodeError as error:
        looks_right = text.lstrip().startswith('{"format": "graphc"')
        what = "the file is damaged or cut short" if looks_right else "not a graphc file: it is not JSON"
        raise FormatError(f"{what}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(
            'not a graphc file: it has no "format": "graphc"', hint="g.save(graph, path) writes one"
        )
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise FormatError(f"the version is {shown(version)}, not a positive whole number")
    if version > VERSION:
        raise FormatError(
            f"the file is of version {version} of the format; graphc {__version__} reads up to version {VERSION}",
            hint="update graphc: pip install --upgrade graphc",
        )
    keys(content, _KEYS if version == 1 else _KEYS | {"names"}, "the file")
    if content["digest"] != _digest(content):
        raise FormatError(
            "the file is damaged: its contents do not match its digest", hint="save the graph again"
        )
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormatError("the file is damaged: an object has the same key twice")
    return fields


def _whole(digits: str) -> Any:
    # an index or length of more digits is wrong in any case, and converting a million digits takes minutes
    return int(digits) if len(digits) < 20 else math.inf


def _from_content(content: dict[str, Any]) -> Any:
    kind = content["kind"]
    must(kind in _KINDS, f"the kind is {shown(kind)}, not one of {', '.join(_KINDS)}")
    own: dict[str, int] = {}
    for number, definition in enumerate(listed(content["ops"], "ops")):
        _define(definition, f"operation {number}", own)
    nodes = from_rows(content["nodes"], "node", own)
    inputs = [nodes[i] for i in indices(content["inputs"], len(nodes), "inputs")]
    outputs = [nodes[i] for i in indices(content["outputs"], len(nodes), "outputs")]
    leaves = _count_leaves(content["structure"], 0)
    must(leaves == len(outputs), f"the structure has {leaves} places for {len(outputs)} outputs")
    try:
        tree = unflatten(from_plain(content["structure"]), iter(outputs))
        graph = Graph(tree, inputs)
    except (GraphcError, ValueError, TypeError) as error:
        raise FormatError(f"it makes no graph: {getattr(error, 'message', error)}") from None
    for expr, text in _names(content.get("names", []), nodes).items():
        if expr in graph:
            graph.name(expr, text)
    if kind == "expression":
        remember_names({graph.exprs[node]: text for node, text in graph.names.items()})
    return graph if kind == "graph" else tree


def _names(rows: Any, nodes: list[Expr]) -> dict[Expr, str]:
    """The names of a file's nodes."""
    found: dict[Expr, str] = {}
    for row in listed(rows, "names"):
        must(isinstance(row, list) and len(row) == 2, f"names: {shown(row)} is not a node and a text")
        (number,) = indices(row[:1], len(nodes), "names")
        try:
            text = checked_name(nodes[number], row[1])
        except InputError as error:
            raise FormatError(f"names: {error.message}") from None
        must(text is not None and nodes[number] not in found, f"names: node {number} has no name of its own")
        found[nodes[number]] = str(text)
    return found


def _define(row: Any, where: str, own: dict[str, int]) -> None:
    """Declare an operation of the user's own, or hold it against the one of that name."""
    keys(row, _DEFINITION, where)
    name, params = row["name"], texts(row["params"], f"{where}: params")
    must(isinstance(name, str), f"{where}: the name is {shown(name)}, not a text")
    must(name not in own, f"{where}: {name[:60]!r} is defined twice")
    nodes = from_rows(row["nodes"], f"{where}: node", own)
    formula = nodes[indices([row["output"]], len(nodes), where)[0]]
    _measure(name, formula, own)
    known = find(name)
    if known is not None:
        same = known.user_defined and known.params == tuple(params) and _formula(known) is formula
        must(same, f"the operation {name[:60]!r} of the file has another formula than the one declared here")
        return
    must(all(isinstance(row[key], str) for key in ("label", "summary")), f"{where}: the label is not a text")
    must(isinstance(row["latex"], str | None), f"{where}: the LaTeX is not a text")
    domain = [texts(ends, f"{where}: domain") for ends in listed(row["domain"], f"{where}: domain")]
    numbers = all(FLOAT.fullmatch(end) for ends in domain for end in ends)
    must(numbers, f"{where}: the domain is not made of numbers")
    try:
        define_op(
            name, formula, params=params, label=row["label"], latex=row["latex"], summary=row["summary"],
            domain=[[float(end) for end in ends] for ends in domain],
        )  # fmt: skip
    except GraphcError as error:
        raise FormatError(f"{where}: {name[:60]!r} cannot be declared: {error.message}") from None


def _count_leaves(plain: Any, depth: int) -> int:
    """How many outputs a recorded structure holds; refuses what is no structure."""
    must(depth <= _MAX_NESTING, f"the structure is nested more than {_MAX_NESTING} deep")
    if plain == "leaf":
        return 1
    must(isinstance(plain, dict), f"{shown(plain)} is not a structure")
    items: Any = None
    if plain.keys() in ({"tuple"}, {"list"}):
        (items,) = plain.values()
    elif plain.keys() == {"dict", "items"} or plain.keys() == {"namedtuple", "fields", "items"}:
        items = plain["items"]
        names = listed(plain.get("dict", plain.get("fields")), "structure")
        distinct = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
        must(distinct, "the structure's keys are not distinct texts")
    return sum(_count_leaves(item, depth + 1) for item in listed(items, "structure"))


__all__ = ["load", "save"]
