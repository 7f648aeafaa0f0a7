"""The examples, run as their README says; each keeps its promise."""
