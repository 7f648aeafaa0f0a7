"""How values read on a page: times, durations, money, statuses, initials. Pure; static/js/times.js says the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from approvals.policies import assignment

MINUTE, HOUR, DAY = 60, 3600, 86400

TONES: Final = {
    "completed": "ok",
    "approved": "ok",
    "decided": "ok",
    "running": "info",
    "retrying": "warn",
    "waiting": "warn",
    "pending": "warn",
    "needs_attention": "bad",
    "failed": "bad",
    "high": "bad",
    "medium": "warn",
}
_DECIDED: Final = {"approve": "Approved", "deny": "Denied", "reject": "Rejected", "submit": "Submitted"}
_SHAPES: Final = {"pending": "waiting", "decided": "completed"}
_TURNING: Final = frozenset({"running", "retrying"})


def tone(word: str) -> str:
    """The tone of a status or risk: ok, warn, bad, info or nothing."""
    return TONES.get(word, "")


def shape(status: str) -> str:
    """The icon of a status: each has a shape of its own, so that colour never stands alone."""
    return f"st-{_SHAPES.get(status, status)}"


def turning(status: str) -> bool:
    """Whether the status means that something is being done right now."""
    return status in _TURNING


def label(word: str) -> str:
    """A name from the code as people read it: needs_attention becomes Needs attention."""
    spaced = word.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]


def decided(outcome: str, label_: str = "") -> str:
    """An outcome once it was chosen: approve becomes Approved; one of the workflow's own keeps its label."""
    return _DECIDED.get(outcome) or label_ or label(outcome)


def relative(moment: datetime, now: datetime) -> str:
    """How far away a moment is: "22 min ago", "in 5 h", else its date."""
    seconds = (moment - now).total_seconds()
    distance = abs(seconds)
    if distance < 45:
        return "just now" if seconds <= 0 else "in a moment"
    if distance >= 7 * DAY:
        return day(moment, now)
    size = _rough(distance)
    return f"in {size}" if seconds > 0 else f"{size} ago"


def due(moment: datetime, now: datetime) -> str:
    """A deadline: "in 38 min", or "2 h over" once it has passed."""
    if moment > now:
        return relative(moment, now)
    return f"{_rough(max((now - moment).total_seconds(), MINUTE))} over"


def day(moment: datetime, now: datetime) -> str:
    """A date without what goes without saying: "3 Nov", with the year when it is another one."""
    text = f"{moment.day} {moment:%b}"
    return text if moment.year == now.year else f"{text} {moment.year}"


def clock_time(moment: datetime, now: datetime) -> str:
    """A moment to come: "Mon 23 Nov, 14:05 UTC"; in the browser the same in the reader's zone."""
    at = moment.astimezone(UTC)
    return f"{at:%a} {day(at, now)}, {at:%H:%M} UTC"


def exact(moment: datetime) -> str:
    """A moment to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def took(length: timedelta | float | None) -> str:
    """A duration in the two units that matter: "4 ms", "1.4 s", "2 m 11 s", "3 h 5 m", "2 d 4 h"."""
    if length is None:
        return ""
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms" if seconds >= 0.0005 else "under 1 ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _pair(whole, MINUTE, "m", 1, "s")
    if whole < DAY:
        return _pair(whole, HOUR, "h", MINUTE, "m")
    return _pair(whole, DAY, "d", HOUR, "h")


def money(amount: Decimal | str | float | None) -> str:
    """Dollars: cents as usual, four places below a cent's worth; unknown is said, never shown as $0."""
    if amount is None or amount == "":
        return "unknown"
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        return str(amount)
    places = "0.0001" if value and abs(value) < 1 else "0.01"
    return f"${value.quantize(Decimal(places)):,}"


def percent(share: float) -> int:
    """A share between 0 and 1 as whole percent."""
    return round(100 * min(max(float(share), 0.0), 1.0))


def paragraphs(text: str) -> list[str]:
    """A docstring's paragraphs, without the line breaks its author's editor made."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def assignees(specs: Iterable[str] | None) -> str:
    """Assignee specs in words: "bo@acme.test, any manager or the group finance"."""
    return assignment.in_words(specs or ())


def initials(name: str) -> str:
    """One or two letters for an avatar: "Ana Ruiz" is AR, an e-mail address its first two letters."""
    plain = name.partition("@")[0].replace(".", " ").replace("-", " ")
    words = [word for word in plain.split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + words[-1][0] if len(words) > 1 else words[0][:2]).upper()


def hue(name: str) -> int:
    """Which of the six avatar colours a name has; the same on every page and machine."""
    return zlib.crc32(name.encode()) % 6 + 1


def _rough(seconds: float) -> str:
    if seconds < HOUR:
        return f"{max(int(seconds / MINUTE + 0.5), 1)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds / HOUR + 0.5)} h"
    return f"{int(seconds / DAY + 0.5)} d"


def _pair(seconds: int, big: int, big_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(seconds, big)
    second = rest // small
    return f"{first} {big_name} {second} {small_name}" if second else f"{first} {big_name}"
