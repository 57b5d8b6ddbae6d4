"""Owner references: what goes with its owner, what waits for its dependents."""
