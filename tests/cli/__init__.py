"""Tests of the `flowapp` command."""
