"""Writing to the log: what an entry holds, and that it lives and dies with its transaction."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction

from flowapp.audit import entry, record
from flowapp.audit.models import AuditEntry
from flowapp.audit.origin import Origin, coming_from
from flowapp.tenancy.actors import SYSTEM, Actor
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import NoWorkspace, scoped


def test_an_entry_holds_who_what_and_why(acme: Workspace) -> None:
    atlas = Actor("agent", "atlas", "Atlas", key_id=uuid4(), on_behalf_of="ana@example.com")
    record(
        by=atlas,
        verb="refund.made",
        target="order:9218",
        before={"paid": Decimal("4.20")},
        after={"paid": None},
        reason="broken on arrival",
        channel="slack",
        request_id="r-1",
    )
    made = AuditEntry.objects.get(verb="refund.made")
    assert (made.actor_kind, made.actor_id, made.actor_label, made.on_behalf_of) == (
        "agent",
        "atlas",
        "Atlas",
        "ana@example.com",
    )
    assert (made.key_id, made.member_id, made.workspace_id) == (atlas.key_id, None, acme.pk)
    assert (made.before, made.after) == ({"paid": "4.20"}, {"paid": None})
    assert (made.target, made.reason, made.channel, made.request_id) == (
        "order:9218",
        "broken on arrival",
        "slack",
        "r-1",
    )
    assert (made.seq, made.prev_hash, made.hash) == (None, None, None)


def test_the_request_at_hand_is_noted(acme: Workspace) -> None:
    with coming_from(Origin("web", "r-2")):
        record(by=SYSTEM, verb="a", target="t:1")
        record(by=SYSTEM, verb="b", target="t:1", channel="email")
    assert list(AuditEntry.objects.filter(target="t:1").order_by("id").values_list("channel", "request_id")) == [
        ("web", "r-2"),
        ("email", "r-2"),
    ]


def test_an_entry_is_left_to_be_saved_by_others(acme: Workspace) -> None:
    made = entry(by=SYSTEM, verb="later", target="t:1")
    assert not AuditEntry.objects.filter(verb="later").exists()
    AuditEntry.objects.bulk_create([made])
    assert AuditEntry.objects.get(verb="later").pk == made.pk


def test_an_entry_goes_with_its_transaction(acme: Workspace) -> None:
    with transaction.atomic():
        record(by=SYSTEM, verb="never", target="t:1")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.filter(verb="never").exists()


def test_nothing_is_logged_outside_a_workspace(db: None) -> None:
    with scoped(None), pytest.raises(NoWorkspace):
        record(by=SYSTEM, verb="lost", target="t:1")
