"""The engine as a Django app."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers the engine's tables and gives definitions their verbs once Django is ready."""

    name = "flowapp.engine"
    label = "engine"

    def ready(self) -> None:
        from . import discovery

        discovery.install()
