"""The rules over numbers, a file for each kind of function or cancellation."""
