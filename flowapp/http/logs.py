"""How log lines look: JSON, one object a line, in production; short and readable elsewhere. With the request's id."""

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flowapp.audit.origin import origin
from flowapp.engine import whereabouts

LONGEST = 300  # characters of a line about a request that cannot be read
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "request",
    "taskName",
    "flowapp_kept",
}


class TheirFault(logging.Filter):
    """Makes one quiet line of what Django reports with a traceback though only the request was wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            words = record.getMessage()
            record.msg, record.args = "".join(one if one.isprintable() else "?" for one in words)[:LONGEST], ()
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


class Formatter(logging.Formatter):
    """Writes what was given as `extra=` along; never a request or its headers."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._fields(record), default=str) if self.as_json else super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The readable line, with the run and step that said it as the lists and `flowapp dev` name them."""
        line = super().formatMessage(record)
        if (where := whereabouts.here()) is None:
            return line
        again = f"#{where.occurrence}" if where.occurrence > 1 else ""
        step = f", step {where.step}{again}" if where.step else ""
        return f"{line} (run {str(where.run_id)[-8:]}{step})"

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        fields |= {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if where := whereabouts.here():
            fields |= {name: value for name, value in asdict(where).items() if value}
        if request_id := origin().request_id:
            fields["request_id"] = request_id
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return fields
