"""Running it: finding runs, bulk verbs, logs, measurements, retention."""
