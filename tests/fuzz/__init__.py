"""Random programs of many kinds, compiled and compared with an oracle: `python -m tests.fuzz KIND …`."""
