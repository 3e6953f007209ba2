"""The scalar body of a kernel as a function in LLVM IR, or as several where it is long.

LLVM's passes take more than linear time in the length of a function, so a long body is cut into pieces of bounded size. What
one piece makes and a later one needs waits in a slot of memory between them; slots are used again once nobody waits for them.
Very long bodies are spread over several modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from graphc.compiler.engine.code_generator import QUICK, STRAIGHT
from graphc.compiler.lowering.scalar_kernel import WINDOW, Kernel, order
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.emit import SLOT, LlvmBuilder, LlvmValue, emit
from graphc.ir.expr import Expr

PIECE = 2 * WINDOW
"""The most operations of one function. A random graph of 100,000 operations compiles in 15.8 s uncut, in 9.0 s in pieces of this
size, and takes as long to run."""

LARGEST_FRAME = 2**15
"""The most bytes on the stack; more are taken from the heap for the time of a call."""

WAITING = 128
"""So many values may wait at once for the operations that need them, in a stretch without calls of functions. The allocation of
registers takes far more than linear time in their number."""

MODULE = 2 * PIECE
"""The most operations of one module: a compilation can be stopped, and tells how far it is, between modules."""

CALLS = 0.3
"""Long bodies of which at least so much calls mathematical functions have these in modules of their own (`shared_functions`).
With a third of 3,350 operations they run in 0.998 of the time; fewer calls were not measured."""

SHARED_FROM = 500
"""Bodies of more operations are long."""

_ATTRIBUTES = "ptr noalias readonly %in, ptr noalias writeonly %out"

_WITH_FRAME = f"{_ATTRIBUTES}, ptr noalias %frame"


class SplitBody:
    """A kernel's operations in the pieces that they are emitted in.

    parts : the pieces by the modules that they go to; one part where one module is enough
    shares : whether the mathematical functions stand in modules of their own, as far as that is known beforehand
    """

    slots: int

    def __init__(self, kernel: Kernel) -> None:
        nodes = [node for node in order(kernel.dag) if node.operands]
        leaves = list(dict.fromkeys(node for node in kernel.dag.exprs if node.is_symbol or node.is_constant))
        pieces = _cut(nodes)
        self._slots, self.slots = _slots(pieces)
        pieces[0] = [*leaves, *pieces[0]]  # those that are outputs
        self._places = _Places(kernel)
        called = sum(node.op.name in _called() for node in nodes)
        self.shares = len(nodes) > SHARED_FROM and called >= CALLS * len(nodes)
        self.parts: list[list[list[Expr]]] = []
        room = 0
        for piece in pieces:
            if room < len(piece) and len(nodes) > MODULE:
                self.parts.append([])
                room = MODULE
            elif not self.parts:
                self.parts.append([])
            self.parts[-1].append(piece)
            room -= len(piece)

    def functions(self, builder: LlvmBuilder, part: int, name: str) -> tuple[list[str], list[str]]:
        """The functions of a part and the calls of them, in order."""
        texts, calls = [], []
        for number, piece in enumerate(self.parts[part]):
            lines = _piece(builder, self._places, piece, self._slots)
            texts.append(_function(f"{name}.{number}", _WITH_FRAME, lines, "noinline "))
            calls.append(f"  call void @{name}.{number}(ptr %in, ptr %out, ptr %frame)")
        return texts, calls

    def module(self, part: int) -> str:
        """The module of a part: `void part(ptr in, ptr out, ptr frame)`."""

        def written(builder: LlvmBuilder) -> str:
            texts, calls = self.functions(builder, part, "part")
            lines = "\n".join(calls)
            texts.append(f"define void @part({_WITH_FRAME}) nounwind {{\n{lines}\n  ret void\n}}\n")
            return "\n".join(texts)

        text, builder = self.sharing(written)
        return self.mark(builder) + "\n".join([text, builder.module_parts()])

    def sharing(self, written: Callable[[LlvmBuilder], str]) -> tuple[str, LlvmBuilder]:
        """What is written by a builder for functions of other modules, or by another where that is not the way."""
        builder = LlvmBuilder(shared=self.shares)
        text = written(builder)
        if self.shares and builder.helpers:  # they are part of the module, and their code would be slow
            builder = LlvmBuilder()
            text = written(builder)
        return text, builder

    def mark(self, builder: LlvmBuilder) -> str:
        """The first line of the module of a long body that a builder has written."""
        return QUICK if builder.shared else STRAIGHT

    def over(self, symbols: Sequence[str], name: str = "element") -> tuple[str, LlvmBuilder]:
        """`element` over the parts of other modules, by their symbols."""
        builder = LlvmBuilder()
        declared = [f"declare void @{symbol}(ptr, ptr, ptr)" for symbol in symbols]
        calls = [f"  call void @{symbol}(ptr %in, ptr %out, ptr %frame)" for symbol in symbols]
        text = _function(name, _ATTRIBUTES, _framed(builder, SLOT * self.slots, calls))
        return "\n".join([*declared, text]), builder


def element(kernel: Kernel, name: str = "element", body: SplitBody | None = None) -> tuple[str, LlvmBuilder]:
    """The function `void name(ptr in, ptr out)` on packed values in one module, and the builder that knows what it refers to.

    body : the kernel's; without it all mathematical functions are part of the module
    """
    if body is not None:
        return body.sharing(lambda builder: _element(name, body, builder))
    builder = LlvmBuilder()
    return _element(name, SplitBody(kernel), builder), builder


def _element(name: str, body: SplitBody, builder: LlvmBuilder) -> str:
    if len(body.parts) == 1 and len(body.parts[0]) == 1:
        lines = _piece(builder, body._places, body.parts[0][0], {})
        return _function(name, _ATTRIBUTES, lines)
    texts, calls = [], []
    for part in range(len(body.parts)):
        definitions, called = body.functions(builder, part, f"{name}.{part}")
        texts += definitions
        calls += called
    texts.append(_function(name, _ATTRIBUTES, _framed(builder, SLOT * body.slots, calls)))
    return "\n".join(texts)


@cache
def _called() -> frozenset[str]:
    """The operations that are functions of graphc's own."""
    return frozenset(name for name, _ in libm.names())


