"""Row ids: UUIDs of version 7, which sort by the time they were made."""

import secrets
import time
from datetime import datetime
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM = (1 << 62) - 1


def uuid7() -> UUID:
    """A new id: milliseconds first, then 12 bits of the millisecond's fraction, then 62 random bits."""
    return _at(time.time_ns(), secrets.randbits(62))


def uuid7_at(moment: datetime, seed: UUID | None = None) -> UUID:
    """The id of a row made at this moment; with a seed the same one for the same two."""
    return _at(_nanoseconds(moment), secrets.randbits(62) if seed is None else seed.int & _RANDOM)


def first_uuid7(moment: datetime) -> UUID:
    """The smallest id that a row made at this moment, or later, can have."""
    return _at(_nanoseconds(moment), 0)


def _at(nanoseconds: int, bits: int) -> UUID:
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    return UUID(int=milliseconds << 80 | _VERSION | fraction << 64 | _VARIANT | bits)


def _nanoseconds(moment: datetime) -> int:
    # Not from the float timestamp, which is off by some hundred nanoseconds.
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
