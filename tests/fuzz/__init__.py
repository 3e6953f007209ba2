"""Random programs, texts and files by the thousand: `python -m tests.fuzz KIND`."""