def _cut(nodes: list[Expr]) -> list[list[Expr]]:
    """The operations in pieces: of `PIECE` where there are many, and shorter where too many values wait at once."""
    length = PIECE if len(nodes) > 2 * PIECE else len(nodes)
    uses: dict[Expr, int] = {}
    for operand in _operands(nodes):
        uses[operand] = uses.get(operand, 0) + 1
    called = _called()
    pieces: list[list[Expr]] = [[]]
    waiting: set[Expr] = set()
    for node in nodes:
        if len(pieces[-1]) >= length or len(waiting) > WAITING:
            pieces.append([])
            waiting.clear()
        pieces[-1].append(node)
        for operand in node.operands:
            uses[operand] -= 1
            if not uses[operand]:
                waiting.discard(operand)
        if node.op.name in called:  # across a call nothing stays in a register
            waiting.clear()
        if uses.get(node):
            waiting.add(node)
    return pieces


def _function(name: str, parameters: str, lines: list[str], attributes: str = "") -> str:
    body = "\n".join(lines)
    return f"define internal void @{name}({parameters}) {attributes}nounwind {{\n{body}\n  ret void\n}}\n"


def _framed(builder: LlvmBuilder, size: int, calls: list[str]) -> list[str]:
    if size <= LARGEST_FRAME:
        return [f"  %frame = alloca [{size} x i8], align 16", *calls]
    builder.declarations["malloc"] = "declare ptr @malloc(i64)"
    builder.declarations["free"] = "declare void @free(ptr)"
    return [f"  %frame = call ptr @malloc(i64 {size})", *calls, "  call void @free(ptr %frame)"]


def _operands(piece: list[Expr]) -> list[Expr]:
    return [operand for node in piece for operand in node.operands]


def _slots(pieces: list[list[Expr]]) -> tuple[dict[Expr, int], int]:
    """Where values wait that a later piece needs, and how many slots there are."""
    made_in = {node: number for number, piece in enumerate(pieces) for node in piece}
    last_use: dict[Expr, int] = {}
    for number, piece in enumerate(pieces):
        for operand in _operands(piece):
            if made_in.get(operand, number) < number:
                last_use[operand] = number
    slots: dict[Expr, int] = {}
    ending: dict[int, list[int]] = {}
    free: list[int] = []
    count = 0
    for number, piece in enumerate(pieces):
        for node in piece:
            if node in last_use:
                if not free:
                    free.append(count)
                    count += 1
                slots[node] = free.pop()
                ending.setdefault(last_use[node], []).append(slots[node])
        free += ending.pop(number, [])  # read for the last time in this piece: the next may write there
    return slots, count


class _Places:
    """Where inputs and outputs stand in the packed arguments and results."""

    def __init__(self, kernel: Kernel) -> None:
        self.inputs = {node: number for number, node in enumerate(kernel.dag.symbols)}
        self.outputs: dict[Expr, list[int]] = {}
        for number, output in enumerate(kernel.dag.outputs):
            self.outputs.setdefault(kernel.dag.exprs[output], []).append(number)


def _piece(builder: LlvmBuilder, places: _Places, nodes: list[Expr], slots: dict[Expr, int]) -> list[str]:
    """The instructions of some nodes: what they need from elsewhere is loaded, what is needed elsewhere is stored."""
    builder.lines = []

    def address(base: str, number: int, node: Expr) -> str:
        return builder.instruction(f"getelementptr i8, ptr {base}, i64 {SLOT * number}", node.dtype).text

    values: dict[Expr, LlvmValue] = {}

    def value(node: Expr) -> LlvmValue:
        if node not in values:
            if node in places.inputs:
                values[node] = builder.load(address("%in", places.inputs[node], node), node.dtype)
            elif node.operands and node in slots:
                values[node] = builder.load(address("%frame", slots[node], node), node.dtype)
            else:
                values[node] = emit(builder, node, values)
        return values[node]

    for node in nodes:
        if node.operands:
            for operand in node.operands:
                value(operand)
            values[node] = emit(builder, node, values)
            if node in slots:
                builder.store(values[node], address("%frame", slots[node], node))
        for number in places.outputs.get(node, ()):
            builder.store(value(node), address("%out", number, node))
    return builder.lines
