"""For who runs it: the operations page, the retention policy, and the metrics that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST, require_safe
from prometheus_client.core import Metric

from flowapp.engine import clock
from flowapp.engine.reading import readings
from flowapp.engine.upkeep import bulk, retention
from flowapp.http.access import OPERATOR, access
from flowapp.http.credentials import actor_of
from flowapp.integrations import readings as outbox
from flowapp.telemetry import metrics
from flowapp.tenancy.models import Role
from flowapp.tenancy.scope import current
from flowapp.web import answers

ADMINS: Final = (Role.OWNER, Role.ADMIN)
QUIET: Final = 10.0  # seconds without a heartbeat after which a worker is shown as late


@access(*ADMINS)
@require_GET
def operations(request: HttpRequest) -> HttpResponse:
    """The workspace's queues and runs, how late the installation is, and its workers."""
    return _page(request)


def _page(request: HttpRequest, *, wrong: str = "", status: int = 200) -> HttpResponse:
    queues = readings.queues(current())
    now, policy, workers = clock.now(), retention.policy(), readings.live_workers()
    context = {
        "queues": queues,
        "ready": sum(queue.depth for queue in queues),
        "runs": readings.live_runs(current()),
        "due": readings.oldest_due(),
        "workers": [(one, (now - one.heartbeat_at).total_seconds() > QUIET) for one in workers],
        "slots": sum(one.concurrency for one in workers),
        "outbox": outbox.of_workspace(current()),
        "troubles": outbox.troubles(current()),
        "stuck_events": readings.stuck_events(current()),
        "jobs": bulk.jobs(limit=5)[0],
        "policy": policy,
        "wrong": wrong,
        "days": request.POST.get("days", "") if wrong else policy.days or "",
        "archive": request.POST.get("what") != "delete" if wrong else policy.archive,
    }
    return answers.page(request, "web/operations.html", context, status=status)


@access(*ADMINS)
@require_POST
def set_retention(request: HttpRequest) -> HttpResponseBase:
    """Change the retention policy; empty days keep every run."""
    typed = request.POST.get("days", "").strip()
    try:
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 10):
            raise retention.BadPolicy(f"{typed[:20]!r} is not a number of days")
        archive = request.POST.get("what") != "delete"
        changed = retention.set_policy(days=int(typed) if typed else None, archive=archive, by=actor_of(request))
    except retention.BadPolicy as wrong:
        return _page(request, wrong=str(wrong), status=422)
    messages.success(request, "Ended runs are kept." if changed.days is None else "Retention is set.")
    return redirect("operations")


@access(OPERATOR)
@require_safe
def prometheus(request: HttpRequest) -> HttpResponse:
    """Everything Prometheus asks for: this process's counters, and where the installation stands."""
    try:
        return HttpResponse(metrics.text(), content_type=metrics.CONTENT_TYPE)
    except DatabaseError:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")


@metrics.reading
def outbox_metrics() -> Iterable[Metric]:
    """The outbox, by channel, and what cannot be reached."""
    yield metrics.gauge("flowapp_outbox_pending", "Messages that wait to be delivered.", "channel", outbox.pending())
    endpoints = outbox.troubled_endpoints()
    help = "Endpoints that Flowapp disabled because they failed, and those that take nothing just now."
    yield metrics.gauge("flowapp_endpoints_troubled", help, "state", endpoints)
    help = "Queues that workers cannot read just now."
    yield metrics.gauge("flowapp_queues_unread", help, "source", outbox.unread_queues())
