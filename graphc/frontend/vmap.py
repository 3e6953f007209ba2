"""A function of one element made a function of a batch: every operation gets one axis more.

The function is called once, with symbols that stand for one element each; what it returns is then rewritten node by node into
operations on whole arrays, with the batch's axis in front. Nothing runs once for each element.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ArityError, ExpressionError, ShapeError, brief_text
from graphc.frontend.call_trace import refuse_unless_taken
from graphc.interpret.numpy_eval import evaluate
from graphc.ir.dims import Dim
from graphc.ir.expr import (
    Derivation,
    Expr,
    constant,
    current_site,
    derivation,
    derived,
    on_this_line,
    symbol,
    walk,
)
from graphc.ir.types import format_shape
from graphc.ops.support import attributes as at
from graphc.ops.support.vmap_rules import Batch, moved, through
from graphc.util.arguments import function
from graphc.util.pytree import flatten, map_leaves, unflatten
from graphc.util.records import dataclass

_state = threading.local()


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Turns a function of one element into a function of a batch, like `jax.vmap`.

    Parameters
    ----------
    f : a function of expressions that returns an expression, or a tuple, list, dict or named tuple of them
    in_axes : the axis of each argument that holds the batch: an int for all of them, or a tuple with an entry for each, an int,
        None for an argument that is the same for every element, or a structure of these like the argument's own. Negative axes
        count from the end. Arguments given by name are batched along axis 0.
    out_axes : the position of the batch axis in each output; an int, or a structure of them like that of the output. None omits
        it from an output that is the same for every element.

    Returns a function that takes expressions, arrays, and tuples, lists and dicts of them. It returns expressions, which can be
    differentiated and batched again; if all arguments are arrays and numbers it returns values. `f` may use expressions other
    than its arguments: they are the same for every element.

    Raises `ShapeError` if batches differ in length or an axis is out of range, `ArityError` if `in_axes` does not match the
    arguments, and `ExpressionError` for an argument without axes and for a None in `out_axes` if the elements differ.

    >>> from graphc.ir.expr import symbol
    >>> W, X = symbol("W", shape=(2, 3)), symbol("X", shape=("n", 3))
    >>> rows = vmap(lambda x: W @ x)(X)
    >>> rows, rows.shape
    (X @ W.T, ('n', 2))
    """
    if not callable(f):
        raise ExpressionError(
            f"vmap takes a function, not {brief_text(f, 60)!r}", hint="write g.vmap(lambda x: …)"
        )
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)

    @functools.wraps(f)
    def batched(*args: Any, **kwargs: Any) -> Any:
        return _call(f, in_axes, out_axes, args, kwargs)

    return batched


# --- arguments ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Argument:
    """A leaf of the arguments that holds a batch.

    wide : the batch, with its axis in front; each : the symbol of one element; told : how messages name the leaf
    """

    wide: Expr
    each: Expr
    told: str

    @property
    def size(self) -> Dim:
        return self.wide.shape[0]


