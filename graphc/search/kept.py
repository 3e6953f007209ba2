"""What searches found, kept on disk beside machine code: a search is paid once.

An entry is named by the formulas to the bit, the ranges, how long was searched, and the text of the search itself; it holds
the forms as rows of plain data, and is read with the suspicion that files are read with: what does not fit is a miss.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from graphc.compiler.engine.object_cache import digest, store
from graphc.errors import GraphcError
from graphc.frontend.json_nodes import from_rows, indices, keys, to_rows
from graphc.ir.expr import Expr, free_symbols
from graphc.ir.graph import Dag
from graphc.search.improve import Question, answered
from graphc.version import __version__

_FIELDS = frozenset(("nodes", "outputs"))


def found(question: Question, kept: bool) -> tuple[Expr, ...]:
    """The forms that a search finds for the outputs of a question.

    kept : whether to take what was found before, and to keep what is found
    """
    key = _key(question) if kept else None
    if key is not None:
        content, _ = store().get(key)
        known = None if content is None else _read(content, question)
        if known is not None:
            return known
    forms = tuple([part.chosen.expr for part in answered(question)])
    if key is not None:
        dag = Dag(forms, question.symbols)
        rows = {"nodes": to_rows(dag.exprs, dag.operands), "outputs": list(dag.outputs)}
        store().put(key, json.dumps(rows).encode())
    return forms


@cache
def _source() -> bytes | None:
    """A digest of the search's own text; None where it cannot be read."""
    try:
        files = sorted(Path(__file__).parent.glob("*.py"))
        return digest(*[file.read_bytes() for file in files]) if files else None
    except OSError:
        return None


def _key(question: Question) -> bytes | None:
    """The name of an entry; None where a formula has operations of a user's own, which have no contents to be named by."""
    dag = Dag(question.outputs, question.symbols)
    source = _source()
    if source is None or any(node.op.user_defined for node in dag.exprs):
        return None
    asked = (question.ends, question.focus, question.budget, question.goal, question.seed, question.digits)
    return digest("what a search found", __version__, source, dag.digest, repr(asked))


def _read(content: bytes, question: Question) -> tuple[Expr, ...] | None:
    """The forms of an entry; None where it does not hold what it should."""
    try:
        rows = json.loads(content)
        keys(rows, _FIELDS, "what a search found")
        nodes = from_rows(rows["nodes"], "node")
        forms = tuple([nodes[place] for place in indices(rows["outputs"], len(nodes), "outputs")])
    except (GraphcError, ValueError, RecursionError):
        return None
    fits = len(forms) == len(question.outputs) and all(
        form.dtype == output.dtype and form.shape == output.shape
        for form, output in zip(forms, question.outputs, strict=True)
    )
    return forms if fits and set(free_symbols(*forms)) <= set(question.symbols) else None


__all__ = ["found"]
