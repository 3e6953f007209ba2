"""LLVM text: instructions of single operations, and the helpers that they call."""
