"""Loops and branches as users write them: `scan`, `fori_loop`, `while_loop`, `cond`, `switch`.

The Python function of a body runs once, with symbols in place of what it is called with; what it uses from outside is found in
what it returns, and handed to the loop.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence, Set
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief_text
from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import (
    Expr,
    apply,
    cast,
    constant,
    created_here,
    current_site,
    rebuild,
    substitute,
    symbol,
    walk,
)
from graphc.ir.op import lookup
from graphc.ir.types import as_dim, format_shape
from graphc.ops.control import scan_results, switch_results, while_results
from graphc.util.pytree import Structure, flatten, unflatten

_calls = itertools.count()


class _Traced:
    """A body that was called: its symbols, and what it gave.

    leaves : what it returned, in the order of `structure`
    """

    def __init__(
        self,
        what: str,
        f: Callable[..., Any],
        arguments: Sequence[Sequence[Expr]],
        trees: Sequence[Structure],
    ):
        if not callable(f):
            raise ExpressionError(
                f"{what} takes a function, not {brief_text(f, 60)!r}",
                site=current_site(),
                hint=f"write g.{what}(lambda …)",
            )
        self.what = what
        mark = f"\0loop {next(_calls)}."
        self.symbols = [
            [symbol(f"{mark}{group}.{place}", x.shape, x.dtype) for place, x in enumerate(each)]
            for group, each in enumerate(arguments)
        ]
        returned = f(*(unflatten(tree, iter(own)) for tree, own in zip(trees, self.symbols, strict=True)))
        if returned is None:
            raise ExpressionError(
                f"the body of {what} returned nothing", site=current_site(), hint="end it with return"
            )
        self.returned = returned

    @property
    def own(self) -> list[Expr]:
        return [x for each in self.symbols for x in each]


def _captured(own: Sequence[Expr], outputs: Sequence[Expr], written: Set[Expr] = frozenset()) -> list[Expr]:
    """What is used from outside: the largest expressions that do not depend on the body's own arguments.

    written : what belongs to the body too, as it was written there: where a branch may not be taken
    """
    inside: set[Expr] = {*own, *(node for node in written if node.operands)}
    result: dict[Expr, None] = {}
    for node in walk(outputs):
        if node not in inside and any(operand in inside for operand in node.operands):
            inside.add(node)
    for node in walk(outputs):
        if node in inside:
            for operand in node.operands:
                if operand not in inside and not (operand.is_constant and not operand.shape):
                    result[operand] = None
    for output in outputs:
        if output not in inside and not (output.is_constant and not output.shape):
            result[output] = None
    return list(result)


def _closed(own: Sequence[Expr], outputs: Sequence[Expr], captured: Sequence[Expr]) -> Body:
    """A body whose last arguments are what it takes from outside."""
    outside = [symbol(f"\2outside{place}", x.shape, x.dtype) for place, x in enumerate(captured)]
    places = dict(zip(captured, outside, strict=True))
    known: dict[Expr, Expr] = dict(places)
    for node in walk(outputs, captured):
        operands = tuple([known.get(operand, operand) for operand in node.operands])
        if operands != node.operands:
            known[node] = rebuild(node, operands)
    return Body([*own, *outside], [known.get(output, output) for output in outputs])


def _leaves(what: str, tree: Any) -> tuple[list[Expr], Structure]:
    leaves, structure = flatten(tree)
    if not leaves:
        raise ExpressionError(
            f"{what} is empty", site=current_site(), hint="a loop carries one value at least"
        )
    return [constant(leaf) for leaf in leaves], structure


def _new_carry(what: str, start: Sequence[Expr], tree: Structure, returned: Any) -> list[Expr]:
    """What a step returns as the carry, checked against what it began with."""
    leaves, structure = flatten(returned)
    if structure != tree:
        raise ExpressionError(
            f"the body of {what} returns a carry of another structure: {brief_text(returned, 80)}",
            site=current_site(),
            hint="return what it was given, in the same tuples, lists and dicts",
        )
    result = []
    for place, (old, new) in enumerate(zip(start, leaves, strict=True)):
        if not isinstance(new, Expr):
            new = constant(new, old.dtype) if np.ndim(new) == 0 else constant(new)
        if new.dtype != old.dtype:
            raise DtypeError(
                f"{what}: carry {place} begins as {old.dtype} and becomes {new.dtype}",
                node=repr(new),
                site=new.site or current_site(),
                hint=f'begin with {new.dtype}, or return g.astype(…, "{old.dtype}")',
            )
        if new.shape != old.shape:
            raise ShapeError(
                f"{what}: carry {place} begins with shape {format_shape(old.shape)} and becomes {format_shape(new.shape)}",
                node=repr(new),
                site=new.site or current_site(),
                hint="a carry keeps its shape",
            )
        result.append(new)
    return result


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any = None,
    *,
    length: Any = None,
    reverse: bool = False,
    checkpoint: Any = "none",
) -> tuple[Any, Any]:
    """A loop that carries values from step to step, over the rows of arrays.

    Parameters
    ----------
    f : (carry, x) → (carry, y); it runs once, with symbols. x are the rows of `xs` at a step, None where there are no `xs`
    carry : what the first step begins with: an expression, or a tuple, list or dict of them, of any types and shapes
    xs : an array, or a structure of arrays, with the steps along axis 0
    length : how many steps; known from `xs` where there are some. An int or the name of a length
    reverse : whether the last row comes first; the results lie as `xs` do
    checkpoint : what reverse mode keeps of the carries: "none" keeps that of every step, "sqrt" those of √n steps and computes
        the others again, an int those of every so many steps

    Returns (carry at the end, ys): what the steps gave, stacked along axis 0, in the structure that f returns.

    The loop is one node of the graph for each result, compiled as a loop: compiling takes as long for 10 steps as for 10⁶. It is
    differentiated to any order, as a loop that runs the other way. Expressions that f uses from outside are inputs of the loop.

    Raises `ExpressionError` for a body that returns no pair or another structure of carries, `DtypeError` and `ShapeError` for a
    carry that changes its type or shape.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> x = symbol("x", shape=("n",))
    >>> total, sums = scan(lambda c, a: (c + a, c + a), 0.0, x)
    >>> evaluate([total, sums], {"x": [1.0, 2.0, 4.0]})
    [7.0, array([1., 3., 7.])]
    """
    start, tree = _leaves("the carry of scan", carry)
    rows, row_tree = flatten(xs) if xs is not None else ([], None)
    rows = [constant(row) for row in rows]
    steps = _steps(rows, length)
    each = [symbol("\0row", row.shape[1:], row.dtype) for row in rows]
    if row_tree is None:
        traced = _Traced("scan", lambda c: f(c, None), [start], [tree])
    else:
        traced = _Traced("scan", f, [start, each], [tree, row_tree])
    returned = traced.returned
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise ExpressionError(
            f"the body of scan returns (carry, y), not {brief_text(returned, 80)}",
            site=current_site(),
            hint="return carry, y; y may be None",
        )
    new = _new_carry("scan", start, tree, returned[0])
    ys, ys_tree = flatten(returned[1]) if returned[1] is not None else ([], None)
    outputs = [*new, *(constant(y) for y in ys)]
    captured = _captured(traced.own, outputs)
    body = _closed(traced.own, outputs, captured)
    results = _checkpointed(body, start, rows, captured, steps, bool(reverse), checkpoint)
    end, stacked = results[: len(start)], results[len(start) :]
    return unflatten(tree, iter(end)), None if ys_tree is None else unflatten(ys_tree, iter(stacked))


def _steps(rows: Sequence[Expr], length: Any) -> Dim:
    lengths = [] if length is None else [as_dim(length)]
    for row in rows:
        if not row.shape:
            raise ShapeError(
                f"scan runs over the rows of arrays, and {row!r} has none",
                site=current_site(),
                hint="what is the same at every step is used by the body, not given as xs",
            )
        lengths.append(row.shape[0])
    if not lengths:
        raise ExpressionError(
            "scan does not know how many steps it takes", site=current_site(), hint="give length= or xs"
        )
    if any(other != lengths[0] for other in lengths):
        raise ShapeError(
            f"scan over {' and '.join(str(each) for each in dict.fromkeys(lengths))} steps",
            site=current_site(),
            hint="all of xs have the same axis 0",
        )
    if isinstance(lengths[0], int) and lengths[0] < 0:
        raise ShapeError(f"scan of {lengths[0]} steps", site=current_site())
    return lengths[0]


def _checkpointed(
    body: Body,
    start: Sequence[Expr],
    rows: Sequence[Expr],
    captured: Sequence[Expr],
    steps: Dim,
    reverse: bool,
    checkpoint: Any,
) -> list[Expr]:
    """The results of a loop, or of one over parts of it, each a loop: reverse mode keeps what each part begins with."""
    if checkpoint == "none" or checkpoint is None:
        return scan_results(body, start, rows, captured, steps, reverse)
    if not isinstance(steps, int):
        raise ExpressionError(
            f"a loop of {steps} steps is not cut into parts",
            site=current_site(),
            hint="give scan a length that is a number",
        )
    if checkpoint == "sqrt":
        part = max(1, round(steps**0.5))
    elif type(checkpoint) is int and checkpoint > 0:
        part = checkpoint
    else:
        raise ExpressionError(
            f'checkpoint is "none", "sqrt" or a number of steps, not {brief_text(checkpoint, 40)}',
            site=current_site(),
        )
    parts, rest = divmod(steps, part)
    if parts < 2:
        return scan_results(body, start, rows, captured, steps, reverse)
    carries = len(start)
    whole = parts * part
    first = [_rows(x, rest, steps) if reverse else _rows(x, 0, whole) for x in rows]
    last = [_rows(x, 0, rest) if reverse else _rows(x, whole, steps) for x in rows]
    own = [symbol(f"\2own{k}", x.shape, x.dtype) for k, x in enumerate(body.inputs)]
    wide = [
        symbol(f"\2part{k}", (part, *x.shape), x.dtype)
        for k, x in enumerate(own[carries : carries + len(rows)])
    ]
    inner = scan_results(body, own[:carries], wide, own[carries + len(rows) :], part, reverse)
    outer = Body([*own[:carries], *wide, *own[carries + len(rows) :]], inner)
    cut = [apply(lookup("reshape"), x, attrs=((parts, part, *x.shape[1:]),)) for x in first]
    results = scan_results(outer, start, cut, captured, parts, reverse)
    end = results[:carries]
    stacked = [apply(lookup("reshape"), y, attrs=((whole, *y.shape[2:]),)) for y in results[carries:]]
    if rest:
        tail = scan_results(body, end, last, captured, rest, reverse)
        end = tail[:carries]
        pairs = [(y, x) if reverse else (x, y) for x, y in zip(stacked, tail[carries:], strict=True)]
        stacked = [apply(lookup("concat"), *pair, attrs=(0,)) for pair in pairs]
    return [*end, *stacked]


def _rows(x: Expr, first: int, last: int) -> Expr:
    return x if (first, last) == (0, x.shape[0]) else x[first:last]


def fori_loop(lo: Any, hi: Any, f: Callable[[Any, Any], Any], carry: Any) -> Any:
    """A loop over whole numbers: carry = f(i, carry) for i from `lo` up to `hi`, which is left out, as `jax.lax.fori_loop`.

    Parameters
    ----------
    lo, hi : ints, the names of lengths, or integer expressions; a loop between expressions is a `while_loop`
    f : (i, carry) → carry; i is an int64
    carry : as for `scan`

    Returns the carry at the end: that of the beginning where `hi` is not above `lo`.

    >>> from graphc.interpret.numpy_eval import evaluate
    >>> evaluate(fori_loop(1, 6, lambda i, c: c * i, 1.0), {})
    120.0
    """
    if isinstance(lo, Expr) or isinstance(hi, Expr):
        begin, end = (
            cast(x, "int64") if isinstance(x, Expr) else constant(int(x), "int64") for x in (lo, hi)
        )
        last = while_loop(
            lambda state: state[0] < end, lambda state: (state[0] + 1, f(state[0], state[1])), (begin, carry)
        )
        return last[1]
    begin, end = as_dim(lo) if not isinstance(lo, int) else lo, as_dim(hi) if not isinstance(hi, int) else hi
    steps = end - begin if not isinstance(begin, int) or begin else end
    if isinstance(steps, int) and steps < 0:
        steps = 0
    first = (
        constant(begin, "int64")
        if isinstance(begin, int)
        else cast(apply(lookup("dim"), attrs=(begin,)), "int64")
    )
    (_, result), _ = scan(
        lambda state, _: ((state[0] + 1, f(state[0], state[1])), None), (first, carry), length=steps
    )
    return result


def while_loop(
    cond: Callable[[Any], Any], f: Callable[[Any], Any], carry: Any, *, max_steps: int | None = None
) -> Any:
    """A loop that runs while a condition holds: `while cond(carry): carry = f(carry)`, as `jax.lax.while_loop`.

    Parameters
    ----------
    cond : carry → one bool
    f : carry → carry
    carry : as for `scan`
    max_steps : the most steps it takes; it ends there. Reverse mode needs it; forward mode does without

    Returns the carry at the end.

    Raises `DtypeError` for a condition that is no bool, and what `scan` raises for the carry.

    >>> from graphc.interpret.numpy_eval import evaluate
    >>> evaluate(while_loop(lambda x: x < 100, lambda x: x * 2, 3.0), {})
    192.0
    """
    if max_steps is not None and (type(max_steps) is not int or max_steps < 0):
        raise ExpressionError(
            f"max_steps is a number of steps, not {brief_text(max_steps, 40)}", site=current_site()
        )
    start, tree = _leaves("the carry of while_loop", carry)
    traced = _Traced("while_loop", f, [start], [tree])
    new = _new_carry("while_loop", start, tree, traced.returned)
    asked = _Traced("while_loop", cond, [start], [tree])
    (answer,), _ = _leaves("what the condition returns", asked.returned)
    if answer.dtype.kind != "b" or answer.shape:
        raise DtypeError(
            f"the condition of while_loop is one bool, not {answer.dtype}{format_shape(answer.shape)}",
            node=repr(answer),
            site=answer.site or current_site(),
            hint="write a comparison; g.all(…) of an array of them",
        )
    answer = _with(answer, asked.own, traced.own)
    captured = _captured(traced.own, [*new, answer])
    body, test = (_closed(traced.own, outputs, captured) for outputs in (new, [answer]))
    results = while_results(body, test, start, captured, max_steps)
    return unflatten(tree, iter(results[: len(start)]))


def _with(output: Expr, old: Sequence[Expr], new: Sequence[Expr]) -> Expr:
    return substitute(output, dict(zip(old, new, strict=True)))


def cond(pred: Any, f: Callable[..., Any], otherwise: Callable[..., Any], *args: Any) -> Any:
    """One of two functions, of which that one alone runs: f(*args) where `pred` holds, else otherwise(*args).

    Parameters
    ----------
    pred : one bool
    f, otherwise : functions of `args`, which return the same structure, types and shapes; they may use other expressions too
    args : expressions, or structures of them

    Where elements of an array are to be chosen, `g.where` does that; it computes both.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> x = symbol("x")
    >>> evaluate(cond(x > 0, lambda x: x**0.5, lambda x: x * 0, x), {"x": 9.0})
    3.0
    """
    chosen = constant(pred)
    if chosen.dtype.kind != "b" or chosen.shape:
        raise DtypeError(
            f"cond is decided by one bool, not {chosen.dtype}{format_shape(chosen.shape)}",
            node=repr(chosen),
            site=current_site(),
            hint="write a comparison; g.where chooses element by element",
        )
    return _branches("cond", cast(chosen, "int64"), [otherwise, f], args)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *args: Any) -> Any:
    """One of several functions, chosen by its number: branches[index](*args), as `jax.lax.switch`.

    Parameters
    ----------
    index : one integer; below 0 it is 0, beyond the last branch that of the last
    branches : functions of `args`, which return the same structure, types and shapes
    args : expressions, or structures of them

    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> k = symbol("k", dtype="int64")
    >>> evaluate(switch(k, [lambda: 1.0, lambda: 2.0]), {"k": 7})
    2.0
    """
    chosen = constant(index)
    if chosen.dtype.kind not in "iu" or chosen.shape:
        raise DtypeError(
            f"switch is decided by one integer, not {chosen.dtype}{format_shape(chosen.shape)}",
            node=repr(chosen),
            site=current_site(),
        )
    listed = list(branches)
    if not listed:
        raise ExpressionError("switch has no branches", site=current_site())
    return _branches("switch", cast(chosen, "int64"), listed, args)


def _on_packed(what: str, f: Any) -> Callable[[Any], Any]:
    if not callable(f):
        raise ExpressionError(
            f"a branch of {what} is a function, not {brief_text(f, 60)!r}",
            site=current_site(),
            hint="write lambda: …",
        )
    return lambda packed: f(*packed)


def _branches(what: str, index: Expr, functions: Sequence[Callable[..., Any]], args: tuple[Any, ...]) -> Any:
    leaves, tree = flatten(args)
    arguments = [constant(leaf) for leaf in leaves]
    with created_here() as written:
        traced = [_Traced(what, _on_packed(what, f), [arguments], [tree]) for f in functions]
    flat = [flatten(each.returned) for each in traced]
    results, structure = flat[0]
    first = [constant(leaf) for leaf in results]
    own = traced[0].own
    outputs = []
    for number, (each, (listed, shape)) in enumerate(zip(traced, flat, strict=True)):
        if shape != structure:
            raise ExpressionError(
                f"{what}: branch {number} returns another structure than branch 0",
                site=current_site(),
                hint="all branches return the same tuples, lists and dicts",
            )
        values = [
            constant(leaf) if isinstance(leaf, Expr) else constant(leaf, like.dtype)
            for leaf, like in zip(listed, first, strict=True)
        ]
        for value, like in zip(values, first, strict=True):
            if value.dtype != like.dtype or value.shape != like.shape:
                raise (ShapeError if value.shape != like.shape else DtypeError)(
                    f"{what}: branch 0 returns {like.dtype}{format_shape(like.shape)} where branch {number} returns "
                    f"{value.dtype}{format_shape(value.shape)}",
                    node=repr(value),
                    site=value.site or current_site(),
                    hint="all branches return the same types and shapes",
                )
        with created_here() as again:
            outputs.append([_with(value, each.own, own) for value in values])
        written |= again
    captured = _captured(own, [value for each in outputs for value in each], written)
    bodies = tuple([_closed(own, each, captured) for each in outputs])
    return unflatten(structure, iter(switch_results(index, bodies, [*arguments, *captured])))


__all__ = ["cond", "fori_loop", "scan", "switch", "while_loop"]
