"""The text of an API key: `ffk_live_<id>_<256 random bits>_<crc>`. Shown once; only its digest is kept."""

import secrets
import string
import zlib
from hashlib import sha256

APPROVALS_DECIDE = "approvals:decide"
SCOPES = frozenset({APPROVALS_DECIDE})  # what a key may be granted beyond reading and starting runs
SHORTEST = 20

_ALPHABET = string.digits + string.ascii_letters
_ID_CHARACTERS = 12
_SECRET_CHARACTERS = 43  # 62 ** 43 > 2 ** 256


def generate() -> str:
    """A new key. The checksum lets secret scanners tell a real key from a look-alike without asking us."""
    body = f"ffk_live_{_random(_ID_CHARACTERS)}_{_random(_SECRET_CHARACTERS)}"
    return f"{body}_{_checksum(body)}"


def digest(plaintext: str) -> str:
    """What is stored and looked up; 256 random bits need no slow hash."""
    return sha256(plaintext.encode()).hexdigest()


def prefix(plaintext: str) -> str:
    """The part that may be shown: up to and including the id; of a preset key a few first characters."""
    parts = plaintext.split("_")
    if well_formed(plaintext):
        return "_".join(parts[:3])
    return plaintext[:8]


def well_formed(plaintext: str) -> bool:
    """Whether this is a key that `generate` made, by its checksum."""
    body, _, checksum = plaintext.rpartition("_")
    return body.startswith("ffk_live_") and secrets.compare_digest(checksum.encode(), _checksum(body).encode())


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
