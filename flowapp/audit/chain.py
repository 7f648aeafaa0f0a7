"""The hash chain, pure: how entries are linked, how its end is signed, and how tampering is found.

An entry's hash covers its content, its number and the hash before it, so an edit, a deletion or a reorder breaks
the chain from there on. A cut tail leaves a chain that is whole but short: the signed seal says how long it was.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GENESIS = "0" * 64


@dataclass(frozen=True)
class Link:
    """One sealed entry as the verifier sees it."""

    seq: int
    content: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Seal:
    """The signed end of a chain. `at` is ISO 8601."""

    workspace: str
    seq: int
    hash: str
    at: str
    public_key: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Fault:
    """Something the verifier found, and at which entry."""

    seq: int
    what: str


def canonical(content: Mapping[str, Any]) -> bytes:
    """The same bytes for the same content: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link(prev_hash: str, seq: int, content: Mapping[str, Any]) -> str:
    """The hash of entry number `seq`."""
    return sha256(f"{prev_hash}:{seq}:".encode() + canonical(content)).hexdigest()


def faults_in(links: Iterable[Link], seal: Seal | None) -> Iterator[Fault]:
    """Walk a chain in order of seq; every break in it, then whether it ends where its seal says."""
    prev_hash, seq = GENESIS, 0
    for entry in links:
        seq += 1
        if entry.seq != seq:
            yield Fault(seq, f"entry {seq} is missing: after {seq - 1} comes {entry.seq}")
            seq = entry.seq
        elif entry.prev_hash != prev_hash:
            yield Fault(seq, f"entry {seq} does not follow entry {seq - 1}: one was replaced or moved")
        if link(entry.prev_hash, entry.seq, entry.content) != entry.hash:
            yield Fault(seq, f"entry {seq} was changed after it was sealed")
        prev_hash = entry.hash
        if seal and seal.seq == seq and seal.hash != prev_hash:
            yield Fault(seq, f"entry {seq} is not the one the seal was put on")
    if seal is None and seq:
        yield Fault(seq, "the chain has no seal: nobody can tell whether its end was cut off")
    if seal is not None and seal.seq > seq:
        yield Fault(seq + 1, f"the end was cut off: the seal counts {seal.seq} entries, there are {seq}")


def signing_key(secret: str) -> Ed25519PrivateKey:
    """The key that signs seals, derived from one of the encryption keys."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"flowapp audit seal")
    return Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))


def sign(seal: Seal, key: Ed25519PrivateKey) -> Seal:
    """The seal with its signature and the public key that checks it."""
    return Seal(
        seal.workspace,
        seal.seq,
        seal.hash,
        seal.at,
        public_key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign(_signed_bytes(seal)).hex(),
    )


def fault_in_seal(seal: Seal, trusted: Iterable[str]) -> Fault | None:
    """What is wrong with a seal: signed by none of the trusted public keys, or not for this content."""
    if seal.public_key not in set(trusted):
        return Fault(seal.seq, "the seal is signed with a key that is not in FLOWAPP_ENCRYPTION_KEYS")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.public_key))
        key.verify(bytes.fromhex(seal.signature), _signed_bytes(seal))
    except (InvalidSignature, ValueError):
        return Fault(seal.seq, "the seal's signature does not fit: the seal was changed")
    return None


def _signed_bytes(seal: Seal) -> bytes:
    return canonical({"workspace": seal.workspace, "seq": seal.seq, "hash": seal.hash, "at": seal.at})
