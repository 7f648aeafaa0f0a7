"""Sets Flowapp up in the process of a side: environment, Django, tables, one workspace."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

_WORKSPACE = "benchmark"


@contextmanager
def flowapp(url: str | None, *, broker: str | None = None) -> Iterator[UUID]:
    """Flowapp on this database (None: SQLite in a new folder); gives the workspace's id, which is in scope."""
    # The developer's own settings must not change what is measured.
    for name in [name for name in os.environ if name.startswith("FLOWAPP_") and not name.startswith("FLOWAPP_TEST_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="flowapp-benchmark-") as home:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="flowapp.settings",
            FLOWAPP_MODE="test",
            FLOWAPP_HOME=home,
            FLOWAPP_WORKFLOWS="benchmarks.workflows",
            FLOWAPP_SECRET_KEY="only-for-benchmarks-" + "0123456789abcdef" * 4,
            FLOWAPP_ENCRYPTION_KEYS="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            LITELLM_LOCAL_MODEL_COST_MAP="True",  # or its import fetches a price list
        )
        os.environ["FLOWAPP_DATABASE_URL"] = url or f"sqlite:///{home}/benchmark.sqlite3"
        if broker:
            os.environ["FLOWAPP_BROKER_URL"] = broker
        yield from _set_up()


def _set_up() -> Iterator[UUID]:
    import django

    django.setup()
    from django.core.management import call_command

    from flowapp.tenancy import actions
    from flowapp.tenancy.actors import SYSTEM
    from flowapp.tenancy.models import Workspace
    from flowapp.tenancy.scope import scoped

    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.filter(slug=_WORKSPACE).first() or actions.create_workspace(
        name="Benchmark", slug=_WORKSPACE, by=SYSTEM
    )
    with scoped(workspace.pk):
        yield workspace.pk
