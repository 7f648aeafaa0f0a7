"""The filters of the list of runs: read from the address, kept as typed, said again in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict

from flowapp.engine import clock, registry
from flowapp.engine.reading import search
from flowapp.engine.reading.search import BadFilter, Filter
from flowapp.engine.states import RunStatus
from flowapp.web import wording

STATUSES: Final = (
    RunStatus.RUNNING,
    RunStatus.WAITING,
    RunStatus.NEEDS_ATTENTION,
    RunStatus.FAILED,
    RunStatus.COMPLETED,
    RunStatus.CANCELLED,
)
WITHIN: Final = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
_STANDING: Final = {"needs_attention": "in need of attention"}
_SINGLE: Final = ("workflow", "error", "within", "since", "until")


@dataclass(frozen=True)
class Asked:
    """What the reader filters by. `where` is None when something typed cannot be; `wrong` then says what."""

    where: Filter | None
    statuses: Sequence[str] = ()
    workflow: str = ""
    error: str = ""
    within: str = ""
    since: str = ""
    until: str = ""
    search: str = ""
    wrong: str = ""
    wrong_field: str = ""
    pairs: Sequence[tuple[str, str]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The one status asked for, if it is one."""
        return self.statuses[0] if len(self.statuses) == 1 else ""

    @property
    def more(self) -> bool:
        """Whether the rarer filters are in use."""
        return bool(self.error or self.since or self.until or self.wrong)

    @property
    def any(self) -> bool:
        """Whether anything is filtered by."""
        return bool(self.pairs)

    @property
    def query(self) -> str:
        """The filters as they stand in an address."""
        return urlencode(self.pairs)


def read(query: QueryDict) -> Asked:
    """The filters of an address. Several search fields stand in one input, separated by spaces."""
    given = {name: query.get(name, "").strip() for name in _SINGLE}
    typed = " ".join(text for text in query.getlist("search") if text).strip()
    statuses = [one for one in query.getlist("status") if one]
    pairs = [("status", one) for one in statuses] + [(name, value) for name, value in given.items() if value]
    pairs += [("search", typed)] if typed else []
    values = {**given, "search": typed, "statuses": statuses, "pairs": pairs}
    try:
        where = search.parse(
            workflow=given["workflow"],
            statuses=statuses,
            error=given["error"],
            since=_within(given["within"]) or given["since"],
            until=given["until"],
            terms=_terms(typed),
        )
    except BadFilter as wrong:
        return Asked(None, **values, wrong=f"{wording.label(wrong.field)}: {wrong}", wrong_field=wrong.field)  # type: ignore[arg-type]
    return Asked(where, **values)  # type: ignore[arg-type]


def workflows(chosen: str) -> list[str]:
    """The workflows to choose from; one that the code no longer has stays when it is chosen."""
    return sorted({definition.name for definition in registry.offered()} | ({chosen} - {""}))


def in_words(where: Filter) -> str:
    """A filter as a sentence's end: "runs of refund that failed with ValueError since 2026-11-20"."""
    parts = [f"runs of {where.workflow}" if where.workflow else "runs"]
    if where.statuses:
        parts.append(f"that are {' or '.join(_STANDING.get(one, one) for one in where.statuses)}")
    if where.error:
        parts.append(f"with the error {where.error}")
    if where.terms:
        parts.append("where " + " and ".join(f"{name} is {value}" for name, value in where.terms.items()))
    if where.since:
        parts.append(f"started since {wording.exact(where.since)}")
    if where.until:
        parts.append(f"started before {wording.exact(where.until)}")
    return " ".join(parts)


def _within(text: str) -> str:
    if not text:
        return ""
    if text not in WITHIN:
        raise BadFilter("within", f"{text[:20]!r} is not one of {', '.join(WITHIN)}")
    return (clock.now() - WITHIN[text][1]).isoformat()


def _terms(text: str) -> list[str]:
    """`amount:420 customer:Nordwind AG`: a word without a colon belongs to the value before it."""
    terms: list[str] = []
    for word in text.split():
        if ":" in word or not terms:
            terms.append(word)
        else:
            terms[-1] += f" {word}"
    return terms
