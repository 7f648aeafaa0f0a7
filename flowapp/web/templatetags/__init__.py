"""The tags templates load."""
