"""What stands behind a run's page: its log, its family, further steps, and a look at a fork before it is made."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from flowapp.engine import clock, forks, queries
from flowapp.engine.errors import IllegalState, UnknownWorkflow
from flowapp.engine.reading import relatives
from flowapp.engine.verbs import output
from flowapp.http.access import SIGNED_IN, access
from flowapp.web import answers, family, folding, shell, waterfall


@access(SIGNED_IN)
@require_GET
def run_log(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The whole log of a run, page by page."""
    run = queries.run_state(run_id)
    with _strange_pages():
        lines, following = output.line_page(run_id, cursor=request.GET.get("cursor") or None, limit=500)
    return answers.page(request, "web/run_log.html", {"run": run, "lines": lines, "next": following})


@access(SIGNED_IN)
@require_GET
def run_family(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """A run's parents and children, as a graph and as a list."""
    run = queries.run_state(run_id)
    with _strange_pages():
        children, following = relatives.children(run_id, cursor=request.GET.get("cursor") or None)
    eldest = relatives.family(run_id)
    context = {
        "run": run,
        "drawing": family.draw(eldest) if eldest else None,
        "children": children,
        "next": following,
        "counts": relatives.statuses_below(run_id),
    }
    return answers.page(request, "web/run_family.html", context)


@access(SIGNED_IN)
@require_GET
def run_steps(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Further steps of a run with more than the first page holds."""
    run = queries.run_state(run_id)
    cursor = request.GET.get("cursor") or None
    with _strange_pages():
        steps = queries.step_page(run_id, cursor=cursor, shown=True)
    drawn = waterfall.draw(
        steps.items, since=steps.items[0].started_at if steps.items else run.created_at, until=_until(run, steps)
    )
    context = {
        "run": run,
        "waterfall": drawn,
        "rows": folding.rows(drawn.bars),
        "next": steps.next,
        "behind": relatives.waited_for(run_id, child_steps(steps.items)),
        "last": queries.last_step_page(run_id),
    }
    return answers.page(request, "web/run_steps.html", context)


@access(SIGNED_IN)
@require_GET
def run_fork(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What a fork would reuse and what would run again, before anything is done."""
    run = queries.run_state(run_id)
    step = request.GET.get("from_step", "")
    with _strange_pages():
        steps = queries.step_page(run_id, cursor=request.GET.get("cursor") or None, shown=True)
    names = [f"{one.name}#{one.occurrence}" for one in steps.items if one.ended_at]
    try:
        preview, refused = forks.preview(run_id, step), ""
    except (IllegalState, UnknownWorkflow) as error:
        preview, refused = None, str(error)
    context = {
        "run": run,
        "preview": preview,
        "refused": refused,
        "step": step,
        # The step that was chosen may stand on another page of the list.
        "names": names if preview is None or preview.from_step in names else [preview.from_step, *names],
        "next": steps.next,
        "may_fork": shell.may_change(request),
    }
    return answers.page(request, "web/run_fork.html", context, status=200 if preview or not step else 409)


def child_steps(steps: list[queries.StepRow]) -> list[str]:
    """The waits among these steps that are child runs, as the children know them."""
    return [f"{step.name}#{step.occurrence}" for step in steps if step.kind == "child"]


def _until(run: queries.RunRow, steps: queries.Page[queries.StepRow]) -> datetime:
    """Where the axis of a page ends: with its last step, and only on the last page with the run."""
    ends = [step.ended_at for step in steps.items if step.ended_at]
    return max(ends) if steps.next and ends else run.ended_at or clock.now()


class _strange_pages:  # noqa: N801 - reads as the block it is
    """A cursor that is not one of ours is a page that does not exist."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, (ValueError, OverflowError)):
            raise Http404("This page of the list does not exist; begin at the first one.") from None
