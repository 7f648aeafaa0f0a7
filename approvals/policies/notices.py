"""What a member may be told of, where and when: the kinds of news, the defaults, and reading what was chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo


class Kind(StrEnum):
    """A kind of news."""

    ASKED = "asked"
    GROUP = "group"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    DECIDED = "decided"
    MENTION = "mention"
    STUCK = "stuck"


class When(StrEnum):
    """When news of a kind goes out through a channel."""

    NOW = "now"
    DAILY = "daily"
    NEVER = "never"


EMAIL: Final = "email"
SLACK: Final = "slack"
CHANNELS: Final = {EMAIL: "E-mail", SLACK: "Slack"}
LABELS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.ASKED: ("A prompt is put to me", "by my e-mail address"),
    Kind.GROUP: ("A prompt is put to my group or role", "others may answer it too"),
    Kind.REMINDER: ("A reminder", "nobody has decided yet"),
    Kind.ESCALATION: ("An escalation reaches me", "nobody decided in time"),
    Kind.DECIDED: ("My request was decided", "or expired"),
    Kind.MENTION: ("Somebody mentions me", "as @my-address in a reason"),
    Kind.STUCK: ("Nobody can decide a prompt", "told to the administrators, who can put it to others"),
}
# All of it asks for something, or ends a wait: whoever gets too much of it chooses the digest.
DEFAULTS: Final[Mapping[Kind, Mapping[str, When]]] = {
    Kind.ASKED: {EMAIL: When.NOW, SLACK: When.NOW},
    Kind.GROUP: {EMAIL: When.NOW, SLACK: When.NOW},
    Kind.REMINDER: {EMAIL: When.NOW, SLACK: When.NOW},
    Kind.ESCALATION: {EMAIL: When.NOW, SLACK: When.NOW},
    Kind.DECIDED: {EMAIL: When.NOW, SLACK: When.NOW},
    Kind.MENTION: {EMAIL: When.NOW, SLACK: When.NOW},
    Kind.STUCK: {EMAIL: When.NOW, SLACK: When.NOW},
}
# A digest is a mail; what Slack shows is kept up to date, so it comes at once or not at all.
POSSIBLE: Final[Mapping[str, tuple[When, ...]]] = {
    EMAIL: (When.NOW, When.DAILY, When.NEVER),
    SLACK: (When.NOW, When.NEVER),
}
DIGEST_HOUR: Final = 8


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one member wants."""

    choices: Mapping[str, Mapping[str, str]]
    digest_hour: int = DIGEST_HOUR
    zone: str = "UTC"

    def when(self, kind: Kind, channel: str) -> When:
        """When news of this kind goes out to them there."""
        chosen = self.choices.get(kind, {}).get(channel)
        return When(chosen) if chosen in POSSIBLE[channel] else DEFAULTS[kind][channel]

    def next_digest(self, now: datetime) -> datetime:
        """The next moment at which it is the digest's hour where they are."""
        here = now.astimezone(ZoneInfo(self.zone))
        at = here.replace(hour=self.digest_hour, minute=0, second=0, microsecond=0)
        return at if at > here else (at + timedelta(days=1))


def choices_of(given: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The choices among posted values such as `asked.email=now`; what is not offered is left at its default."""
    read: dict[str, dict[str, str]] = {}
    for kind in Kind:
        for channel, possible in POSSIBLE.items():
            value = str(given.get(f"{kind}.{channel}", ""))
            if value in possible:
                read.setdefault(kind, {})[channel] = value
    return read
