"""/v1/events: publishing named facts, in our own shape or as a CloudEvent (structured or binary mode)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ninja import Router
from pydantic import BaseModel, ValidationInfo, model_validator

from flowapp.engine import events
from flowapp.http.access import CHANGERS, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request

from .schemas import Name

router = Router(tags=["events"])


class Event(BaseModel):
    """A fact. With an `id` it counts once. A CloudEvent's `type` is its name, its `source` and `id` are the id."""

    name: Name
    data: Any = None
    id: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_cloud(cls, body: Any, info: ValidationInfo) -> Any:
        """A CloudEvent in our own shape."""
        headers = info.context["request"].headers if info.context else {}
        if "ce-specversion" in headers:
            attributes = {name.lower().removeprefix("ce-"): value for name, value in headers.items()}
            return _plain(attributes, body)
        if isinstance(body, Mapping) and "specversion" in body:
            return _plain(body, body.get("data"))
        return body


class StartedRun(BaseModel):
    """A run that an event started."""

    id: UUID
    workflow: str


class Published(BaseModel):
    """What an event did. `duplicate`: its id was known, so it did nothing again; the runs are those of the first."""

    id: UUID
    duplicate: bool
    runs: list[StartedRun]


@router.post("/events", response={202: Published})
@access(*CHANGERS)
def publish_event(request: Request, event: Event) -> Published:
    """Publish an event: it satisfies the waits it matches and starts the workflows it triggers."""
    done = events.publish(event.name, event.data, by=actor_of(request), id=event.id)
    runs = [StartedRun(id=id, workflow=workflow) for id, workflow in events.started_by(done.id)]
    return Published(id=done.id, duplicate=done.duplicate, runs=runs)


def _plain(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    missing = [name for name in ("type", "source", "id") if not attributes.get(name)]
    if missing:
        raise ValueError(f"a CloudEvent needs {' and '.join(missing)}")
    # Two sources may use the same id for different events.
    return {"name": attributes["type"], "id": f"{attributes['source']}#{attributes['id']}", "data": data}
