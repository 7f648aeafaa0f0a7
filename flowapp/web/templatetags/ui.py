"""The tags of templates/_components/: `{% load ui %}`, then icon, status, avatar, moment, json, and the filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowapp.engine import clock
from flowapp.web import jsonview, shell, wording
from flowapp.web.demo_people import demo_people

register = template.Library()

register.simple_tag(demo_people, name="demo_people")
register.filter("label", wording.label)
register.filter("tone", wording.tone)
register.filter("decided", wording.decided)
register.filter("took", wording.took)
register.filter("money", wording.money)
register.filter("exact", wording.exact)
register.filter("json_text", jsonview.text)
register.filter("percent", wording.percent)
register.filter("assignees", wording.assignees)
register.filter("paragraphs", wording.paragraphs)


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """One icon of static/icons.svg; it never carries meaning alone, so it is hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>', classes, static("icons.svg"), name
    )


@register.inclusion_tag("_components/status.html")
def status(word: str, plain: bool = False) -> dict[str, Any]:
    """A status as shape, colour and word; `plain` leaves the word to screen readers."""
    return {
        "word": wording.label(word),
        "tone": wording.tone(word),
        "shape": wording.shape(word),
        "turning": wording.turning(word),
        "plain": plain,
    }


@register.inclusion_tag("_components/avatar.html")
def avatar(who: object, named: bool = False) -> dict[str, Any]:
    """Somebody's avatar, with the name beside it when `named`; `who` has a kind and a label, or is a name."""
    kind, name = _kind_and_name(who)
    return {
        "kind": kind,
        "name": name,
        "named": named,
        "initials": wording.initials(name),
        "hue": wording.hue(name),
    }


@register.inclusion_tag("_components/time.html")
def moment(at: datetime | None, style: str = "ago") -> dict[str, Any]:
    """A time as `<time>`, in words that stay current, exact on hover. Style "due": a deadline; "at": a clock time."""
    if at is None:
        return {"at": None}
    now = clock.now()
    words = {"due": wording.due, "at": wording.clock_time}.get(style, wording.relative)(at, now)
    return {"at": at, "text": words, "exact": wording.exact(at), "style": style, "over": style == "due" and at <= now}


@register.inclusion_tag("_components/json.html")
def json(value: Any, name: str = "JSON") -> dict[str, Any]:
    """A value as coloured JSON with a copy button."""
    return {"markup": jsonview.markup(value), "name": name}


@register.simple_tag
def span(start: datetime | None, end: datetime | None) -> str:
    """How long something took, or takes so far."""
    length: timedelta | None = (end or clock.now()) - start if start else None
    return wording.took(length)


@register.simple_tag(takes_context=True)
def navigation(context: Context) -> list[shell.Item]:
    """The rooms this reader may go to, with what waits in each."""
    return shell.navigation(context.get("request"))


@register.simple_tag(takes_context=True)
def inbox_count(context: Context) -> str:
    """How many prompts the reader may decide; the inbox itself has counted them already."""
    return shell.inbox_count(context.get("request"), context.get("mine_waiting"))


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The theme the reader chose: light, dark, or empty for the system's."""
    return shell.theme(context.get("request"))


@register.filter
def cat(text: object, more: object) -> str:
    """Two values as one text; `add` would have them both be text already."""
    return f"{text}{more}"


@register.filter
def called(recorded: Any, kind: str) -> Any:
    """A step's recorded call as people think of it: its one argument, or all of them; by name where they have one."""
    match recorded:
        case [[only]] if kind == "step":
            return only
        case [list() as given] if kind == "step":
            return given
        case [list() as given, dict() as named] if kind == "step":
            return named if not given else {"arguments": given, **named}
        case _:
            return recorded


@register.filter
def behind(children: Mapping[str, Any] | None, step: Any) -> Sequence[Any]:
    """The child runs that a step of the waterfall waits, or waited, for."""
    found: Sequence[Any] = (children or {}).get(f"{step.name}#{step.occurrence}", ())
    return found


@register.filter
def who(someone: object) -> str:
    """The name of a member, actor or decider; nobody in particular is the workspace's key."""
    return _kind_and_name(someone)[1]


def _kind_and_name(who: object) -> tuple[str, str]:
    if not who:
        return "key", "Workspace key"
    if isinstance(who, str):
        return "person", who
    if isinstance(who, Mapping):
        return who.get("kind") or "person", who.get("label") or who.get("name") or who.get("email") or "?"
    name = getattr(who, "label", None) or getattr(who, "name", None) or str(who)
    return getattr(who, "kind", "person"), str(name)
