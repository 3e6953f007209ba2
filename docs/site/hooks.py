"""What the site adds to the pages of docs/: the API, the examples, the changelog; and that every link of it leads somewhere.

`mkdocs build --strict` calls these; docs/make_api.py writes the pages of the API.
"""

from __future__ import annotations

import ast
import importlib.util
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent.parent

COPIED = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
"""Pages of the repository that stand beside docs/, and their places on the site."""


def load(path: Path) -> ModuleType:
    """A Python file of the repository as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example_page(path: Path) -> str:
    """An example with what its first lines say about it."""
    text = path.read_text(encoding="utf-8")
    document = ast.get_docstring(ast.parse(text)) or path.stem
    title, _, rest = document.partition("\n")
    rest = rest.replace("\n    ", "\n\n    ", 1) if "\n    " in rest else rest
    return f"# {title.rstrip('.')}\n\n`examples/{path.name}`\n\n{rest.strip()}\n\n```python\n{text}```\n"


def examples() -> dict[str, str]:
    """Place on the site → text, of every example, and of the page that lists them."""
    pages = {
        f"examples/{path.stem}.md": example_page(path) for path in sorted((ROOT / "examples").glob("*.py"))
    }
    rows = [
        f"| [{posixpath.basename(place).removesuffix('.md')}]({posixpath.basename(place)}) | {text[2:].splitlines()[0]} |"
        for place, text in pages.items()
    ]
    head = (
        "# Examples\n\nScripts that run as they stand, `python examples/NAME.py`; the tests run them.\n\n"
        "| script | what it shows |\n| --- | --- |\n"
    )
    return pages | {"examples/index.md": head + "\n".join(rows) + "\n"}


def generated() -> dict[str, str]:
    """Place on the site → text, of the pages that are not in docs/."""
    pages = {
        new: (ROOT / old).read_text(encoding="utf-8") for old, new in COPIED.items() if (ROOT / old).exists()
    }
    api = load(ROOT / "docs" / "make_api.py")
    course = load(ROOT / "docs" / "make_course.py")
    pages |= {f"course/{path.stem}.md": course.page(path) for path in course.files()}
    return pages | examples() | {f"api/{name}": make() for name, make in api.PAGES.items()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Entries of the navigation whose page is not there are left out, so that a page may come and go."""
    there = set(generated()) | {
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }

    def kept(entry: Any) -> Any:
        if isinstance(entry, dict):
            ((title, inner),) = entry.items()
            inner = kept(inner)
            return {title: inner} if inner else None
        if isinstance(entry, list):
            return [one for one in map(kept, entry) if one]
        return entry if entry in there else None

    config.nav = kept(config.nav)
    return config  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for place, text in generated().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Links that lead out of docs/ lead to the same text on the site."""
    here = page.file.src_uri
    if here == "index.md":
        page.meta["hide"] = ["navigation", "toc"]
    origin = next((old for old, new in COPIED.items() if new == here), f"docs/{here}")

    def led(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        if "://" in target or not target or target.startswith("mailto:"):
            return match[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        if (new := COPIED.get(place)) is None:
            if place.startswith("docs/"):
                new = place.removeprefix("docs/")
            elif place.startswith("examples/course/") and place.endswith(".ipynb"):
                new = f"course/{posixpath.basename(place).removesuffix('.ipynb')}.md"
            elif place.startswith("examples/") and place.endswith(".py") and place.count("/") == 1:
                new = place.removesuffix(".py") + ".md"
            elif place == "examples":
                new = "examples/index.md"
            elif place == "README.md":
                new = "index.md"
            else:
                return match[0]
        if files.get_file_from_path(new) is None:
            return match[0]
        relative = posixpath.relpath(new, posixpath.dirname(here) or ".")
        return f"]({relative}{'#' + anchor if anchor else ''})"

    if here.startswith(("api/", "examples/", "course/")) and page.file.generated_by:
        return markdown
    return re.sub(r"\]\(([^()\s]+)\)", led, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """What the theme leaves to be said for those who use a keyboard or a screen reader; a corner of a table is no heading."""
    output = re.sub(r"<th( [^>]*)?></th>", "<td></td>", output)
    return output.replace(
        'data-md-component="search" role="dialog"',
        'data-md-component="search" role="dialog" aria-label="Search"',
    )


def on_post_template(output: str, **_: Any) -> str:
    """The page for addresses that lead nowhere is none of the documents, and wants the same."""
    return on_post_page(output)


class Links(HTMLParser):
    """What a page links to, what it loads, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places |= {value for key in ("id", "name") if (value := given.get(key))}
        target = given.get("href") or given.get("src") or given.get("data")
        if not target:
            return
        if tag == "a":
            self.targets.append(target)
        elif tag != "link" or given.get("rel") not in ("canonical", "prev", "next", "edit"):
            self.loaded.append(target)


def broken(site: Path) -> list[str]:
    """What is wrong with the links of a built site: what leads nowhere, and what a page would load from another host."""
    pages: dict[Path, Links] = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = Links()
        pages[path].feed(path.read_text(encoding="utf-8"))
    wrong: list[str] = []
    for path, links in pages.items():
        where = path.relative_to(site).as_posix()
        if where == "404.html":
            continue
        for target in links.loaded + links.targets:
            parts = urlsplit(target)
            if parts.scheme in ("data", "mailto", "javascript"):
                continue
            if parts.scheme or parts.netloc:
                wrong += [f"{where} loads {target}"] if target in links.loaded else []
                continue
            leads = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if leads.is_dir():
                leads /= "index.html"
            if not leads.exists():
                wrong.append(f"{where} links to {target}, which does not exist")
            elif parts.fragment and leads in pages and unquote(parts.fragment) not in pages[leads].places:
                wrong.append(f"{where} links to {target}, and there is no such place on that page")
    return wrong


def on_post_build(config: MkDocsConfig) -> None:
    if wrong := broken(Path(config.site_dir).resolve()):
        raise PluginError("\n".join(["links of the site:", *wrong]))
