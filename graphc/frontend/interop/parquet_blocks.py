"""Blocks of Parquet files, decoded straight into the array that is computed of.

Dask reads a block as bytes, as Arrow's table, as pandas' table and then as an array, and Arrow's pool keeps what it had: six
blocks at once. Where a table's numbers are read and made an array, with nothing between but a choice of columns, the array is
made first and some rows after the other are decoded into it: one block, and a few MiB. Everything else stays as Dask reads it.
"""

from __future__ import annotations

import operator
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from graphc.util.fork_safety import once
from graphc.util.records import dataclass

TOGETHER = 8
"""So many columns are decoded together, which are a cache line of each row: a column's dictionary is in memory beside them."""

ROWS = 2**14
"""So many rows are decoded at a time: a MiB of eight columns."""

BUFFER = 2**16
"""In bytes: so much of each column is read at a time."""


@once
def arrow() -> Any:
    """The module `pyarrow`, with its module for Parquet."""
    import pyarrow.parquet  # pyright: ignore[reportMissingImports]

    return pyarrow


@dataclass(frozen=True)
class ParquetBlock:
    """The values of some columns of some files, in place of the tasks that Dask has for them.

    pieces : of each file what opens it: (file system, path, its row groups or None for all), or what holds Arrow's fragment
    columns : their names, in the array's order; one_axis : whether the array is one column, without an axis of columns
    as_dask : the tasks that this stands for, the last one first, for files that hold something else than numbers
    """

    pieces: tuple[Any, ...]
    columns: tuple[str, ...]
    dtype: np.dtype
    one_axis: bool
    as_dask: tuple[Any, ...]

    def __call__(self) -> Any:
        found = self._decoded()
        if found is not None:
            return found
        value: dict[Any, Any] = {}
        for task in reversed(self.as_dask):
            value = {task.key: task(value)}
        return next(iter(value.values()))

    def _decoded(self) -> np.ndarray | None:
        with ExitStack() as stack:
            try:
                opened = [_opened(piece, stack) for piece in self.pieces]
                if not all(_of_numbers(file, self.columns) for file, _ in opened):
                    return None
                sizes = [sum(file.metadata.row_group(k).num_rows for k in groups) for file, groups in opened]
                array = np.empty((sum(sizes), len(self.columns)), self.dtype)
                first = 0
                for (file, groups), size in zip(opened, sizes, strict=True):
                    if not self._into(array[first : first + size], file, groups):
                        return None
                    first += size
            except (arrow().ArrowException, OSError, KeyError):
                return None  # what is wrong, Dask's own reading says
        return array[:, 0] if self.one_axis else array

    def _into(self, array: np.ndarray, file: Any, groups: Any) -> bool:
        """The rows of a file, decoded in their places; False where some have no number."""
        for left in range(0, len(self.columns), TOGETHER):
            names = self.columns[left : left + TOGETHER]
            first = 0
            for batch in file.iter_batches(ROWS, list(groups), list(names), use_threads=False):
                part = array[first : first + batch.num_rows]
                for number, name in enumerate(names, left):
                    column = batch.column(name)
                    if column.null_count and not _is_float(column.type):
                        return False
                    part[:, number] = column.to_numpy(zero_copy_only=False)
                first += batch.num_rows
            if first != len(array):
                return False
        return True


def _opened(piece: Any, stack: ExitStack) -> tuple[Any, Any]:
    """A Parquet file, and the row groups that are read of it."""
    if isinstance(piece, tuple):
        files, path, groups = piece
        source = stack.enter_context(files.open(path, mode="rb"))
    else:
        fragment = piece.fragment
        if str(fragment.partition_expression) != "true":
            raise KeyError(fragment.path)  # some columns are in the names of folders
        source = stack.enter_context(fragment.filesystem.open_input_file(fragment.path))
        groups = [each.id for each in fragment.row_groups]
    file = stack.enter_context(arrow().parquet.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER))
    return file, range(file.num_row_groups) if groups is None else groups


def _of_numbers(file: Any, columns: tuple[str, ...]) -> bool:
    types = arrow().types
    kinds = [file.schema_arrow.field(name).type for name in columns]
    return all(types.is_integer(kind) or types.is_boolean(kind) or _is_float(kind) for kind in kinds)


