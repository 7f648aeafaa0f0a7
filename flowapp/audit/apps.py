"""The audit log as a Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """Keeps the log, and listens to the room beneath it."""

    name = "flowapp.audit"
    label = "audit"

    def ready(self) -> None:
        from flowapp.tenancy.signals import recorded

        from .guards import after_migrating
        from .log import note

        post_migrate.connect(after_migrating, sender=self, dispatch_uid="flowapp.audit")
        recorded.connect(note, dispatch_uid="flowapp.audit")
