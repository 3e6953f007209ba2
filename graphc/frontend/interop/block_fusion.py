"""Tasks that one block alone needs, made one with the task that computes of it.

Dask fuses what its `blockwise` chains and what hangs in a line. A block that is put together of several arrays, is read by
`delayed` functions, or is made by functions that ask for the block's number is a task of its own, whose result a worker keeps
beside the blocks that it works at. In one task a block is there while it is computed of, and the scheduler has less to do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graphc.util.fork_safety import once


@once
def _tasks() -> Any:
    """The module of Dask's tasks; None in a release before 2025.1, whose tasks are tuples."""
    try:
        from dask import _task_spec  # pyright: ignore
    except ImportError:
        return None
    return _task_spec if hasattr(_task_spec.Task, "fuse") else None


def with_private_tasks(
    graph: Mapping[Any, Any], wanted: Collection[Any], apart: Collection[Any] = ()
) -> dict[Any, Any]:
    """The graph with every task that leads to one of the wanted keys alone made a part of that task.

    graph : of Dask's arrays, optimised; wanted : keys of blocks, that no other task of the graph needs
    apart : keys of tasks that stay as they are, and all that they need
    """
    spec = _tasks()
    if spec is None:
        return dict(graph)
    nodes, wanted = spec.convert_legacy_graph(dict(graph)), dict.fromkeys(wanted)
    owners: dict[Any, Any] = {}
    for key in _users_first(nodes, wanted):
        if key in wanted:
            owners[key] = key
        elif key in apart:
            owners[key] = None
        for each in nodes[key].dependencies:
            if each in nodes and each not in wanted:
                owner = owners[key]
                owners[each] = owner if owners.get(each, owner) == owner else None
    parts: dict[Any, list[Any]] = {key: [] for key in wanted if _is_computed(spec, nodes[key])}
    shared = {}
    for key, owner in owners.items():
        if owner in parts and _is_computed(spec, nodes[key]):
            parts[owner].append(nodes[key])
        else:
            shared[key] = nodes[key]
    return shared | {key: spec.Task.fuse(*tasks, key=key) for key, tasks in parts.items()}


def _is_computed(spec: Any, node: Any) -> bool:
    """Whether a node is a call, or another name for the result of one: what holds data or a future stays as it is."""
    return isinstance(node, spec.Task | spec.Alias)


def _users_first(nodes: Mapping[Any, Any], wanted: Collection[Any]) -> list[Any]:
    """What the wanted keys need, every node behind all that use it."""
    order: list[Any] = []
    seen: set[Any] = set()
    stack = [(key, False) for key in wanted]
    while stack:
        key, left = stack.pop()
        if left:
            order.append(key)
        elif key not in seen:
            seen.add(key)
            stack.append((key, True))
            stack += [(each, False) for each in nodes[key].dependencies if each in nodes]
    return order[::-1]


__all__ = ["with_private_tasks"]
