"""Tests of what the web rooms share."""
