"""What a worker process does beside executing runs, in a thread of its own: log lines, bulk verbs, retention."""
