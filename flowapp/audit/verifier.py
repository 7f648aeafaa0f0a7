"""Reading the log back and judging it: what `flowapp audit verify` and the audit page say."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from flowapp.tenancy.scope import scoped

from . import chain
from .models import AuditEntry, AuditSeal
from .sealer import as_seal, content


@dataclass(frozen=True)
class Verdict:
    """What verification found. `unsealed` entries were logged a moment ago and are linked within a second."""

    sealed: int
    unsealed: int
    faults: tuple[chain.Fault, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def verify(workspace_id: UUID, kept: chain.Seal | None = None) -> Verdict:
    """Check a workspace's whole chain against its seal, and against one kept elsewhere if it is given."""
    with scoped(workspace_id):
        seal = _seal()
        faults = list(chain.faults_in(_links(), seal))
        faults += [fault for one in (seal, kept) if one and (fault := chain.fault_in_seal(one, _trusted()))]
        if kept and kept.workspace != str(workspace_id):
            faults.append(chain.Fault(kept.seq, "the kept seal belongs to another workspace"))
        elif kept:
            known = set(faults)
            faults += [fault for fault in chain.faults_in(_links(), kept) if fault not in known]
        entries = AuditEntry.objects
        return Verdict(entries.exclude(seq=None).count(), entries.filter(seq=None).count(), tuple(faults))


def export_seal(workspace_id: UUID) -> chain.Seal | None:
    """The signed end of the chain, to keep somewhere else: it proves later that nothing was cut off."""
    with scoped(workspace_id):
        return _seal()


def _seal() -> chain.Seal | None:
    end = AuditSeal.objects.filter(seq__gt=0).first()
    return as_seal(end) if end else None


def _links() -> Iterator[chain.Link]:
    for row in AuditEntry.objects.exclude(seq=None).order_by("seq").iterator():
        yield chain.Link(row.seq or 0, content(row), row.prev_hash or "", row.hash or "")


def _trusted() -> list[str]:
    keys = (chain.signing_key(secret) for secret in settings.FLOWAPP_ENCRYPTION_KEYS)
    return [key.public_key().public_bytes_raw().hex() for key in keys]
