"""Which workflows an event starts, and why it does not start the others that listen for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError

from flowapp.engine import registry, runs, triggers
from flowapp.engine.errors import IdempotencyConflict, InvalidInput, StartSkipped
from flowapp.engine.models import Event
from flowapp.engine.registry import WorkflowDefinition
from flowapp.tenancy.actors import Actor

from . import batches

logger = logging.getLogger("flowapp.engine")


@dataclass(slots=True)
class Found:
    """What an event matched: waits that took it and workflows it started; and what listened for it in vain."""

    matched: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any] | None:
        """For the event's row; nothing for an event that nobody listens for."""
        return {"matched": self.matched, "skipped": self.skipped} if self.matched or self.skipped else None


def start_all(event: Event, shape: Mapping[str, Any], found: Found) -> None:
    """Start the workflows that an event triggers, each once; one that fails keeps no other from its start."""
    for definition in registry.newest():
        refusals = [triggers.refusal(trigger, shape) for trigger in listening(definition, event.name, event.sender)]
        if None in refusals:
            _start(event, shape, definition, found)
        elif refusals:
            found.skipped.append({"workflow": definition.name, "reason": " and ".join(map(str, refusals))})


def listening(
    definition: WorkflowDefinition[Any, Any], name: str, sender: Mapping[str, Any]
) -> list[triggers.Event | triggers.Webhook]:
    """The triggers of a workflow that hear events of this name and sender."""
    hearing = (one for one in definition.triggers if isinstance(one, triggers.Event | triggers.Webhook))
    return [trigger for trigger in hearing if trigger.hears(name, sender)]


def _start(event: Event, shape: Mapping[str, Any], definition: WorkflowDefinition[Any, Any], found: Found) -> None:
    key = f"event:{event.id}:{definition.name}"
    control = definition.control
    try:
        if control is not None and control.batch is not None:
            run_id = batches.collect(definition, control, shape, key=key)
        else:
            input = shape["data"] if definition.takes_input else None
            by = Actor.from_json(event.sender)
            run_id = runs.start_run(definition, input, by=by, idempotency_key=key, event=shape).id
    except (InvalidInput, StartSkipped, IdempotencyConflict) as refusal:
        if isinstance(refusal, InvalidInput):
            logger.warning("event %s (%s) does not fit workflow %s: %s", event.id, event.name, definition.name, refusal)
        found.skipped.append({"workflow": definition.name, "reason": str(refusal)})
    except (OperationalError, InterfaceError):
        raise  # looked at again
    except Exception as error:
        logger.exception("event %s (%s) could not start workflow %s", event.id, event.name, definition.name)
        reason = f"starting it failed: {type(error).__name__} (the server's log has more)"
        found.skipped.append({"workflow": definition.name, "reason": reason})
    else:
        found.matched.append({"workflow": definition.name, "run_id": None if run_id is None else str(run_id)})
