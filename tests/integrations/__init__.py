"""Tests of what Flowapp says to other services."""
