"""Values to bytes and back. The first byte names the encoding, so that encryption can come later."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, from_json, to_json

from .errors import NotSerializable, PayloadTooLarge

type Stored = bytes | memoryview
JSON = b"\x01"
COMPRESSED = b"\x02"
FAILURE = b"\x03"  # JSON that says why there is no value: how a child run ended instead
COMPRESS_FROM = 16 * 1024  # bytes; below this zlib costs more than it saves
LIMIT = 50 * 1024 * 1024  # bytes a value
RUN_LIMIT = 2 * 1024**3  # bytes of all results of a run


def to_bytes(value: Any) -> bytes:
    """The value as canonical JSON bytes. Raises NotSerializable naming the path of what cannot be stored."""
    try:
        return to_json(value)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        path, culprit = _find(value, "value")
        raise NotSerializable(
            f"{path} is a {type(culprit).__name__}, which cannot be stored as JSON; "
            "return a model, dataclass or plain data instead"
        ) from error


def encode(value: Any) -> bytes:
    """The stored form of a value. Raises NotSerializable or PayloadTooLarge."""
    return pack(to_bytes(value))


def pack(data: bytes) -> bytes:
    """JSON bytes with their codec byte, compressed when large."""
    within_limit(data)
    if len(data) >= COMPRESS_FROM:
        return COMPRESSED + zlib.compress(data, 1)
    return JSON + data


def within_limit(data: bytes) -> bytes:
    """The same bytes. Raises PayloadTooLarge."""
    if len(data) > LIMIT:
        raise PayloadTooLarge(
            f"{len(data):,} bytes are over the limit of {LIMIT:,}; store it elsewhere and pass a reference"
        )
    return data


def unpack(stored: Stored) -> bytes:
    """The JSON bytes behind a stored value."""
    stored = bytes(stored)
    if stored[:1] in (JSON, FAILURE):
        return stored[1:]
    if stored[:1] == COMPRESSED:
        return zlib.decompress(stored[1:])
    raise ValueError(f"unknown codec byte {stored[:1]!r}")


def decode(stored: Stored, type_: Any = Any) -> Any:
    """The value as the annotated type. Raises pydantic.ValidationError when it no longer fits the annotation."""
    data = unpack(stored)
    if type_ is Any:
        return from_json(data)
    return adapter(type_).validate_json(data)


def plain(stored: Stored | None) -> Any:
    """The value as plain JSON data, for reads that do not know its type."""
    return None if stored is None else from_json(unpack(stored))


def digest(data: bytes) -> bytes:
    """Sixteen bytes that tell two contents apart."""
    return hashlib.blake2b(data, digest_size=16).digest()


def adapter(type_: Any) -> TypeAdapter[Any]:
    """The cached validator of a type (unhashable annotations are built each time)."""
    try:
        return _adapter(type_)
    except TypeError:
        return TypeAdapter(type_)


@lru_cache(maxsize=1024)
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)


def _find(value: Any, path: str) -> tuple[str, Any]:
    """The path and value of the first part that cannot be serialised."""
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        children = [(f"{path}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, list | tuple | set | frozenset):
        children = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif hasattr(value, "__dict__"):
        children = [(f"{path}.{key}", item) for key, item in vars(value).items() if not key.startswith("_")]
    for child_path, child in children:
        if not _storable(child):
            return _find(child, child_path)
    return path, value


def _storable(value: Any) -> bool:
    try:
        to_json(value)
    except (PydanticSerializationError, ValueError, RecursionError):
        return False
    return True
