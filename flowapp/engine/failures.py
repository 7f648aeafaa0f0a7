"""Exceptions to records and back: what failed is stored as data and raised again as its own class where possible."""

from __future__ import annotations

import json
import re
import sys
import traceback
from contextlib import suppress
from typing import Any

from pydantic_core import to_jsonable_python

from . import codec
from .errors import StepFailed

MESSAGE_LIMIT = 10_000  # characters
FRAMES = 12
_RECORD = {"type", "message", "step", "class", "args", "state", "frames"}  # what `describe` gives
_ENGINE = re.compile(r"[/\\]flowapp[/\\]engine[/\\]|[/\\]asyncio[/\\]|^<frozen")
_LIBRARY = re.compile(r"[/\\](site|dist)-packages[/\\]|[/\\]lib[/\\]python3[.\d]*[/\\]")


def describe(error: BaseException, step: str | None = None) -> dict[str, Any]:
    """The error as JSON: `type`, `message`, `step`, the user's own frames, and what is needed to raise it again."""
    cls = type(error)
    return {
        "type": error.type if isinstance(error, StepFailed) else cls.__name__,
        "message": message(error),
        "step": step or vars(error).get("__flowapp_step__") or None,
        "class": f"{cls.__module__}:{cls.__qualname__}",
        "args": _plain(error.args),
        "state": _plain({key: item for key, item in vars(error).items() if not key.startswith("__")}),
        "frames": _frames(error),
    }


def mark(error: BaseException, step: str) -> None:
    """Note which step or wait an exception came from, unless it lets nobody write on it."""
    with suppress(Exception):
        error.__flowapp_step__ = step  # type: ignore[attr-defined]


def rebuild(record: dict[str, Any]) -> BaseException:
    """The recorded error as an exception of its own class; StepFailed when that class cannot be had or rebuilt."""
    error = _instance(record) or StepFailed(record["type"], record["message"])
    mark(error, record.get("step") or "")
    return error


def public(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """What people see of an error: type, message and step."""
    return None if record is None else {key: record.get(key) for key in ("type", "message", "step")}


def shown(stored: codec.Stored | None) -> Any:
    """A stored value as people see it: the errors in how a child or a map's batch ended are told as `public` does."""
    value = codec.plain(stored)
    if not isinstance(value, dict) or stored is None:
        return value
    if bytes(stored[:1]) == codec.FAILURE:
        return value | {"error": public(value.get("error"))}
    if value.keys() == {"values", "errors"} and isinstance(value["errors"], dict):
        return value | {"errors": {at: _less(error) for at, error in value["errors"].items()}}
    return value


def _less(error: Any) -> Any:
    """A record without what is needed to raise it again; whatever is none stays as it is."""
    return public(error) if isinstance(error, dict) and error.keys() == _RECORD else error


def _instance(record: dict[str, Any]) -> BaseException | None:
    """Rebuild without running __init__, whose signature is unknown; only from modules that are already imported."""
    module, _, qualname = record.get("class", "").partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Exception)) or record.get("args") is None:
        return None
    try:
        error = found.__new__(found)
        error.args = tuple(record["args"])
        vars(error).update(record.get("state") or {})
    except Exception:  # whatever its class has made of them
        return None
    return error if message(error) == record["message"] else None


def message(error: BaseException) -> str:
    """What an exception says as any database stores it: no NUL, no lone surrogates; its class's name where it says
    nothing, or its str() fails."""
    try:
        return _storable(str(error))[:MESSAGE_LIMIT] or type(error).__name__
    except Exception:
        return type(error).__name__


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _plain(value: Any) -> Any:
    """JSON data, or None for what has none or what a database would refuse."""
    try:
        plain = to_jsonable_python(value)
        shown = json.dumps(plain, ensure_ascii=False)
    except Exception:  # what a value's own serializer raises can be anything
        return None
    return plain if shown == _storable(shown) and "\\u0000" not in shown else None


def _frames(error: BaseException) -> list[str]:
    """The frames of the user's code, outermost first: not the engine's, nor those inside the libraries it calls.

    Where nothing but libraries is left, as for workflows that are installed as one, those are shown.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _ENGINE.search(frame.filename)]
    users = [frame for frame in frames if not _LIBRARY.search(frame.filename)] or frames
    lines = (f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line or ''}" for frame in users[-FRAMES:])
    return [_storable(line) for line in lines]
