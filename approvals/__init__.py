"""Approvals: the questions runs put to people, and the one decision each of them ends in."""
