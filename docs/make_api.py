"""The pages of the API reference, from the docstrings of the public names: what `docs/site/hooks.py` puts under api/.

python docs/make_api.py FOLDER      writes them as Markdown
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import click

import graphc as g
from graphc import errors, nn, stats, train
from graphc.analysis.accuracy_report import Accuracy
from graphc.analysis.gradcheck import GradientReport
from graphc.api.sparse import SparseDerivative, Sparsity
from graphc.cli import main as command
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.ir.expr import Expr
from graphc.rewrite.engine.firings import Trace
from graphc.viz.diagnose import Diagnosis
from graphc.viz.diagram import Diagram
from graphc.viz.explain.explanation import Explanation
from graphc.viz.style import Style

VERBS = {
    "Formulas": ("graphc.ir", "graphc.frontend.parse", "graphc.frontend.interop", "graphc.frontend.trace"),
    "Graphs, values and derivatives": ("graphc.api.graph", "graphc.api.evaluate", "graphc.api.functions", "graphc.api.sparse",
                                       "graphc.frontend.vmap", "graphc.frontend.own", "graphc.frontend.recomputation"),
    "Compiling": ("graphc.api.compile", "graphc.api.lambdify", "graphc.compiler"),
    "Optimising and fitting": ("graphc.api.minimize", "graphc.api.curve_fit"),
    "Loops, branches and equations": ("graphc.frontend.control", "graphc.frontend.implicit", "graphc.frontend.ode"),
    "Rewriting": ("graphc.api.rewrites",),
    "Pictures": ("graphc.api.draw", "graphc.viz"),
    "Checks": ("graphc.analysis",),
    "Files and operations of your own": ("graphc.api.serialize", "graphc.frontend.define_op"),
}  # fmt: skip
"""The sections of the page of verbs, and the modules whose public names they hold; what fits none of them comes last."""

CLASSES = (Expr, g.Graph, CompiledFunction, SparseDerivative, Sparsity, Trace, Accuracy, GradientReport, Diagnosis, Diagram,
           Style, Explanation)  # fmt: skip

BLOCK = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def escaped(text: str, own: Collection[str] = ()) -> str:
    """Text whose characters Markdown would read as marks, outside of code; names of parameters, `own`, are no links."""
    parts: list[str] = []
    end = 0
    for code in BLOCK.finditer(text):
        parts += [_plain(text[end : code.start()]), code[0] if code[2] in own else linked(code[0])]
        end = code.end()
    return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    text = re.sub(r"([*_\[\]\\~^])", r"\\\1", text).replace("<", "&lt;")
    return re.sub(r"^(\s*)([-+#>]|\d+\.)(?=\s)", r"\1\\\2", text, flags=re.MULTILINE)


def linked(code: str) -> str:
    """`name` in backticks, as a link where it is a public name."""
    name = code.strip("`").removeprefix("g.").split("(")[0]
    place = places().get(name)
    return f"[{code}]({place})" if place and re.fullmatch(r"`[\w.]+(\(.*\))?`", code) else code


def entry_lines(lines: list[str], own: Collection[str]) -> list[str]:
    """Lines `name : meaning` with their continuations, as a list; others as they are."""
    out: list[str] = []
    for line in lines:
        found = re.match(r"(\S[^:]*?) : (.*)$", line)
        if found and not line.startswith(" "):
            names = ", ".join(f"`{name.strip()}`" for name in found[1].split(","))
            out += [f"- {names}: {escaped(found[2], own)}"]
        else:
            out.append("  " + escaped(line.strip(), own))
    return out


def markdown(document: str, own: Collection[str] = ()) -> str:
    """A docstring as Markdown: doctests and indented code become blocks, tables of parameters become lists."""
    out: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(document)):
        lines = paragraph.splitlines()
        if not lines:
            continue
        if lines[0].lstrip().startswith(">>>"):
            body = inspect.cleandoc("\n".join(lines))
            if out and out[-1].startswith("```pycon"):
                out[-1] = out[-1].removesuffix("\n```") + f"\n\n{body}\n```"
            else:
                out.append(f"```pycon\n{body}\n```")
            continue
        if len(lines) > 1 and re.fullmatch(r"-{3,}", lines[1]):
            out.append(f"**{lines[0]}**")
            lines = lines[2:]
            out.append("\n".join(entry_lines(lines, own)))
        elif all(line.startswith("    ") for line in lines):
            inner = [line[4:] for line in lines]
            entries = re.match(r"\S[^:=()]*? : ", inner[0])
            out.append(
                "\n".join(entry_lines(inner, own)) if entries else "```text\n" + "\n".join(inner) + "\n```"
            )
        elif re.match(r"\w[\w, ]* : ", lines[0]):
            flat = [line.removeprefix("    ") if " : " in line else line for line in lines]
            out.append("\n".join(entry_lines(flat, own)))
        else:
            cut = next((i for i, line in enumerate(lines) if line.lstrip().startswith(">>>")), len(lines))
            out.append(escaped("\n".join(lines[:cut]), own))
            if cut < len(lines):
                out.append("```pycon\n" + inspect.cleandoc("\n".join(lines[cut:])) + "\n```")
    return "\n\n".join(out)


def signature(name: str, value: Any) -> str:
    """How a name is called, without the annotations, which repeat what the text says; empty where Python knows none."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    plain = [
        parameter.replace(annotation=parameter.empty)
        for key, parameter in found.parameters.items()
        if key != "self" and not key.startswith("_")
    ]
    try:
        text = str(found.replace(parameters=plain, return_annotation=found.empty))
    except ValueError:
        return ""
    text = re.sub(r"<(\w+)[^<>]*>", r"\1", text)
    call = f"{name}{text}"
    if len(call) > 88:
        inner = ",\n    ".join(_split(text[1:-1]))
        call = f"{name}(\n    {inner},\n)"
    return f"```python\n{call}\n```\n"


