"""Programs of the loop IR as C99: one function, and a header."""
