"""How a value stands in a control, as text. A value that the control cannot show stands in one of text or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, Final

from flowapp.http.schema_form.field import TEXTS, Field

_WIDE: Final = 70  # characters that do not fit one line


def showing(one: Field, value: Any) -> Field:
    """The field with this value in it."""
    try:
        shown = _texts(one, value)
    except (LookupError, TypeError, ValueError):
        return _as_it_is(one, value)
    wide = one.kind == "text" and any("\n" in text or len(text) > _WIDE for text in shown)
    return replace(one, kind="textarea" if wide else one.kind, shown=tuple(filter(None, shown)))


def utc_text(text: str) -> str:
    """A moment as a browser's field for date and time has it, in UTC. Raises ValueError for what it cannot hold."""
    moment = datetime.fromisoformat(text)
    if moment.microsecond:
        raise ValueError(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds" if aware.second else "minutes")


def json_text(value: Any) -> str:
    """A value as JSON that people can edit."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _as_it_is(one: Field, value: Any) -> Field:
    text = value if isinstance(value, str) else json_text(value)
    return replace(one, kind="text" if isinstance(value, str) else "json", shown=tuple(filter(None, [text])))


def _texts(one: Field, value: Any) -> Sequence[str]:
    """The texts that stand in the control. Raises ValueError and the like when it has no way to say this value."""
    match one.kind:
        case "json":
            return [json_text(value)]
        case "checkbox" if isinstance(value, bool):
            return ["on"] if value else []
        case "select":
            return [_option(one, value)]
        case "radios" | "checks" if isinstance(value, list):
            return [_option(one, item) for item in value]
        case "lines" if isinstance(value, list):
            return ["\n".join(_line(item) for item in value)]
        case "integer" | "number" | "decimal" if isinstance(value, int | float) and not isinstance(value, bool):
            return [json.dumps(value)]
    if isinstance(value, str):
        return [_text(one.kind, value)]
    raise ValueError(one.kind)


def _text(kind: str, value: str) -> str:
    match kind:
        case "datetime-local":
            return utc_text(value)
        case "date":
            return date.fromisoformat(value).isoformat()
        case "time":
            moment = time.fromisoformat(value)
            return moment.isoformat(timespec="auto" if moment.second or moment.microsecond else "minutes")
    if kind in TEXTS or kind == "decimal":
        return value.replace("\r\n", "\n")
    raise ValueError(kind)


def _option(one: Field, value: Any) -> str:
    return {json.dumps(option.value): option.text for option in one.options}[json.dumps(value)]


def _line(item: Any) -> str:
    """One item on a line of its own. Raises ValueError when it would not come back the same."""
    text = item if isinstance(item, str) else json.dumps(item)
    if isinstance(item, dict | list | bool) or item is None or not text or text != " ".join(text.split()):
        raise ValueError(item)
    return text
