"""The words that a prompt is found by, and those of a search: in one spelling, whatever case and accents. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

MOST: Final = 64  # words a prompt; titles are short, and each word is a row
MOST_SEARCHED: Final = 6
_LONGEST: Final = 40
_WORD: Final = re.compile(r"[^\W_]+")


def of(*texts: str) -> list[str]:
    """The words of these texts, each once, in order."""
    plain = unicodedata.normalize("NFKD", " ".join(texts).casefold())
    without_accents = "".join(one for one in plain if not unicodedata.combining(one))
    return list(dict.fromkeys(word[:_LONGEST] for word in _WORD.findall(without_accents)))


def line(words: Iterable[str]) -> str:
    """Words as one text in which each begins after a space, so that " conf" finds "conference"."""
    return "".join(f" {word}" for word in words)


def span(word: str) -> tuple[bytes, bytes]:
    """Where the words that begin like this one stand, as bytes: from the first on, up to before the second."""
    start = word.encode()
    return start, start + b"\xff"  # no UTF-8 holds this byte
