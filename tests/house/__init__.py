"""Meta-tests: what must hold for the whole repository."""
