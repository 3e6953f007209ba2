"""Tests: one module for each room of graphc, and the oracles they are held against."""
