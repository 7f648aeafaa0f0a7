"""/v1/events: publishing named facts, in our own shape or as CloudEvents (structured, binary or batched)."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Self
from urllib.parse import unquote
from uuid import UUID

import pydantic
from ninja import Router
from ninja.errors import ValidationError
from ninja.params import functions
from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import to_json

from flowapp.engine import incoming
from flowapp.engine.triggering import events
from flowapp.engine.triggering.matching import Found
from flowapp.http.access import CHANGERS, access
from flowapp.http.credentials import actor_of
from flowapp.http.requests import Request

from .schemas import Name

router = Router(tags=["events"])
BATCH = "application/cloudevents-batch+json"
MOST_AT_ONCE = 1000  # events of a batch
LONGEST_ID = 200  # characters


class Event(BaseModel):
    """A fact. With an `id` it counts once. A CloudEvent's `type` is its name, its `source` and `id` are the id."""

    name: Annotated[Name, StringConstraints(strip_whitespace=True)]
    data: Any = None
    id: Name | None = None
    _old_id: str | None = PrivateAttr(None)

    @model_validator(mode="wrap")
    @classmethod
    def _from_cloud(cls, body: Any, read: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """A CloudEvent in our own shape."""
        headers = info.context["request"].headers if info.context else {}
        if "ce-specversion" in headers and not _is_batch(headers):
            lower = ((name.lower(), unquote(value)) for name, value in headers.items())
            attributes: Mapping[str, Any] = {name[3:]: value for name, value in lower if name.startswith("ce-")}
        elif isinstance(body, Mapping) and "specversion" in body:
            attributes, body = body, _data(body)
        else:
            return read(body)
        event = read(_plain(attributes, body))
        event._old_id = _old_id(attributes)
        return event


class StartedRun(BaseModel):
    """A run that an event started."""

    id: UUID
    workflow: str


class Match(BaseModel):
    """A workflow that an event started (`run_id` is null while it collects a batch), or the wait of a run it ended."""

    workflow: str | None = None
    run_id: UUID | None = None
    wait: str | None = None


class Skip(Match):
    """A workflow or wait that listens for events of this name, and why this one did nothing there."""

    reason: str


class Published(BaseModel):
    """What an event did. `duplicate`: its id was known, so it did nothing again; the rest is what the first one did."""

    id: UUID
    duplicate: bool
    runs: list[StartedRun]
    matched: list[Match]
    skipped: list[Skip] = Field(description="At most 20 waits among them. Whoever listens for other names is not.")


class PublishedBatch(BaseModel):
    """What each event of a batch did, in the batch's order."""

    items: list[Published]


# Read below: whether one or several were sent is the header's to say, and errors name the place in either.
_Sent = Annotated[Any, PlainValidator(lambda body: body, json_schema_input_type=Event | list[Event])]
_BODY: Any = functions.Body(None)  # in binary mode a CloudEvent may be all headers


@router.post("/events", response={202: Published | PublishedBatch})
@access(*CHANGERS)
def publish_event(request: Request, event: _Sent = _BODY) -> Published | PublishedBatch:
    """Publish an event: it satisfies the waits it matches and starts the workflows it triggers.

    A batch of CloudEvents (`application/cloudevents-batch+json`) is published as a whole or not at all.
    """
    if not _is_batch(request.headers):
        return _publish(request, [_read(request, event)])[0]
    return PublishedBatch(items=_publish(request, _read_all(request, event)))


def _publish(request: Request, sent: Sequence[Event]) -> list[Published]:
    new = [events.New(one.name, one.data, one.id, one._old_id) for one in sent]
    done = events.publish_all(new, by=actor_of(request))
    found = events.found_by_all({one.id for one in done})
    return [_answer(one, found[one.id]) for one in done]


def _answer(done: events.Published, found: Found) -> Published:
    runs = [StartedRun(id=one["run_id"], workflow=one["workflow"]) for one in found.matched if _is_start(one)]
    matched = [Match(**one) for one in found.matched]
    skipped = [Skip(**one) for one in found.skipped]
    return Published(id=done.id, duplicate=done.duplicate, runs=runs, matched=matched, skipped=skipped)


def _is_start(match: Mapping[str, Any]) -> bool:
    return bool(match.get("workflow") and match.get("run_id"))


def _read_all(request: Request, body: Any) -> list[Event]:
    if not isinstance(body, list):
        raise _wrong((), "A batch is an array of events")
    if len(body) > MOST_AT_ONCE:
        raise _wrong((), f"A batch has at most {MOST_AT_ONCE:,} events, not {len(body):,}")
    return [_read(request, one, number) for number, one in enumerate(body)]


def _read(request: Request, body: Any, *place: int) -> Event:
    try:
        return Event.model_validate(body, context={"request": request})
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise ValidationError([{**one, "loc": ("body", "event", *place, *one["loc"])} for one in found]) from None


def _wrong(place: tuple[int, ...], words: str) -> ValidationError:
    return ValidationError([{"type": "value_error", "loc": ("body", "event", *place), "msg": words}])


def _is_batch(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == BATCH


def _data(body: Mapping[str, Any]) -> Any:
    """What a structured CloudEvent carries, as JSON values: there is no other data here."""
    if "data_base64" not in body:
        return body.get("data")
    if "data" in body:
        raise ValueError("a CloudEvent has data or data_base64, not both")
    try:
        encoded = b64decode(body["data_base64"], validate=True)
    except (ValueError, TypeError):
        raise ValueError("data_base64 is not base64") from None
    try:
        return incoming.read(encoded)
    except incoming.NotJson as error:
        raise ValueError(f"data_base64 holds no JSON: {error}") from None
    except incoming.Unfit as unfit:
        raise ValueError(f"{'.'.join(map(str, ('data', *unfit.place)))}: {unfit.why}") from None


def _plain(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    if attributes.get("specversion") != "1.0":
        raise ValueError(f"this reads CloudEvents of specversion 1.0, not {attributes.get('specversion')!r}")
    missing = [name for name in ("type", "source", "id") if not attributes.get(name)]
    if missing:
        raise ValueError(f"a CloudEvent needs {' and '.join(missing)}")
    return {"name": attributes["type"], "id": _id(attributes), "data": data}


def _id(attributes: Mapping[str, Any]) -> str:
    """One text for an event of a source: two sources may use the same id for different events."""
    joined = _joined(attributes)
    if len(joined) <= LONGEST_ID and joined.count("#") == 1:
        return joined
    both = to_json([str(attributes["source"]), str(attributes["id"])])
    return f"sha256:{sha256(both).hexdigest()}"  # it has no #, so it is none of the others


def _old_id(attributes: Mapping[str, Any]) -> str | None:
    """What an event was known as when ids were joined whatever they are; None where it is the same, or was refused."""
    joined = _joined(attributes)
    return joined if len(joined) <= LONGEST_ID and joined.count("#") > 1 else None


def _joined(attributes: Mapping[str, Any]) -> str:
    return f"{attributes['source']}#{attributes['id']}"
