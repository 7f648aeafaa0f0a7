"""What starts runs by itself: events, the clock, and batches of events."""
