"""Builds wheel and sdist so that the same commit gives the same bytes.

SOURCE_DATE_EPOCH=… python packaging/build.py [FOLDER]     needs the package `build`; without the variable, the commit's date

The wheel is reproducible as setuptools writes it. The sdist records who built it and when, so its archive is written again:
members in order of their names, one date, no owner, plain modes.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def date() -> int:
    """The time that everything in an archive is of: SOURCE_DATE_EPOCH, or that of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def normalised(path: Path, when: int) -> None:
    """Write a .tar.gz again without what depends on the builder."""
    with tarfile.open(path) as archive:
        members = sorted((member for member in archive if member.isfile()), key=lambda member: member.name)
        contents = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            plain = tarfile.TarInfo(member.name)
            plain.size, plain.mtime, plain.mode = len(contents[member.name]), when, 0o644
            archive.addfile(plain, io.BytesIO(contents[member.name]))
    with path.open("wb") as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=when) as packed:
        packed.write(text.getvalue())


def main(folder: str = "dist") -> None:
    when = date()
    os.umask(0o022)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(when)}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "build", "--outdir", str(Path(folder).resolve()), str(ROOT)]
    subprocess.run(command, check=True, env=environment)
    for sdist in Path(folder).glob("*.tar.gz"):
        normalised(sdist, when)


if __name__ == "__main__":
    main(*sys.argv[1:])
