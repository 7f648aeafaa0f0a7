"""The integrations as a Django app: what they send, and what runs beside the sweeper to send it, registers itself."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Starts the outbox's deliverer wherever runs are executed."""

    name = "flowapp.integrations"
    label = "integrations"

    def ready(self) -> None:
        """Importing the deliverer has every sweeping process deliver."""
        from . import deliverer  # noqa: F401 - models are not ready any earlier
        from .queues import consuming  # noqa: F401
        from .slack import socket_mode  # noqa: F401
        from .webhooks import delivering  # noqa: F401
