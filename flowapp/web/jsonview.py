"""JSON as people read it: indented, keys and kinds told apart, nothing cut."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, is_dataclass
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# Escaped JSON: a string is between two &quot;, and a quote within it stands behind a backslash.
_TOKEN = re.compile(
    r"(?P<text>&quot;(?:(?!&quot;|\\).|\\(?:&quot;|.))*&quot;)(?P<colon>\s*:)?"
    r"|(?P<word>\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
)


def text(value: Any) -> str:
    """The value as indented JSON; what JSON has no word for becomes text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def markup(value: Any) -> SafeString:
    """The value as indented, coloured and escaped JSON."""
    return mark_safe(_TOKEN.sub(_paint, escape(text(value))))  # noqa: S308 - escaped before it is painted


def _paint(token: re.Match[str]) -> str:
    if word := token["word"]:
        return f"<u>{word}</u>"
    tag = "b" if token["colon"] else "i"
    return f"<{tag}>{token['text']}</{tag}>{token['colon'] or ''}"


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
