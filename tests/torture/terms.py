"""The terms of a torture: how short leases are, and which safeguards can be taken out."""

LEASE_SECONDS = 2.0
SWEEP_SECONDS = 0.3
LEDGER = "TORTURE_LEDGER"  # the variable that names the ledger's address
CONTROLS = ("fence", "sweeper", "claim", "decision")
