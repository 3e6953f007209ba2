"""Functions and values of structures in which some leaves are sparse derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from graphc.api.sparse import SparseDerivative
from graphc.errors import InputError
from graphc.interpret.vector_packing import Packed
from graphc.util.pytree import Structure, flatten, unflatten

if TYPE_CHECKING:
    from graphc.compiler.runtime.compiled_function import CompiledFunction


class SparseTree:
    """A structure with sparse derivatives among its leaves, beside the flat list of expressions that are computed for it."""

    def __init__(self, outputs: Any) -> None:
        self._leaves, self._structure = flatten(outputs)
        self.exprs: list[Any] = []
        for leaf in self._leaves:
            self.exprs += leaf.leaves if isinstance(leaf, SparseDerivative) else [leaf]

    def __reduce__(self) -> Any:
        # a leaf that is no sparse derivative is what was computed for it, and not needed again
        leaves = [leaf if isinstance(leaf, SparseDerivative) else None for leaf in self._leaves]
        return _restored, (leaves, self._structure)

    def assembled(self, results: Sequence[Any], out: Any = None) -> Any:
        """The structure of results; in place of each sparse derivative a sparse array."""
        values = iter(results)
        outs = [None] * len(self._leaves) if out is None else self._outs(out)
        return unflatten(
            self._structure, iter([self._one(*pair, values) for pair in zip(self._leaves, outs, strict=True)])
        )

    @staticmethod
    def _one(leaf: Any, out: Any, values: Iterator[Any]) -> Any:
        if not isinstance(leaf, SparseDerivative):
            return next(values)
        return leaf.assemble([next(values) for _ in leaf.leaves], out)

    def _outs(self, out: Any) -> list[Any]:
        outs, _ = flatten(out)
        if len(outs) != len(self._leaves):
            raise InputError(
                f"out has {len(outs)} arrays for {len(self._leaves)} results", hint="give one for each result"
            )
        return outs

    def written(self, results: Sequence[Any], out: Any) -> Any:
        """The structure of results that were written to arrays of `targets`, one for each leaf."""
        pairs = zip(self._leaves, self._outs(out), results, strict=True)
        return unflatten(
            self._structure,
            iter([array if isinstance(leaf, SparseDerivative) else result for leaf, array, result in pairs]),
        )

    def targets(self, out: Any) -> list[Any] | None:
        """The arrays that the computed expressions are written to; None where numbers come back."""
        targets: list[Any] = []
        for leaf, array in zip(self._leaves, self._outs(out), strict=True):
            if not isinstance(leaf, SparseDerivative):
                targets.append(array)
                continue
            leaf.check_out(array)
            if not leaf.is_vector:
                return None
            targets.append(array.data)
        return targets


def _restored(leaves: list[Any], structure: Structure) -> SparseTree:
    return SparseTree(unflatten(structure, iter(leaves)))


def has_sparse(outputs: Any) -> bool:
    """Whether some leaf of a structure is a sparse derivative."""
    if isinstance(outputs, (tuple, list, dict)):
        return any(isinstance(leaf, SparseDerivative) for leaf in flatten(outputs)[0])
    return isinstance(outputs, SparseDerivative)


class SparseFunction:
    """A compiled function that returns `scipy.sparse` arrays in the place of sparse derivatives.

    Called as every compiled function; what it returns in place of a sparse derivative has always the same structure, in memory of
    its own. `out=` takes results of an earlier call and replaces their entries, without a new structure. All else (`inputs`,
    `graph`, `llvm`, `report()`, …) is that of `entries`, the compiled function of the expressions.

    >>> from graphc import compile, jacobian, symbol
    >>> x = symbol("x", shape=3)
    >>> f = compile(jacobian(x[1:] * x[:-1], x, sparse=True))
    >>> f([1.0, 2.0, 3.0]).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    """

    def __init__(self, entries: CompiledFunction, tree: SparseTree) -> None:
        self.entries = entries
        self._tree = tree
        self.__signature__: Any = entries.__signature__

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if "out" not in self.entries.inputs else None
        if out is None:
            return self._tree.assembled(self._results(args, kwargs))
        targets = self._tree.targets(out)
        if targets is None:
            return self._tree.assembled(self._results(args, kwargs), out)
        return self._tree.written(self._results(args, {**kwargs, "out": targets}), out)

    def scipy(self, start: Any, /, **fixed: Any) -> Packed:
        """The function of several inputs as one of a vector, for `scipy.optimize`, with sparse derivatives.

        start : the inputs to vary, by name, with the values to begin with. The results are a value, its gradients by these and
            the sparse Hessian, for `minimize`; or residuals and their sparse Jacobian, for `least_squares` and `root`
        fixed : the other inputs

            p = g.compile([r, g.jacobian(r, [w, b], sparse=True)]).scipy({"w": w0, "b": 0.0}, X=X)
            fit = scipy.optimize.least_squares(p.fun, p.start, jac=p.jac)
            p.unpack(fit.x)

        Raises as `CompiledFunction.scipy` does.
        """
        return Packed(self, start, fixed, self.entries.inputs)

    def _results(self, args: Any, kwargs: Any) -> Sequence[Any]:
        call: Callable[..., Any] = self.entries  # type: ignore[assignment]  # each compiled function's class has its call
        return call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("entries", "_tree"):
            raise AttributeError(name)
        return getattr(self.entries, name)

    def __repr__(self) -> str:
        return f"<sparse {self.entries!r}>"


__all__ = ["SparseFunction", "SparseTree", "has_sparse"]
