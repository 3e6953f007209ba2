"""Writes docs/dev/map.md, a line for every file of graphc, from the first lines of their docstrings.

python docs/make_map.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dev" / "map.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"

DIVIDED = ("rewrite", "compiler")
"""The rooms that have rooms inside, in the order of the page."""

HEAD = """# Map

Every file of graphc with what it is for, in the order of the rooms: imports point to what stands earlier. Written by
`python docs/make_map.py` from the first sentences of the files; tests/test_house.py holds it, and every import, against the code.
"""


def rooms() -> list[str]:
    """The rooms in their order, those inside of two of them in their places, as docs/architecture.md lists them."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    orders = [
        re.findall(r"`([\w/]+)`", line)
        for line in text.splitlines()
        if line.startswith("`") and " < " in line
    ]
    outer, *inner = orders
    inside = dict(zip(DIVIDED, inner, strict=True))
    return [part for room in outer for part in [*[f"{room}/{name}" for name in inside.get(room, ())], room]]


def room_of(file: str, order: list[str]) -> str | None:
    """The room that a file below graphc/ stands in: the longest that leads to it."""
    name = file.removesuffix(".py")
    fitting = [room for room in order if name == room or name.startswith(room + "/")]
    return max(fitting, key=len, default=None)


def first_sentence(path: Path) -> str:
    """What a file is for."""
    document = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(document.split("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", paragraph)[0]


def page() -> str:
    """The page."""
    order = rooms()
    files: dict[str, list[str]] = {room: [] for room in order}
    for path in sorted((ROOT / "graphc").rglob("*.py")):
        file = path.relative_to(ROOT / "graphc").as_posix()
        room = room_of(file, order)
        if room is not None and path.stat().st_size:
            files[room].append(file)
    lines = [HEAD]
    for room, listed in files.items():
        if not listed:
            continue
        lines.append(f"\n## {room}\n\n| file | what it is for |\n| --- | --- |\n")
        for file in listed:
            lines.append(
                f"| `{file}` | {first_sentence(ROOT / 'graphc' / file).replace('|', chr(92) + '|')} |\n"
            )
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
