"""Expressions as text and as LaTeX, of bounded length, without recursion.

The text is in the grammar of `parse` and reads back as the same expression unless it was shortened. A shared node is printed
where it is used, so a graph with much sharing would print as exponentially many characters: the budget cuts it.

The printer reads nodes by their fields alone (`op`, `operands`, `value`, `name`), so that it lies below `expr`.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.ir.attribute_text import key_pieces, show
from graphc.ir.formatting import GREEK, split_name
from graphc.ir.op import ATOM, NO_DEFAULT, POWER, UNARY, Attribute, Op
from graphc.ir.types import weak_dtype

_PLACE = re.compile(r"\[(\d)\]|<(\d)>")

_GREEK = frozenset(GREEK)

_GREEK_LETTERS = {letter: name for name, letter in GREEK.items()}

_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
}  # fmt: skip


def format_number(value: Any) -> str:
    """The shortest text that reads back as the same value of its type; whole floats without a point.

    >>> format_number(2.0), format_number(0.1), format_number(-0.0), format_number(True)
    ('2', '0.1', '-0.0', 'True')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if math.isnan(value) or math.isinf(value):
        return str(float(value))
    if value == int(value) and abs(float(value)) < 1e15 and not (value == 0 and math.copysign(1, value) < 0):
        return str(int(value))
    return str(value)


def latex_escape(text: str) -> str:
    """Text made safe inside LaTeX's text mode."""
    return "".join(_LATEX_SPECIAL.get(character, character) for character in text)


def latex_name(name: str) -> str:
    """A symbol's name in LaTeX: Greek names as letters, what follows an underscore or closing digits as index.

    >>> latex_name("x"), latex_name("theta_12"), latex_name("w1"), latex_name("rate"), latex_name("δ₁"), latex_name("x_max_i")
    ('x', '\\\\theta_{12}', 'w_{1}', '\\\\mathrm{rate}', '\\\\delta_{1}', 'x_{\\\\mathrm{max},i}')
    """
    base, parts = split_name(name)
    letters = _latex_letters(base)
    if letters is None:
        return rf"\mathrm{{{latex_escape(name)}}}"
    if not parts:
        return letters
    index = [_latex_letters(part, 3) or part for part in parts]
    return f"{letters}_{{{','.join(index)}}}"


def _latex_letters(text: str, upright: int = 2) -> str | None:
    """Letters in LaTeX: those of Greek as commands, words upright from some length on; None for what has no form there."""
    bare = text.rstrip("′")
    primes = "'" * (len(text) - len(bare))
    if bare in _GREEK:
        return f"\\{bare}{primes}"
    if len(bare) == 1 and bare in _GREEK_LETTERS:
        return f"\\{_GREEK_LETTERS[bare]}{primes}"
    if not bare.isalnum():
        return None
    return (rf"\mathrm{{{bare}}}" if len(bare) >= upright and not bare.isdecimal() else bare) + primes


def latex_number(value: Any) -> str:
    text = format_number(value)
    match = re.fullmatch(r"(-?[\d.]+)e([+-]?\d+)", text)
    if match:
        return rf"{match[1]} \cdot 10^{{{int(match[2])}}}"
    return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}.get(text, text)


@cache
def _pieces(op: Op, latex: bool) -> tuple[str | tuple[int, int], ...]:
    """A template cut at its places: texts, and (operand, least unbracketed precedence)."""
    notation = op.notation
    template = notation.latex if latex else notation.text
    if template is None:
        inner = ", ".join(f"<{slot}>" for slot in range(op.arity))
        if latex:
            template = rf"\operatorname{{{latex_escape(op.name)}}}\left({inner}\right)"
        else:
            template = f"{op.name}({inner})"
    pieces: list[str | tuple[int, int]] = []
    end = 0
    for match in _PLACE.finditer(template):
        pieces.append(template[end : match.start()])
        if match[1] is not None:
            slot = int(match[1])
            pieces.append((slot, notation.left if slot == 0 else notation.right))
        else:
            pieces.append((int(match[2]), 0))
        end = match.end()
    pieces.append(template[end:])
    return tuple(pieces)


