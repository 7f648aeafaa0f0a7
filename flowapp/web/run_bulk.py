"""Bulk verbs: how many runs it would be, begin, progress live, and what became of each run."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flowapp.engine import queries
from flowapp.engine.reading.search import Filter
from flowapp.engine.upkeep import bulk
from flowapp.http.access import SIGNED_IN, WORKSPACE_KEY, access
from flowapp.http.credentials import actor_of
from flowapp.tenancy.models import Role
from flowapp.web import answers, run_filters

MANAGERS: Final = (Role.OWNER, Role.ADMIN, Role.MANAGER, WORKSPACE_KEY)
COUNTED: Final = 100_000
LONGEST_REASON: Final = 10_000  # characters
_SAMPLE: Final = 5


@access(*MANAGERS)
@require_http_methods(["GET", "POST"])
def bulk_new(request: HttpRequest, verb: str) -> HttpResponseBase:
    """Say how many runs it would be and what happens to them; a POST begins it."""
    if verb not in bulk.STATUSES:
        raise Http404(f"There is no bulk verb {verb!r}.")
    asked = run_filters.read(request.GET)
    if asked.where is None:
        return _confirm(request, verb, asked, refused=asked.wrong)
    try:
        where = bulk.takes(verb, asked.where)
        if request.method == "POST":
            reason = request.POST.get("reason", "").replace("\0", "").strip()[:LONGEST_REASON]
            return redirect("bulk", job_id=bulk.begin(verb, asked.where, by=actor_of(request), reason=reason))
    except bulk.NothingToDo as refused:
        return _confirm(request, verb, asked, refused=str(refused))
    return _confirm(request, verb, asked, where=where)


def _confirm(
    request: HttpRequest, verb: str, asked: run_filters.Asked, *, where: Filter | None = None, refused: str = ""
) -> HttpResponse:
    count = queries.count(where, upto=COUNTED) if where else 0
    context = {
        "verb": verb,
        "asked": asked,
        "count": count,
        "more": count >= COUNTED,
        "words": run_filters.in_words(where) if where else "",
        "sample": queries.run_page(where, limit=_SAMPLE).items if where else [],
        "refused": refused,
        "typed": request.POST,
    }
    status = 409 if refused and request.method == "POST" else 200
    return answers.page(request, "web/bulk_new.html", context, status=status)


@access(SIGNED_IN)
@require_GET
def bulk_list(request: HttpRequest) -> HttpResponse:
    """The workspace's bulk verbs, newest first."""
    try:
        jobs, following = bulk.jobs(cursor=request.GET.get("cursor") or None)
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    rows = [(job, run_filters.in_words(Filter.from_json(job.where))) for job in jobs]
    return answers.page(request, "web/bulk_list.html", {"rows": rows, "next": following})


@access(SIGNED_IN)
@require_GET
def bulk_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """How far a bulk verb is, and what became of each run."""
    job, refused = bulk.job(job_id), request.GET.get("refused") == "1"
    try:
        results, following = bulk.results(job_id, refused=refused, cursor=request.GET.get("cursor") or None)
    except ValueError:
        raise Http404("This page of the list does not exist; begin at the first one.") from None
    names = bulk.names([result.run_id for result in results])
    context = {
        "job": job,
        "words": run_filters.in_words(Filter.from_json(job.where)),
        "share": job.done / job.total if job.total else 1.0,
        "rows": [(result, *names.get(result.run_id, ("", ""))) for result in results],
        "next": following,
        "refused_only": refused,
        "may_stop": job.status == "running" and may_manage(request),
    }
    return answers.page(request, "web/bulk.html", context)


@access(*MANAGERS)
@require_POST
def bulk_stop(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """Have a bulk verb do nothing more."""
    bulk.stop(job_id, by=actor_of(request))
    return redirect("bulk", job_id=job_id)


def may_manage(request: HttpRequest) -> bool:
    """Whether the reader may use bulk verbs."""
    member = getattr(request, "member", None)
    return member is None or member.role in MANAGERS
