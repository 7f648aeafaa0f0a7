"""What operators measure Flowapp by: Prometheus metrics and OpenTelemetry traces."""