Piece = str | tuple[int, int]


def _array_pieces(node: Any, latex: bool) -> tuple[Piece, ...]:
    """The pieces of an operation on arrays, which has any number of operands and static arguments."""
    op: Op = node.op
    if op.name == "index":
        return _indexed(node, latex, 1)
    if op.name in ("call", "function", "foreign"):
        return _called(node, latex)
    if op.name in ("at_set", "at_add"):
        opening = rf"\operatorname{{{latex_escape(op.name)}}}\left(" if latex else f"{op.name}("
        return opening, *_indexed(node, latex, 2), ", ", (1, 0), r"\right)" if latex else ")"
    if (op.notation.latex if latex else op.notation.text) is not None:
        return _pieces(op, latex)
    if op.name == "permute_dims" and node.attrs == (tuple(reversed(range(len(node.shape)))),) and node.shape:
        return (0, ATOM), r"^{\top}" if latex else ".T"
    over = _over_axes(node) if latex else None
    if over is not None:
        return over
    if (
        latex
        and op.name == "norm"
        and not any(
            _is_told(known, attr, node.operands)
            for known, attr in zip(op.attributes, node.attrs, strict=True)
        )
    ):
        return r"\left\|", (0, 0), r"\right\|"
    texts = [f'"{attr}"' for known, attr in zip(op.attributes, node.attrs, strict=True) if known.text]
    items: list[list[Piece]] = [[text] for text in texts]
    for slot in range(len(node.operands)):
        items.append([(slot, 0)])
    for known, attr in zip(op.attributes, node.attrs, strict=True):
        # of one number min and max are written with their axis: without, they are read as those of several numbers
        single = op.name in ("max", "min") and known.name == "axis" and not node.operands[0].shape
        if known.text or not (single or _is_told(known, attr, node.operands)):
            continue
        by_keyword = op.params or known.default is not NO_DEFAULT
        items.append([f"{known.name}={show(attr)}" if by_keyword else show(attr)])
    if latex:
        items = [
            [rf"\mathrm{{{latex_escape(piece)}}}" if isinstance(piece, str) else piece for piece in item]
            for item in items
        ]
    pieces: list[Piece] = [rf"\operatorname{{{latex_escape(op.name)}}}\left(" if latex else f"{op.name}("]
    for number, item in enumerate(items):
        pieces += [", ", *item] if number else item
    return *pieces, r"\right)" if latex else ")"


def axes_below(node: Any) -> str:
    """The axes that a reduction runs over: their names where they have some, else their numbers from 0; empty for all of them.

    Of an operation that keeps its shape, as softmax, every axis is told but the last one; of running sums that one too.
    """
    known = dict(zip((attribute.name for attribute in node.op.attributes), node.attrs, strict=True))
    axis, shape = known.get("axis"), node.operands[0].shape
    if axis is None or not shape:
        return ""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not all(isinstance(n, int) for n in axes):
        return ""
    axes = tuple(n % len(shape) for n in axes)
    keeps = node.shape == shape and (len(shape) == 1 or not node.op.name.startswith("cum"))
    if (keeps and axes == (len(shape) - 1,)) or (not keeps and len(axes) == len(shape)):
        return ""
    return ",".join(str(shape[n]) if not isinstance(shape[n], int) else str(n) for n in axes)


_SIGNS_OVER_AXES = {
    "sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min", "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}", "mean": r"\operatorname*{mean}", "var": r"\operatorname*{var}",
}  # fmt: skip
"""How reductions are written in LaTeX, with their axes below."""

_NAMES_OVER_AXES = frozenset("std any all logsumexp softmax log_softmax cumsum cumprod".split())
"""Those that are written by their name."""


