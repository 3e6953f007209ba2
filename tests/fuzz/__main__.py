"""`python -m tests.fuzz KIND …` runs the `main` of tests/fuzz/KIND.py."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    sys.exit(importlib.import_module(f"tests.fuzz.{sys.argv[1]}").main(sys.argv[2:]))
