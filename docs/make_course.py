"""The course: examples/course/*.py, cells of text and code, as notebooks and as pages of the site.

python docs/make_course.py      writes examples/course/*.ipynb

A cell begins with `# %%`, one of text with `# %% [markdown]`. In an exercise, `# %% exercise`, the line `# solution: …` has the
answer: the notebook leaves it out, and the tests put it in the place of the line before it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "course"

CHECK = '''def check(right, hint):
    """Whether an answer is right; a wrong or a missing one is answered with a hint."""
    try:
        good = bool(right())
    except Exception:
        good = False
    print("right" if good else f"not yet: {hint}")'''


def cells(path: Path) -> list[tuple[str, str]]:
    """(kind, text) of the cells: markdown, code or exercise."""
    parts = re.split(r"^# %%(.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    out = []
    for head, body in zip(parts[::2], parts[1::2], strict=True):
        kind = head.strip(" []") or "code"
        text = body.strip("\n")
        out.append((kind, re.sub(r"^# ?", "", text, flags=re.MULTILINE) if kind == "markdown" else text))
    return out


def asked(text: str) -> str:
    """An exercise without its solution."""
    return re.sub(r"^# solution: .*\n", "", text, flags=re.MULTILINE)


def solved(text: str) -> str:
    """An exercise with its solution in the place of the line before it."""
    return re.sub(r"^.*\n# solution: (.*)$", r"\1", text, flags=re.MULTILINE)


def notebook(path: Path) -> str:
    """A notebook of version 4.5, whose cells have fixed names and no output."""
    found = []
    code_seen = False
    for number, (kind, text) in enumerate(cells(path)):
        if kind != "markdown" and not code_seen:
            text, code_seen = f"{text}\n\n\n{CHECK}", True
        cell = {
            "cell_type": "markdown" if kind == "markdown" else "code",
            "id": f"cell-{number}",
            "metadata": {},
        }
        if kind != "markdown":
            cell |= {"execution_count": None, "outputs": []}
        cell["source"] = (asked(text) if kind == "exercise" else text).splitlines(keepends=True)
        found.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": found, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def page(path: Path) -> str:
    """A page of the site, with the solutions folded away."""
    parts = []
    for kind, text in cells(path):
        if kind == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{asked(text) if kind == 'exercise' else text}\n```")
        if kind == "exercise":
            answers = "\n".join(re.findall(r"^# solution: (.*)$", text, re.MULTILINE))
            parts.append(
                f'<details markdown="1"><summary>Solution</summary>\n\n```python\n{answers}\n```\n\n</details>'
            )
    return "\n\n".join(parts) + "\n"


def files() -> list[Path]:
    return sorted(FOLDER.glob("[0-9]_*.py"))


if __name__ == "__main__":
    for each in files():
        each.with_suffix(".ipynb").write_text(notebook(each), encoding="utf-8")
