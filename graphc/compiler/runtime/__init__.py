"""The callables: calls are checked and dispatched, plans instantiated for lengths, tiers and caches kept."""
