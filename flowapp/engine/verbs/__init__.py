"""The engine's own ctx verbs, and what each needs beside the body: children, maps, locks, output."""
