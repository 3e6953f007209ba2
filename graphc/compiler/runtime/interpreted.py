"""A graph of operations on numbers, evaluated by NumPy over and over: what answers while machine code is being made.

It computes what `numpy_eval.run_arrays` computes, to the bit, of the outputs alone: what is looked up there for each node is
looked up once here, a value goes when nobody needs it any more, and long arrays are taken in blocks, so that memory is bounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.graph import Dag

BLOCK = 1 << 13
"""Elements taken at once: a graph of 100,000 operations with a thousand values waiting takes 64 MB."""


class Interpreter:
    """Evaluates the outputs of a graph of scalar symbols, constants and operations that work element by element."""

    def __init__(self, dag: Dag) -> None:
        self._inputs = len(dag.symbols)
        self._outputs = dag.outputs
        self._steps: list[tuple[Any, ...]] = []
        last = list(range(len(dag.exprs)))
        for node, operands in enumerate(dag.operands):
            for operand in operands:
                last[operand] = node
        kept = set(dag.outputs)
        dying: list[list[int]] = [[] for _ in dag.exprs]
        for node, user in enumerate(last):
            if node not in kept:
                dying[user].append(node)
        for number in range(self._inputs, len(dag.exprs)):
            node, operands = dag.exprs[number], dag.operands[number]
            if node.op.is_leaf:
                self._steps.append((None, node.value, (), (), (), node.dtype, ()))
                continue
            given = tuple(dag.exprs[operand].dtype for operand in operands)
            casts = tuple(
                None if dtype == wanted else wanted
                for dtype, wanted in zip(given, node.op.types(given)[0], strict=True)
            )
            needed = casts if any(cast is not None for cast in casts) else ()
            self._steps.append(
                (node.op.reference, None, operands, needed, node.attrs, node.dtype, dying[number])
            )

    def __call__(self, arrays: list[np.ndarray]) -> list[Any]:
        """The outputs, as NumPy scalars or arrays, of values in the order of the inputs; they broadcast."""
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        count = int(np.prod(shape, dtype=np.int64))
        if count <= BLOCK:
            return self._run([array[()] for array in arrays])
        flat = [array if not array.ndim else np.broadcast_to(array, shape).reshape(-1) for array in arrays]
        results: list[np.ndarray] = []
        for start in range(0, count, BLOCK):
            values = self._run([a[()] if not a.ndim else a[start : start + BLOCK] for a in flat])
            if not results:
                results = [np.empty(count, value.dtype) for value in values]
            for result, value in zip(results, values, strict=True):
                result[start : start + BLOCK] = value
        return [result.reshape(shape) for result in results]

    def _run(self, given: list[Any]) -> list[Any]:
        values: list[Any] = given
        with np.errstate(all="ignore"):
            for reference, constant, operands, casts, attrs, dtype, dying in self._steps:
                if reference is None:
                    values.append(constant)
                    continue
                arguments = [values[operand] for operand in operands]
                if casts:
                    arguments = [
                        argument if cast is None else argument.astype(cast)
                        for argument, cast in zip(arguments, casts, strict=True)
                    ]
                result = reference(*arguments, *attrs)
                if type(result) is np.ndarray:
                    result = result.astype(dtype, copy=False)[()]
                elif getattr(result, "dtype", None) != dtype:
                    result = dtype.type(result)
                values.append(result)
                for dead in dying:
                    values[dead] = None
        return [values[output] for output in self._outputs]
