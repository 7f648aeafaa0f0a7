"""Sets Flowapp up in the process of a side: environment, Django, tables, one workspace."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any
from uuid import UUID

from benchmarks.protocol import Answer

_WORKSPACE = "benchmark"


@asynccontextmanager
async def answering(
    answer: Callable[[dict[str, Any]], dict[str, Any]],
    url: str | None,
    *,
    broker: str | None = None,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> AsyncIterator[Answer]:
    """A side that answers with Flowapp set up, within `around`.

    Django's ORM wants a thread without an event loop and gives each thread a connection, so one thread does it all.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        stack = ExitStack()
        in_thread = asyncio.get_running_loop().run_in_executor

        def open_all() -> None:
            stack.enter_context(flowapp(url, broker=broker))
            stack.enter_context(around())

        await in_thread(thread, open_all)

        async def answered(asked: dict[str, Any]) -> dict[str, Any]:
            return await in_thread(thread, answer, asked)

        yield answered
        await in_thread(thread, stack.close)


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


def owner() -> Any:
    """Ana, who owns the workspace, as an actor."""
    from flowapp.tenancy import actions, queries
    from flowapp.tenancy.actors import SYSTEM
    from flowapp.tenancy.models import Member, Role, User

    ana = Member.objects.filter(role=Role.OWNER).first()
    if ana is None:
        person = User.objects.create_user("ana@example.com", None, name="Ana")
        ana = actions.add_member(user=person, role=Role.OWNER, by=SYSTEM)
    return queries.actor_for(ana)
