"""What `make bench` measures: Flowapp against raw SQL and against its peers, all sides on one PostgreSQL in one run."""
