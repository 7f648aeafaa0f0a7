"""What FLOWAPP_EVENT_SOURCES says: which queues to read, for which workspace, and what their messages become. Pure.

redis-stream://localhost:6379/0?stream=orders&workspace=acme&event=order/created
amqp://user:password@host/vhost?queue=orders&workspace=acme
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit, urlunsplit

STREAMS = {"redis-stream": "redis", "rediss-stream": "rediss"}
QUEUES = ("amqp", "amqps", "memory")  # kombu's transport in memory is for tests
TRIES = 5
LONGEST_NAME = 120  # characters of a stream's or queue's name: it becomes part of each event's id
_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
_KNOWN = {"stream", "queue", "workspace", "event", "group", "tries"}


class BadSource(ValueError):
    """A source that cannot be read; the message says which and why, without its password."""


@dataclass(frozen=True, slots=True)
class Source:
    """A queue and what its messages become. Without `event` each message names its own."""

    kind: str
    url: str
    queue: str
    workspace: str
    event: str
    group: str
    tries: int

    @property
    def label(self) -> str:
        """How it is called in logs and in the audit log."""
        return f"{self.kind}:{self.queue}"

    @property
    def place(self) -> str:
        """Where the queue is, however that is written: host, port, and the database or virtual host there."""
        parts = urlsplit(self.url)
        inside = unquote(parts.path.removeprefix("/")) or ("0" if self.kind == "redis-stream" else "/")
        return f"{parts.hostname or ''}:{parts.port or _PORTS.get(parts.scheme, 0)}/{inside}"

    @property
    def dead(self) -> str:
        """Where messages go that no event could be made of."""
        return f"{self.queue}:dead" if self.kind == "redis-stream" else f"{self.queue}.dead"


def parse(text: str) -> Source:
    """One source. Raises BadSource."""
    parts = urlsplit(text)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    if parts.scheme not in (*STREAMS, *QUEUES):
        raise BadSource(f"{shown}: must begin with {', '.join(f'{name}://' for name in (*STREAMS, *QUEUES[:2]))}")
    if not _has_a_port(parts):
        raise BadSource(f"{shown}: the port must be a number up to 65535")
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    on_stream = parts.scheme in STREAMS
    place = "stream" if on_stream else "queue"
    missing = [name for name in (place, "workspace") if not given.get(name)]
    if missing:
        raise BadSource(f"{shown}: say ?{'= and '.join(missing)}=")
    if unknown := sorted(set(given) - _KNOWN):
        raise BadSource(f"{shown}: there is no option {', '.join(unknown)}")
    tries = given.get("tries", str(TRIES))
    if not (tries.isdecimal() and 1 <= int(tries) <= 100):
        raise BadSource(f"{shown}: tries must be 1 to 100")
    if len(given[place]) > LONGEST_NAME:
        raise BadSource(f"{shown}: the {place}'s name is over {LONGEST_NAME} characters")
    return Source(
        kind="redis-stream" if on_stream else parts.scheme,
        url=urlunsplit((STREAMS.get(parts.scheme, parts.scheme), parts.netloc, parts.path, "", "")),
        queue=given[place],
        workspace=given["workspace"],
        event=given.get("event", ""),
        group=given.get("group", "flowapp"),
        tries=int(tries),
    )


def _has_a_port(parts: SplitResult) -> bool:
    """Whether its port, if it names one, is one."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def problem(value: str) -> str | None:
    """What is wrong with the setting, in words that follow its name; None when nothing is."""
    try:
        for text in value.split():
            parse(text)
    except BadSource as bad:
        return f"is not fit: {bad}"
    return None
