"""What mypy must accept and reject in people's workflows; `make check` is the test."""
