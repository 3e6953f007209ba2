"""Inner routines as LLVM text: convolutions, pools, products in registers, calls of BLAS."""
