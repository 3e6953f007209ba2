"""The search for digits."""
