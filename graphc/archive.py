"""Named arrays in files: .npz as NumPy writes it, or .safetensors. Never pickle; a file is written whole or not at all."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import FormatError, InputError, MissingFileError, brief
from graphc.files import as_text, read_whole, write_whole

SUFFIXES = (".npz", ".safetensors")


def _safetensors() -> Any:
    try:
        import safetensors.numpy  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise FormatError("files of .safetensors need a package", hint="pip install safetensors") from error
    return safetensors


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(as_text(path)).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{brief(os.fspath(path), 200)}: parameters are kept in files of {' or '.join(SUFFIXES)}",
            hint="write model.npz",
        )
    return suffix


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuses a path that `write_arrays` would refuse: for another suffix, or a directory that is not there."""
    _suffix(path)
    directory = os.path.dirname(os.path.abspath(os.fspath(path)))
    if not os.path.isdir(directory):
        raise MissingFileError(
            f"cannot write {brief(os.fspath(path), 200)}: there is no directory {brief(directory, 200)}",
            hint=f"make it first: os.makedirs({brief(directory, 200)})",
        )


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays of numbers; a file that stands there is replaced when the new one is complete.

    Raises `InputError` for another suffix and `FileError` where it cannot be written.
    """
    listed = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    if _suffix(path) == ".safetensors":
        data = _safetensors().numpy.save(listed)
    else:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", allowZip64=True) as archive:
            for name, array in listed.items():
                member = io.BytesIO()
                np.lib.format.write_array(member, array, allow_pickle=False)
                # no time of writing: equal arrays are equal files
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
        data = content.getvalue()
    write_whole(path, data)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The named arrays of a file.

    Raises `FileError` for a file that cannot be read, `FormatError` for one that is truncated or damaged, or holds anything
    but numbers.
    """
    suffix = _suffix(path)
    shown = brief(os.fspath(path), 200)
    data = read_whole(path)
    if suffix == ".safetensors":
        package = _safetensors()
        try:
            found = package.numpy.load(data)
        except (package.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise FormatError(f"{shown} is no file of safetensors, or damaged: {error}") from error
        return {name: np.array(array) for name, array in found.items()}  # writable
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except (
        zipfile.BadZipFile, ValueError, EOFError, OSError, KeyError, NotImplementedError, RuntimeError, MemoryError,
    ) as error:  # fmt: skip
        raise FormatError(f"{shown} is no .npz file of numbers, or damaged: {error}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array; what its head promises is held against the length before anything is allocated."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        head = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = head(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects")
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{info.filename} has not the length that its head promises")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def fitting(
    found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray], path: str | os.PathLike[str]
) -> dict[str, np.ndarray]:
    """The arrays of a file for those of a model, which they must match by name, shape and type.

    Raises `FormatError` that names what the model does not have, what the file does not, and what differs.
    """
    shown = brief(os.fspath(path), 200)
    hint = "the file is of another model"
    unknown = [name for name in found if name not in wanted]
    missing = [name for name in wanted if name not in found]
    if unknown or missing:
        parts = []
        if unknown:
            parts.append(f"the model has no {', '.join(brief(name) for name in unknown[:3])}")
        if missing:
            parts.append(f"the file has no {', '.join(brief(name) for name in missing[:3])}")
        raise FormatError(f"{shown}: {'; '.join(parts)}", hint=hint)
    for name, array in wanted.items():
        if found[name].shape != array.shape:
            raise FormatError(
                f"{shown}: {name!r} has shape {found[name].shape} in the file and {array.shape} in the model",
                hint=hint,
            )
        if found[name].dtype != array.dtype:
            raise FormatError(
                f"{shown}: {name!r} is {found[name].dtype} in the file and {array.dtype} in the model",
                hint=f'build the model on an input of dtype="{found[name].dtype}"',
            )
    return {name: found[name] for name in wanted}


__all__ = ["check_path", "fitting", "read_arrays", "write_arrays"]
