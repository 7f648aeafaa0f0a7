"""The durable engine: runs, steps and waits that survive crashes. No web, no broker, no model vendor."""
