"""Tests of the demo: its workflows, its people, its story."""
