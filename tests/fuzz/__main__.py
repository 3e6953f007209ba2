"""`python -m tests.fuzz KIND …` runs `main` of the module KIND in this folder with the arguments that follow."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    if len(sys.argv) < 2 or not sys.argv[1].isidentifier():
        sys.exit("usage: python -m tests.fuzz KIND [--count N] [--seed N] [--seconds S]")
    sys.exit(importlib.import_module(f"tests.fuzz.{sys.argv[1]}").main(sys.argv[2:]))
