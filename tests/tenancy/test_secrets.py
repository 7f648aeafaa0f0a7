"""Secrets at rest: they open where they were sealed, under a key that is still kept, and nowhere else."""

from uuid import uuid4

import pytest

from flowapp.tenancy import secrets
from flowapp.tenancy.scope import scoped

ACME, GLOBEX, ROW = uuid4(), uuid4(), uuid4()
PLACE = secrets.Place("hooks", ROW, "secret")


@pytest.fixture(autouse=True)
def _in_acme():
    with scoped(ACME):
        yield


def test_what_is_sealed_opens_again_and_shows_nothing():
    stored = secrets.seal("whsec_canary", PLACE)
    assert "canary" not in stored
    assert secrets.unseal(stored, PLACE) == "whsec_canary"
    assert stored != secrets.seal("whsec_canary", PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        secrets.Place("other", ROW, "secret"),
        secrets.Place("hooks", uuid4(), "secret"),
        secrets.Place("hooks", ROW, "old_secret"),
    ],
)
def test_moved_to_another_place_it_does_not_open(elsewhere):
    stored = secrets.seal("text", PLACE)
    with pytest.raises(secrets.Unreadable):
        secrets.unseal(stored, elsewhere)


def test_moved_to_another_workspace_it_does_not_open():
    stored = secrets.seal("text", PLACE)
    with scoped(GLOBEX), pytest.raises(secrets.Unreadable):
        secrets.unseal(stored, PLACE)


@pytest.mark.parametrize("spoil", [lambda s: s[:-6] + "AAAAA=", lambda s: "v2" + s[2:], lambda s: "", lambda s: s[:14]])
def test_altered_it_does_not_open(spoil):
    with pytest.raises(secrets.Unreadable, match="FLOWAPP_ENCRYPTION_KEYS"):
        secrets.unseal(spoil(secrets.seal("text", PLACE)), PLACE)


def test_keys_rotate_newest_first(settings):
    old = secrets.seal("text", PLACE)
    settings.FLOWAPP_ENCRYPTION_KEYS = ["a newer key of sufficient length", *settings.FLOWAPP_ENCRYPTION_KEYS]
    new = secrets.seal("text", PLACE)
    assert secrets.unseal(old, PLACE) == secrets.unseal(new, PLACE) == "text"
    assert old.split(".")[1] != new.split(".")[1]
    settings.FLOWAPP_ENCRYPTION_KEYS = settings.FLOWAPP_ENCRYPTION_KEYS[:1]
    with pytest.raises(secrets.Unreadable):
        secrets.unseal(old, PLACE)
