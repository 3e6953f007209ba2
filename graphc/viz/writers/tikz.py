"""A scene as TikZ: a document of its own that pdflatex, xelatex and lualatex compile, with mathematics where the picture has any.

It needs the class standalone and the packages tikz and amssymb, all part of a full TeX Live. No text of a user is a command.
"""

from __future__ import annotations

import re
import unicodedata

from graphc.ir.printer import latex_escape
from graphc.viz.layout_scene import ITALIC, SUBSCRIPT, SUPERSCRIPT, Scene, Stroke, Text

_SIGNS = {
    "×": r"\times", "÷": r"\div", "−": "-", "·": r"\cdot", "∂": r"\partial", "√": r"\surd", "∞": r"\infty", "∑": r"\Sigma",
    "…": r"\ldots", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "→": r"\to", "⌊": r"\lfloor", "⌋": r"\rfloor", "∧": r"\wedge",
    "∨": r"\vee", "¬": r"\neg", "∇": r"\nabla", "⊤": r"\top", "<": "<", ">": ">", "|": "|", "^": r"\hat{}", "ℓ": r"\ell",
    "≈": r"\approx", "±": r"\pm", "∘": r"\circ", "⊙": r"\odot", "⊗": r"\otimes", "↵": r"\hookleftarrow", "⟨": r"\langle",
    "⟩": r"\rangle", "∈": r"\in", "°": r"^\circ", "⌈": r"\lceil", "⌉": r"\rceil", "′": "'",
    "ᵀ": r"^{\top}", "‖": r"\|", "Σ": r"\Sigma", "Π": r"\Pi",
}  # fmt: skip

_BARS = "▁▂▃▄▅▆▇█"


def _greek(character: str) -> str | None:
    """The command of a Greek letter that LaTeX has one for."""
    match = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if match is None:
        return None
    word = match[2].lower().replace("lamda", "lambda")
    if match[1] == "SMALL":
        return "o" if word == "omicron" else rf"\{word}"
    return rf"\{word.capitalize()}" if word in _CAPITALS else rf"\mathrm{{{_LATIN.get(word, 'A')}}}"


_CAPITALS = frozenset("gamma delta theta lambda xi pi sigma upsilon phi psi omega".split())

_LATIN = {"alpha": "A", "beta": "B", "epsilon": "E", "zeta": "Z", "eta": "H", "iota": "I", "kappa": "K", "mu": "M",
          "nu": "N", "omicron": "O", "rho": "P", "tau": "T", "chi": "X"}  # fmt: skip


def to_tikz(scene: Scene) -> str:
    """The text of a LaTeX file."""
    left, bottom, right, top = scene.box
    colours: dict[str, str] = {}

    def colour(value: str) -> str:
        return colours.setdefault(value, f"gc{len(colours)}")

    body: list[str] = []
    back = colour(scene.background.lower())
    body.append(rf"\fill[{back}] ({_n(left)},{_n(bottom)}) rectangle ({_n(right)},{_n(top)});")
    for item in scene.items:
        for part in item.parts:
            body.append(_text(part, colour) if isinstance(part, Text) else _stroke(part, colour))
    names = [rf"\definecolor{{{name}}}{{HTML}}{{{value[1:].upper()}}}" for value, name in colours.items()]
    scale = f"{scene.scale:.4g}"
    return "\n".join([
        r"\RequirePackage{fix-cm}",
        r"\documentclass[tikz]{standalone}",
        r"\usepackage{amssymb}",
        r"\usepackage[scaled=0.95]{helvet}",
        *names,
        r"\begin{document}",
        rf"\begin{{tikzpicture}}[x={scale}bp,y={scale}bp,scale=1,every node/.style={{inner sep=0,outer sep=0,scale={scale}}}]",
        *body,
        r"\end{tikzpicture}",
        r"\end{document}",
        "",
    ])  # fmt: skip


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _stroke(part: Stroke, colour: object) -> str:
    assert callable(colour)
    look = []
    if part.line is not None:
        look += [f"draw={colour(part.line)}", f"line width={_n(part.width)}bp"]
    if part.dashed:
        look.append("dash pattern=on 6bp off 4bp")
    if part.fill is not None:
        look.append(f"fill={colour(part.fill)}")
    return rf"\path[{','.join(look)}] {tikz_path(part)};"


def tikz_path(part: Stroke) -> str:
    """The path of a stroke in TikZ."""
    points = [f"({_n(x)},{_n(y)})" for x, y in part.points]
    if part.form == "ellipse":
        rx, ry = part.points[1]
        return f"{points[0]} ellipse [x radius={_n(rx)},y radius={_n(ry)}]"
    if part.form == "curve":
        pieces = [
            f".. controls {points[at]} and {points[at + 1]} .. {points[at + 2]}"
            for at in range(1, len(points) - 2, 3)
        ]
        return f"{points[0]} {' '.join(pieces)}"
    if part.form == "cells":
        return " ".join(
            f"{low} rectangle {high}" for low, high in zip(points[::2], points[1::2], strict=True)
        )
    return " -- ".join(points) + (" -- cycle" if part.form == "polygon" else "")


def _text(part: Text, colour: object) -> str:
    assert callable(colour)
    size, (x, y) = part.size, part.at
    if part.form & (SUBSCRIPT | SUPERSCRIPT):
        size *= 0.75
        y += -0.2 * part.size if part.form & SUBSCRIPT else 0.35 * part.size
    middle = f"({_n(x + part.width / 2)},{_n(y)})"
    look = f"text={colour(part.colour)},anchor=base"
    return (
        rf"\node[{look}] at {middle} {{\fontfamily{{phv}}\fontsize{{{_n(size)}bp}}{{{_n(1.2 * size)}bp}}\selectfont "
        rf"{latex(part.text, italic=bool(part.form & ITALIC))}}};"
    )


def latex(text: str, italic: bool = False) -> str:
    r"""Text in LaTeX: signs and Greek letters as mathematics, what LaTeX has no letter for by its number.

    >>> latex("×−1"), latex("σ_2"), latex("10⁻⁷"), latex("x", italic=True)
    ('$\\times$$-$1', '$\\sigma$\\_2', '10$^{-7}$', '$x$')
    """
    if italic and re.fullmatch(r"[A-Za-z]", text):
        return f"${text}$"
    out: list[str] = []
    for piece in re.findall(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|.", text, re.S):
        if piece[0] in _RAISED:
            out.append(f"$^{{{''.join(_RAISED[digit] for digit in piece)}}}$")
        elif piece in _SIGNS:
            out.append(f"${_SIGNS[piece]}$")
        elif piece in _BARS:
            out.append(rf"\rule{{0.55em}}{{{0.1 * (_BARS.index(piece) + 1):.1f}em}}")
        elif piece.isascii():
            out.append("~" if piece == " " else latex_escape(piece) if piece.isprintable() else "?")
        else:
            greek = _greek(piece)
            letter = unicodedata.normalize("NFKD", piece)
            if greek is not None:
                out.append(f"${greek}$")
            elif letter[0].isascii() and letter[0].isalnum():
                out.append(letter[0])  # without its accent
            elif piece.isspace():
                out.append(r"\,")
            else:
                out.append(rf"{{\footnotesize U+{ord(piece):04X}}}")
    joined = "".join(out).replace("--", "-{}-")  # no dash
    return rf"\textit{{{joined}}}" if italic else joined


_RAISED = dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True))
