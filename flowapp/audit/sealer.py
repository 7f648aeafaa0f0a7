"""The sealer: numbers and links what was logged since it last ran, and signs the new end of each chain."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from flowapp.tenancy.scope import scoped

from . import chain
from .models import AuditEntry, AuditSeal

_BATCH = 1000
_CONTENT = (
    *("id", "workspace_id", "at", "actor_kind", "actor_id", "actor_label", "member_id", "key_id", "on_behalf_of"),
    *("verb", "target", "before", "after", "reason", "channel", "request_id"),
)
_FILL_IN = """
    UPDATE audit_auditentry entry SET seq = link.seq, prev_hash = link.prev_hash, hash = link.hash
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[]) AS link (id, seq, prev_hash, hash)
    WHERE entry.id = link.id"""


def seal_all() -> int:
    """Seal what is unsealed in every workspace; how many entries that were. For the sweeper, each second."""
    waiting = AuditEntry.unscoped.filter(seq=None).order_by().values_list("workspace_id", flat=True).distinct()
    return sum(seal(workspace_id) for workspace_id in list(waiting))


@transaction.atomic
def seal(workspace_id: UUID, limit: int = _BATCH) -> int:
    """Link up to `limit` entries of one workspace in the order they were made; how many that were."""
    with scoped(workspace_id):
        end = _locked_end()
        entries = list(AuditEntry.objects.filter(seq=None).order_by("id")[:limit])
        for entry in entries:
            entry.seq, entry.prev_hash = end.seq + 1, end.hash
            entry.hash = chain.link(entry.prev_hash, entry.seq, content(entry))
            end.seq, end.hash = entry.seq, entry.hash
        if entries:
            _fill_in(entries)
            _sign(end)
    return len(entries)


def content(entry: AuditEntry) -> dict[str, Any]:
    """What an entry's hash covers, as JSON values."""
    return {name: _plain(getattr(entry, name)) for name in _CONTENT}


def as_seal(end: AuditSeal) -> chain.Seal:
    """The stored seal as the verifier and exports see it."""
    at = end.at.astimezone(UTC).isoformat()
    return chain.Seal(str(end.workspace_id), end.seq, end.hash, at, end.public_key, end.signature)


def _locked_end() -> AuditSeal:
    """The end of the chain, locked: one sealer a workspace at a time."""
    end, _ = AuditSeal.objects.select_for_update().get_or_create(
        defaults={"seq": 0, "hash": chain.GENESIS, "at": timezone.now()}
    )
    return end


def _fill_in(entries: list[AuditEntry]) -> None:
    """Store the links. A busy workspace logs a thousand entries a second, so PostgreSQL gets one cheap statement."""
    if connection.vendor != "postgresql":
        AuditEntry.objects.bulk_update(entries, ["seq", "prev_hash", "hash"], batch_size=100)
        return
    columns = zip(*((entry.id, entry.seq, entry.prev_hash, entry.hash) for entry in entries), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_FILL_IN, [list(column) for column in columns])


def _sign(end: AuditSeal) -> None:
    end.at = timezone.now()
    signed = chain.sign(as_seal(end), chain.signing_key(settings.FLOWAPP_ENCRYPTION_KEYS[0]))
    end.public_key, end.signature = signed.public_key, signed.signature
    end.save()


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value
