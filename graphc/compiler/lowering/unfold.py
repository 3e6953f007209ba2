"""Calls and solvers become the graphs that they stand for; of a node with several results once for all."""

from __future__ import annotations

from typing import Any

from graphc.ir.expr import Expr, rebuild
from graphc.ir.graph import Dag
from graphc.ops.control_runs import loop_key
from graphc.ops.unfold import is_folded, unfolded


def unfold(dag: Dag) -> Dag:
    """The graph without nodes that stand for others, but in the bodies of loops, which are graphs of their own."""
    while any(is_folded(node) for node in dag.exprs):
        known: dict[Any, list[Expr]] = {}
        changed: dict[Expr, Expr] = {}
        for node in dag.exprs:
            operands = tuple([changed[operand] for operand in node.operands])
            again = rebuild(node, operands) if operands != node.operands else node
            if is_folded(again):
                key = loop_key(again)
                if key not in known:
                    known[key] = unfolded(again.op, again.attrs[:-1]).of(again.operands)
                again = known[key][again.attrs[-1]]
            changed[node] = again
        dag = dag.with_outputs([changed[dag.exprs[output]] for output in dag.outputs])
    return dag


__all__ = ["unfold"]
