"""Checkpoints: everything that training needs to go on to the same bits, in one file of .npz."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from graphc.errors import FormatError, brief
from graphc.util.archive import fitting, read_arrays, write_arrays
from graphc.util.files import as_text

RECORDED = frozenset(("epoch", "loss", "rate", "seconds"))
"""What every record of the history holds beside the metrics."""

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
    shown = brief(as_text(path), 200)
    arrays = read_arrays(path)
    raw = arrays.pop(META, None)
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
    return fitting(arrays, wanted, path), meta


def _sound(meta: dict[str, Any]) -> bool:
    """Whether the record holds what going on needs, and the history is one: numbers by the same names, epochs that rise."""
    records = meta.get("history")
    if not (_counts(meta.get("epoch")) and _counts(meta.get("batch")) and _is_number(meta.get("total"))):
        return False
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return False
    epochs = [0, *(record.get("epoch") for record in records), meta["epoch"]]
    rising = (
        all(map(_counts, epochs))
        and all(a < b for a, b in pairwise(epochs[:-1]))
        and epochs[-2] <= epochs[-1]
    )
    alike = all(record.keys() == records[0].keys() >= RECORDED for record in records)
    return rising and alike and all(_is_number(value) for record in records for value in record.values())


def _counts(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) is float or _counts(value)


__all__ = ["RECORDED", "read_checkpoint", "write_checkpoint"]
