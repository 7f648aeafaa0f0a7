"""The database itself refuses to change or delete what was logged."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from flowapp.audit import guards, sealer
from flowapp.audit.models import AuditEntry
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import scoped
from tests import factories


def refused(write: Callable[[], object]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        write()


@pytest.mark.parametrize("seal", [False, True], ids=["unsealed", "sealed"])
def test_an_entry_is_never_changed_or_deleted(acme: Workspace, seal: bool) -> None:
    made = factories.audit_entry()
    if seal:
        sealer.seal(acme.pk)
    mine = AuditEntry.objects.filter(pk=made.pk)
    refused(lambda: mine.update(reason="because"))
    refused(lambda: mine.update(after=None))
    refused(mine.delete)
    refused(lambda: AuditEntry.objects.all()._raw_delete(using="default"))


def test_a_sealed_entry_is_not_sealed_anew(acme: Workspace) -> None:
    made = factories.audit_entry()
    sealer.seal(acme.pk)
    refused(lambda: AuditEntry.objects.filter(pk=made.pk).update(hash="0" * 64))
    refused(lambda: AuditEntry.objects.filter(pk=made.pk).update(seq=None, prev_hash=None, hash=None))


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL truncates")
@pytest.mark.django_db(transaction=True)
def test_the_log_is_not_truncated() -> None:
    factories.workspace("acme")
    with connection.cursor() as cursor:
        refused(lambda: cursor.execute("TRUNCATE audit_auditentry CASCADE"))


@pytest.mark.django_db(transaction=True)
def test_flush_empties_the_log_and_leaves_it_guarded() -> None:
    factories.workspace("acme")
    call_command("flush", interactive=False, verbosity=0)
    assert not AuditEntry.unscoped.exists()
    with scoped(factories.workspace("acme").pk):
        refused(lambda: AuditEntry.objects.all()._raw_delete(using="default"))


@pytest.mark.django_db(transaction=True)
def test_migrating_puts_lost_guards_back() -> None:
    with scoped(factories.workspace("acme").pk):
        guards.lift(connection)
        AuditEntry.objects.update(reason="because")
        call_command("migrate", "audit", verbosity=0)
        refused(lambda: AuditEntry.objects.update(reason="another"))
