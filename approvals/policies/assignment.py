"""Who is asked: `user:EMAIL`, `group:NAME`, `role:NAME`, `agent:NAME`, or a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KINDS = ("user", "group", "role", "agent")
ROLES = ("owner", "admin", "manager", "reviewer", "viewer")


class BadAssign(ValueError):
    """An assign entry cannot be read, or nobody is named."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One entry of `assign`, in its normal form."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def target(self) -> str:
        """The entry as it is matched: in lower case."""
        return str(self).lower()


def parse(entries: Sequence[str]) -> tuple[Spec, ...]:
    """The entries in their normal form, each once, in the order given. Raises BadAssign naming the entry."""
    if not entries:
        raise BadAssign("assign is empty: name at least one of user:EMAIL, group:NAME, role:NAME, agent:NAME")
    return tuple(dict.fromkeys(_parse(entry) for entry in entries))


def in_words(entries: Iterable[str]) -> str:
    """Entries as people read them: "bo@acme.test, any manager or the group finance"."""
    words = [_said(entry) for entry in entries]
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _said(entry: str) -> str:
    kind, _, name = entry.partition(":")
    return {"role": f"any {name}", "group": f"the group {name}", "agent": f"the agent {name}"}.get(kind, name)


def _parse(entry: str) -> Spec:
    kind, _, name = str(entry).partition(":")
    kind, name = kind.strip(), name.strip()
    if kind not in KINDS or not name or "\0" in name:
        raise BadAssign(f"assign entry {entry!r} is not user:EMAIL, group:NAME, role:NAME or agent:NAME")
    if kind == "role" and name not in ROLES:
        raise BadAssign(f"assign entry {entry!r} names no role; the roles are {', '.join(ROLES)}")
    return Spec(kind, name.lower() if kind == "user" else name)
