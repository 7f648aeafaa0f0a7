"""Real servers and workers, killed at named points of a run; an outside ledger tells what really happened."""
