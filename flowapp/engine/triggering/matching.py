"""Which workflows an event starts, and why it does not start the others that listen for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

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
    """Start the workflows that an event triggers, each once."""
    for definition in registry.newest():
        listening = [trigger for trigger in definition.triggers if _hears(trigger, event)]
        if any(_fires(trigger, event, shape) for trigger in listening):
            _start(event, shape, definition, found)
        elif listening:
            conditions = " and ".join(str(getattr(trigger, "when", "")) for trigger in listening)
            found.skipped.append({"workflow": definition.name, "reason": f"when is false: {conditions}"})


def _hears(trigger: object, event: Event) -> bool:
    if isinstance(trigger, triggers.Webhook):
        return replace(trigger, when=None).matches(event.sender, {})
    return isinstance(trigger, triggers.Event) and trigger.hears(event.name)


def _fires(trigger: object, event: Event, shape: Mapping[str, Any]) -> bool:
    if isinstance(trigger, triggers.Webhook):
        return trigger.matches(event.sender, shape)
    return isinstance(trigger, triggers.Event) and trigger.matches(event.name, shape)


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
    else:
        found.matched.append({"workflow": definition.name, "run_id": None if run_id is None else str(run_id)})
