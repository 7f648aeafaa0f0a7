"""Saved filters: views of the inbox under names of a member's own."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from approvals.models import SavedFilter
from approvals.models.inbox import LONGEST_NAME, LONGEST_VIEW
from approvals.states import FilterNotFound, InvalidDecision
from flowapp import audit
from flowapp.engine import clock
from flowapp.tenancy.actors import Actor

MOST: Final = 30  # a member


def save_filter(*, name: str, query: str, by: Actor, channel: str) -> SavedFilter:
    """Keep a view under a name; one of the same name is replaced. Raises InvalidDecision naming what is wrong."""
    name, member_id, query = _named(name), _member(by), _fitting(query)
    try:
        return _save(name, query, member_id, by=by, channel=channel)
    except IntegrityError:  # saved twice at once: now it is there, and is replaced
        return _save(name, query, member_id, by=by, channel=channel)


def _save(name: str, query: str, member_id: UUID, *, by: Actor, channel: str) -> SavedFilter:
    with transaction.atomic():
        kept = SavedFilter.objects.filter(member_id=member_id)
        known = kept.filter(name__iexact=name).first()
        if known is None and kept.count() >= MOST:
            raise InvalidDecision([{"field": "name", "msg": f"you have {MOST} filters; delete one first"}])
        before = {"name": known.name, "query": known.query} if known else None
        if known is None:
            known = SavedFilter.objects.create(member_id=member_id, name=name, query=query, created_at=clock.now())
        else:
            known.name, known.query = name, query
            known.save(update_fields=["name", "query"])
        _note("filter.saved", known, by, channel, before=before, after={"name": name, "query": query})
    return known


def rename_filter(filter_id: UUID, *, name: str, by: Actor, channel: str) -> SavedFilter:
    """Give a filter of one's own another name."""
    return _change("filter.renamed", filter_id, by=by, channel=channel, name=name)


def change_filter(filter_id: UUID, *, name: str, query: str, by: Actor, channel: str) -> SavedFilter:
    """Have a filter of one's own show something else, under this name."""
    return _change("filter.saved", filter_id, by=by, channel=channel, name=name, query=query)


def delete_filter(filter_id: UUID, *, by: Actor, channel: str) -> None:
    """Forget a filter of one's own."""
    with transaction.atomic():
        kept = _own(filter_id, by)
        _note("filter.deleted", kept, by, channel, before={"name": kept.name, "query": kept.query})
        kept.delete()


def _change(verb: str, filter_id: UUID, *, by: Actor, channel: str, **said: str) -> SavedFilter:
    try:
        with transaction.atomic():
            kept = _own(filter_id, by)
            said["name"] = _named(said["name"])
            _fitting(said.get("query", ""))
            before = {field: getattr(kept, field) for field in said}
            for field, value in said.items():
                setattr(kept, field, value)
            kept.save(update_fields=list(said))
            _note(verb, kept, by, channel, before=before, after=said)
    except IntegrityError:
        raise InvalidDecision([{"field": "name", "msg": f"you have a filter named {said['name']!r} already"}]) from None
    return kept


def _own(filter_id: UUID, by: Actor) -> SavedFilter:
    kept = SavedFilter.objects.select_for_update().filter(pk=filter_id, member_id=_member(by)).first()
    if kept is None:
        raise FilterNotFound
    return kept


def _member(by: Actor) -> UUID:
    assert by.member_id is not None  # only members have an inbox, and a workspace's key is none
    return by.member_id


def _named(name: str) -> str:
    name = " ".join(name.replace("\0", " ").split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidDecision([{"field": "name", "msg": f"give it a name of 1 to {LONGEST_NAME} characters"}])
    return name


def _fitting(query: str) -> str:
    if len(query) > LONGEST_VIEW:
        raise InvalidDecision([{"field": "search", "msg": "this search is too long to be kept; shorten it"}])
    return query


def _note(
    verb: str, kept: SavedFilter, by: Actor, channel: str, *, before: object = None, after: object = None
) -> None:
    audit.record(by=by, verb=verb, target=f"filter:{kept.pk}", before=before, after=after, channel=channel)
