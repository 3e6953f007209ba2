"""Programs of the loop IR as LLVM text: a whole program is one native function."""