def _is_float(kind: Any) -> bool:
    return arrow().types.is_floating(kind)


def decoding_parquet(graph: Mapping[Any, Any]) -> dict[Any, Any]:
    """A graph of Dask's tasks in which what reads tables of Parquet files as arrays is a `ParquetBlock`."""
    if "dask.dataframe.io.parquet" not in sys.modules:
        return dict(graph)
    changed = {key: _within(key, node) for key, node in graph.items()}
    users = Counter(each for node in changed.values() for each in node.dependencies)
    for key, node in list(changed.items()):
        block = _block(node, changed)
        if block is None:
            continue
        changed[key] = type(node)(key, block)
        for each in block.as_dask[1:]:
            if users[each.key] == 1:
                del changed[each.key]
    return changed


def _within(key: Any, node: Any) -> Any:
    """A task with the same done to the tasks that are fused in it."""
    args: Any = getattr(node, "args", ())
    if getattr(getattr(node, "func", None), "__name__", "") != "_execute_subgraph":
        return node
    inner = decoding_parquet(args[0])
    return type(node)(key, node.func, inner, *args[1:]) if inner != args[0] else node


def _block(node: Any, graph: Mapping[Any, Any]) -> ParquetBlock | None:
    """What a task gives, if it is the array of a table that is read, of all or some of its columns."""
    meta = getattr(node, "kwargs", {}).get("_meta")
    if getattr(getattr(node, "kwargs", {}).get("_func"), "__name__", "") != "values":
        return None
    if not isinstance(meta, np.ndarray) or meta.dtype.kind not in "fiub":
        return None
    chain, chosen = [node], None
    while True:
        names = [each for each in chain[-1].dependencies if each in graph]
        if len(names) != 1 or len(chain[-1].dependencies) != 1:
            break
        chain.append(graph[names[0]])
        if getattr(chain[-1], "func", None) is not operator.getitem:
            break
        chosen = chain[-1].args[1] if chosen is None else chosen
    read = _read(chain[-1])
    if read is None:
        return None
    pieces, columns = read
    columns = columns if chosen is None else [chosen] if isinstance(chosen, str) else chosen
    strings = isinstance(columns, list) and all(isinstance(each, str) for each in columns)
    if not strings or len(set(columns)) != (meta.shape[1] if meta.ndim == 2 else 1):
        return None
    return ParquetBlock(tuple(pieces), tuple(columns), meta.dtype, meta.ndim == 1, tuple(chain))


def _read(node: Any) -> tuple[list[Any], Any] | None:
    """The files and the columns of a task that reads tables; None for any other, and where rows are chosen by their values."""
    function: Any = getattr(node, "func", None)
    args: Any = getattr(node, "args", ())
    kwargs: Any = getattr(node, "kwargs", {})
    name = getattr(function, "__name__", "")
    if type(function).__name__ == "ParquetFunctionWrapper":
        return _read_through_pandas(function, args[0])
    if name == "concat" and args and hasattr(args[0], "args"):
        reads = [_read(each) for each in args[0].args]
        known = [each for each in reads if each is not None]
        if not known or len(known) < len(reads) or any(columns != known[0][1] for _, columns in known):
            return None
        return [piece for pieces, _ in known for piece in pieces], known[0][1]
    index = kwargs.get("index_name")
    if name == "_table_to_pandas" and args and getattr(args[0], "kwargs", {}).get("filters", ()) is None:
        inner = args[0].kwargs
        return [inner["fragment_wrapper"]], [each for each in inner["columns"] or () if each != index]
    if name == "_load_multiple_files" and args and all(filters is None for _, filters in args[0]):
        return [each for each, _ in args[0]], [each for each in args[1] or () if each != index]
    return None


def _read_through_pandas(reader: Any, parts: Any) -> tuple[list[Any], Any] | None:
    parts = getattr(parts, "args", parts if isinstance(parts, list) else [parts])
    pieces = [part.get("piece") if isinstance(part, dict) else None for part in parts]
    files = [
        (reader.fs, *each[:2])
        for each in pieces
        if isinstance(each, tuple) and len(each) == 3 and not each[2]
    ]
    if len(files) < len(pieces) or reader.common_kwargs.get("filters") or reader.dtype_backend:
        return None
    return files, list(reader.columns)


__all__ = ["ParquetBlock", "decoding_parquet"]
