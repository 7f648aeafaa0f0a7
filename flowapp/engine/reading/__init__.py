"""Reads for those who look: runs found, counted, related to each other."""
