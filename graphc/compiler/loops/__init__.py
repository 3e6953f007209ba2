"""The loop IR: programs of loops over buffers, between the fused graph and the text of any target."""
