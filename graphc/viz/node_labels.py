"""What stands on a node in a diagram: the operation with the constants among its operands, and the names of its places."""

from __future__ import annotations

import re
from collections.abc import Mapping

from graphc.ir.expr import Expr
from graphc.ir.formatting import show_number
from graphc.ir.op import CONSTANT, Op
from graphc.ir.printer import array_label, axes_below, format_number
from graphc.ops.control_runs import control_label

_LONGEST = 18
"""A label with folded constants has at most so many characters; else the constants are drawn."""

_FOLDED = {"pow": ("{}^", "x^{}"), "floor_divide": ("⌊{}÷⌋", "⌊÷{}⌋")}
"""Labels with the constant on the left and on the right that do not follow the general rule."""

_WRITTEN = {"negative": "−x", "reciprocal": "1/x", "square": "x²", "matmul": "A·B"}
"""Labels as they are written in a formula."""

_ROOTS = {"0.5": "√x", "−0.5": "1/√x"}

_RAISED = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

REDUCTIONS = frozenset(
    "sum prod mean var std max min argmax argmin any all logsumexp norm softmax log_softmax cumsum cumprod".split()
)
"""Operations whose axes stand below their sign: Σ_batch."""

_PLACES = {"where": ("if", "then", "else"), "pow": ("base", "exponent")}
"""Names of argument places that say more than the parameters' names do."""

_WHOLE = re.compile("−?[0-9]{1,3}")

_SYMMETRIC = frozenset(("maximum", "minimum"))
"""Operations whose operands may change places although not to the bit (which of two NaN comes out)."""


def op_label(expr: Expr) -> str:
    """An operation without what it is applied to."""
    if expr.op.control is not None:
        return control_label(expr)
    if expr.op.name == "permute_dims" and expr.attrs == ((1, 0),):
        return "Aᵀ"
    if expr.op.name in REDUCTIONS and expr.operands:
        below = axes_below(expr)
        return f"{expr.op.label}_{below}" if below else expr.op.label
    if expr.op.name in _WRITTEN:
        return _WRITTEN[expr.op.name]
    if expr.op.on_arrays:
        return array_label(expr)
    return f"as {expr.attrs[0]}" if expr.op.name == "astype" else expr.op.label


def _is_infix(op: Op) -> bool:
    return op.arity == 2 and op.notation.text is not None and op.notation.text.startswith("[0]")


def fold_constants(op: Op, constants: Mapping[int, str]) -> str:
    """The label of an operation all of whose operands but one are constants.

    >>> from graphc.ir.op import lookup
    >>> fold_constants(lookup("subtract"), {0: "1"}), fold_constants(lookup("divide"), {0: "2"})
    ('1−', '2/x')
    """
    if not _is_infix(op):
        inner = ", ".join(constants.get(slot, "·") for slot in range(op.arity))
        return f"{op.label}({inner})"
    ((slot, text),) = constants.items()
    if op.name == "divide" and slot == 0:
        return f"{text}/x"
    if op.name == "multiply" and text == "−1":
        return _WRITTEN["negative"]
    if op.name == "pow" and slot == 1 and text in _ROOTS:
        return _ROOTS[text]
    if op.name == "pow" and slot == 1 and _WHOLE.fullmatch(text):
        return f"x{text.translate(_RAISED)}"
    if op.name in _FOLDED:
        return _FOLDED[op.name][slot].format(text)
    if text.startswith("−") and op.label in "+−×÷":
        text = f"({text})"
    space = " " if op.label.isalpha() or op.category != "elementwise" else ""
    if slot == 0 and not op.facts.commutative:
        return f"{text}{space}{op.label}"
    return f"{op.label}{space}{text}"


def place_names(op: Op) -> tuple[str, ...]:
    """The names of an operation's argument places; empty where the operands may change places."""
    if op.facts.commutative or op.name in _SYMMETRIC:
        return ("",) * op.arity
    if op.name in _PLACES:
        return _PLACES[op.name]
    return ("1st", "2nd") if _is_infix(op) else op.params


def constant_text(expr: Expr, digits: int) -> str:
    """A constant in a label: exact if that is short."""
    text = format_number(expr.value)
    if len(text) > 6 or "e" in text:
        text = show_number(expr.value, max(digits, 4))
    return {"inf": "∞", "-inf": "−∞", "nan": "NaN"}.get(text, text.replace("-", "−"))


def folded_label(expr: Expr, digits: int) -> str | None:
    """The label of an operation with its constant operands in it; None where they must be drawn."""
    constants = {
        slot: constant_text(operand, digits)
        for slot, operand in enumerate(expr.operands)
        if operand.op is CONSTANT and not operand.shape
    }
    if not constants:
        return op_label(expr)
    if len(expr.operands) - len(constants) != 1:
        return None
    if expr.op.on_arrays:
        inner = ", ".join(constants.get(slot, "·") for slot in range(len(expr.operands)))
        label = f"{array_label(expr)}({inner})"
    else:
        label = fold_constants(expr.op, constants)
    return label if len(label) <= _LONGEST else None


__all__ = ["REDUCTIONS", "constant_text", "fold_constants", "folded_label", "op_label", "place_names"]
