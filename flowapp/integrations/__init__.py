"""What Flowapp says to other services, and how it gets there: an outbox, and a folder per service."""
