"""The machine: LLVM text made code and freed again, code on disk, memory for results, BLAS, the pool of threads."""
