"""Searching a scope: prompts whose words begin like those searched for, in the list's own order, in bounded work.

A word that many prompts have is found among the first places of the list; one that few have, by the words table.
When neither shows a whole page, the list is read on up to a bound, and the page's cursor leads on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from approvals.models import Prompt, PromptWord, words
from approvals.queries.places import Listing
from flowapp.engine.queries import Page

FEW: Final = 1000  # prompts that are looked at one by one because they have the rarest word
READ_ON: Final = 2000  # places that are read on for words that many prompts have


def search(listing: Listing, query: str, cursor: str | None, limit: int, fields: Sequence[str]) -> Page[Prompt]:
    """A page of what is found; it may hold less than `limit` and still have a next one."""
    searched = words.of(query)[: words.MOST_SEARCHED]
    first = _among_places(listing, searched, cursor, limit, limit + 10, fields)
    if first.next is None or len(first.items) == limit:
        return first
    few = _with_rarest(searched)
    if few is None:
        return _among_places(listing, searched, cursor, limit, READ_ON, fields)
    found = listing.behind(_having(listing.among(few), searched), cursor).only(*fields)[: limit + 1]
    return _page(listing, list(found), limit, beyond=None)


def _among_places(
    listing: Listing, searched: Sequence[str], cursor: str | None, limit: int, count: int, fields: Sequence[str]
) -> Page[Prompt]:
    places = listing.places(cursor, count)
    having = _having(Prompt.objects.filter(pk__in=[place.prompt_id for place in places]), searched)
    by_id = {prompt.pk: prompt for prompt in having.only(*fields)}
    found = [by_id[place.prompt_id] for place in places if place.prompt_id in by_id]
    return _page(listing, found, limit, beyond=places[-1].cursor if len(places) == count else None)


def _page(listing: Listing, found: list[Prompt], limit: int, *, beyond: str | None) -> Page[Prompt]:
    following = listing.cursor(found[limit - 1]) if len(found) > limit else beyond
    return Page(found[:limit], following)


def _having(prompts: QuerySet[Prompt], searched: Sequence[str]) -> QuerySet[Prompt]:
    for word in searched:
        prompts = prompts.filter(search_text__contains=words.line([word]))
    return prompts


def _with_rarest(searched: Sequence[str]) -> list[UUID] | None:
    """The prompts that have the rarest of these words, when they are few; long words are seldom common."""
    for word in sorted(searched, key=len, reverse=True)[:3]:
        start, end = words.span(word)
        rows = PromptWord.objects.filter(word__gte=start, word__lt=end).values_list("prompt_id", flat=True)
        found = list(rows[: FEW + 1])
        if len(found) <= FEW:
            return list(set(found))
    return None
