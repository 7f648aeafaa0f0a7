"""`manage.py flush` for a database whose audit log refuses deletion: the guards are lifted while it is emptied."""

from typing import Any

from django.core.management.commands.flush import Command as Flush
from django.db import connections, transaction

from flowapp.audit import guards


class Command(Flush):
    """Empties the whole database, the audit log included. Tests use it between themselves."""

    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        with transaction.atomic(using=options["database"]):
            guards.lift(connection)
        try:
            super().handle(**options)
        finally:
            guards.install(connection)
