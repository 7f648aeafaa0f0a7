"""How commands print: JSON for programs, aligned columns and plain words for people."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def add_json_option(parser: ArgumentParser) -> None:
    """`--json`, for every command that prints data."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")


def print_json(data: Any) -> None:
    """Data for programs."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "") -> None:
    """Columns as wide as their longest cell."""
    table = [list(headings), *(list(row) for row in rows)] if headings else [list(row) for row in rows]
    widths = [max(_length(row[column]) for row in table) for column in range(len(table[0]))] if table else []
    for row in table:
        cells = (cell + " " * (width - _length(cell)) for cell, width in zip(row, widths, strict=True))
        print((indent + "  ".join(cells)).rstrip())


def _length(text: str) -> int:
    """How wide it stands on the terminal, colours left out."""
    return len(_COLOURS.sub("", text))


def note(text: str) -> None:
    """What happens meanwhile: on stderr, so that stdout holds the result alone."""
    print(text, file=sys.stderr, flush=True)


def moment(text: str | None) -> str:
    """A time of the API as people read it, in their own zone."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}" if text else "–"


def since(text: str | None, until: str | None = None) -> str:
    """How long ago a moment was, or how long something took."""
    if text is None:
        return "–"
    end = datetime.fromisoformat(until) if until else datetime.now(UTC)
    return span((end - datetime.fromisoformat(text)).total_seconds())


def left(text: str) -> str:
    """How long it is until a moment."""
    seconds = (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(-seconds)} ago"


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    if seconds < 1:
        return f"{max(0, seconds) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if hours < 1:
        return f"{minutes} min {int(seconds % 60)} s"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"
