"""What NumPy's refusals at a call mean: the node, its line, and what to write instead."""

from __future__ import annotations

import re

from graphc.errors import InputError, ShapeError
from graphc.ir.expr import Expr

_OUT_OF_BOUNDS = re.compile(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)")

_HINTS = {
    "Singular": "rows that depend on each other have no inverse; add a small multiple of g.eye(n), or ask g.slogdet first",
    "positive definite": "x @ x.T plus a small multiple of g.eye(n) is; g.eigh shows the eigenvalues",
    "did not converge": "look for NaN and infinities in the matrix: g.diagnose tells where they begin",
    "empty": "this has no value on nothing: pass an array with elements",
    "zero-size": "this has no value on nothing: pass an array with elements",
}
"""By what NumPy says."""


def refusal(node: Expr, error: Exception) -> InputError:
    """The error of a node whose reference raised `error`; says places and lengths as everywhere else."""
    if isinstance(error, InputError):  # of a function of the user's, which says what is wrong
        return InputError(error.message, node=repr(node), site=node.site, hint=error.hint)
    said = str(error)
    place = _OUT_OF_BOUNDS.search(said)
    if isinstance(error, IndexError) and place is not None:
        where, axis, length = (int(number) for number in place.groups())
        return out_of_range(node, where, axis, length)
    if "zero-size array" in said or "empty sequence" in said:
        said = "no elements"
    hint = next((hint for part, hint in _HINTS.items() if part in str(error)), None)
    return InputError(f"{node.op.name}: {said}", node=repr(node), site=node.site, hint=hint)


def out_of_range(node: Expr, place: int, axis: int, length: int, text: str | None = None) -> InputError:
    """The error of a place that an axis does not have.

    text : the node, where its text is not what the user wrote
    """
    what, hint = misplaced(place, axis, length, node.op.name)
    return InputError(what, node=text or repr(node), site=node.site, hint=hint)


FAR_LABEL = 2**62
"""Labels out of range stand so far from every axis when they are used as places: no negative one counts from the end, and the
refusal tells a label from an index."""

NEAR_LABEL = 2**32
"""Labels further from 0 are out of range as they are."""


def misplaced(place: int, axis: int, length: int, by: str = "index") -> tuple[str, str]:
    """What is wrong with a place that an axis does not have, and what the places are.

    by : the operation that was given it, which for a label is not what the user wrote
    """
    label = place + FAR_LABEL if place < 0 else place - FAR_LABEL
    if abs(label) <= NEAR_LABEL and not 0 <= label < length:
        return (
            f"label {label} is out of range for the {length} classes of axis {axis}",
            f"labels run from 0 to {length - 1}; rows without a label are left out by ignore_index={label}"
            if length
            else "there are no classes",
        )
    return (
        f"{by}: index {place} is out of range for axis {axis} of length {length}",
        f"places run from {-length} to {length - 1}" if length else "the axis is empty",
    )


def no_axis(node: Expr, name: str, text: str | None = None) -> ShapeError:
    """The error of a node whose shape holds a name that no input binds."""
    return ShapeError(
        f"no input has an axis named {name!r}",
        node=text or repr(node),
        site=node.site,
        hint="list a symbol with that axis among the graph's inputs",
    )


__all__ = ["FAR_LABEL", "NEAR_LABEL", "misplaced", "no_axis", "out_of_range", "refusal"]
