"""Sums of several parts and of roots whose terms cancel when they are multiplied out.

r − √(r² − c²) is c²/(r + √(r² − c²)), n/(v − b) − n/v is (n/v)·(b/(v − b)), and (x + h)³ − x³ is h·(3x² + 3xh + h²): what
cancels is found in exact arithmetic, as `rational_functions` does it for one variable, and is gone before anything is rounded.
A factor that all terms share may be anything, as in slopes of functions of a quotient.
What a sum is replaced by has to lose fewer bits at points of every kind (`several_trials`), and stands where its own steps do not
over- or underflow; beside that the sum stays as it is.

This comes before all other rules: they write sums in forms of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.ir.expr import Expr, on_this_line, rebuild, substitute, walk
from graphc.ir.scopes import deriving, stay
from graphc.ops.comparison import isnan, where
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.multivariate import Poly, degree, variables
from graphc.rewrite.forms.safe_steps import LEAST, is_safe
from graphc.rewrite.rational.large_roots import without_overflow
from graphc.rewrite.rational.quadratic import RULES as QUADRATICS
from graphc.rewrite.rational.several_reader import PolyQuotient, SeveralReader
from graphc.rewrite.rational.several_trials import is_better, losses
from graphc.rewrite.rational.several_writer import NotExactError, Writer, mixed
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

SUMS = frozenset(("add", "subtract"))

(QUADRATIC,) = QUADRATICS

MOST_TRIED = 64
"""Sums of a graph for which forms are written."""


@dataclass(frozen=True)
class SeveralVariables:
    """r − √(r² − c²) → c²/(r + √(r² − c²)), n/(v − b) − n/v → (n/v)·(b/(v − b)) and their kind: sums of quotients of several
    parts and roots, whose terms cancel when they are multiplied out"""

    name: str = "several-variables"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "x - sqrt(x*x - y*y)", "sqrt(x*x + y) - x", "1/(y - x) - 1/y", "(x + y)**3 - x**3", "x/sqrt(x*x + y*y) - 1",
        "x - x*y/(x + y)", "exp(z)*x/(x + y) - exp(z)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        reader = SeveralReader()
        for below in walk([node]):
            reader.read(below)
        return self.replaced(node, reader, ranges)

    def replaced(
        self, node: Expr, reader: SeveralReader, ranges: Ranges, source: bool = False, guarded: bool = True
    ) -> Expr | None:
        """What stands for a sum that was read, or None.

        source : for what is to be differentiated
        guarded : with branches against over- and underflow
        """
        read = reader.known.get(node)
        if read is None or not _may_cancel(read, reader, source) or node.dtype.itemsize not in LEAST:
            return None
        parts = _parts(node, reader)
        if len(parts) < 2:  # of one part there are rules that know its seams
            return None
        rooted = any(v in reader.squares for v in variables(read.above))
        for conjugate in (True, False) if rooted else (False,):
            writer = Writer(reader, node, ranges)
            if not (conjugate or read.cancels or writer.may_gain(read.above)):
                continue
            try:
                form = writer.quotient(read, conjugate)
            except (NotExactError, OverflowError):
                continue
            if form is None or not (read.cancels or writer.gains) or form is node:
                continue
            if form.dtype != node.dtype or form.shape != node.shape:
                continue
            if _is_worth(form, writer.condition, node, parts, ranges):
                if not guarded:
                    return _under(writer.condition, form, node)
                return _guarded(form, writer.condition, node, parts, ranges)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {' '.join((self.__doc__ or '').split())} ({self.kind})"


def _may_cancel(read: PolyQuotient, reader: SeveralReader, source: bool) -> bool:
    if not read.above or (len(read.above) == 1 and not read.cancels):
        return False
    if reader.has_common(read):  # whatever else is to be done there is done by rules that know the factor
        return read.cancels
    if read.cancels or any(v in reader.squares for v in variables(read.above)):
        return True
    return (
        not source
        and degree(read.above) > 1
        and mixed([read.above])
        and not (len(read.above) == 2 and _are_squares(read.above))
    )


def _are_squares(a: Poly) -> bool:
    """Whether a polynomial is x² − y² or 1 − x², which have rules of their own."""
    return degree(a) == 2 and all(
        c in (1, -1) and len(m) <= 1 and all(n == 2 for _, n in m) for m, c in a.items()
    )


def _is_worth(form: Expr, condition: Expr | None, node: Expr, parts: Sequence[Expr], ranges: Ranges) -> bool:
    """Whether a form loses fewer bits than the sum."""
    bounds = [(ranges(part).lo, ranges(part).hi) for part in parts]
    after = form if condition is None else where(condition, form, node)
    found = losses([after, node], parts, bounds)
    return found is not None and is_better(*found)


def _parts(node: Expr, reader: SeveralReader) -> list[Expr]:
    """What a sum is of, those parts that cancel as well."""
    found: dict[Expr, None] = {}
    seen, pending = {node}, [node]
    while pending:
        part = pending.pop()
        read = reader.known.get(part)
        if read is not None and read.is_variable and reader.place(part) not in reader.squares:
            found[part] = None
            continue
        for operand in part.operands:
            if operand not in seen:
                seen.add(operand)
                pending.append(operand)
    return list(found)


def _guarded(form: Expr, condition: Expr | None, node: Expr, parts: Sequence[Expr], ranges: Ranges) -> Expr:
    """The form where it is safe, and no part that cancels is NaN; roots as they do not overflow in either."""
    known = walk([node])
    if condition is not None:
        condition, _ = without_overflow(condition, node, ranges)
    form, other = without_overflow(form, node, ranges)
    safe = is_safe(form, [*known, *walk([other])])
    standing = set(walk([form]))
    for part in parts:
        if ranges(part).nan and part not in standing:
            safe = safe & ~isnan(part)
    return where(safe if condition is None else condition & safe, form, other)


def _under(condition: Expr | None, form: Expr, node: Expr) -> Expr:
    return form if condition is None else where(condition, form, node)


RULE = SeveralVariables()
RULES = (RULE,)


def worth(nodes: Iterable[Expr]) -> bool:
    """Whether there is a difference at all."""
    return any(node.op.name in ("subtract", "negative") for node in nodes)


@paused()
def written_whole(
    outputs: Iterable[Expr],
    rules: Iterable[SeveralVariables],
    source: bool = False,
    guarded: bool = True,
    memory: RuleMemory | None = None,
) -> tuple[list[tuple[SeveralVariables, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with the largest sums in them that cancel written anew, and what was replaced."""
    outputs = tuple(outputs)
    (rule,) = rules
    memory = RuleMemory() if memory is None else memory
    reader, ranges, order = SeveralReader(guards=not source), memory.ranges, memory.nodes(outputs)
    for node in order:
        reader.read(node)
    sums = {node for node in order if node.op.name in SUMS and _is_candidate(node, reader, source)}
    if not sums:
        return [], outputs
    inside = _fallbacks(order) | _roots_of_quadratics(order, ranges)
    steps: list[tuple[SeveralVariables, Expr, Expr]] = []
    target: dict[Expr, Expr] = {}
    tried = 0
    pending, seen = list(outputs), set[Expr]()
    with on_this_line(), deriving():
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in sums and node not in inside and tried < MOST_TRIED:
                tried += 1
                stay(node.block)
                read, after = reader.known[node], rule.replaced(node, reader, ranges, source, guarded)
                if read is not None and after is not None:
                    steps.append((rule, node, after))
                    target[node] = after
                    for part in _below(read, reader):
                        pending += part.operands
                    continue
            pending += node.operands
        return (steps, _exchanged(outputs, target, reader)) if steps else ([], outputs)


