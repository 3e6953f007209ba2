"""Lowering: from a graph to machine code.

    kernels   graph → the expanded graph of one kernel and its machine types
    emit      one element of the kernel as LLVM IR, operation by operation
    scalar    the entry points for single values: a CPython function, a C function, a function for Numba's code
    loops     the entry point for arrays: one fused pass over all operands
    jit       LLVM IR → machine code, by Numba's code generator

Only `jit` and `native` import numba and llvmlite; the other rooms write text.
"""
