"""Which run is meant: commands take an id as the lists print it, whole or the part that tells it from others."""

from __future__ import annotations

import re
from typing import Final

from .errors import CommandFailed
from .server import Server

_WHOLE: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PART: Final = re.compile(r"[0-9a-f][0-9a-f-]{0,35}", re.IGNORECASE)
_SHOWN: Final = 5


def whole(flowapp: Server, given: str) -> str:
    """The id of the run that `given` is, begins or ends. Raises CommandFailed unless that is one run."""
    if _WHOLE.fullmatch(given):
        return given
    if not _PART.fullmatch(given):
        raise CommandFailed(f"{given!r} is no run's id, nor a part of one (see flowapp runs)")
    found = flowapp.get("runs", id=given, limit=_SHOWN + 1)["items"]
    if not found:
        raise CommandFailed(f"no run's id begins or ends with {given} (see flowapp runs)")
    if len(found) == 1:
        return str(found[0]["id"])
    shown = [f"{run['id']} ({run['workflow']}, {run['status'].replace('_', ' ')})" for run in found[:_SHOWN]]
    others = [] if len(found) <= _SHOWN else ["and others"]
    raise CommandFailed(f"the ids of several runs begin or end with {given}: {', '.join(shown + others)}")
