"""The backward pass in words: what each node receives, computes and returns."""
