"""A program of the loop IR as one native function, and that function bound to the lengths of calls.

No Python runs between its loops. Where it says that a requirement does not hold (an index outside of its axis, a singular
matrix), the interpreter is asked for the error, which names the node and the line.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from graphc.compiler.engine import buffer_pool, guard_words
from graphc.compiler.engine.jit import Library, build
from graphc.compiler.engine.numpy_layout import data_address
from graphc.compiler.loops.program import Program, While, walk_statements
from graphc.compiler.lowering.length_checks import refuse
from graphc.compiler.runtime.fastcall.program_entry import Kernels
from graphc.compiler.targets.llvm.programs import writer
from graphc.errors import InputError, InternalError
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir import dims
from graphc.ir.graph import Dag

_HELD = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
"""A call that keeps Python's lock, and raises what Python was told meanwhile."""

_OF_FRAME = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


def has_endless(program: Program) -> bool:
    """Whether there are loops of no known length."""
    bodies = (program.body, *(each.body for each in program.functions))
    return any(isinstance(each, While) for body in bodies for each in walk_statements(body))


class NativeProgram:
    """The machine code of a program.

    interruptible : whether a Ctrl-C ends its loops of no known length, where it has some; code that Numba compiles has no lock of
        Python's, and calls one that is not
    text : what it was written as; library : the code; constants : the arrays that it reads
    """

    constants: list[np.ndarray]

    def __init__(self, program: Program, cached: bool, interruptible: bool = False) -> None:
        self.interruptible: bool = interruptible and has_endless(program)
        self.text = writer.write(program, self.interruptible)
        self.library: Library = build(self.text.text, writer.EXPORTED, cached)
        self._run = (_HELD if self.interruptible else _OF_FRAME)(self.library.pointer(writer.RUN))
        self._bytes = _OF_FRAME(self.library.pointer(writer.BYTES))
        self.constants = [
            np.ascontiguousarray(each.values) for each in self.text.operands if each.role == "constant"
        ]

    @property
    def serve(self) -> int:
        """The address of i64 serve(count, frame), which does what `run` does."""
        return self.library.pointer(writer.SERVE)

    def frame(self, lengths: Mapping[str, int], guarded: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """A frame for calls with some lengths, and the workspace that it names."""
        words = np.zeros(self.text.words, dtype=np.int64)
        words[: len(self.text.lengths)] = [lengths[name] for name in self.text.lengths]
        size = max(self._bytes(data_address(words)), writer.ALIGNED)
        if guarded:
            workspace = guard_words.empty((size,), np.dtype(np.uint8))
            guard_words.poison(workspace, 0, size, 0)
        else:
            block = buffer_pool.room(size + writer.ALIGNED)
            start = -data_address(block) % writer.ALIGNED
            workspace = block[start : start + size]
        words[-1] = data_address(workspace)
        return words, workspace

    def run(self, frame: np.ndarray) -> int:
        """Compute; gives 0 or the number of the requirement that does not hold."""
        return self._run(data_address(frame))


class BoundProgram:
    """A native program for given lengths: called as a `Bound` plan is. One of these serves one call at a time.

    dag : what the interpreter is asked about errors; planned : the graph that was lowered, for which lengths must make sense

    Raises `ShapeError` where an operation makes no sense for these lengths.
    """

    is_plain: bool

    def __init__(
        self,
        native: NativeProgram,
        dag: Dag,
        lengths: Mapping[str, int],
        guarded: bool = False,
        planned: Dag | None = None,
    ) -> None:
        self._native, self._dag, self._guarded = native, dag, guarded
        refuse(dag if planned is None else planned, lengths)
        self.shapes: list[tuple[int, ...]] = [
            tuple([dims.evaluate(dim, lengths) for dim in dag.exprs[output].shape]) for output in dag.outputs
        ]
        self._frame, self._workspace = native.frame(lengths, guarded)
        self._inputs, self._results = native.text.places("input", "state"), native.text.places("result")
        self._constants = native.constants
        for (word, _), values in zip(native.text.places("constant"), self._constants, strict=True):
            self._frame[word] = data_address(values)
        self.is_plain = not native.text.places("state")

    def kernels(self, arguments: int, constants: Sequence[np.ndarray]) -> Kernels:
        """What a call runs, where `is_plain` holds."""
        writes = [*self._inputs, *((word, arguments + number) for word, number in self._results)]
        return Kernels(
            data_address(self._frame), self._native.serve, 1, data_address(self._frame), False, writes, self
        )

    def __call__(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], addresses: Sequence[int]
    ) -> None:
        """Compute: the inputs in rows and of their dtypes, the outputs likewise."""
        frame = self._frame
        for word, number in self._inputs:
            frame[word] = addresses[number]
        for word, number in self._results:
            frame[word] = data_address(outputs[number])
        if self._guarded:
            self._watched(inputs, outputs)
        elif status := self._native.run(frame):
            self._refuse(inputs, status)

    def _refuse(self, inputs: Sequence[np.ndarray], status: int) -> None:
        """Raises what the interpreter says of arguments that a requirement does not hold for."""
        run_arrays(self._dag, list(inputs[: len(self._dag.symbols)]))
        raise InputError(self._native.text.messages[status - 1])

    def _watched(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        """A call whose memory is looked at: what `GRAPHC_CHECK=memory` asks for."""
        roles = [buffer.role for buffer in self._native.text.operands if buffer.role in ("input", "state")]
        before = [
            array.tobytes() if role == "input" else b"" for array, role in zip(inputs, roles, strict=False)
        ]
        guard_words.poison(self._workspace, 0, len(self._workspace), 0)
        status = self._native.run(self._frame)
        what = "the native function"
        for number, array in enumerate(inputs):  # none is empty: the interpreter takes such calls
            guard_words.check(array, f"input {number}", what)
            if number < len(roles) and roles[number] == "input" and array.tobytes() != before[number]:
                raise InternalError(f"internal error: input {number} was written")
        for number, array in enumerate(outputs):
            guard_words.check(array, f"result {number}", what)
        guard_words.check(self._workspace, "the workspace", what)
        if status:
            self._refuse(inputs, status)


__all__ = ["BoundProgram", "NativeProgram"]
