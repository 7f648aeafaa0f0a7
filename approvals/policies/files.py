"""Files that a workflow puts beside a question: checked, bounded, and named so that nothing happens by opening them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from approvals.states import Attachment
from flowapp.engine.errors import BadDefinition

MOST: Final = 10  # a prompt
LARGEST: Final = 5 * 1024 * 1024  # bytes each
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}(;\s?charset=[\w-]{1,20})?")
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class File:
    """A file in its normal form."""

    name: str
    content_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def about(self) -> dict[str, Any]:
        """What a prompt keeps of it beside the content; the decision is bound to this."""
        return {
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.content),
            "digest": self.digest,
        }


def files(prompt: str, given: Iterable[Attachment | Mapping[str, Any]]) -> tuple[File, ...]:
    """The files in their normal form. Raises BadDefinition naming the one that cannot be attached."""
    found = tuple(_file(prompt, one) for one in given)
    if len(found) > MOST:
        raise BadDefinition(f"prompt {prompt!r}: {len(found)} attachments; at most {MOST} can be looked through")
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise BadDefinition(f"prompt {prompt!r}: two attachments have the same name")
    return found


def _file(prompt: str, given: Attachment | Mapping[str, Any]) -> File:
    if isinstance(given, Mapping):
        given = _named(prompt, given)
    where = f"prompt {prompt!r}: attachment {given.name!r}"
    if not isinstance(given.content, bytes | str):
        raise BadDefinition(f"{where}: its content is bytes or text, not {type(given.content).__name__}")
    if not 0 < len(given.name) <= 200 or _UNFIT.search(given.name):
        raise BadDefinition(f"{where}: a file's name has 1 to 200 characters, none of them / or \\")
    if not _TYPE.fullmatch(given.content_type):
        raise BadDefinition(f"{where}: {given.content_type!r} is not a content type such as application/pdf")
    content = given.content.encode() if isinstance(given.content, str) else given.content
    if len(content) > LARGEST:
        raise BadDefinition(f"{where}: {len(content):,} bytes; at most {LARGEST:,} can be attached. Link to it instead")
    return File(given.name, given.content_type, content)


def _named(prompt: str, given: Mapping[str, Any]) -> Attachment:
    try:
        return Attachment(**given)
    except TypeError:
        names = ", ".join(given)
        raise BadDefinition(
            f"prompt {prompt!r}: an attachment has name, content and content_type, not {names}"
        ) from None