def _over_axes(node: Any) -> tuple[Piece, ...] | None:
    """The pieces of a reduction in LaTeX, its axes below its sign; None where the rest of its settings would be lost."""
    name = node.op.name
    sign = _SIGNS_OVER_AXES.get(name)
    if name in _NAMES_OVER_AXES or (name == "norm" and axes_below(node)):
        star = "*" if axes_below(node) else ""
        sign = rf"\operatorname{star}{{{latex_escape(name)}}}"
    told = [
        known.name
        for known, attr in zip(node.op.attributes, node.attrs, strict=True)
        if known.name not in ("axis", "keepdims") and _is_told(known, attr, node.operands)
    ]
    if sign is None or told or len(node.operands) != 1:
        return None
    below = axes_below(node)
    under = rf"_{{\mathrm{{{latex_escape(below)}}}}}" if below else ""
    return rf"{sign}{under}\left(", (0, 0), r"\right)"


def _called(node: Any, latex: bool) -> tuple[Piece, ...]:
    """A function of the user's by its name, and which of its results a node is where there are several."""
    name, number = node.attrs[0], node.attrs[-1]
    count = len(node.attrs[1].outputs) if node.op.name in ("call", "function") else len(node.attrs[2])
    pieces: list[Piece] = [rf"\operatorname{{{latex_escape(name)}}}\left(" if latex else f"{name}("]
    for slot in range(len(node.operands)):
        pieces += [", ", (slot, 0)] if slot else [(slot, 0)]
    which = f"[{number}]" if count > 1 else ""
    return *pieces, (r"\right)" if latex else ")") + which


def array_label(node: Any) -> str:
    """An operation on arrays in a diagram: its label with the static arguments that are not their defaults."""
    op: Op = node.op
    if op.name == "index":
        return "".join("·" if piece is None else piece for piece in key_pieces(node.attrs[0]))
    if op.name == "permute_dims" and node.attrs == ((1, 0),):
        return "transpose"
    texts = []
    for known, attr in zip(op.attributes, node.attrs, strict=True):
        if known.name != "key" and _is_told(known, attr, node.operands):
            texts.append(show(attr) if known.required else f"{known.name}={show(attr)}")
    return " ".join([op.label, *texts])


def _is_told(known: Attribute, attr: Any, operands: tuple[Any, ...]) -> bool:
    """Whether a static argument is printed: where it is not its default."""
    if not known.shown:
        return False
    if known.default is NO_DEFAULT:
        return True
    try:
        return known.check(known.name, known.default, operands) != attr
    except GraphcError:
        return True


def _indexed(node: Any, latex: bool, first: int) -> tuple[Piece, ...]:
    """The operand with its key in square brackets, or in LaTeX as an index."""
    pieces: list[Piece] = [(0, ATOM)]
    slot = first
    for piece in key_pieces(node.attrs[0]):
        if piece is None:
            pieces.append((slot, 0))
            slot += 1
        else:
            pieces.append({"[": "_{", "]": "}"}.get(piece, latex_escape(piece)) if latex else piece)
    return tuple(pieces)


def shown_name(name: str) -> str:
    """A symbol's name as it is read: of what a loop, a branch or `vmap` calls a function with, without what tells it from others.

    >>> shown_name("carry\\x003"), shown_name("\\x010")
    ('carry', '_0')
    """
    if name[:1] == "\1":  # an argument of a body, which has a place alone
        return f"_{name[1:]}"
    return name.split("\0")[0] or name


def _leaf(node: Any, latex: bool) -> tuple[str, int]:
    """The printed form of a symbol or constant and its precedence."""
    if node.op.name == "symbol":
        name = shown_name(node.name)
        return (latex_name(name) if latex else name), ATOM
    value = node.value
    if isinstance(value, np.ndarray) and value.ndim:
        text = f"array<{'×'.join(map(str, value.shape))}>"
        return (rf"\mathrm{{{text.replace('×', 'x')}}}" if latex else text), ATOM
    value = value[()] if isinstance(value, np.ndarray) else value
    text = latex_number(value) if latex else format_number(value)
    return text, UNARY if text.startswith("-") else ATOM


