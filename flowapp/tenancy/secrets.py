"""Secrets that must be read again, such as a webhook's: AES-256-GCM under a key of their workspace, bound to a place.

What is stored is `v1.<key id>.<nonce and ciphertext>`. The workspace, table, row and field are authenticated with it:
a ciphertext moved elsewhere does not open. The newest of FLOWAPP_ENCRYPTION_KEYS seals; any of them opens its own.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from .scope import current

_VERSION = "v1"
_NONCE_BYTES = 12


class Unreadable(Exception):
    """A stored secret does not open: its key is no longer in FLOWAPP_ENCRYPTION_KEYS, or it was altered or moved."""

    def __str__(self) -> str:
        return str(self.__doc__)


@dataclass(frozen=True)
class Place:
    """Where a secret is kept, in the workspace in scope."""

    table: str
    row: UUID
    field: str

    def bound(self) -> bytes:
        """What the ciphertext is bound to."""
        return "|".join((str(current()), self.table, str(self.row), self.field)).encode()


def seal(text: str, place: Place) -> str:
    """The secret as it may be stored at that place."""
    newest = settings.FLOWAPP_ENCRYPTION_KEYS[0]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + _box(newest).encrypt(nonce, text.encode(), place.bound())
    return f"{_VERSION}.{_key_id(newest)}.{urlsafe_b64encode(sealed).decode()}"


def unseal(stored: str, place: Place) -> str:
    """The secret that was sealed at that place. Raises Unreadable."""
    version, _, rest = stored.partition(".")
    key_id, _, encoded = rest.partition(".")
    known = next((key for key in settings.FLOWAPP_ENCRYPTION_KEYS if _key_id(key) == key_id), None)
    if version != _VERSION or known is None:
        raise Unreadable
    try:
        sealed = urlsafe_b64decode(encoded)
        return _box(known).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.bound()).decode()
    except (InvalidTag, ValueError):
        raise Unreadable from None


def _key_id(key: str) -> str:
    return sha256(b"flowapp key id:" + key.encode()).hexdigest()[:8]


def _box(key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=current().bytes, info=b"flowapp secrets").derive(key.encode())
    return AESGCM(derived)
