"""Commands that work inside the process: the environment they stand on, Django, and the folder they were called in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowapp import environment

from .errors import CommandFailed


def set_up() -> None:
    """Set Django up for this folder. Raises CommandFailed naming what is wrong with the environment."""
    sys.path.insert(0, str(Path.cwd()))
    os.environ["DJANGO_SETTINGS_MODULE"] = "flowapp.settings"
    try:
        environment.load()
    except environment.BadEnvironment as bad:
        raise CommandFailed("; ".join(bad.problems)) from None
    import django

    django.setup()


def reach_database() -> None:
    """Ask the database for one connection, outside the pool, which would try for long. Raises CommandFailed."""
    import psycopg
    from django.db import DatabaseError, connection

    if connection.vendor != "postgresql":
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            raise CommandFailed(f"the database cannot be opened: {first_line(error)}") from None
        return
    try:
        psycopg.connect(**connection.get_connection_params()).close()
    except psycopg.Error as error:
        raise CommandFailed(f"the database does not answer: {first_line(error)}") from None


def migrations_missing() -> int:
    """How many migrations this database lacks."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    finally:
        connection.close()


def first_line(error: Exception) -> str:
    """What a driver's error says, without its hints."""
    return str(error).strip().partition("\n")[0]
