"""What `flowapp dev` runs besides the web server: the database brought up to date, the demo, the embedded worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowapp.cli import project
from flowapp.cli.errors import CommandFailed

from . import tables

if TYPE_CHECKING:
    from flowapp.demo.workspace import Opened
    from flowapp.dispatch.embedded import EmbeddedDispatcher


@dataclass
class Application:
    """Everything that is up: the ASGI application, the demo workspace, and the worker unless Celery is it."""

    asgi: Any
    demo: Opened
    worker: EmbeddedDispatcher | None

    def stop(self) -> None:
        """Stop executing runs; the next process continues them."""
        if self.worker is not None:
            self.worker.stop()


def start() -> Application:
    """Bring everything up. Raises whatever the project's code raises when it is imported."""
    import django
    from django.db import OperationalError, connection

    from flowapp.tenancy.errors import TenancyError

    django.setup()
    project.reach_database()
    try:
        worker, demo = _open()
    except TenancyError as error:
        raise CommandFailed(str(error)) from None
    except OperationalError as error:
        raise CommandFailed(f"the database does not answer: {project.first_line(error)}") from None
    finally:
        connection.close()
    from flowapp.asgi import application

    return Application(application, demo, worker)


def _open() -> tuple[EmbeddedDispatcher | None, Opened]:
    """Load the demo, then start the worker: the demo's story moves the clock, so nothing else may execute meanwhile."""
    from django.conf import settings

    from flowapp.demo import people, workspace
    from flowapp.dispatch.embedded import EmbeddedDispatcher

    with ThreadPoolExecutor(max_workers=1) as pool:
        # The first time this makes the hash of the demo's password, which is slow on purpose.
        kept = pool.submit(people.keep, settings.FLOWAPP_HOME)
        tables.bring_up_to_date()
        demo = workspace.load(settings.FLOWAPP_HOME, kept.result, settings.FLOWAPP_DEV_API_KEY)
    if settings.FLOWAPP_BROKER_URL:
        return None, demo
    # The only worker there is serves every queue that a step may name.
    worker = EmbeddedDispatcher(concurrency=settings.FLOWAPP_CONCURRENCY, queues=())
    worker.start()
    return worker, demo
