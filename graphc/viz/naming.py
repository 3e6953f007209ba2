"""What the outputs of a graph are called in a diagram, and what the diagram is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.autodiff.reverse import AdjointRecord
from graphc.errors import InputError, brief
from graphc.ir.formatting import visible
from graphc.ir.node_names import names_of, with_sources
from graphc.ir.printer import render
from graphc.viz.derivative_names import DerivativeName, derivative_names, read_derivative


def output_names(graph: Any, name: str | Sequence[str] | None) -> list[str]:
    """What the outputs are called: as given, as the keys of a dict, by the user's own names, as derivatives, L, or y₁, y₂, …

    Raises `InputError` for names that do not fit.
    """
    count = len(graph.outputs)
    if isinstance(name, str):
        return [name] if count == 1 else [f"{name}_{number}" for number in range(1, count + 1)]
    if name is not None:
        names: list[Any] = list(name) if isinstance(name, (list, tuple)) else [name]
        if len(names) != count or not all(isinstance(item, str) for item in names):
            raise InputError(
                f"the names {brief(names, 80)} do not fit {count} output{'s' if count != 1 else ''}",
                hint='write name="L" or name=["y", "z"]',
            )
        return names
    keys = getattr(getattr(graph, "structure", None), "keys", ())
    if len(keys) == count:
        return list(keys)
    own: list[str | None] = [graph.names.get(node) for node in graph.outputs]
    if graph.record is not None:
        found: list[str] = _derivative_names(graph, graph.record, own)
    else:
        exprs = [graph.exprs[node] for node in graph.outputs]
        called = names_of(dict.fromkeys(with_sources(exprs), 0), exprs)
        called |= {graph.exprs[node]: text for node, text in graph.names.items()}
        derived = derivative_names(exprs, called)
        plain = ["L"] if count == 1 else [f"y_{number}" for number in range(1, count + 1)]
        found = [mine or other or rest for mine, other, rest in zip(own, derived, plain, strict=True)]
    return found


def _derivative_names(graph: Any, record: AdjointRecord, own: Sequence[str | None]) -> list[str]:
    """Names of the outputs of a graph that holds outputs and adjoints of its symbols."""
    first = len(record.outputs)
    names = ["L"] if first == 1 else [f"y_{number}" for number in range(1, first + 1)]
    names = [mine or other for mine, other in zip(own, names, strict=False)]
    over = names[0] if first == 1 else "L"
    waiting = list(graph.symbols)
    for node in graph.outputs[first:]:
        owner = next((symbol for symbol in waiting if record.adjoint(symbol) is graph.exprs[node]), None)
        if owner is not None:
            waiting.remove(owner)
        known = None if owner is None else (read_derivative(over) or DerivativeName(over, ())).by(owner.name)
        names.append(f"g_{len(names) - first + 1}" if known is None else known.text())
    return names


def title(graph: Any, names: Sequence[str]) -> str:
    """The formulas of the outputs."""
    texts = [
        f"{name} = {render(graph.exprs[node], budget=120)}"
        for name, node in zip(names[:4], graph.outputs[:4], strict=True)
    ]
    return visible(", ".join([*texts, *(["…"] if len(names) > 4 else [])]), 400)
