"""What reverse mode starts from: the adjoints of the outputs. What is no float is not differentiated, nor differentiated by."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.errors import GradientError, ShapeError
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import format_shape, is_float


def refuse_unless_float(node: Expr) -> None:
    """Raises `GradientError` for a node by which nothing is differentiated."""
    if not is_float(node.dtype):
        raise GradientError(
            f"{node!r} is {node.dtype}: derivatives are taken with respect to floats",
            site=current_site(),
            hint='declare it with dtype="float64"',
        )


def seeds_of(outputs: tuple[Expr, ...], seeds: Iterable[Expr] | None) -> tuple[Expr, ...]:
    """The adjoints that a sweep starts from, one for each output: those that were given, or 1.

    Raises `GradientError` for an output that is no float and for seeds that are missing or too many, `ShapeError` for one of a
    shape that its output does not have.
    """
    for output in outputs:
        if not is_float(output.dtype):
            raise GradientError(
                f"an output of dtype {output.dtype} has no derivative",
                node=repr(output),
                site=None if output.is_constant else output.site,  # a number is written in many places
                hint='cast it with g.astype(…, "float64") if a derivative of 0 is what you mean',
            )
    if seeds is None:
        if len(outputs) != 1 or outputs[0].shape:
            what = (
                f"an output of shape {format_shape(outputs[0].shape)}"
                if len(outputs) == 1
                else f"{len(outputs)} outputs"
            )
            raise GradientError(
                f"the gradient of {what} needs a seed: the weight of each output in what is differentiated",
                site=current_site(),
                hint="write g.grad(y, x, seed=…), a number or expression for each; g.jacobian(y, x) holds all derivatives",
            )
        return (constant(1.0, outputs[0].dtype),)
    weights = tuple(seeds)
    if len(weights) != len(outputs):
        raise GradientError(
            f"{len(outputs)} output{'s' if len(outputs) != 1 else ''} but {len(weights)} seed{'s' if len(weights) != 1 else ''}",
            site=current_site(),
            hint="give one seed, an expression or number, for each output",
        )
    by_output = tuple(
        seed if isinstance(seed, Expr) and seed.dtype == output.dtype else constant(seed, output.dtype)
        for seed, output in zip(weights, outputs, strict=True)
    )
    for seed, output in zip(by_output, outputs, strict=True):
        if seed.shape not in ((), output.shape):
            raise ShapeError(
                f"a seed of shape {format_shape(seed.shape)} for an output of shape {format_shape(output.shape)}",
                node=repr(output),
                site=current_site(),
                hint="pass a number, or an array of the output's shape",
            )
    return by_output


__all__ = ["refuse_unless_float", "seeds_of"]
