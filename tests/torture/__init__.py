"""Minutes of random faults on real servers and workers, judged from outside: `make torture`."""
