"""What every compiled function is: its arguments and results, what can be asked of it, and what it serves beside calls.

Two kinds of functions are compiled: of numbers, with loops that apply them to arrays (`elementwise_function.py`), and of whole
arrays (`array_function.py`). Each says how it is called; only a function of numbers has scalar entry points for other programs.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from importlib import import_module
from inspect import Signature
from typing import Any, ClassVar

import numpy as np

from graphc.compiler.engine import guard_words
from graphc.compiler.engine.jit import Library, build, pin
from graphc.compiler.engine.vectorcall import Led
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.lowering.unfold import unfold
from graphc.compiler.pipeline import Options, loop_program, unit_of
from graphc.compiler.runtime import callbacks
from graphc.compiler.runtime.c_callable import CCallable
from graphc.compiler.targets import export
from graphc.compiler.targets.llvm.kernels import scalar_entry
from graphc.errors import CompileError, GraphcError
from graphc.frontend.interop import jax, neighbours, torch
from graphc.frontend.interop.callee import Callee
from graphc.interpret.call_binding import arguments, signature
from graphc.ir.expr import Expr, current_site
from graphc.ir.formatting import visible
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_out
from graphc.ir.printer import render
from graphc.ir.types import DType
from graphc.util.fork_safety import cached_property, loading
from graphc.util.pytree import Structure, flatten
from graphc.util.records import dataclass


@dataclass(frozen=True)
class ScalarEntry:
    """The entry points of a function of numbers, for programs that call it without Python.

    kernel, library : its scalar body, and the module that holds it
    constants : arrays that its loops take; with such, numbers alone are not enough
    """

    kernel: Kernel
    library: Library
    constants: Sequence[np.ndarray]


class CompiledFunction(Led, ABC):
    """A compiled function.

    f(2.0, -3.0, 6.0), f(x=2.0, w=-3.0, b=6.0), f(array, array, 0.5), f(array, array, 0.5, out=array)

    Numbers in, Python numbers out. Arrays broadcast by NumPy's rules and may have any strides; the result has NumPy's shape.
    Safe casts are made, narrowing ones are refused with `DtypeError`. A function of symbols with declared shapes takes exactly
    those shapes. `out` is an array, or arrays in the structure of the results, of the results' shape and dtype.

    inputs : the names of the arguments
    llvm, asm : what was made, as LLVM IR after optimisation and as assembly
    lowlevel : the function for SciPy's integrators; `callback` makes one for filters, solvers in C, and with data
    address : the address of the function for C, valid as long as the function; c_signature : its declaration. Of a function of
        numbers that is `void f(const void *in, void *out)` on values in slots of 8 bytes; of one of whole arrays as in the header
        that `export` writes

    Machine code is unloaded with the function, or with the last `lowlevel` callable of it. Only what has become part of code
    that Numba compiled stays for good.

    Compiled functions are thread-safe, pickle as graph and options, and can be called from `@numba.njit` code, where they take
    numbers, or contiguous arrays of the declared shapes, and return numbers and new arrays, or (nested) tuples of them.
    """

    inputs: tuple[str, ...]

    def __init__(self, graph: Dag, structure: Structure, options: Options) -> None:
        self._structure = structure
        self._symbols = graph.symbols
        self._options = options
        self._guarded = guard_words.wanted()
        self._written = graph
        self._memory: dict[Any, Any] = {}
        self.inputs = tuple([symbol.name for symbol in self._symbols])
        self.__signature__: Signature = signature(self.inputs)

    # --- what each kind of function says ------------------------------------------------------------------------------------

    @abstractmethod
    def call(self, /, *args: Any, **kwargs: Any) -> Any:
        """The function on any arguments, with every check."""

    @property
    @abstractmethod
    def _numba_type_(self) -> Any:
        """What Numba's compiled code takes the function for: Numba asks for it by this name."""

    @property
    @abstractmethod
    def graph(self) -> Dag:
        """The graph as it was compiled."""

    @property
    @abstractmethod
    def tier(self) -> str:
        """What answers calls now: "native", or "interpreted" while the machine code is made."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the machine code is there, so many seconds at most; returns whether it is.

        Raises what made compiling fail.
        """

    @abstractmethod
    def report(self) -> Any:
        """What was made of the function and what it costs; `print` shows it."""

    @property
    @abstractmethod
    def _libraries(self) -> Sequence[Library]:
        """The modules of machine code made so far."""

    @property
    @abstractmethod
    def _entry(self) -> ScalarEntry | None:
        """The scalar entry points; None of a function of whole arrays."""

    @property
    @abstractmethod
    def _dtypes(self) -> tuple[DType, ...]:
        """Of the results."""

    # --- arrays of other libraries ------------------------------------------------------------------------------------------

    def dispatch(self, /, *args: Any, **kwargs: Any) -> Any:
        """The function on what machine code has not taken: other libraries' arrays go to their neighbour, the rest to `call`."""
        for value in args:
            if type(value) not in neighbours.OWN:
                break
        else:
            if not kwargs:
                return self.call(*args)
        given = (
            kwargs if "out" in self.inputs else {name: each for name, each in kwargs.items() if name != "out"}
        )
        try:
            answer = neighbours.answering((*args, *given.values()))
            if answer is None or len(given) != len(kwargs):  # results in `out`, which are NumPy's arrays
                return self.call(*args, **kwargs)
            return answer(self._callee(), arguments(self.inputs, args, kwargs))
        except GraphcError as error:
            error.site = error.site or current_site()
            raise

    def torch(self) -> torch.TorchFunction:
        """The function as a differentiable function of PyTorch's tensors, on the processor and without copies.

        Derivatives of every order are graphs that graphc derives from this function's formula. `torch.compile` takes it as one
        opaque operation. Called with tensors that require a gradient, `f` itself is this function.

            loss = f.torch()(w, X, y)
            loss.backward()

        Raises `DtypeError` where PyTorch has not the type of an input, when called for casts that could lose information, and
        `GradientError` for what has no derivative, when that is asked for. Needs the package `torch`.
        """
        return torch.function_of(self._callee())

    def jax(self) -> jax.JaxFunction:
        """The function as one that JAX traces: inside of `jax.jit`, `jax.vmap`, `jax.grad`, `jax.jvp` and
        `jax.hessian`, in both modes and any order.

        XLA's program calls it back on the host. Called with values that JAX traces, `f` itself is this function. Without
        `jax_enable_x64` what comes and goes is float32.

            jax.jit(jax.grad(lambda w: f.jax()(w, X, y)))(w)

        Raises as `torch` does. Needs the package `jax`.
        """
        return jax.function_of(self._callee())

    def _callee(self) -> Callee:
        """The function as neighbours see it."""
        graph = self._written
        count = len(graph.outputs) - len(self._options.updates)
        options = replace(self._options, updates=(), dump=())

        def compiled(outputs: Sequence[Expr], inputs: Sequence[Expr], serial: bool = False) -> Callee:
            structure = flatten(list(outputs))[1]
            wanted = replace(options, parallel=False) if serial else options
            return type(self)._make(Dag(outputs, inputs), structure, wanted)._callee()

        def unfolded() -> tuple[Expr, ...]:
            plain = unfold(graph)
            return tuple([plain.exprs[output] for output in plain.outputs[:count]])

        return Callee(
            self.call, compiled, graph.symbols, tuple([graph.exprs[output] for output in graph.outputs[:count]]),
            self._structure, self._dtypes, self._broadcasts, self._unused, bool(self._options.updates), self.dispatch,
            self._memory, unfolded,
        )  # fmt: skip

    _make: ClassVar[Callable[[Dag, Structure, Options], CompiledFunction]]
    """Compiles another graph to the kind of function that it needs; `make.py` says which."""

    @property
    def _broadcasts(self) -> bool:
        """Whether arrays of any shapes are taken, element by element."""
        return False

    # --- machine code -------------------------------------------------------------------------------------------------------

    @property
    def llvm(self) -> str:
        """LLVM IR of the machine code made so far, after optimisation: a function's array loops are made when first needed."""
        return "\n".join(library.llvm for library in self._libraries)

    @property
    def asm(self) -> str:
        """Assembly of the machine code made so far."""
        return "\n".join(library.asm for library in self._libraries)

    def _scalar_entry(self, what: str, hint: str = "declare scalars: g.symbol(name)") -> ScalarEntry:
        """The scalar entry points; raises `CompileError` where there are none."""
        entry = self._entry
        if entry is None:
            raise CompileError(f"{what}; this one works on whole arrays", hint=hint)
        return entry

    @property
    def address(self) -> int:
        """The address of the C function `c_signature`; one slot of 8 bytes for each value."""
        if self._is_of_arrays:
            return self.c_callable.address
        return self._scalar_entry("only functions of numbers have an address").library.pointer("packed")

    @property
    def c_signature(self) -> str:
        """The declaration in C of the function at `address`."""
        return (
            self.c_callable.signature if self._is_of_arrays else "void function(const void *in, void *out);"
        )

    @property
    def _is_of_arrays(self) -> bool:
        """Whether C calls it with lengths and arrays: some are declared."""
        return any(symbol.shape for symbol in self._symbols)

    @cached_property
    def lowlevel(self) -> Any:
        """The function as a `scipy.LowLevelCallable`, `double (int, double *)`: for `scipy.integrate.quad` and `nquad`.

        Raises `CompileError` unless all inputs and the one result are float64 numbers, or the one input is a vector; `callback`
        makes those that other functions of SciPy's call.
        """
        if self._entry is None or self._is_of_arrays:
            return callbacks.callback(
                self.c_callable, callbacks.usual_kind(self.c_callable.program), None, self._options.cache
            ).lowlevel
        entry = self._scalar_entry("SciPy calls functions of numbers")
        if entry.constants:
            raise CompileError(
                "SciPy calls functions of numbers, and this one has arrays",
                hint="declare scalars: g.symbol(name)",
            )
        return export.lowlevel(entry.kernel, entry.library, self._options.cache)

    @cached_property
    def c_callable(self) -> CCallable:
        """The function as one that C calls, as headers of `export` declare it; made when something asks for it."""
        unit = unit_of(self.graph, Options(updates=self._options.updates))
        return CCallable(loop_program(unit), self._options.cache)

    def callback(self, kind: str, data: Mapping[str, Any] | None = None) -> callbacks.Callback:
        """The function as a C function that a library calls back, at the library's own signature.

        Parameters
        ----------
        kind : who calls it. "quad": of a number; "nquad": of a vector or of several numbers; both also for `scipy.integrate`'s
            others. "generic_filter", "generic_filter1d", "geometric_transform": those of `scipy.ndimage`. "lsoda": of a number t
            and a vector u, gives a vector: a right-hand side as numbalsoda and other solvers in C call them
        data : the other inputs by name, float64; they lie one behind the other where the user's data are. Where nothing is given
            the caller hands a pointer to them over

        Returns an object with `address`, `signature` (in C), `lowlevel` (the `scipy.LowLevelCallable`), and `data`, an array that
        may be changed between calls. Lengths that do not fit, and indices outside of an axis, give NaN, or in
        `scipy.ndimage` an error.

        Raises `InputError` for another kind and for data that do not fit, `CompileError` for a function that is not of that form.

        >>> import graphc as g
        >>> from scipy import integrate
        >>> x, w = g.symbol("x"), g.symbol("w", shape=(3,))
        >>> f = g.compile(g.sum(w * g.stack([1.0, x, x * x])), [x, w])
        >>> round(integrate.quad(f.callback("quad", {"w": [1, 0, 3]}).lowlevel, 0, 2)[0], 12)
        10.0
        """
        return callbacks.callback(self.c_callable, kind, data, self._options.cache)

    def scipy(self, start: Any, /, **fixed: Any) -> Any:
        """The function as one of a vector, with derivatives, as SciPy's solvers take it.

        start : the inputs to vary, by name, with the values to begin with
        fixed : the other inputs. Unless inputs have these names: `bounds` by name, each (least, greatest), and `subject_to`, a
            list of comparisons as x + y <= 1; `over`, the name of the variable that a differential equation is solved over, with
            `events`, expressions whose zeros are looked for, or with `boundary`, a function of the states at both ends, by
            name, that returns what is 0 there, and `parameters`, unknown ones with values to begin with

        Of one formula the derivatives are made when they are asked for, and the result has `fun`, `jac`, `hess`, `hessp`,
        `bounds`, `constraints`, `arguments(solver)` and `lowlevel`; of a function that computes them (the value and gradients, as
        `g.value_and_grad` gives them, and maybe the Hessian; or residuals and their Jacobian) they are taken from it. With
        `over` it has what `scipy.integrate.solve_ivp` or, with `boundary`, `solve_bvp` take.

            p = f.scipy({"w": w0, "b": 0.0}, X=X, y=y)
            found = scipy.optimize.minimize(**p.arguments("trust-exact"))
            p.unpack(found.x)

        Raises `InputError` for names that are no inputs, `ArityError` and `ShapeError` where results do not fit them.
        """
        with loading():
            verb = import_module("graphc.api.scipy_bundle")  # derives and compiles: a room above this one
        return verb.bundle(self, start, fixed)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        header: str | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> None:
        """Write the function for programs that have no graphc.

        Parameters
        ----------
        path : "module.py" is a Python module that needs NumPy and Numba alone, up to 2,000 operations;
            "kernel.o" an object file with a C interface for processors like this one, ".so" a shared library, made by the C
            compiler; "kernel.c" C99 for any processor; "module.js" an ES module over typed arrays. Functions of
            whole arrays have the same interface in all three of C
        header : where the C header goes; it documents the interface. That of "kernel.c" is "kernel.h" by default
        name : of the function; by default made of the file's name

        Raises `InputError` for another suffix or a name that is none, `CompileError` for what cannot be exported so.
        """
        formula = "; ".join(str(self.graph.exprs[output]) for output in self.graph.outputs[:8])
        suffix = export.suffix_of(path)
        if self._entry is None or self._is_of_arrays or suffix in (*export.C, *export.JAVASCRIPT):
            unit = unit_of(export.expanded(self.graph, suffix), Options(updates=self._options.updates))
            export.write_program(loop_program(unit), path, header, name, formula, self._structure)
            return
        entry = self._scalar_entry(
            f"only functions of numbers are exported to {suffix!r} files",
            'f.export("kernel.c") writes C, f.export("kernel.so") a library; g.save keeps the graph itself',
        )
        source = export.ExportSource(
            entry.kernel, self.inputs, self._structure, tuple(entry.constants), formula, self._unused
        )
        export.write(source, path, header, name)

    @property
    def _unused(self) -> tuple[int, ...]:
        """The numbers of the inputs that the formula as written does not use."""
        return ()

    @cached_property
    def _direct(self) -> Library:
        """The module of the entry point for Numba's compiled code, made when that asks for it."""
        entry = self._scalar_entry(
            "code compiled by Numba calls functions of numbers", "call it from Python, or declare scalars"
        )
        if entry.constants:
            raise CompileError(
                "a function with array constants cannot be called from Numba's compiled code",
                hint="declare a symbol in the constant's place",
            )
        text = scalar_entry.direct_module(entry.kernel, self._structure, entry.library.symbol("packed"))
        return build(text, ("direct",), self._options.cache, (entry.library,))

    @property
    def _direct_address(self) -> int:
        pin(self._direct)
        return self._direct.pointer("direct")

    def _repr_html_(self) -> str:
        """For notebooks: what it is, and the first of its results as formulas."""
        graph = self.graph
        rows = [render(graph.exprs[output], budget=300) for output in graph.outputs[:4]]
        rows += ["…"] if len(graph.outputs) > 4 else []
        items = "".join(f"<li><code>{escape(visible(row, 400))}</code></li>" for row in rows)
        return f"<div><code>{escape(visible(repr(self), 400))}</code><ul>{items}</ul></div>"

    def _outputs(self, out: Any, shapes: list[tuple[int, ...]]) -> list[np.ndarray] | None:
        """The arrays given as `out`, checked."""
        return None if out is None else as_out(out, self._structure, shapes, self._dtypes)