def _call(f: Any, in_axes: Any, out_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    if len(axes) != len(args):
        raise ArityError(
            f"in_axes has {len(axes)} entries for {len(args)} argument{'s' if len(args) != 1 else ''}",
            site=current_site(),
            hint="one entry for each argument; None for what is the same for every element",
        )
    level = getattr(_state, "level", 0)
    batched: list[_Argument] = []
    elements = [
        _elements(arg, axis, f"argument {number}", level, batched)
        for number, (arg, axis) in enumerate(zip(args, axes, strict=True))
    ]
    named = {name: _elements(arg, 0, f"argument {name!r}", level, batched) for name, arg in kwargs.items()}
    if not batched:
        raise ExpressionError(
            "vmap has no argument with a batch", site=current_site(), hint="in_axes=0 names an axis of one"
        )
    for other in batched[1:]:
        if other.size != batched[0].size:
            raise ShapeError(
                f"vmap: the batch has length {batched[0].size} in {batched[0].told} and {other.size} in {other.told}",
                site=current_site(),
                hint="in_axes=None marks what is the same for every element",
            )
    if not named:
        function("vmap's function", f, len(elements), "a function of one element's expressions")
    else:
        refuse_unless_taken("vmap's function", f, tuple(elements), named)
    _state.level = level + 1
    try:
        returned = f(*elements, **named)
    finally:
        _state.level = level
    if returned is None:
        what = f"{getattr(f, '__name__', 'the function')} returned nothing"
        raise ExpressionError(what, site=current_site(), hint="end it with return")
    leaves, structure = flatten(returned)
    places = _spread(out_axes, returned, "out_axes")
    added = Batch(batched[0].size, batched[0].wide)
    leaves = [constant(leaf) for leaf in leaves]
    with on_this_line():
        results = through(leaves, {each.each: each.wide for each in batched}, added)
    wides, eaches = tuple([each.wide for each in batched]), tuple([each.each for each in batched])
    for leaf, (result, own) in zip(leaves, results, strict=True):
        if own and any(derivation(node) is not None for node in walk([leaf])):
            derived({0: result}, Derivation((leaf,), wides, eaches, _of_batches, differentiates=False))
    outputs = [
        _placed(result, own, place, added, number)
        for number, ((result, own), place) in enumerate(zip(results, places, strict=True))
    ]
    everything = unflatten(structure, iter(outputs))
    if any(isinstance(leaf, Expr) for leaf in flatten([list(args), kwargs])[0]) or level:
        return everything
    # of values alone; expressions that the function brought in keep it an expression
    return everything if any(node.is_symbol for node in walk(outputs)) else evaluate(everything, {})


def _of_batches(
    outputs: Sequence[Expr], wides: Sequence[Expr], eaches: Sequence[Expr], numbers: Sequence[int]
) -> list[Expr]:
    """Formulas of one element, with derivatives in them, for the whole batch."""
    added = Batch(wides[0].shape[0], wides[0])
    wide_of = dict(zip(eaches, wides, strict=True))
    chosen = [outputs[number] for number in numbers]
    return [added.lifted(result, own) for result, own in through(chosen, wide_of, added)]


def _elements(arg: Any, axes: Any, what: str, level: int, batched: list[_Argument]) -> Any:
    """An argument with a symbol in place of each leaf that holds a batch; these are entered in `found`."""
    if axes is None:
        return arg
    leaves, structure = flatten(arg)
    places = _spread(axes, arg, "in_axes")
    elements = []
    for number, (leaf, axis) in enumerate(zip(leaves, places, strict=True)):
        if axis is None:
            elements.append(leaf)
            continue
        name = what if len(leaves) == 1 else f"leaf {number} of {what}"
        leaf = wide = constant(leaf)
        if not wide.shape:
            raise ExpressionError(
                f"{name} of vmap has no axes: {brief_text(wide, 60)}",
                site=current_site(),
                hint="in_axes=None marks what is the same for every element",
            )
        axis = at.position("in_axes", axis, wide.ndim)
        wide = moved(wide, axis, 0)
        shown = leaf.name if isinstance(leaf, Expr) and leaf.is_symbol else "element"
        # nested calls have other symbols: a function may use the elements of the one around it
        each = symbol(f"{shown}\0{level}.{len(batched)}", wide.shape[1:], wide.dtype)
        batched.append(
            _Argument(wide, each, f"{name}, {brief_text(leaf, 40)} of shape {format_shape(leaf.shape)}")
        )
        elements.append(each)
    return unflatten(structure, iter(elements))


def _spread(axes: Any, tree: Any, what: str) -> list[Any]:
    """An entry for each leaf of a structure: an int or None stands for all of them, a structure for its parts."""
    if axes is None or isinstance(axes, (int, np.integer)):
        return [None if axes is None else at.whole(what, axes)] * len(flatten(tree)[0])
    sequence = isinstance(axes, (tuple, list)) and isinstance(tree, (tuple, list)) and len(axes) == len(tree)
    if sequence:
        return [entry for part, leaf in zip(axes, tree, strict=True) for entry in _spread(part, leaf, what)]
    if isinstance(axes, dict) and isinstance(tree, dict) and set(axes) == set(tree):
        return [entry for key, leaf in tree.items() for entry in _spread(axes[key], leaf, what)]
    raise ArityError(
        f"{what} {brief_text(axes, 60)} does not fit {str(map_leaves(lambda leaf: '*', tree))[:60]}",
        site=current_site(),
        hint="an int, None, or a structure like the one it speaks of",
    )


def _placed(result: Expr, batched: bool, place: Any, added: Batch, number: int) -> Expr:
    """An output with the batch's axis where it is wanted."""
    if place is None:
        if batched:
            raise ExpressionError(
                f"output {number} differs between the elements, and out_axes says None",
                site=current_site(),
                hint="out_axes=0 puts the batch's axis in front",
            )
        return result
    wide = added.lifted(result, batched)
    return moved(wide, 0, at.position("out_axes", place, wide.ndim))


__all__ = ["vmap"]
