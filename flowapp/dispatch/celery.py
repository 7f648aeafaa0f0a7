"""The dispatcher over Celery: a message is only a doorbell, the database owns every fact.

Losing all messages costs at most one sweep; a duplicate finds nothing to claim. No result, ETA, retry or canvas.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import Celery
from celery.signals import (
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.conf import settings

from flowapp.engine import signals
from flowapp.engine.process import EngineProcess

logger = logging.getLogger("flowapp.dispatch")
TASK = "flowapp.ring"
MESSAGE_EXPIRES = 60  # seconds; the sweeper rings again

app = Celery("flowapp")
app.conf.update(
    broker_url=settings.FLOWAPP_BROKER_URL or "memory://",
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    task_ignore_result=True,
    task_acks_late=False,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="default",
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    task_publish_retry=False,
)


@app.task(name=TASK, ignore_result=True)
def ring() -> None:
    """Claim the next ready run and drive it until it suspends or ends; ring again while there is more."""
    engine = _engine()
    while not engine.stopping.is_set() and (claimed := engine.claim(1)):
        engine.drive(claimed[0]).result()


def publish(queue: str) -> None:
    """Ring the bell of a queue. A broker that is down is logged and forgotten: the sweeper finds the run."""
    try:
        ring.apply_async(queue=queue, expires=MESSAGE_EXPIRES, retry=False)
    except Exception as error:  # noqa: BLE001 - kombu and the transports raise many kinds
        logger.warning("the broker did not take a doorbell; the sweeper will find the run: %s", error)


def connect() -> None:
    """Publish a doorbell whenever runs become ready in this process."""
    signals.ready.connect(_on_ready, weak=False, dispatch_uid="flowapp-celery")


def _on_ready(sender: object, *, queue: str, **_: Any) -> None:
    publish(queue)


_engine_of_process: EngineProcess | None = None
_engine_lock = threading.Lock()


def _engine() -> EngineProcess:
    """The engine of this worker process, made when first needed: after a fork, never before."""
    global _engine_of_process
    with _engine_lock:
        if _engine_of_process is None:
            queues = settings.FLOWAPP_QUEUES
            _engine_of_process = EngineProcess("celery", concurrency=settings.FLOWAPP_CONCURRENCY, queues=queues)
            _engine_of_process.start_sweeping(lambda: _ring_if_ready(queues))
        return _engine_of_process


def _ring_if_ready(queues: list[str]) -> None:
    """After a sweep: ring for what lies ready, as its own message may be lost."""
    from flowapp.engine.queries import ready_queues

    for queue, count in ready_queues(queues).items():
        for _ in range(min(count, settings.FLOWAPP_CONCURRENCY)):
            publish(queue)


@worker_ready.connect
def _started(sender: Any = None, **_: Any) -> None:
    """A thread pool shares one process: start its engine, and so the sweeper, before the first message.

    The parent of forked children must have none: they would inherit it, and its database connections, on every fork.
    """
    controller = getattr(sender, "controller", None)
    if "prefork" not in str(getattr(controller, "pool_cls", "")):
        _engine()


@worker_process_init.connect
def _started_child(**_: Any) -> None:
    _engine()


@worker_shutting_down.connect
def _stopping(**_: Any) -> None:
    """Finish the runs under way, and claim no further ones."""
    if _engine_of_process is not None:
        _engine_of_process.stopping.set()


@worker_shutdown.connect
@worker_process_shutdown.connect
def _stopped(**_: Any) -> None:
    if _engine_of_process is not None:
        _engine_of_process.stop()
