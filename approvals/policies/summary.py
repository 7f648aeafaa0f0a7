"""What a payload says at a glance: its amount, its fields as rows, with secrets masked (SECURITY 7 and 14)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

MASK = "••••••••"
_AMOUNTS = ("amount", "total", "price", "cost")
_SECRET = re.compile(
    r"password|passwd|secret|token|api_?key|authorization|credential|private_?key|cvc|cvv|\bpin\b", re.IGNORECASE
)


def amount(data: Any) -> str:
    """The payload's amount with its currency, as lists show it; empty when it has none."""
    number = _number(data)
    if number is None:
        return ""
    currency = data.get("currency")
    shown = f"{number:,.2f}"
    return f"{shown} {currency}"[:60] if isinstance(currency, str) and currency else shown[:60]


def number(data: Any) -> float | None:
    """The payload's amount as rules compare it; None when it has none."""
    found = _number(data)
    return None if found is None or not found.is_finite() else float(found)


def _number(data: Any) -> Decimal | None:
    if not isinstance(data, dict):
        return None
    value = next((data[name] for name in _AMOUNTS if isinstance(data.get(name), str | int | float)), None)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def masked(data: Any) -> Any:
    """The data with the values of secret-looking names replaced."""
    if isinstance(data, dict):
        return {key: MASK if is_secret(key) and value is not None else masked(value) for key, value in data.items()}
    if isinstance(data, list):
        return [masked(item) for item in data]
    return data


def is_secret(name: str) -> bool:
    """Whether a field of this name holds something nobody should read."""
    return bool(_SECRET.search(name))


def rows(data: Any) -> list[dict[str, Any]]:
    """The payload as label and value, whole: nested names become one path, nothing is cut."""
    return list(_rows(data, ""))


def _rows(data: Any, path: str) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            label = f"{path} · {words(key)}" if path else words(key).capitalize()
            if is_secret(key) and value is not None:
                yield {"label": label, "value": MASK, "masked": True}
            else:
                yield from _rows(value, label)
    elif isinstance(data, list) and any(isinstance(item, dict | list) for item in data):
        for number, item in enumerate(data, start=1):
            yield from _rows(item, f"{path} {number}".strip())
    elif data is not None or path:
        yield {"label": path or "Value", "value": text(data), "masked": False}


def words(key: str) -> str:
    """A field's name as people read it."""
    return key.replace("_", " ").replace("-", " ")


def text(value: Any) -> str:
    """A value in a word or a line."""
    if isinstance(value, str):
        return value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and value:
        return ", ".join(text(item) for item in value)
    return json.dumps(value, ensure_ascii=False)
