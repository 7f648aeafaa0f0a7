"""How runs are found: by workflow, status, time, error type and the fields that workflows declare. Indexed, all of it.

A run's id carries the moment of its start, so a range of time is a range of ids, which every index of runs ends with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models

from flowapp.engine import registry
from flowapp.engine.errors import FlowappError
from flowapp.engine.models import Run, SearchTerm
from flowapp.engine.states import RunStatus
from flowapp.tenancy.ids import first_uuid7
from flowapp.tenancy.scope import current

LONGEST_VALUE = 200  # characters; longer values are found by their beginning
_CLOCKS = timedelta(minutes=10)  # how far a server's clock may be off when it makes an id


class BadFilter(FlowappError):
    """A filter of runs that cannot be; `.field` is the part that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs. Nothing set: all of the workspace in scope. `since` counts in, `until` does not."""

    workflow: str | None = None
    statuses: tuple[str, ...] = ()
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    terms: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[UUID, ...] | None = None  # only of these; a bulk verb has none

    def __bool__(self) -> bool:
        return self != Filter()

    def narrowed(self, statuses: Iterable[str]) -> Filter:
        """The same filter, of these statuses only; what it named itself stays named."""
        wanted = tuple(statuses)
        return replace(self, statuses=tuple(one for one in self.statuses if one in wanted) or wanted)

    def overlaps(self, statuses: Iterable[str]) -> bool:
        """Whether a run of one of these statuses can be in it."""
        return not self.statuses or bool(set(self.statuses) & set(statuses))

    def as_json(self) -> dict[str, Any]:
        """As it is stored with a bulk job and in the audit log: only what is set."""
        stored = {
            "workflow": self.workflow,
            "status": list(self.statuses),
            "error": self.error,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "search": dict(self.terms),
        }
        return {name: value for name, value in stored.items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Filter:
        """What `as_json` wrote."""
        since, until = stored.get("since"), stored.get("until")
        return cls(
            workflow=stored.get("workflow"),
            statuses=tuple(stored.get("status", ())),
            error=stored.get("error"),
            since=datetime.fromisoformat(since) if since else None,
            until=datetime.fromisoformat(until) if until else None,
            terms=stored.get("search", {}),
        )


EVERY = Filter()


def parse(
    *,
    workflow: str = "",
    statuses: Iterable[str] = (),
    error: str = "",
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    terms: Iterable[str] = (),
) -> Filter:
    """A filter as people wrote it; terms are `field:value`. What is empty is not asked. Raises BadFilter."""
    for text, name in ((workflow, "workflow"), (error, "error")):
        if "\0" in text:
            raise BadFilter(name, "a name holds no NUL")
    begin, end = _moment("since", since), _moment("until", until)
    if begin and end and begin >= end:
        raise BadFilter("until", "is not after since, so no run can be in this range")
    found = dict(_term(text) for text in terms if text.strip())
    return Filter(workflow or None, tuple(_status(one) for one in statuses if one), error or None, begin, end, found)


def _status(text: str) -> str:
    if text not in set(RunStatus):
        raise BadFilter("status", f"{text!r} is not a status of runs: {', '.join(RunStatus)}")
    return text


def _moment(name: str, given: datetime | str | None) -> datetime | None:
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if 1970 < moment.year < 9999:  # what an id can carry, with room for the clocks
            return moment
    except (ValueError, OverflowError):
        pass
    raise BadFilter(name, f"{str(given)[:40]!r} is not a time: write 2026-11-21 or 2026-11-21T14:05")


def _term(text: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not name or not value or "\0" in text:
        raise BadFilter("search", f"{text[:80]!r}: write field:value, such as amount:420")
    known = fields()
    if name not in known:
        there = f"there are: {', '.join(known)}" if known else "no workflow declares any (@workflow(search={…}))"
        raise BadFilter("search", f"{name[:80]!r} is not a search field; {there}")
    return name, spelled(value)


def fields(workflow: str | None = None) -> list[str]:
    """The fields that people may search by: of one workflow, or of all."""
    return sorted({name for one in registry.all() if workflow in (None, one.name) for name in one.search})


def spelled(value: Any) -> str:
    """A value as it is stored and looked for: 420, 420.0 and "420.00" are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\0", "\ufffd")[:LONGEST_VALUE]
    try:
        number = float(text)
    except ValueError:
        return text
    # Not what only looks like a number: an order "00420" is not 420, and "nan" may be a name.
    plain = text.lstrip("-")
    if not plain[:1].isdigit() or (plain[0] == "0" and plain[1:2].isdigit()) or "_" in plain or len(plain) > 15:
        return text
    return f"{number:.15g}"


def terms_of(run: Run) -> list[SearchTerm]:
    """The rows by which a new run is found; to be inserted with it."""
    return [
        SearchTerm(workspace_id=run.workspace_id, run_id=run.id, name=name[:100], value=spelled(value))
        for name, value in run.search.items()
        if isinstance(value, str | int | float) and value != ""
    ]


def runs(where: Filter) -> models.QuerySet[Run]:
    """The runs of a filter, of the workspace in scope, unordered."""
    return _found(where, {})


def newest(where: Filter, *, before: UUID | None = None) -> models.QuerySet[Run]:
    """The runs of a filter, newest first, from those older than `before` on."""
    return _ordered(where, "-", {"lt": before} if before else {})


def oldest(where: Filter, *, after: UUID | None = None, upto: UUID | None = None) -> models.QuerySet[Run]:
    """The runs of a filter, oldest first, between two ids."""
    return _ordered(where, "", ({"gt": after} if after else {}) | ({"lte": upto} if upto else {}))


def _ordered(where: Filter, direction: str, bounds: Mapping[str, UUID]) -> models.QuerySet[Run]:
    # By the term's own copy of the run's id: SQLite does not see that the two are the same, and would sort.
    return _found(where, bounds).order_by(f"{direction}terms__run_id" if where.terms else f"{direction}id")


def _found(where: Filter, bounds: Mapping[str, UUID]) -> models.QuerySet[Run]:
    found = Run.objects.all() if where.ids is None else Run.objects.filter(id__in=where.ids)
    if where.workflow:
        found = found.filter(workflow=where.workflow)
    elif where.ids is None:
        # The batches of a map would bury the runs that people started; they stand on their parent's page.
        found = found.exclude(workflow__in=registry.own())
    if len(where.statuses) == 1:
        found = found.filter(status=where.statuses[0])
    elif where.statuses:
        found = found.filter(status__in=where.statuses)
    if where.error:
        found = found.filter(error_type=where.error)
    if where.since:
        found = found.filter(id__gte=first_uuid7(where.since - _CLOCKS), created_at__gte=where.since)
    if where.until:
        found = found.filter(id__lt=first_uuid7(where.until + _CLOCKS), created_at__lt=where.until)
    if not where.terms:
        return found.filter(**{f"id__{bound}": id_ for bound, id_ in bounds.items()})
    within = {f"terms__run_id__{bound}": id_ for bound, id_ in bounds.items()}
    for name, value in where.terms.items():
        # One join a term, each by the index that gives the newest first.
        named = {"terms__workspace_id": current(), "terms__name": name, "terms__value": spelled(value)}
        found = found.filter(**named, **within)
    return found
