"""Tests of the REST API: what is answered, to whom, and what is refused without harm."""
