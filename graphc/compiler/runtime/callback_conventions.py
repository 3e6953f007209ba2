"""The signatures at which libraries call functions back, and which parameter of them is what."""

from __future__ import annotations

from typing import NamedTuple


class Convention(NamedTuple):
    """A signature that a library calls.

    signature : in C; scipy : as `scipy.LowLevelCallable` names it, empty for what SciPy does not call
    returns, parameters : in LLVM IR: %x is a number, %v a vector of %n elements, %out where results go, %m their number, %data
    number, vector : whether it hands a number, a vector over; writes : whether results go to memory, else a number is returned
    form : what is compiled for it, as users write it
    """

    signature: str
    scipy: str
    returns: str
    parameters: str
    number: bool
    vector: bool
    writes: bool
    gives_vector: bool
    form: str

    def has(self, parameter: str) -> bool:
        return f"%{parameter}" in self.parameters.replace(",", "").split()


CONVENTIONS = {
    "quad": Convention(
        "double callback(double x, void *data)", "double (double, void *)",
        "double", "double %x, ptr %data", True, False, False, False, "f(x, …) of a number gives a number",
    ),
    "nquad": Convention(
        "double callback(int n, double *x, void *data)", "double (int, double *, void *)",
        "double", "i32 %n, ptr %v, ptr %data", False, True, False, False, "f(x, …) of a vector, or of numbers, gives a number",
    ),
    "generic_filter": Convention(
        "int callback(double *window, intptr_t size, double *result, void *data)",
        "int (double *, intptr_t, double *, void *)",
        "i32", "ptr %v, i64 %n, ptr %out, ptr %data", False, True, True, False, "f(window, …) of a vector gives a number",
    ),
    "generic_filter1d": Convention(
        "int callback(double *line, intptr_t length, double *result, intptr_t size, void *data)",
        "int (double *, intptr_t, double *, intptr_t, void *)",
        "i32", "ptr %v, i64 %n, ptr %out, i64 %m, ptr %data", False, True, True, True, "f(line, …) of a vector gives a vector",
    ),
    "geometric_transform": Convention(
        "int callback(intptr_t *output, double *input, int output_rank, int input_rank, void *data)",
        "int (intptr_t *, double *, int, int, void *)",
        "i32", "ptr %v, ptr %out, i32 %n, i32 %m, ptr %data", False, True, True, True,
        "f(place, …) of an int64 vector, a place in the result, gives a vector, the place in the input",
    ),
    "lsoda": Convention(
        "void callback(double t, double *u, double *du, void *data)", "",
        "void", "double %x, ptr %v, ptr %out, ptr %data", True, True, True, True,
        "f(t, u, …) of a number and a vector of known length gives a vector as long",
    ),
}  # fmt: skip
"""By the names of the functions that call them; the last is LSODA's, as numbalsoda and others have it."""

__all__ = ["CONVENTIONS", "Convention"]
