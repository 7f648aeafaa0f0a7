"""One field of a form made from a JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

_NOTES: Final = {"json": "As JSON.", "lines": "One on each line.", "datetime-local": "In UTC."}


class Absent(Enum):
    """No value at all, which is something else than null: in a form that starts empty, or in data that has no such."""

    ABSENT = "absent"
    MISSING = "missing"


ABSENT: Final = Absent.ABSENT
MISSING: Final = Absent.MISSING
TEXTS: Final = frozenset({"text", "textarea", "email", "url", "password"})


@dataclass(frozen=True)
class Option:
    """One of the values to choose from: how it is posted, how it reads, what it is."""

    text: str
    label: str
    value: Any


@dataclass(frozen=True)
class Field:
    """One control.

    `kind` is an HTML input type, or integer, number, decimal, select, textarea, radios, checks, lines, json or group.
    `shown` is what stands in the control, `given` the value that this stands for: left alone, it comes back exactly.
    """

    root: str
    path: tuple[str, ...]
    label: str
    kind: str
    required: bool = False
    nullable: bool = False
    hint: str = ""
    options: Sequence[Option] = ()
    item: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    given: Any = ABSENT
    shown: tuple[str, ...] = ()
    error: str = ""
    fields: Sequence[Field] = ()

    @property
    def name(self) -> str:
        """The name it is posted by; a dot within a key is escaped."""
        return ".".join([self.root, *(part.replace("%", "%25").replace(".", "%2E") for part in self.path)])

    @property
    def id(self) -> str:
        """The control's id on the page."""
        return "-".join(["field", *(re.sub(r"[^\w-]", _code, part) for part in self.path or (self.root,))])

    @property
    def key(self) -> str:
        """Its name within the object it belongs to."""
        return self.path[-1] if self.path else ""

    @property
    def place(self) -> str:
        """Where the value lies, as errors name it."""
        return ".".join(self.path)

    @property
    def optional(self) -> bool:
        """Whether it may be left empty; where something stood, leaving it empty is a change."""
        return self.nullable or (not self.required and isinstance(self.given, Absent))

    @property
    def note(self) -> str:
        """What is said below the control: the schema's words, then how to type it."""
        return " ".join(filter(None, [self.hint, _NOTES.get(self.kind, "")]))

    @property
    def value(self) -> str:
        """The text that stands in the control."""
        return self.shown[0] if self.shown else ""


def leaves(known: Iterable[Field]) -> Iterable[Field]:
    """The controls themselves, without the groups around them."""
    for one in known:
        if one.kind == "group":
            yield from leaves(one.fields)
        else:
            yield one


def _code(found: re.Match[str]) -> str:
    return f"_{ord(found[0]):x}_"
