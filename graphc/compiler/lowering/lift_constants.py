"""Array constants become inputs of a graph: machine code holds numbers alone."""

from __future__ import annotations

import numpy as np

from graphc.ir.expr import Expr, rebuild, symbol
from graphc.ir.graph import Dag


def lift_constants(dag: Dag) -> tuple[Dag, tuple[np.ndarray, ...]]:
    """The graph with its array constants as further inputs, and their values in the order of those."""
    arrays = [node for node in dag.exprs if node.is_constant and node.shape]
    if not arrays:
        return dag, ()
    # no user's symbol begins with a NUL
    stand_ins = {node: symbol(f"\0{number}", node.shape, node.dtype) for number, node in enumerate(arrays)}
    lifted: dict[Expr, Expr] = dict(stand_ins)
    for node in dag.exprs:
        if node not in lifted:
            lifted[node] = rebuild(node, tuple(lifted[operand] for operand in node.operands))
    outputs = [lifted[dag.exprs[output]] for output in dag.outputs]
    return Dag(outputs, [*dag.symbols, *stand_ins.values()]), tuple(node.value for node in arrays)
