"""The line of ready runs: who stands in it, who is held back by a limit, who is claimed next."""
