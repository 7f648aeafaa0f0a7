"""What stands in `@workflow(triggers=…, batch=…)`, compared with the workflow: refused at once, not when it is due."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from . import inputs, paths
from .errors import BadDefinition, InvalidInput, NotSerializable
from .limits import FlowControl
from .triggers import Cron, Event, Webhook

logger = logging.getLogger("flowapp.engine")
# What pydantic calls the refusals that another day, or another state of the world, may take back.
_OF_TODAY = {"date_future", "date_past", "datetime_future", "datetime_past", "value_error", "assertion_error"}

type Trigger = Event | Webhook | Cron


def check(triggers: Sequence[Trigger], control: FlowControl | None, input_type: Any, *, takes_input: bool) -> None:
    """Compare triggers and flow control with the workflow's input. Raises BadDefinition."""
    hearing = [trigger for trigger in triggers if not isinstance(trigger, Cron)]
    data = input_type  # of an event
    if control is not None:
        control.check(input_type, takes_input=takes_input)
        data = control.event_type(input_type)
        if control.batch is not None and not hearing:
            raise BadDefinition("batch collects what Event or Webhook triggers bring, and there are none of these")
    for trigger in hearing:
        if trigger.when is not None:
            paths.check(trigger.when, {"event.data": data})
    crons = [trigger for trigger in triggers if isinstance(trigger, Cron)]
    _check_each_apart(crons)
    for cron in crons:
        _check_input(cron, input_type, takes_input=takes_input)


def _check_each_apart(crons: Sequence[Cron]) -> None:
    """A workspace keeps one schedule for an expression and its time zone: a second one would never start anything."""
    known: dict[tuple[str, str], Cron] = {}
    for cron in crons:
        first = known.setdefault((cron.expression, cron.tz), cron)
        if first is not cron:
            raise BadDefinition(f"{first} and {cron} have the same slots; make them one, or two workflows")


def _check_input(cron: Cron, input_type: Any, *, takes_input: bool) -> None:
    """A fixed input of the wrong shape never fits. What a check of its value says is a slot's to hear: tomorrow it may
    be another, and a worker that starts then has to."""
    if callable(cron.input):
        return  # known when a slot comes
    try:
        inputs.validated(cron.input, input_type, takes_input=takes_input)
    except (InvalidInput, NotSerializable) as refusal:
        words = str(refusal).removeprefix("the input is not valid: ")
        if _of_today(refusal):
            logger.warning("Cron(%r): %s; as long as that is so, its slots start nothing", cron.expression, words)
            return
        raise BadDefinition(f"Cron({cron.expression!r}): {words}") from None
    except Exception:
        return  # the type is not whole before all modules are imported, or its own check needs more than that


def _of_today(refusal: Exception) -> bool:
    wrong = refusal.__cause__
    return isinstance(wrong, ValidationError) and {error["type"] for error in wrong.errors()} <= _OF_TODAY