def _number_texts(node: Any) -> dict[int, str]:
    """For each operand that is a number, by slot, a text that `parse` reads as this very constant.

    A number as it stands is weakly typed by what is beside it: where that gives another type than the
    constant's, 2 becomes 2.0, and what that does not mend int64(2) or float32(2).
    """
    numbers = {
        slot: operand
        for slot, operand in enumerate(node.operands)
        if operand.op.name == "constant" and not operand.shape
    }
    if not numbers:
        return {}
    texts = {slot: format_number(operand.value) for slot, operand in numbers.items()}
    if not _read_back(node, numbers, texts):
        for slot, operand in numbers.items():
            if operand.dtype.kind == "f" and re.fullmatch(r"-?\d+", texts[slot]):
                texts[slot] += ".0"
        if not _read_back(node, numbers, texts):
            return {slot: f"{numbers[slot].dtype}({text})" for slot, text in texts.items()}
    if node.op.name == "negative" and not texts[0].startswith("-"):
        texts[0] = f"({texts[0]})"  # -2 is a constant, -(2) a negated one
    return texts


def _read_back(node: Any, numbers: dict[int, Any], texts: dict[int, str]) -> bool:
    """Whether numbers written so are typed as the constants are (the rule of `expr.as_operands`)."""
    group = node.op.types.group
    together = [slot for slot in range(len(node.operands)) if group is None or slot in group]
    strong = [node.operands[slot].dtype for slot in together if slot not in numbers]
    kinds = {slot: _kind(text) for slot, text in texts.items()}
    any_float = not strong and any(kinds.get(slot) is float for slot in together)
    for slot, operand in numbers.items():
        kind = float if any_float and slot in together and kinds[slot] is int else kinds[slot]
        if weak_dtype(kind(1), strong if slot in together else ()) != operand.dtype:
            return False
    return True


def _kind(text: str) -> type:
    return bool if text in ("True", "False") else int if re.fullmatch(r"-?\d+", text) else float


def render(node: Any, *, latex: bool = False, budget: int = 2000) -> str:
    """An expression as text or LaTeX; past about `budget` characters an ellipsis stands for what is left out."""
    ellipsis = r"\ldots" if latex else "…"
    opening, closing = (r"\left(", r"\right)") if latex else ("(", ")")
    out: list[str] = []
    used = 0
    stack: list[str | tuple[Any, int]] = [(node, 0)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        current, needed = item
        if used > budget:
            out.append(ellipsis)
            continue
        op: Op = current.op
        if op.is_leaf:
            text, precedence = _leaf(current, latex)
            out.append(opening + text + closing if precedence < needed else text)
            used += len(text)
            continue
        notation = op.notation
        precedence = notation.precedence
        if op.name == "permute_dims" and latex:
            precedence = POWER
        elif latex and notation.latex_precedence is not None:
            precedence = notation.latex_precedence
        elif (notation.latex if latex else notation.text) is None:
            precedence = ATOM
        bracket = precedence < needed
        pieces = _array_pieces(current, latex) if op.on_arrays else _pieces(op, latex)
        if op.name == "astype":  # the one operation whose static attribute is part of its printed form
            name = current.attrs[0]
            before = rf"\operatorname{{{name}}}\left(" if latex else "astype("
            pieces = (before, (0, 0), r"\right)" if latex else f", {name})")
        if bracket:
            pieces = (opening, *pieces, closing)
        numbers = {} if latex else _number_texts(current)
        for piece in reversed(pieces):
            if isinstance(piece, tuple) and piece[0] in numbers:
                text = numbers[piece[0]]
                piece = f"({text})" if text.startswith("-") and piece[1] > UNARY else text
            if isinstance(piece, str):
                # counted before it is written, so that the descent into a long chain ends as well
                used += len(piece)
                stack.append(piece)
            else:
                stack.append((current.operands[piece[0]], piece[1]))
    return "".join(out)
