"""From a queue's message to an event, once: what all kinds of queues share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flowapp.engine import incoming
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped

from .sources import Source

_LONGEST_ID = 200


class BadMessage(ValueError):
    """A message that no event can be made of; the message says why."""


class NoSuchWorkspace(Exception):
    """The source names a workspace that does not exist (yet)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. Without an `id` a repeat cannot be told from a second one of the same content."""

    id: str
    name: str
    body: bytes


def publish(source: Source, message: Message) -> events.Published:
    """Publish it and commit; only then may the queue be told that it is done. A repeat has no second effect."""
    name = source.event or message.name
    if not name:
        raise BadMessage("it names no event, and neither does the source")
    if flaw := incoming.flaw_of(name):
        raise BadMessage(f"its event's name: {flaw}")
    data = data_of(message.body)
    workspace_id = Workspace.objects.filter(slug=source.workspace).values_list("pk", flat=True).first()
    if workspace_id is None:
        raise NoSuchWorkspace(f"there is no workspace {source.workspace!r} for {source.label}")
    by = Actor("system", f"queue:{source.label}", source.label)
    with scoped(workspace_id):
        return events.publish(name, data, by=by, id=event_id(source, message.id))


def data_of(body: bytes) -> Any:
    """The body as JSON values. Raises BadMessage."""
    try:
        return incoming.read(body)
    except incoming.NotJson as error:
        raise BadMessage(f"its data is {error}") from None
    except incoming.Unfit as unfit:
        raise BadMessage(f"its data cannot be kept: {unfit}") from None


def text(fields: Mapping[Any, Any], name: str) -> str:
    """A field of a message as text; empty when it is missing or unreadable."""
    value = fields.get(name)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def event_id(source: Source, id: str) -> str | None:
    """The id of the event that a message becomes: its own, within the place that it was read from."""
    if not id:
        return None
    within = f"{source.label}@{sha256(source.place.encode()).hexdigest()[:12]}"
    whole = f"{within}:{id}"
    if len(whole) <= _LONGEST_ID and incoming.flaw_of(id) is None:
        return whole
    return f"{within}:{sha256(id.encode(errors='surrogatepass')).hexdigest()[:48]}"
