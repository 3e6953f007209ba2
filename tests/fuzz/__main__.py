"""python -m tests.fuzz KIND …: runs `main` of the module of that name."""

import importlib
import sys

if len(sys.argv) < 2:
    sys.exit("usage: python -m tests.fuzz KIND …")
sys.exit(importlib.import_module(f"tests.fuzz.{sys.argv[1]}").main(sys.argv[2:]))
