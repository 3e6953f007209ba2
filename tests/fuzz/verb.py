"""A callable with a valid call, and files that calls read and write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Verb:
    """A callable and its arguments by name; `star` names the parameter that takes any number by position."""

    call: Callable[..., Any]
    arguments: dict[str, Any]
    star: str | None = None

    def __call__(self, **changed: Any) -> Any:
        arguments = {**self.arguments, **changed}
        if self.star is None:
            return self.call(**arguments)
        names = list(self.arguments)
        first = [arguments.pop(name) for name in names[: names.index(self.star)]]
        return self.call(*first, *arguments.pop(self.star), **arguments)


_directory: tempfile.TemporaryDirectory[str] | None = None


def folder() -> Path:
    global _directory
    if _directory is None:
        _directory = tempfile.TemporaryDirectory(prefix="graphc-fuzz-")
    return Path(_directory.name)


def written(name: str, write: Callable[[Path], Any]) -> Path:
    path = folder() / name
    write(path)
    return path


__all__ = ["Verb", "folder", "written"]
