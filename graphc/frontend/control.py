"""Loops and branches as users write them: `scan`, `fori_loop`, `while_loop`, `cond`, `switch`.

The Python function of a body runs once, with symbols in place of what it is called with; what it uses from outside is found in
what it returns, and handed to the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.errors import DtypeError, ExpressionError, ShapeError, brief, brief_text, is_huge
from graphc.frontend.body_trace import (
    TracedBody,
    body_function,
    captured_by,
    closed_body,
    leaves_of,
    new_carry,
    with_symbols,
)
from graphc.frontend.failures import ended_in_time, failure_choice
from graphc.frontend.truncation import COUNT, truncated
from graphc.ir import dims
from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, cast, constant, created_here, current_site, symbol
from graphc.ir.op import lookup
from graphc.ir.types import LONGEST, as_dim, format_shape
from graphc.ops.closures import call_results
from graphc.ops.control import scan_results, switch_results, while_results
from graphc.util.arguments import listed, truth
from graphc.util.pytree import flatten, unflatten


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any = None,
    *,
    length: Any = None,
    reverse: bool = False,
    checkpoint: Any = "none",
    truncate: int | None = None,
) -> tuple[Any, Any]:
    """A loop that carries values from step to step, over the rows of arrays.

    Parameters
    ----------
    f : (carry, x) → (carry, y); it is called once, with symbols. x are the rows of `xs` at a step, None if there are no `xs`
    carry : the initial carry: an expression, or a tuple, list or dict of them, of any types and shapes
    xs : an array, or a structure of arrays, with the steps along axis 0
    length : the number of steps, an int or the name of a length; by default that of `xs`
    reverse : whether to start with the last row; the results are in the order of `xs`
    checkpoint : which carries reverse mode stores: "none" stores that of every step, "sqrt" those of √n steps and recomputes
        the others, an int n that of every n-th step
    truncate : the most steps that derivatives go through: after every so many steps the carry is treated as a constant; None
        for all

    Returns (final carry, ys): the outputs of the steps, stacked along axis 0, in the structure that f returns.

    The loop is one node of the graph for each result and is compiled as a loop: compilation takes as long for 10 steps as for
    10⁶. It can be differentiated to any order; reverse mode is a loop that runs backwards. Expressions that f uses from outside
    are inputs of the loop.

    Raises `ExpressionError` if the body does not return a pair or changes the structure of the carry, `DtypeError` and
    `ShapeError` if the carry changes its type or shape.

    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> x = symbol("x", shape=("n",))
    >>> total, sums = scan(lambda c, a: (c + a, c + a), 0.0, x)
    >>> evaluate([total, sums], {"x": [1.0, 2.0, 4.0]})
    [7.0, array([1., 3., 7.])]
    """
    body_function("scan", f, 2)
    if truncate is not None:
        step, state = truncated(f, truncate), (carry, COUNT)
        (end, _), ys = scan(step, state, xs, length=length, reverse=reverse, checkpoint=checkpoint)
        return end, ys
    start, tree = leaves_of("the carry of scan", carry)
    rows, row_tree = flatten(xs) if xs is not None else ([], None)
    rows = [constant(row) for row in rows]
    steps = _steps(rows, length)
    each = [symbol("\0row", row.shape[1:], row.dtype) for row in rows]
    if row_tree is None:
        traced = TracedBody("scan", lambda c: f(c, None), [start], [tree])
    else:
        traced = TracedBody("scan", f, [start, each], [tree, row_tree])
    returned = traced.returned
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise ExpressionError(
            f"the body of scan returns (carry, y), not {brief_text(returned, 80)}",
            site=current_site(),
            hint="return carry, y; y may be None",
        )
    new = new_carry("scan", start, tree, returned[0])
    ys, ys_tree = flatten(returned[1]) if returned[1] is not None else ([], None)
    outputs = [*new, *(constant(y) for y in ys)]
    captured = captured_by(traced.own, outputs)
    body = closed_body(traced.own, outputs, captured)
    results = _checkpointed(body, start, rows, captured, steps, truth("reverse", reverse), checkpoint)
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
    if checkpoint is None or (isinstance(checkpoint, str) and checkpoint == "none"):
        return scan_results(body, start, rows, captured, steps, reverse)
    if not isinstance(steps, int):
        raise ExpressionError(
            f"a loop of {steps} steps is not cut into parts",
            site=current_site(),
            hint="give scan a length that is a number",
        )
    if isinstance(checkpoint, str) and checkpoint == "sqrt":
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
    given = [*own[:carries], *wide, *own[carries + len(rows) :]]
    inner = scan_results(body, own[:carries], wide, own[carries + len(rows) :], part, reverse)
    # run again when its adjoints are there: what the steps of a part began with is kept for one part at a time
    outer = Body(given, call_results("part of a loop", Body(given, inner), given))
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
    """A loop over integers: carry = f(i, carry) for i from `lo` up to, but excluding, `hi`, like `jax.lax.fori_loop`.

    Parameters
    ----------
    lo, hi : ints, the names of lengths, or integer expressions; a loop between expressions is a `while_loop`
    f : (i, carry) → carry; i is an int64
    carry : as for `scan`

    Returns the final carry, which is the initial one if `hi` ≤ `lo`.

    >>> from graphc.interpret.numpy_eval import evaluate
    >>> evaluate(fori_loop(1, 6, lambda i, c: c * i, 1.0), {})
    120.0
    """
    start, tree = leaves_of("the carry of fori_loop", carry)
    body_function("fori_loop", f, 2)

    def step(state: Any) -> Any:
        i, before = state
        return i + 1, unflatten(tree, iter(new_carry("fori_loop", start, tree, f(i, before))))

    carry = unflatten(tree, iter(start))
    for x in (lo, hi):
        if isinstance(x, Expr) and (x.dtype.kind not in "iu" or x.shape):
            raise DtypeError(
                f"fori_loop counts between integers, not {x.dtype}{format_shape(x.shape) if x.shape else ''}",
                node=repr(x),
                site=current_site(),
                hint='write g.astype(…, "int64")',
            )
    if isinstance(lo, Expr) or isinstance(hi, Expr):
        begin, end = (
            cast(x, "int64") if isinstance(x, Expr) else constant(int(x), "int64") for x in (lo, hi)
        )
        return while_loop(lambda state: state[0] < end, step, (begin, carry))[1]
    begin, end = as_dim(lo) if not isinstance(lo, int) else lo, as_dim(hi) if not isinstance(hi, int) else hi
    steps = dims.subtract(end, begin)
    if isinstance(steps, int) and steps < 0:
        steps = 0
    first = (
        constant(begin, "int64")
        if isinstance(begin, int)
        else cast(apply(lookup("dim"), attrs=(begin,)), "int64")
    )
    (_, result), _ = scan(lambda state, _: (step(state), None), (first, carry), length=steps)
    return result


def while_loop(
    cond: Callable[[Any], Any],
    f: Callable[[Any], Any],
    carry: Any,
    *,
    max_steps: int | None = None,
    on_failure: str = "stop",
) -> Any:
    """A loop that runs while a condition holds: `while cond(carry): carry = f(carry)`, like `jax.lax.while_loop`.

    Parameters
    ----------
    cond : carry → one bool
    f : carry → carry
    carry : as for `scan`
    max_steps : the maximum number of steps, after which the loop ends. Reverse mode needs it; forward mode does not
    on_failure : the result if the condition still holds after `max_steps`: "stop" gives the current carry, "nan" gives NaN for
        its floats, and `g.diagnose` reports the reason, "raise" raises an `InputError` at the call

    Returns the carry at the end.

    Raises `DtypeError` for a condition that is not a bool, and as `scan` does for the carry.

    >>> from graphc.interpret.numpy_eval import evaluate
    >>> evaluate(while_loop(lambda x: x < 100, lambda x: x * 2, 3.0), {})
    192.0
    """
    if max_steps is not None and (type(max_steps) is not int or max_steps < 0 or is_huge(max_steps)):
        raise ExpressionError(f"max_steps is a number of steps, not {brief(max_steps)}", site=current_site())
    max_steps = None if max_steps is None else min(max_steps, LONGEST)
    failure_choice(on_failure, ("stop", "nan", "raise"))
    body_function("while_loop", cond, 1)
    body_function("while_loop", f, 1)
    start, tree = leaves_of("the carry of while_loop", carry)
    traced = TracedBody("while_loop", f, [start], [tree])
    new = new_carry("while_loop", start, tree, traced.returned)
    asked = TracedBody("while_loop", cond, [start], [tree])
    (answer,), _ = leaves_of("what the condition returns", asked.returned)
    if answer.dtype.kind != "b" or answer.shape:
        raise DtypeError(
            f"the condition of while_loop is one bool, not {answer.dtype}{format_shape(answer.shape)}",
            node=repr(answer),
            site=answer.site or current_site(),
            hint="write a comparison; g.all(…) of an array of them",
        )
    answer = with_symbols(answer, asked.own, traced.own)
    captured = captured_by(traced.own, [*new, answer])
    body, test = (closed_body(traced.own, outputs, captured) for outputs in (new, [answer]))
    results = while_results(body, test, start, captured, max_steps)[: len(start)]
    if on_failure != "stop":
        results = ended_in_time(results, test, captured, max_steps, on_failure)
    return unflatten(tree, iter(results))


def cond(pred: Any, f: Callable[..., Any], otherwise: Callable[..., Any], *args: Any) -> Any:
    """Runs only one of two functions: f(*args) if `pred` holds, else otherwise(*args).

    Parameters
    ----------
    pred : one bool
    f, otherwise : functions of `args`, which return the same structure, types and shapes; they may use other expressions too
    args : expressions, or structures of them

    To select elements of arrays use `g.where`, which computes both sides.

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
    """Runs one of several functions, chosen by an index: branches[index](*args), like `jax.lax.switch`.

    Parameters
    ----------
    index : an integer, clamped to the range of the branches
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
            hint='write g.astype(…, "int64"), or g.cond for a condition',
        )
    functions = listed("branches", branches, "write [lambda x: …, lambda x: …]")
    if not functions:
        raise ExpressionError(
            "switch has no branches", site=current_site(), hint="write [lambda x: …, lambda x: …]"
        )
    return _branches("switch", cast(chosen, "int64"), functions, args)


def _on_packed(what: str, f: Any, count: int) -> Callable[[Any], Any]:
    body_function(what, f, count)
    return lambda packed: f(*packed)


def _branches(what: str, index: Expr, functions: Sequence[Callable[..., Any]], args: tuple[Any, ...]) -> Any:
    leaves, tree = flatten(args)
    arguments = [constant(leaf) for leaf in leaves]
    with created_here() as written:
        traced = [
            TracedBody(what, _on_packed(what, f, len(args)), [arguments], [tree], ("argument",))
            for f in functions
        ]
    flat = [flatten(each.returned) for each in traced]
    results, structure = flat[0]
    first = [constant(leaf) for leaf in results]
    own = traced[0].own
    outputs = []
    for number, (each, (leaves, shape)) in enumerate(zip(traced, flat, strict=True)):
        if shape != structure:
            raise ExpressionError(
                f"{what}: branch {number} returns another structure than branch 0",
                site=current_site(),
                hint="all branches return the same tuples, lists and dicts",
            )
        values = [
            constant(leaf) if isinstance(leaf, Expr) else constant(leaf, like.dtype)
            for leaf, like in zip(leaves, first, strict=True)
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
            outputs.append([with_symbols(value, each.own, own) for value in values])
        written |= again
    captured = captured_by(own, [value for each in outputs for value in each], written)
    bodies = tuple([closed_body(own, each, captured) for each in outputs])
    return unflatten(structure, iter(switch_results(index, bodies, [*arguments, *captured])))


__all__ = ["cond", "fori_loop", "scan", "switch", "while_loop"]
