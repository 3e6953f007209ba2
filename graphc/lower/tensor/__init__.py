"""Graphs of operations on whole arrays as machine code: loops over rows, products by BLAS, one plan of memory.

simple.py     composite operations as simple ones, reductions along one run of axes
contraction.py  Einstein's notation as products of matrices and sums
elements.py   one element of a node, written once in each body; indices.py: indices as texts
views.py      what views, padding, triangles and ranges do to an index
indexing.py   what indexing does to it, and updates of elements
stages.py     which nodes are kept in memory, and the loop that makes each
groups.py     which loops walk together over rows
rows.py       a group as LLVM IR; levels.py: what it does in a row, level by level; body.py: where its
              values are, and its loops; merging.py: which of those are one; chunks.py: what holds
              its chunks together; panels.py: products of the rows of a panel; gemm.py: calls of BLAS;
              streams.py: results past the caches
module.py     what kernels share: every function once
reducers.py   sums, products and extremes of contiguous numbers, as LLVM IR
library.py    operations that are no loops: products, linear algebra, sorting, scattering
running.py    what runs along an axis, and additions at places that repeat
images.py     a batch of images, one after the other: routines, chunks, scratch memory
convolution.py, pooling.py  their routines, found by routines.py; windows.py, places.py, writer.py: how they are written;
              direct.py, direct_input.py, direct_kernel.py: convolutions without columns; vectors.py: products in registers
plan.py       the steps of a program, its buffers and the text of its module
bound.py      a plan for given lengths: memory, chunks; calls.py: kernels as calls; lengths.py: those that are refused
"""