def _is_candidate(node: Expr, reader: SeveralReader, source: bool) -> bool:
    read = reader.known[node]
    return read is not None and _may_cancel(read, reader, source) and not _one_variable(node, read, reader)


def _one_variable(node: Expr, read: PolyQuotient, reader: SeveralReader) -> bool:
    """Whether a sum is one of a single variable without roots, which is seen whole later."""
    places = {v for p in (read.above, *map(dict, read.below)) for v in variables(p)}
    return bool(read.below) and len(places) == 1 and not places & set(reader.squares)


def _fallbacks(order: Sequence[Expr]) -> set[Expr]:
    """What stands in a branch beside another form of it already."""
    return {
        node.operands[2] for node in order if node.op.name == "where" and node.operands[2].op.name in SUMS
    }


def _roots_of_quadratics(order: Sequence[Expr], ranges: Ranges) -> set[Expr]:
    """The sums in what is written as the root of a quadratic: there is a rule for the whole."""
    found: set[Expr] = set()
    for node in order:
        if node.op.name in QUADRATIC.roots() and QUADRATIC.apply(node, ranges) is not None:
            parts = [*node.operands, *(x for operand in node.operands for x in operand.operands)]
            found.update(part for part in parts if part.op.name in SUMS)
    return found


def _below(read: PolyQuotient, reader: SeveralReader) -> list[Expr]:
    """The parts of a quotient, with its roots."""
    return [reader.parts[v] for p in (read.above, *map(dict, read.below)) for v in variables(p)]


def _exchanged(outputs: Sequence[Expr], target: dict[Expr, Expr], reader: SeveralReader) -> tuple[Expr, ...]:
    """The outputs with sums replaced, and what stands in their parts as well."""
    written: dict[Expr, Expr] = {}
    for node in walk(outputs):
        if node in target:
            read = reader.known[node]
            assert read is not None
            changed = {part: written[part] for part in _below(read, reader) if written[part] is not part}
            after = target[node]
            written[node] = substitute(after, changed) if changed else after
            continue
        operands = tuple([written[operand] for operand in node.operands])
        written[node] = rebuild(node, operands) if operands != node.operands else node
    return tuple([written[output] for output in outputs])


__all__ = ["RULE", "RULES", "worth", "written_whole"]
