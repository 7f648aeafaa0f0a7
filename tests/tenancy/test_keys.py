"""API keys: their text, what is stored of it, and when one opens the door."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from flowapp.tenancy import actions, keys, queries
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.errors import UnfitKey, UnknownScope
from flowapp.tenancy.models import ApiKey
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.factories import Cast


def test_a_key_has_the_documented_shape() -> None:
    text = keys.generate()
    assert re.fullmatch(r"ffk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9a-f]{8}", text)
    assert keys.well_formed(text)
    assert not keys.well_formed(text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert keys.prefix(text) == text[:21]
    assert len({keys.generate() for _ in range(100)}) == 100


def test_only_the_digest_is_stored(cast: Cast) -> None:
    key, text = factories.api_key(cast.ana)
    secret = text.split("_")[3]
    stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert all(secret not in str(value) for value in stored.values())


def test_a_key_is_found_by_its_text_in_any_scope(cast: Cast) -> None:
    key, text = factories.api_key(cast.ana)
    with scoped(None):
        found = queries.key_for(text)
    assert found == key
    assert found.workspace == cast.acme
    assert queries.key_for(text + "x") is None
    assert queries.key_for("") is None


def test_a_revoked_or_expired_key_opens_nothing(cast: Cast) -> None:
    key, text = factories.api_key()
    actions.revoke_api_key(key=key, by=SYSTEM)
    assert queries.key_for(text) is None
    _, late = actions.issue_api_key(name="late", by=SYSTEM, expires_at=timezone.now() - timedelta(seconds=1))
    assert queries.key_for(late) is None
    _, timely = actions.issue_api_key(name="timely", by=SYSTEM, expires_at=timezone.now() + timedelta(hours=1))
    assert queries.key_for(timely)


def test_the_key_of_somebody_who_left_opens_nothing(cast: Cast) -> None:
    _, text = factories.api_key(cast.cleo)
    cast.cleo.user.is_active = False
    cast.cleo.user.save()
    assert queries.key_for(text) is None


def test_last_use_is_noted_to_the_minute(cast: Cast) -> None:
    key, text = factories.api_key()
    queries.key_for(text)
    key.refresh_from_db()
    first = key.last_used_at
    assert first
    queries.key_for(text)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    queries.key_for(text)
    key.refresh_from_db()
    assert key.last_used_at > first - timedelta(seconds=1)


def test_a_personal_key_acts_as_its_person(cast: Cast) -> None:
    mine, _ = factories.api_key(cast.cleo, keys.APPROVALS_DECIDE)
    theirs, _ = factories.api_key(name="ci")
    actor = queries.actor_for_key(mine)
    assert (actor.kind, actor.id, actor.label) == ("person", "cleo@example.com", "Cleo")
    assert (actor.member_id, actor.key_id) == (cast.cleo.pk, mine.pk)
    actor = queries.actor_for_key(theirs)
    assert (actor.kind, actor.label, actor.member_id, actor.key_id) == ("key", "ci", None, theirs.pk)


def test_a_key_allows_what_it_was_granted(cast: Cast) -> None:
    granted, _ = factories.api_key(cast.cleo, keys.APPROVALS_DECIDE)
    plain, _ = factories.api_key(cast.cleo)
    assert queries.key_allows(granted.pk, keys.APPROVALS_DECIDE)
    assert not queries.key_allows(plain.pk, keys.APPROVALS_DECIDE)
    with scoped(cast.globex.pk):
        assert not queries.key_allows(granted.pk, keys.APPROVALS_DECIDE)
    actions.revoke_api_key(key=granted, by=SYSTEM)
    assert not queries.key_allows(granted.pk, keys.APPROVALS_DECIDE)


def test_a_key_cannot_be_granted_what_does_not_exist(cast: Cast) -> None:
    with pytest.raises(UnknownScope, match=r"unknown key scope root: there is approvals:decide"):
        factories.api_key(None, "root")


def test_a_preset_key_is_adopted_once(cast: Cast) -> None:
    text = "ffk_" + "preset-for-the-demo"
    adopted = actions.adopt_api_key(text, name="demo", by=SYSTEM)
    assert actions.adopt_api_key(text, name="demo", by=SYSTEM) == adopted
    assert queries.key_for(text) == adopted
    assert len(adopted.prefix) <= 8


@pytest.mark.parametrize("text", ["ffk_too_short", "no-prefix-but-long-enough"])
def test_an_unfit_preset_key_is_refused(cast: Cast, text: str) -> None:
    with pytest.raises(UnfitKey, match="20 characters"):
        actions.adopt_api_key(text, name="demo", by=SYSTEM)
