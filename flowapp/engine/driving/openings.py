"""The rows of waits that a body opens together, built in one go: their children stand in line one behind the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError
from django.db.models import Model

from flowapp.engine import whereabouts
from flowapp.engine.errors import NeedsAttention
from flowapp.engine.line import claims
from flowapp.engine.models import Run
from flowapp.engine.verbs.calls import Call, WaitTicket
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import scoped

logger = logging.getLogger("flowapp.engine")

type Rows = Sequence[Model] | NeedsAttention


def build(run: Run, requester: Actor | None, calls: Sequence[Call]) -> list[Rows]:
    """What belongs to each of these waits, or why it cannot be opened. Raises what an absent database raises."""
    with scoped(run.workspace_id):
        built = [_rows(run, requester, call) for call in calls]
        rows = [row for one in built if not isinstance(one, NeedsAttention) for row in one]
        if children := [row for row in rows if isinstance(row, Run)]:
            claims.place_all(children)
    return built


def _rows(run: Run, requester: Actor | None, call: Call) -> Rows:
    assert call.prepare is not None
    name, occurrence = call.key
    ticket = WaitTicket(run.id, run.workspace_id, run.fence, f"{name}#{occurrence}", run.workflow, requester, call.anew)
    try:
        return call.prepare(ticket)
    except NeedsAttention as attention:
        return attention
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("run %s: the wait %r could not be prepared", run.id, name, extra=whereabouts.fields(run))
        return NeedsAttention(f"{name!r} could not be opened: {error}")
