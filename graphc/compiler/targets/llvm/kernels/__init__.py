"""Kernels as LLVM text: scalar bodies with their entry points, loops over elements, fusion groups."""
