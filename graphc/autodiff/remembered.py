"""Derivatives that remember what they are the derivatives of (`ir.expr.provenance`), for verbs whose results a user compiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.autodiff.forward import forward
from graphc.autodiff.jacobian import jacobian
from graphc.autodiff.reverse import AdjointRecord, reverse
from graphc.ir.expr import Derivation, Expr, derived, on_this_line


def gradient(outputs: Sequence[Expr], seeds: Sequence[Expr] | None, targets: Sequence[Expr]) -> AdjointRecord:
    """The record of reverse mode; see `reverse`."""
    with on_this_line():
        record = reverse(outputs, seeds, targets)
    remember(record, targets)
    return record


def remember(record: AdjointRecord, targets: Sequence[Expr]) -> None:
    """Let the adjoints of the targets remember the outputs.

    A symbol is differentiated by together with others; another node alone, as what it is made of stays where it is.
    """
    symbols = [node for node in targets if node.is_symbol]
    for group in (symbols, *([node] for node in targets if not node.is_symbol)):
        if group:
            results = dict(enumerate(record.adjoint(node) for node in group))
            derived(results, Derivation(record.outputs, record.seeds, tuple(group), _adjoints))


def _adjoints(
    outputs: Sequence[Expr], seeds: Sequence[Expr], targets: Sequence[Expr], numbers: Sequence[int]
) -> list[Expr]:
    chosen = [targets[number] for number in numbers]
    record = reverse(outputs, seeds, chosen)
    return [record.adjoint(node) for node in chosen]


def directional(outputs: Sequence[Expr], tangents: Mapping[Expr, Expr]) -> list[Expr]:
    """The derivatives along a direction; see `forward`."""
    results = forward(outputs, tangents)
    derived(
        dict(enumerate(results)),
        Derivation(tuple(outputs), tuple(tangents.values()), tuple(tangents), _changes),
    )
    return results


def _changes(
    outputs: Sequence[Expr], tangents: Sequence[Expr], targets: Sequence[Expr], numbers: Sequence[int]
) -> list[Expr]:
    return forward([outputs[number] for number in numbers], dict(zip(targets, tangents, strict=True)))


def whole(output: Expr, node: Expr) -> Expr:
    """A Jacobian; see `jacobian`."""
    result = jacobian(output, node)
    derived({0: result}, Derivation((output,), (), (node,), _jacobians))
    return result


def _jacobians(
    outputs: Sequence[Expr], _: Sequence[Expr], targets: Sequence[Expr], numbers: Sequence[int]
) -> list[Expr]:
    return [jacobian(outputs[number], targets[0]) for number in numbers]


__all__ = ["directional", "gradient", "remember", "whole"]
