"""The frame around every page: which rooms the navigation shows, what waits in each, and the reader's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from approvals import queries
from flowapp.http.access import CHANGERS

THEMES: Final = ("light", "dark")

# (section heading, room's name, its URL's name, its icon, the letter that goes there after g)
_ROOMS: Final = (
    ("", "Inbox", "inbox", "inbox", "i"),
    ("", "Board", "board", "board", "b"),
    ("", "Runs", "runs", "runs", "r"),
    ("", "Workflows", "workflows", "workflows", "w"),
    ("", "Agents", "agents", "agents", "a"),
    ("Insight", "Cost", "cost", "cost", "c"),
    ("Insight", "Audit", "audit", "audit", "l"),
)


@dataclass(frozen=True)
class Item:
    """One link of the navigation."""

    section: str
    name: str
    url: str
    icon: str
    letter: str
    current: bool


def navigation(request: HttpRequest | None) -> list[Item]:
    """The rooms that exist. A room appears here once its URL has a name."""
    path = request.path if request else ""
    found = [(room, _url(room[2])) for room in _ROOMS]
    return [
        Item(section, name, url, icon, letter, path.startswith(url))
        for (section, name, _, icon, letter), url in found
        if url
    ]


def inbox_count(request: HttpRequest | None) -> str:
    """How many prompts the reader may decide, in words short enough for a badge; empty for none."""
    member = getattr(request, "member", None)
    count = queries.waiting_for(member.pk) if member else 0
    if count > queries.COUNT_UP_TO:
        return f"{queries.COUNT_UP_TO}+"
    return str(count) if count else ""


def may_change(request: HttpRequest) -> bool:
    """Whether the reader may start and steer runs; others are shown no buttons for it."""
    member = getattr(request, "member", None)
    return member is None or member.role in CHANGERS


def theme(request: HttpRequest | None) -> str:
    """The theme in the reader's cookie; empty means the system's."""
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
