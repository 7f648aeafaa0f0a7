"""The programs being measured. Each module is a process of its own that answers the harness (protocol.py)."""
