"""The terms of a torture: how short leases are, what each exit code says, and which safeguards can be taken out."""

LEASE_SECONDS = 2.0
SWEEP_SECONDS = 0.3
LEDGER = "TORTURE_LEDGER"  # the variable that names the ledger's address

# Exit codes. None of them is one that Python itself ends with, so that a torture that fell over counts as nothing.
HELD = 0
BROKEN = 10  # a promise was broken; of a control: by the oracle that should notice
INVALID = 11  # the faults were too weak to mean anything, or the time was not enough
BLIND = 12  # of a control: it was not put in, was never met, or the oracle that should notice it did not

# What is taken out, and the oracle that has to notice.
CONTROLS = {
    "fence": "zombie writes",
    "sweeper": "stuck runs",
    "claim": "unexplained attempts",
    "record": "checkpointed steps run again",
    "decision": "double decisions",
}
ACKNOWLEDGED = "control:"  # begins the ledger's keys by which processes say that a safeguard is out

# What the judges know of the workload without importing it: importing registers its workflows.
NAPS = (("act:1", "woke from 0.4:1", 0.4), ("woke from 0.4:1", "woke from 2.0:1", 2.0))  # of `sleeps`, in seconds
FAILURES = 2  # of `retries`, before it succeeds
SIGNALS = 4  # that `signals` takes
LARGE = 90_000  # characters of a result of `is-large`: more than a claim preloads
ON_THE_MINUTE = "on-the-minute"
