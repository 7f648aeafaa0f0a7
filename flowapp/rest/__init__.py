"""The REST API under /v1: one file per resource. What clients type and read is docs/reference/rest.md."""
