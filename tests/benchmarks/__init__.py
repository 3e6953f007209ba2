"""Timings, side by side: `python -m tests.benchmarks`. No test asserts a time; these print ratios."""
