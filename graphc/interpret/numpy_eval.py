"""The interpreter: a graph evaluated node by node with NumPy, exactly as it is written.

It is the oracle of the tests and the source of the values in diagrams, so it does nothing clever: each node's operands are
brought to the types that its operation computes in, and the operation's reference is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import GraphcError, MemoryLimitError, ShapeError
from graphc.ir.attribute_text import bound
from graphc.ir.body import Body
from graphc.ir.expr import Expr, current_site, free_symbols
from graphc.ir.graph import Dag
from graphc.ir.inputs import bind_dimensions, bind_names
from graphc.ir.types import BROADCASTING
from graphc.ops.support.errors import no_axis, refusal
from graphc.util.pytree import flatten, unflatten


def run(dag: Dag, at: Mapping[Any, Any]) -> list[Any]:
    """The value of every node of a graph, as NumPy scalars and arrays, by node number.

    at : name or symbol → number or array. Raises `InputError` for missing and unknown names.
    """
    return run_arrays(dag, bind_names(dag.symbols, at))


def run_arrays(dag: Dag, arrays: list[np.ndarray]) -> list[Any]:
    """As `run`, with checked values in the order of the inputs."""
    lengths = bind_dimensions(dag.symbols, arrays)
    _check_scalars(dag, arrays)
    values: list[Any] = [array[()] for array in arrays]
    loops: dict[Any, list[Any]] = {}
    try:
        with np.errstate(all="ignore"):
            for node, operands in zip(dag.exprs[len(values) :], dag.operands[len(values) :], strict=True):
                op = node.op
                if op.is_leaf:
                    values.append(node.value)
                    continue
                if op.control is not None:  # all results of a loop come from one run of it
                    key = (op, operands, node.attrs[:-1])
                    if key not in loops:
                        loops[key] = _loop_results(node, [values[operand] for operand in operands], lengths)
                    values.append(loops[key][node.attrs[-1]])
                    continue
                result = run_node(node, [values[operand] for operand in operands], lengths)
                values.append(result)
    except MemoryError as error:
        raise _without_room(error, dag.exprs[len(values)]) from None
    return values


def _without_room(error: MemoryError, node: Expr | None = None) -> MemoryError:
    """What is raised where arrays have no room: at a node, or where results are copied."""
    if isinstance(error, GraphcError):
        return error
    text, site = (None, current_site()) if node is None else (repr(node), node.site)
    return MemoryLimitError(
        str(error) or "there is no memory left",
        node=text,
        site=site,
        hint="compute parts of it, one call for each",
    )


def run_node(node: Expr, values: list[Any], lengths: Mapping[str, int] | None = None) -> Any:
    """The value of one node, of those of its operands; of no loop, branch or leaf.

    lengths : of named dimensions, for an operation on arrays
    """
    op = node.op
    types = op.types(tuple([operand.dtype for operand in node.operands]))[0] if values else ()
    arguments = [
        value if value.dtype == dtype else value.astype(dtype)
        for value, dtype in zip(values, types, strict=True)
    ]
    result = (
        op.reference(*arguments, *node.attrs)
        if op.shape is None
        else _array_result(node, arguments, {} if lengths is None else lengths)
    )
    if type(result) is np.ndarray:
        return result.astype(node.dtype, copy=False)[()]
    return result if getattr(result, "dtype", None) == node.dtype else node.dtype.type(result)


def _loop_results(node: Expr, operands: list[Any], lengths: Mapping[str, int]) -> list[Any]:
    """All results of a node's loop or branch."""
    run = node.op.control
    assert run is not None
    try:
        attrs = bound(node.attrs[:-1], lengths)
    except KeyError as error:
        raise no_axis(node, str(error.args[0])) from None
    return run(operands, *attrs)


def _body_values(body: Body, values: Sequence[Any]) -> list[Any]:
    """What a body gives for values of its arguments."""
    dag = body.dag
    results = run_arrays(dag, [np.asarray(value) for value in values])
    return [results[output] for output in dag.outputs]


Body.evaluate = staticmethod(_body_values)


