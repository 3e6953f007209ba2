"""`python -m tests.fuzz KIND …`: the module of that name in this folder takes the rest of the line."""

import importlib
import sys

if __name__ == "__main__":
    if len(sys.argv) < 2 or not sys.argv[1].isidentifier():
        sys.exit("usage: python -m tests.fuzz KIND [--count N] [--seed S] …")
    sys.exit(importlib.import_module(f"tests.fuzz.{sys.argv[1]}").main(sys.argv[2:]))
