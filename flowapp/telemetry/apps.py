"""Telemetry as a Django app: no tables; it observes the engine where somebody wants to see what it observes."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Begins to measure when metrics can be fetched, and to trace when there is a collector."""

    name = "flowapp.telemetry"
    label = "telemetry"

    def ready(self) -> None:
        from . import metrics, server, tracing

        metrics.install()
        tracing.install()
        server.install()