def _check_scalars(dag: Dag, arrays: list[np.ndarray]) -> None:
    """Arrays for scalar symbols broadcast, where every operation works element by element; else scalars stay scalars."""
    wide = [
        symbol for symbol, array in zip(dag.symbols, arrays, strict=True) if array.ndim and not symbol.shape
    ]
    if not wide:
        return
    culprit = next((node for node in dag.exprs if node.op.on_arrays), None)
    if culprit is not None:
        raise ShapeError(
            f"input {wide[0].name!r} is a scalar and got an array, in a graph with {culprit.op.name}",
            node=repr(culprit),
            site=culprit.site,
            hint=f'declare it with its shape: g.symbol({wide[0].name!r}, shape=("n",))',
        )
    used = [pair for pair in enumerate(zip(dag.symbols, arrays, strict=True)) if pair[0] not in dag.unused]
    try:
        np.broadcast_shapes(*(array.shape for _, (_, array) in used))
    except ValueError:
        shapes = ", ".join(f"{symbol.name}: {array.shape}" for _, (symbol, array) in used)
        raise ShapeError(f"the inputs' shapes do not broadcast: {shapes}", hint=BROADCASTING) from None


def _array_result(node: Expr, arguments: list[Any], lengths: Mapping[str, int]) -> Any:
    """What the reference of an operation on arrays gives; its refusals name the node and its line."""
    try:
        attrs = bound(node.attrs, lengths)
        result = node.op.reference(*arguments, *attrs)
        wanted = bound(node.shape, lengths)
    except KeyError as error:
        raise no_axis(node, str(error.args[0])) from None
    except (ValueError, IndexError, OverflowError, np.linalg.LinAlgError) as error:
        raise refusal(node, error) from None
    if np.shape(result) != wanted:
        raise ShapeError(
            f"{node.op.name} gives an array of shape {np.shape(result)}, not {wanted}, for the lengths of this call",
            node=repr(node),
            site=node.site,
        )
    return result


def evaluate(tree: Any, at: Mapping[Any, Any]) -> Any:
    """The value of an expression, or of a structure of expressions, at a point.

    Parameters
    ----------
    tree : an expression, or a tuple, list, dict or named tuple of expressions
    at : name or symbol → number or array; arrays broadcast. What the expression does not depend on may be given
        too: the derivative of x·w by x is evaluated at the same point as x·w.

    Returns Python numbers for scalars and NumPy arrays of their own for arrays, in the structure of `tree`.

    >>> from graphc.ir.expr import symbols
    >>> x, y = symbols("x y")
    >>> evaluate(x * y, {"x": 3, "y": 4})
    12.0
    """
    leaves, structure = flatten(tree)
    dag = Dag(leaves)
    values = run(dag, of_interest(leaves, at))
    return unflatten(
        structure, iter(handed_out([values[output] for output in dag.outputs], values[: len(dag.symbols)]))
    )


def of_interest(tree: Any, at: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The point without the names that an expression does not have; as it is when one is missing, for the error's sake."""
    if not isinstance(at, Mapping):
        return at
    leaves = [leaf for leaf in flatten(tree)[0] if isinstance(leaf, Expr)]
    needed = {symbol.name for symbol in free_symbols(*leaves)}
    needed_alone = {
        key: value
        for key, value in at.items()
        if (key.name if isinstance(key, Expr) and key.is_symbol else key) in needed
    }
    return needed_alone if len(needed_alone) >= len(needed) else at


def to_python(value: Any) -> Any:
    """NumPy scalars as Python numbers; arrays as they are."""
    return value.item() if isinstance(value, np.generic) else value


def handed_out(values: Iterable[Any], inputs: Iterable[Any]) -> list[Any]:
    """Values as a caller gets them: Python numbers for scalars, and arrays that nobody else writes to.

    inputs : the values of the inputs, whose memory is the caller's. An array in memory of theirs, in that of an array before it,
        or read-only, is copied.
    """
    owners = {id(_owner(value)) for value in inputs if isinstance(value, np.ndarray)}
    results = []
    for value in values:
        if isinstance(value, np.ndarray):
            if id(_owner(value)) in owners or not value.flags.writeable:
                try:
                    value = np.array(value)
                except MemoryError as error:
                    raise _without_room(error) from None
            owners.add(id(_owner(value)))
        results.append(to_python(value))
    return results


def _owner(array: np.ndarray) -> Any:
    """What holds the memory of an array."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array if array.base is None else array.base
