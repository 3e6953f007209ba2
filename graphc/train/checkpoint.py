"""Checkpoints: everything that training needs to go on to the same bits, in one file of .npz."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.archive import fitting, read_arrays, write_arrays
from graphc.errors import FormatError, brief

META = "meta"
FORMAT = 1


def write_checkpoint(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
) -> None:
    """Write arrays and a record of plain data beside them, whole or not at all."""
    text = json.dumps({"format": FORMAT, **meta}, sort_keys=True)
    write_arrays(path, {**arrays, META: np.frombuffer(text.encode(), dtype=np.uint8)})


def read_checkpoint(
    path: str | os.PathLike[str], wanted: Mapping[str, np.ndarray], same: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the record of a checkpoint of this training.

    wanted : the arrays that it must match by name, shape and type
    same : what its record must say; the seed, say

    Raises `FormatError` for a file that is damaged, no checkpoint, or one of another model or another training.
    """
    shown = brief(os.fspath(path), 200)
    found = read_arrays(path)
    raw = found.pop(META, None)
    if raw is None or raw.dtype != np.uint8:
        raise FormatError(
            f"{shown} is no checkpoint: it has no record", hint="model.load reads what model.save wrote"
        )
    try:
        meta = json.loads(raw.tobytes().decode())
        known = isinstance(meta, dict) and meta.get("format") == FORMAT and _sound(meta)
    except (ValueError, RecursionError):
        known, meta = False, {}
    if not known:
        raise FormatError(f"{shown}: the record of the checkpoint is damaged, or of a newer version")
    for name, value in same.items():
        if meta.get(name) != value:
            raise FormatError(
                f"{shown} is of another training: its {name} is {brief(meta.get(name), 80)}, not {brief(value, 80)}",
                hint="resume with what it began with, or choose another file",
            )
    return fitting(found, wanted, path), meta


def _sound(meta: dict[str, Any]) -> bool:
    """Whether the record holds what going on needs."""
    counts = all(isinstance(meta.get(name), int) and meta[name] >= 0 for name in ("epoch", "batch"))
    total = isinstance(meta.get("total"), (int, float))
    records = meta.get("history")
    return (
        counts and total and isinstance(records, list) and all(isinstance(record, dict) for record in records)
    )


__all__ = ["read_checkpoint", "write_checkpoint"]
