"""What is kept in memory, which loops are fused, how memory is shared and work is cut."""
