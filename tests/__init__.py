"""Tests: they mirror the source; cases/ holds durability promises, house/ meta-tests, e2e/ the browser."""
