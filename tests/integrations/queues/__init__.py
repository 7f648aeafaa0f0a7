"""Tests of the queues whose messages become events."""
