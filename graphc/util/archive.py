"""Named arrays in files: .npz as NumPy writes it, or .safetensors. Never pickle; a file is written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import FormatError, InputError, MissingFileError, brief, brief_text
from graphc.util.files import as_text, check_unpacked, decoding, read_whole, write_whole

SUFFIXES = (".npz", ".safetensors")

_CHECKSUM = "graphc.sha256"
"""The key in a safetensors file's metadata, and the word before the digest in a .npz file's comment, whose CRC-32s are of one
array each and leave the list of them open. Files of other programs and of earlier releases have neither."""


def _safetensors() -> Any:
    try:
        import safetensors.numpy  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise FormatError("files of .safetensors need a package", hint="pip install safetensors") from error
    return safetensors


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of names, types, shapes and elements in C order and little-endian, by name."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        little = array.dtype.newbyteorder("<")
        head = f"{name}\0{array.dtype.name}\0{'x'.join(map(str, array.shape))}\0"
        digest.update(head.encode())
        digest.update(np.ascontiguousarray(array, little).tobytes())
    return digest.hexdigest()


def _checksum(data: bytes) -> str | None:
    """The digest in the metadata of a file of safetensors, whose head is JSON behind its length in eight bytes."""
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return metadata.get(_CHECKSUM)


def _check(shown: str, written: str | None, arrays: Mapping[str, np.ndarray]) -> None:
    if written is not None and written != _digest(arrays):
        raise FormatError(f"{shown} is damaged: its SHA-256 is not the one it was written with")


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(as_text(path)).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{brief(as_text(path), 200)}: parameters are kept in files of {' or '.join(SUFFIXES)}",
            hint="write model.npz",
        )
    return suffix


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuses a path that `write_arrays` would refuse: for another suffix, or a directory that is not there."""
    _suffix(path)
    directory = os.path.dirname(os.path.abspath(as_text(path)))
    if not os.path.isdir(directory):
        raise MissingFileError(
            f"cannot write {brief(as_text(path), 200)}: there is no directory {brief(directory, 200)}",
            hint=f"make it first: os.makedirs({brief(directory, 200)})",
        )


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays of numbers; a file that stands there is replaced when the new one is complete.

    Raises `InputError` for another suffix and `FileError` where it cannot be written.
    """
    listed = _listed(arrays)
    if _suffix(path) == ".safetensors":
        try:
            data = _safetensors().numpy.save(listed, {_CHECKSUM: _digest(listed)})
        except Exception as error:  # complex numbers, say, which the format has not
            raise InputError(
                f"safetensors does not hold these arrays: {brief_text(error, 200)}", hint="write model.npz"
            ) from error
    else:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", allowZip64=True) as archive:
            for name, array in listed.items():
                member = io.BytesIO()
                np.lib.format.write_array(member, array, allow_pickle=False)
                # no time of writing: equal arrays are equal files
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
            archive.comment = f"{_CHECKSUM} {_digest(listed)}".encode()
        data = content.getvalue()
    write_whole(path, data)


def _listed(arrays: Any) -> dict[str, np.ndarray]:
    """The arrays as they are written. Raises `InputError` for what is no array of numbers under a name."""
    if not isinstance(arrays, Mapping):
        raise InputError(
            f"arrays are written by name, not as {brief(arrays)}", hint='write {"weight": array}'
        )
    listed: dict[str, np.ndarray] = {}
    for name, value in arrays.items():
        if (
            not isinstance(name, str)
            or not name
            or "\0" in name
            or not name.isprintable()
            or len(name) > 60_000
        ):
            raise InputError(f"an array's name is a text, not {brief(name)}", hint='write {"weight": array}')
        try:
            array = np.ascontiguousarray(value).reshape(np.shape(value))
        except Exception as error:  # of an object that says it is an array
            raise InputError(f"{brief(name)} is no array: {brief_text(error, 200)}") from error
        if array.dtype.kind not in "biufc":
            raise InputError(
                f"{brief(name)} holds {brief_text(array.dtype)}, and no numbers", hint="array.astype(float)"
            )
        listed[name] = array
    return listed


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The named arrays of a file.

    Raises `FileError` for a file that cannot be read, `FormatError` for one that is truncated or damaged, or holds anything
    but numbers.
    """
    suffix = _suffix(path)
    shown = brief(as_text(path), 200)
    data = read_whole(path)
    if suffix == ".safetensors":
        package = _safetensors()
        with decoding(f"{shown} is no file of safetensors, or damaged"):
            arrays = {name: np.array(array) for name, array in package.numpy.load(data).items()}  # writable
            _check(shown, _checksum(data), arrays)
            return arrays
    with (
        decoding(f"{shown} is no .npz file of numbers, or damaged"),
        zipfile.ZipFile(io.BytesIO(data)) as archive,
    ):
        members = archive.infolist()
        check_unpacked(len(data), sum(info.file_size for info in members))
        arrays: dict[str, np.ndarray] = {}
        for info in members:
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise FormatError(
                    f"{shown} is no .npz file of numbers, or damaged: it holds {brief(name)} twice"
                )
            arrays[name] = _member(archive, info)
        _, marked, written = archive.comment.decode("latin1").partition(f"{_CHECKSUM} ")
        _check(shown, written if marked else None, arrays)
        return arrays


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array; what its head promises is held against the length before anything is allocated."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        head = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = head(file)
        if dtype.kind not in "biufc":
            raise ValueError(
                f"{brief(info.filename)} holds {'objects' if dtype.hasobject else brief_text(dtype)}, and no numbers"
            )
        if any(type(length) is not int or length < 0 for length in shape):
            raise ValueError(f"{brief(info.filename)} has the shape {brief(shape)}")
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{brief(info.filename)} has not the length that its head promises")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def fitting(
    arrays: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray], path: str | os.PathLike[str]
) -> dict[str, np.ndarray]:
    """The arrays of a file for those of a model, which they must match by name, shape and type.

    Raises `FormatError` that names what the model does not have, what the file does not, and what differs.
    """
    shown = brief(as_text(path), 200)
    hint = "the file is of another model"
    unknown = [name for name in arrays if name not in wanted]
    missing = [name for name in wanted if name not in arrays]
    if unknown or missing:
        parts = []
        if unknown:
            parts.append(f"the model has no {', '.join(brief(name) for name in unknown[:3])}")
        if missing:
            parts.append(f"the file has no {', '.join(brief(name) for name in missing[:3])}")
        raise FormatError(f"{shown}: {'; '.join(parts)}", hint=hint)
    for name, array in wanted.items():
        if arrays[name].shape != array.shape:
            raise FormatError(
                f"{shown}: {name!r} has shape {arrays[name].shape} in the file and {array.shape} in the model",
                hint=hint,
            )
        if arrays[name].dtype != array.dtype:
            raise FormatError(
                f"{shown}: {name!r} is {arrays[name].dtype} in the file and {array.dtype} in the model",
                hint=f'build the model on an input of dtype="{arrays[name].dtype}"',
            )
    return {name: arrays[name] for name in wanted}


__all__ = ["check_path", "fitting", "read_arrays", "write_arrays"]
