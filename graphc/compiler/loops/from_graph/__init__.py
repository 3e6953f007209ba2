"""Graphs as programs of the loop IR, by what is kept in memory and which loops are fused."""
