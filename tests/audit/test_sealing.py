"""Sealing and verifying on the database: a whole chain passes; an edit, a deletion, a reorder, a cut tail do not."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from flowapp.audit import sealer, verifier
from flowapp.audit.models import AuditEntry, AuditSeal
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests import factories

Tamper = Callable[[str, list[Any]], None]


@pytest.fixture
def sealed(acme: Workspace) -> list[AuditEntry]:
    """Six sealed entries: the workspace's own, and five things done."""
    for n in range(5):
        factories.audit_entry(f"thing.{n}")
    assert sealer.seal(acme.pk) == 6
    return list(AuditEntry.objects.order_by("seq"))


def faults(workspace: Workspace) -> list[str]:
    return [fault.what for fault in verifier.verify(workspace.pk).faults]


def raw(entry: AuditEntry) -> object:
    """The entry's id as this database stores it."""
    return AuditEntry._meta.pk.get_db_prep_value(entry.pk, connection)


def test_a_chain_links_in_the_order_things_were_done(acme: Workspace, sealed: list[AuditEntry]) -> None:
    assert [entry.seq for entry in sealed] == [1, 2, 3, 4, 5, 6]
    assert [entry.verb for entry in sealed] == ["workspace.created", *(f"thing.{n}" for n in range(5))]
    assert [entry.prev_hash for entry in sealed] == ["0" * 64, *(entry.hash for entry in sealed[:-1])]
    verdict = verifier.verify(acme.pk)
    assert (verdict.ok, verdict.sealed, verdict.unsealed) == (True, 6, 0)


def test_sealing_goes_on_where_it_stopped(acme: Workspace, sealed: list[AuditEntry]) -> None:
    for _ in range(3):
        factories.audit_entry()
    assert verifier.verify(acme.pk).unsealed == 3
    assert [sealer.seal(acme.pk, limit=2), sealer.seal(acme.pk, limit=2), sealer.seal(acme.pk, limit=2)] == [2, 1, 0]
    assert verifier.verify(acme.pk).ok
    assert AuditSeal.objects.get().seq == 9


def test_every_workspace_has_a_chain_of_its_own(acme: Workspace, sealed: list[AuditEntry]) -> None:
    globex = factories.workspace("globex")
    factories.audit_entry()
    assert sealer.seal_all() == 2
    assert sealer.seal_all() == 0
    assert verifier.verify(acme.pk).ok
    with scoped(globex.pk):
        assert [entry.seq for entry in AuditEntry.objects.all()] == [1]


def test_an_edit_is_found(acme: Workspace, sealed: list[AuditEntry], tamper: Tamper) -> None:
    tamper("UPDATE audit_auditentry SET reason = 'because' WHERE id = %s", [raw(sealed[2])])
    assert faults(acme) == ["entry 3 was changed after it was sealed"]


def test_a_deletion_is_found(acme: Workspace, sealed: list[AuditEntry], tamper: Tamper) -> None:
    tamper("DELETE FROM audit_auditentry WHERE id = %s", [raw(sealed[2])])
    assert faults(acme) == ["entry 3 is missing: after 2 comes 4"]


def test_a_reorder_is_found(acme: Workspace, sealed: list[AuditEntry], tamper: Tamper) -> None:
    for seq, entry in ((99, sealed[2]), (3, sealed[3]), (4, sealed[2])):
        tamper("UPDATE audit_auditentry SET seq = %s WHERE id = %s", [seq, raw(entry)])
    assert "entry 3 was changed after it was sealed" in faults(acme)
    assert "entry 4 does not follow entry 3: one was replaced or moved" in faults(acme)


def test_a_cut_tail_is_found(acme: Workspace, sealed: list[AuditEntry], tamper: Tamper) -> None:
    for entry in sealed[4:]:
        tamper("DELETE FROM audit_auditentry WHERE id = %s", [raw(entry)])
    assert faults(acme) == ["the end was cut off: the seal counts 6 entries, there are 4"]


def test_a_cut_tail_with_a_made_up_seal_is_found(acme: Workspace, sealed: list[AuditEntry], tamper: Tamper) -> None:
    tamper("DELETE FROM audit_auditentry WHERE id = %s", [raw(sealed[5])])
    AuditSeal.objects.update(seq=5, hash=sealed[4].hash)
    assert faults(acme) == ["the seal's signature does not fit: the seal was changed"]


def test_a_cut_tail_with_an_old_seal_put_back_is_found_by_one_kept_elsewhere(
    acme: Workspace, sealed: list[AuditEntry], tamper: Tamper
) -> None:
    old = AuditSeal.objects.values("seq", "hash", "at", "signature").get()
    factories.audit_entry()
    sealer.seal(acme.pk)
    kept = verifier.export_seal(acme.pk)
    last = AuditEntry.objects.get(seq=7)
    tamper("DELETE FROM audit_auditentry WHERE id = %s", [raw(last)])
    AuditSeal.objects.update(**old)
    assert verifier.verify(acme.pk).ok
    assert [fault.what for fault in verifier.verify(acme.pk, kept).faults] == [
        "the end was cut off: the seal counts 7 entries, there are 6"
    ]


def test_a_kept_seal_of_another_workspace_proves_nothing(acme: Workspace, sealed: list[AuditEntry]) -> None:
    kept = verifier.export_seal(acme.pk)
    assert kept
    assert verifier.verify(acme.pk, kept).ok
    assert not verifier.verify(acme.pk, replace(kept, workspace="globex")).ok


def test_old_keys_still_verify_after_a_rotation(acme: Workspace, sealed: list[AuditEntry], settings: object) -> None:
    old = settings.FLOWAPP_ENCRYPTION_KEYS  # type: ignore[attr-defined]
    settings.FLOWAPP_ENCRYPTION_KEYS = ["a newer key of sufficient length", *old]  # type: ignore[attr-defined]
    assert verifier.verify(acme.pk).ok
    factories.audit_entry()
    sealer.seal(acme.pk)
    assert verifier.verify(acme.pk).ok
    settings.FLOWAPP_ENCRYPTION_KEYS = old  # type: ignore[attr-defined]
    assert faults(acme) == ["the seal is signed with a key that is not in FLOWAPP_ENCRYPTION_KEYS"]


@pytest.mark.django_db(transaction=True)
def test_sealers_at_the_same_time_link_each_entry_once() -> None:
    acme = factories.workspace("acme")
    with scoped(acme.pk):
        for _ in range(40):
            factories.audit_entry()
    failures: list[Exception] = []

    def work() -> None:
        try:
            while sealer.seal(acme.pk, limit=3):
                pass
        except Exception as error:  # noqa: BLE001 - reported by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    verdict = verifier.verify(acme.pk)
    assert (verdict.faults, verdict.sealed, verdict.unsealed) == ((), 41, 0)