def _split(arguments: str) -> Iterable[str]:
    """Arguments of a signature, cut at the commas that stand in no bracket."""
    depth, part = 0, ""
    for sign in arguments:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and not depth:
            yield part.strip()
            part = ""
        else:
            part += sign
    yield part.strip()


def entry(name: str, value: Any, shown: str, level: int = 3) -> str:
    """One name: heading, signature, text."""
    head = f"{'#' * level} `{shown}` {{ #{name} }}\n"
    call = signature(shown, value) if callable(value) else ""
    return f"{head}\n{call}\n{markdown(inspect.getdoc(value) or '', parameters(value))}\n"


def parameters(value: Any) -> Collection[str]:
    """The names of what a callable takes."""
    try:
        return inspect.signature(value).parameters.keys() if callable(value) else ()
    except (TypeError, ValueError):
        return ()


def summary(value: Any) -> str:
    """The first sentence of a docstring, in one line of a table."""
    first = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.;:]) ", first)[0].rstrip(";:")
    return escaped(sentence).replace("|", "\\|")


def methods(cls: type) -> dict[str, Any]:
    """The public methods and properties of a class of graphc, with those that it inherits from graphc's own."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("graphc"):
            for name, value in vars(base).items():
                if not name.startswith("_") and (
                    callable(value) or isinstance(value, property | classmethod | staticmethod)
                ):
                    found.setdefault(name, value)
    return found  # fmt: skip


def is_operation(name: str) -> bool:
    return name in g.operations() or getattr(getattr(g, name), "__module__", "").startswith("graphc.ops")


def verbs() -> dict[str, list[str]]:
    """Section → the verbs of it."""
    sections: dict[str, list[str]] = {title: [] for title in VERBS} | {"Others": []}
    for name in g.__all__:
        value = getattr(g, name)
        if is_operation(name) or not callable(value) or (inspect.isclass(value) and value in CLASSES):
            continue
        module = getattr(value, "__module__", None) or ""
        places = (title for title, roots in VERBS.items() if module.startswith(roots))
        sections[next(places, "Others")].append(name)
    return {title: names for title, names in sections.items() if names}


def operations() -> dict[str, list[str]]:
    """Module of declarations → its public names, and what the module is for."""
    out: dict[str, list[str]] = defaultdict(list)
    for module in sorted(
        {name for name in sys.modules if name.startswith("graphc.ops.") and name.count(".") == 2}
    ):
        for name in getattr(sys.modules[module], "__all__", ()):
            if name in g.__all__:
                out[module].append(name)
    return dict(out)


@cache
def places() -> dict[str, str]:
    """Public name → page and anchor."""
    found = {name: f"operations.md#{name}" for names in operations().values() for name in names}
    found |= {name: f"verbs.md#{name}" for names in verbs().values() for name in names}
    found |= {cls.__name__: f"classes.md#{cls.__name__}" for cls in CLASSES}
    found |= {name: f"errors.md#{name}" for name in error_classes()}
    for module in (nn, train, stats):
        short = module.__name__.removeprefix("graphc.")
        found |= {f"{short}.{name}": f"{short}.md#{name}" for name in module.__all__}
    return found


def error_classes() -> dict[str, type]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, (errors.GraphcError, Warning)) and not name.startswith("_")
    }  # fmt: skip


def _sections(title: str, text: str, sections: dict[str, list[str]], owner: Any, prefix: str) -> str:
    parts = [f"# {title}\n\n{text}\n"]
    for heading, names in sections.items():
        parts.append(f"\n## {heading}\n")
        parts += [entry(name, getattr(owner, name), f"{prefix}{name}") for name in names]
    return "\n".join(parts)


def verbs_page() -> str:
    text = "The public verbs: `import graphc as g`. What they take and return is on the page of [classes](classes.md)."
    return _sections("Verbs", text, verbs(), g, "g.")


def operations_page() -> str:
    parts = [
        "# Operations\n\nWhat formulas are made of, by module of their declaration. Their derivatives, types and error\n"
        "bounds are in [the table of operations](../ops.md).\n"
    ]
    for module, names in operations().items():
        first = (sys.modules[module].__doc__ or "").split("\n")[0]
        parts.append(f"\n## {module.rsplit('.', 1)[1].replace('_', ' ').capitalize()}\n\n{escaped(first)}\n")
        parts += [entry(name, getattr(g, name), f"g.{name}") for name in names]
    return "\n".join(parts)


def classes_page() -> str:
    parts = ["# Classes\n\nWhat verbs take and return, with the public methods of each.\n"]
    for cls in CLASSES:
        parts.append(f"\n## {cls.__name__} {{ #{cls.__name__} }}\n\n{markdown(inspect.getdoc(cls) or '')}\n")
        for name, value in methods(cls).items():
            plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if inspect.getdoc(plain):
                parts.append(entry(f"{cls.__name__}.{name}", plain, f".{name}"))
    return "\n".join(parts)


def errors_page() -> str:
    parts = [f"# Errors\n\n{markdown(errors.__doc__ or '')}\n"]
    for name, cls in error_classes().items():
        bases = ", ".join(base.__name__ for base in cls.__bases__)
        text = markdown(cls.__doc__ or "")
        parts.append(f"## `{name}` {{ #{name} }}\n\nA kind of `{bases}`.\n\n{text}\n")
    return "\n".join(parts)


def module_page(module: Any) -> str:
    short = module.__name__.removeprefix("graphc.")
    kinds: dict[str, list[str]] = {"Classes": [], "Functions": [], "Values": []}
    for name in module.__all__:
        value = getattr(module, name)
        kinds[
            "Classes" if inspect.isclass(value) else "Functions" if inspect.isroutine(value) else "Values"
        ].append(name)
    parts = [f"# graphc.{short}\n\n{markdown(module.__doc__ or '')}\n"]
    for heading, names in kinds.items():
        if not names:
            continue
        parts.append(f"\n## {heading}\n")
        for name in names:
            value = getattr(module, name)
            parts.append(entry(name, value, f"{short}.{name}"))
            if inspect.isclass(value):
                for method, member in vars(value).items():
                    if not method.startswith("_") and callable(member) and inspect.getdoc(member):
                        parts.append(entry(f"{name}.{method}", member, f".{method}", level=4))
            elif heading == "Values" and type(value).__module__.startswith("graphc"):
                named = [key for key, member in methods(type(value)).items() if inspect.getdoc(member)]
                parts.append("Methods: " + ", ".join(f"`{key}`" for key in named) + ".\n" if named else "")
    return "\n".join(parts)


def command_page() -> str:
    assert isinstance(command, click.Group)
    context = click.Context(command, info_name="graphc")
    parts = [f"# The command line\n\n```text\n{command.get_help(context)}\n```\n"]
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            text = inner.get_help(click.Context(inner, info_name=name, parent=context))
            parts.append(f"## `graphc {name}` {{ #{name} }}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def index_page() -> str:
    parts = [
        "# The API\n\nEvery public name with the first sentence of its documentation, made from the docstrings.\n"
    ]
    where = {"verbs.md": "Verbs", "classes.md": "Classes", "operations.md": "Operations", "errors.md": "Errors",
             "nn.md": "graphc.nn", "train.md": "graphc.train", "stats.md": "graphc.stats"}  # fmt: skip
    rows: dict[str, list[str]] = {file: [] for file in where}
    for name, place in places().items():
        file = place.split("#")[0]
        rows[file].append(f"| [`{name}`]({place}) | {summary(_value(name, file))} |")
    for file, title in where.items():
        parts.append(f"\n## {title}\n\n| name | |\n| --- | --- |\n" + "\n".join(rows[file]) + "\n")
    parts.append("\nThe [command line](command.md) has a page of its own.\n")
    return "\n".join(parts)


def _value(name: str, file: str) -> Any:
    if file == "classes.md":
        return next(cls for cls in CLASSES if cls.__name__ == name)
    if file == "errors.md":
        return getattr(errors, name)
    if "." in name:
        module, short = name.split(".")
        return getattr(importlib.import_module(f"graphc.{module}"), short)
    return getattr(g, name)


PAGES: dict[str, Callable[[], str]] = {
    "index.md": index_page,
    "verbs.md": verbs_page,
    "classes.md": classes_page,
    "operations.md": operations_page,
    "nn.md": lambda: module_page(nn),
    "train.md": lambda: module_page(train),
    "stats.md": lambda: module_page(stats),
    "errors.md": errors_page,
    "command.md": command_page,
}


def main(folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        Path(folder, name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
