"""How long a run waited for things of a kind, such as people, all of them together."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import DurationField, Exists, ExpressionWrapper, F, Sum

from flowapp.engine.models import UNANSWERED, Checkpoint, Run, Wait


def on(run_id: UUID, kind: str, *, now: datetime) -> timedelta | None:
    """The time from asking to the outcome, or until now; None when the run waited for none of this kind."""
    # Of all its steps only the keys are read, which hold the kind.
    keys = Checkpoint.unscoped.filter(Exists(Run.objects.filter(pk=run_id)), run_id=run_id, kind=kind).values("pk")
    took = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    over = Checkpoint.objects.filter(run_id=run_id, pk__in=keys).aggregate(took=Sum(took))["took"]
    waits = Wait.objects.filter(UNANSWERED, run_id=run_id, kind=kind).values_list("since", flat=True)
    parts = [*([] if over is None else [over]), *(now - since for since in waits)]
    return sum(parts, timedelta(0)) if parts else None
