"""Colours for a terminal, and only for a terminal: what a program reads is plain."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

_CODES: Final = {"ok": "32", "warn": "33", "bad": "31", "info": "36", "faint": "2", "bold": "1"}
TONES: Final = {
    "completed": "ok",
    "running": "info",
    "queued": "faint",
    "waiting": "warn",
    "retrying": "warn",
    "paused": "warn",
    "failed": "bad",
    "needs_attention": "bad",
    "cancelled": "faint",
}
SIGNS: Final = {
    "completed": "✓",
    "running": "▸",
    "retrying": "↻",
    "waiting": "…",
    "failed": "✗",
    "cancelled": "–",
}


def wanted(stream: TextIO | None = None) -> bool:
    """Whether to colour what goes to this stream: a terminal, and NO_COLOR (no-color.org) not set."""
    where = stream or sys.stdout
    return where.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, tone: str, *, on: bool) -> str:
    """The text in a tone: ok, warn, bad, info, faint or bold."""
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if on and tone in _CODES and text else text


def status(word: str, *, on: bool) -> str:
    """A status as people read it, in its colour."""
    return paint(word.replace("_", " "), TONES.get(word, ""), on=on)
