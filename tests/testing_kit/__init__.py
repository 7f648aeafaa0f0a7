"""Tests of the testing kit, which read as its users' tests do."""
