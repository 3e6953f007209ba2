"""What must hold of every program: names are declared, types are those of the declarations, what is read was written, indices are
within their axes whatever the lengths, and the passes of a free loop do not meet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graphc.compiler.loops.printer import scalar as scalar_text
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Buffer,
    BufferView,
    Combine,
    Conditions,
    Exit,
    For,
    Holds,
    If,
    Index,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Ref,
    Require,
    RoutineCall,
    Scalar,
    Statement,
    While,
    dims_of,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import Prover, bounds_of, coefficient
from graphc.errors import InternalError
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.op import find
from graphc.ir.types import BOOL, DType


def verify(program: Program) -> tuple[str, ...]:
    """Raises `InternalError` where a program is not what it must be. Gives the accesses that it could not prove to be within
    their axes for all lengths: what divides by lengths may be beyond it."""
    unproved: list[str] = []
    for number, function in enumerate(program.functions):
        if any(each.name == function.name for each in program.functions[:number]):
            raise _refuse(f"two functions are called {function.name}")
        unproved += verify(replace(function, functions=program.functions[:number]))
    verifier = _Verifier(program)
    verifier.block(program.body)
    return tuple(dict.fromkeys((*unproved, *verifier.unproved)))


def _refuse(what: str) -> InternalError:
    return InternalError(
        f"internal error: in the loop IR {what}",
        hint="a bug of graphc's: please report it with the graph, as g.save writes it",
    )


class _Verifier:
    """Walks a program, with what is in scope.

    buffers : by name; written : their names; values : name → type
    extents : of the loops that are open, the outermost first; facts : of lengths
    earlier : the buffers that earlier passes of a fixed loop may have written
    data : integers that were named
    """

    def __init__(self, program: Program) -> None:
        self.buffers = {buffer.name: buffer for buffer in program.buffers}
        if len(self.buffers) < len(program.buffers):
            raise _refuse("two buffers have one name")
        self.written = {each.name for each in program.of_role("input", "state", "constant")}
        self.values: dict[str, DType] = {}
        self.names: set[str] = set(program.lengths)
        self.extents: dict[str, Dim] = {}
        self.facts = [dim for check in program.checks if not check.given for dim in check.conditions]
        self.given = [check for check in program.checks if check.given]
        self.reductions: dict[str, Reduce] = {}
        self.data: set[str] = set()
        self.earlier: set[str] = set()
        self.whiles = 0
        self.unproved: list[str] = []
        self.program = program

    # --- statements -----------------------------------------------------------------------------------------------------------

    def block(self, body: Iterable[Statement]) -> None:
        before = self.facts
        for statement in body:
            self.step(statement)
        self.facts = before
        if body is self.program.body:
            for buffer in self.program.of_role("result"):
                if buffer.name not in self.written and 0 not in buffer.shape:
                    raise _refuse(f"the result {buffer.name} is never written")

    def step(self, statement: Statement) -> None:
        for dim in dims_of(statement):
            if not isinstance(statement, RoutineCall):
                self.in_scope(dim)
        for value in scalars_of(statement):
            self.scalar(value)
        match statement:
            case Let(name, value):
                self.let(name, value)
            case Assign(buffer, index, value):
                self.access(buffer, index)
                self.same(self.buffers[buffer].dtype, value.dtype, f"{buffer} is stored")
                self.written.add(buffer)
            case For():
                self.loop(statement)
            case Reduce():
                self.reduce(statement)
            case Combine(target, index, value, place):
                self.combine(target, index, value, place)
            case If(condition, body):
                self.same(BOOL, condition.dtype, "a condition")
                before = self.facts
                self.facts = [*before, *_held(condition)]
                self.block(body)
                self.facts = before
            case While(body):
                self.repeat(body)
            case Exit(condition):
                self.same(BOOL, condition.dtype, "a condition")
                if not self.whiles:
                    raise _refuse("an exit stands in no loop that it could end")
            case Private(buffer):
                self.buffers[buffer.name] = buffer
                self.written.discard(buffer.name)
            case RoutineCall():
                for view in statement.operands:
                    self.view(view)
                    self.read(view.buffer)
                for view in statement.results:
                    self.view(view)
                    self.written.add(view.buffer)
                if statement.routine == "function":
                    self.function(statement)
            case Require(condition):
                self.same(BOOL, condition.dtype, "a condition")

    def function(self, call: RoutineCall) -> None:
        """A call of a function: of whole buffers like its own, the results apart from all else."""
        own = [each for each in self.program.functions if each.name == call.attrs[0]]
        if not own:
            raise _refuse(f"{call.attrs[0]} is no function of the program")
        takes = own[0].of_role("input"), own[0].of_role("result")
        if len({view.buffer for view in call.results} - {view.buffer for view in call.operands}) < len(
            call.results
        ):
            raise _refuse(f"what {call.attrs[0]} writes is one memory with something else of the call")
        for views, buffers in zip((call.operands, call.results), takes, strict=True):
            if len(views) != len(buffers):
                raise _refuse(f"{call.attrs[0]} has {len(buffers)} parameters where {len(views)} are given")
            for view, like in zip(views, buffers, strict=True):
                given = self.buffers[view.buffer]
                self.same(like.dtype, given.dtype, f"{view.buffer} is given to {call.attrs[0]}")
                if given.shape != like.shape or view.shape != like.shape:
                    raise _refuse(
                        f"{view.buffer} of shape {given.shape} is given for {like.name} of {like.shape}"
                    )

    def let(self, name: str, value: Scalar) -> None:
        self.values[name] = value.dtype
        if value.dtype.kind in "iu":
            self.names.add(name)
            self.data.add(name)
            self.facts = [*self.facts, *bounds_of(name, value, self._prover)]

    def loop(self, loop: For) -> None:
        if (loop.parallel or loop.vector) and loop.order != "free":
            raise _refuse(f"the loop over {loop.index} is parallel or in vectors, and its order is fixed")
        if loop.index in self.extents or loop.index in self.program.lengths:
            raise _refuse(f"{loop.index} is the index of two loops, or a length")
        if loop.order == "free":
            self.free(loop)
        self.extents[loop.index] = loop.extent
        self.names.add(loop.index)
        before = self.earlier
        if loop.order == "fixed":
            self.earlier = before | {name for name, _ in _accesses(loop.body)[0]}
        self.block(loop.body)
        self.earlier = before
        del self.extents[loop.index]
        self.names.discard(loop.index)

    def repeat(self, body: tuple[Statement, ...]) -> None:
        """A loop of no known length: what is written behind its first exit may not have been."""
        self.whiles += 1
        split = next((k for k, each in enumerate(body) if isinstance(each, Exit)), None)
        if split is None:
            raise _refuse("a loop of no known length never ends")
        before = self.earlier
        self.earlier = before | {name for name, _ in _accesses(body)[0]}
        self.block(body[: split + 1])
        written = set(self.written)
        self.block(body[split + 1 :])
        self.written, self.earlier = written, before
        self.whiles -= 1

    def reduce(self, reduction: Reduce) -> None:
        op = find(reduction.reducer)
        if op is None or op.reducer is None:
            raise _refuse(f"{reduction.reducer} declares no reducer")
        target = reduction.target
        whole = target in self.buffers
        if whole and (reduction.summation == "compensated") != (reduction.error is not None):
            raise _refuse(f"{target} is added up with errors that have no buffer, or without any")
        if whole:
            self.same(self.buffers[target].dtype, reduction.dtype, f"{target} is reduced")
        self.reductions[target] = reduction
        self.block(reduction.body)
        del self.reductions[target]
        if whole:
            self.written.add(target)
        else:
            self.let(target, Ref(target, reduction.dtype))
            for each in walk_statements(reduction.body):
                if isinstance(each, For) and any(
                    isinstance(inner, Combine) and inner.target == target and inner.place == each.index
                    for inner in each.body
                ):
                    self.extents[target] = each.extent  # the place is one of the loop's

    def combine(self, target: str, index: Index, value: Scalar, place: Dim | None) -> None:
        if target not in self.reductions:
            raise _refuse(f"{target} is no reduction that is open")
        op = find(self.reductions[target].reducer)
        assert op is not None and op.reducer is not None
        if (place is not None) != op.reducer.of_places:
            raise _refuse(f"{target} is combined with a place, or without one")
        if target in self.buffers:
            self.access(target, index)
        if not op.reducer.of_places:
            self.same(self.reductions[target].dtype, value.dtype, f"{target} is combined")

    # --- values ---------------------------------------------------------------------------------------------------------------

    def in_scope(self, dim: Dim) -> None:
        for name in dims.names_of(dim):
            if name not in self.names:
                raise _refuse(f"{name} stands in {dim} and names no integer")

    def same(self, wanted: DType, dtype: DType, what: str) -> None:
        if wanted != dtype:
            raise _refuse(f"{what} as {dtype}, not {wanted}")

    def scalar(self, value: Scalar) -> None:
        for x in walk_scalar(value):
            if isinstance(x, Load):
                self.access(x.buffer, x.index, x.guard)
                if not (x.guard and x.buffer in self.earlier):
                    self.read(x.buffer)
                self.same(self.buffers[x.buffer].dtype, x.dtype, f"{x.buffer} is loaded")
            elif isinstance(x, Ref):
                if x.name not in self.values:
                    raise _refuse(f"{x.name} is used and not named before")
                self.same(self.values[x.name], x.dtype, f"{x.name} is used")
            elif isinstance(x, Apply):
                self.types(x)

    def types(self, x: Apply) -> None:
        op = find(x.op)
        if op is None or op.on_arrays:
            raise _refuse(f"{x.op} is no operation element by element")
        have = tuple([operand.dtype for operand in x.operands])
        wanted, result = op.types(have)
        if wanted != have and x.op != "astype":
            raise _refuse(f"{scalar_text(x)} has operands of the types {have}, not {wanted}")
        if x.op != "astype":
            self.same(result, x.dtype, f"{scalar_text(x)} is typed")

    def read(self, buffer: str) -> None:
        if buffer not in self.written and 0 not in self.buffers[buffer].shape:
            raise _refuse(f"{buffer} is read before it is written")

    def view(self, view: BufferView) -> None:
        saved = dict(self.extents), set(self.names)
        for name, extent in view.axes:
            self.in_scope(extent)
            self.extents[name] = extent
            self.names.add(name)
        self.access(view.buffer, view.index)
        self.extents, self.names = saved

    def access(self, name: str, index: Index, guard: Conditions = ()) -> None:
        """An element of a buffer is addressed."""
        buffer = self.buffers.get(name)
        if buffer is None:
            raise _refuse(f"{name} is no buffer")
        if len(index) != len(buffer.shape):
            raise _refuse(f"{name} has {len(buffer.shape)} axes, and {len(index)} places are named")
        for dim in (*index, *guard):
            self.in_scope(dim)
        if 0 in self.extents.values():
            return  # of a loop that has no passes
        prover: Prover | None = None
        for place, length in zip(index, buffer.shape, strict=True):
            last = dims.subtract(dims.subtract(length, 1), place)
            if isinstance(place, int) and isinstance(length, int) and 0 <= place < length:
                continue
            if self._is_index(place, length):
                continue
            prover = prover or self._prover(guard)
            if not (prover.holds(place) and prover.holds(last)):
                self.unproved.append(f"{name}[{', '.join(map(str, index))}] within {buffer.shape}")

    def _is_index(self, place: Dim, length: Dim) -> bool:
        return isinstance(place, str) and self.extents.get(str(place)) == length

    def _prover(self, guard: Conditions = ()) -> Prover:
        facts: list[Dim] = [*guard, *self.facts]
        first = Prover(self.extents, facts, self.data)
        for check in self.given:
            if all(first.holds(dim) for dim in check.given):
                facts += check.conditions
        return Prover(self.extents, facts, self.data)

    # --- races ----------------------------------------------------------------------------------------------------------------

    def free(self, loop: For) -> None:
        """No two passes write one element, and none reads what another one writes."""
        inner = _bound_in(loop.body)
        own = {each.buffer.name for each in walk_statements(loop.body) if isinstance(each, Private)}
        inside = {each.target for each in walk_statements(loop.body) if isinstance(each, Reduce)}
        writes, reads = _accesses(loop.body)
        for target, _ in (pair for pair in writes if pair[0] not in self.buffers | own_buffers(loop.body)):
            if target not in inside:
                raise _refuse(f"{target} is combined by all passes over {loop.index}, in no order")
        axes: dict[str, tuple[int, Dim]] = {}
        for name, index in writes:
            if name in own or name not in self.buffers:
                continue
            axis = next((k for k, dim in enumerate(index) if _separates(dim, loop.index, inner)), None)
            if axis is None:
                raise _refuse(f"several passes over {loop.index} write {name}[{', '.join(map(str, index))}]")
            if axes.setdefault(name, (axis, index[axis])) != (axis, index[axis]):
                raise _refuse(f"passes over {loop.index} write elements of {name} of each other")
        for name, index in reads:
            if name in axes and index[axes[name][0]] != axes[name][1]:
                raise _refuse(f"a pass over {loop.index} reads what another one writes of {name}")


def _held(condition: Scalar) -> Conditions:
    """The conditions that hold where a value is true."""
    if isinstance(condition, Holds):
        return condition.conditions
    if isinstance(condition, Apply) and condition.op == "logical_and":
        return tuple([dim for operand in condition.operands for dim in _held(operand)])
    return ()


def own_buffers(body: tuple[Statement, ...]) -> dict[str, Buffer]:
    """The private buffers of a body."""
    return {each.buffer.name: each.buffer for each in walk_statements(body) if isinstance(each, Private)}


def _separates(dim: Dim, index: str, inner: set[str]) -> bool:
    slope = coefficient(dim, index)
    return isinstance(slope, int) and slope != 0 and not inner & set(dims.names_of(dim))


def _bound_in(body: tuple[Statement, ...]) -> set[str]:
    """The integers that are named inside of a body."""
    names: set[str] = set()
    for each in walk_statements(body):
        if isinstance(each, For):
            names.add(each.index)
        elif isinstance(each, Let):
            names.add(each.name)
        elif isinstance(each, Reduce):
            names.add(each.target)
        elif isinstance(each, RoutineCall):
            names |= {name for view in each.views for name, _ in view.axes}
    return names


def _accesses(body: tuple[Statement, ...]) -> tuple[list[tuple[str, Index]], list[tuple[str, Index]]]:
    """What a body writes and what it reads, with the indices."""
    writes: list[tuple[str, Index]] = []
    reads: list[tuple[str, Index]] = []
    for each in walk_statements(body):
        if isinstance(each, Assign):
            writes.append((each.buffer, each.index))
        elif isinstance(each, Combine):
            writes.append((each.target, each.index))
        elif isinstance(each, RoutineCall):
            writes += [(view.buffer, view.index) for view in each.results]
            reads += [(view.buffer, view.index) for view in each.operands]
        for value in scalars_of(each):
            reads += [(x.buffer, x.index) for x in walk_scalar(value) if isinstance(x, Load)]
    return writes, reads
