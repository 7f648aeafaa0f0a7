"""Tests of workspaces, members, keys and the scope."""
