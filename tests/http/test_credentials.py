"""Who is asking: keys and sessions become actor, member, workspace and scope, in sync and async views alike."""

from collections.abc import Callable

import pytest
from django.test import AsyncClient, Client

from flowapp.audit.models import AuditEntry
from flowapp.http.credentials import WORKSPACE_IN_SESSION
from flowapp.tenancy import actions
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import ApiKey, Role
from flowapp.tenancy.scope import current_or_none, scoped
from tests import factories
from tests.factories import Cast

from .conftest import SignIn

pytestmark = pytest.mark.urls("tests.http.site")
Bearer = Callable[..., dict[str, str]]
NOBODY = {"actor": None, "member": None, "workspace": None, "scope": None}


def test_without_credentials_there_is_nobody_and_no_query(
    db: None, django_assert_num_queries: Callable[..., object]
) -> None:
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert Client().get("/public").json() == NOBODY


def test_the_workspaces_key(cast: Cast, bearer: Bearer) -> None:
    seen = Client().get("/public", headers=bearer(cast.acme)).json()
    assert (seen["workspace"], seen["member"], seen["scope"]) == ("acme", None, str(cast.acme.pk))
    assert seen["actor"]["kind"] == "key"


def test_a_personal_key(cast: Cast, bearer: Bearer) -> None:
    seen = Client().get("/public", headers=bearer(cast.globex, cast.gil)).json()
    assert (seen["workspace"], seen["member"], seen["scope"]) == ("globex", "Gil", str(cast.globex.pk))
    assert (seen["actor"]["kind"], seen["actor"]["id"]) == ("person", "gil@example.com")
    assert seen["actor"]["key_id"]


def test_a_session(cast: Cast, signed_in: SignIn) -> None:
    seen = signed_in(cast.cleo).get("/public").json()
    assert (seen["workspace"], seen["member"], seen["scope"]) == ("acme", "Cleo", str(cast.acme.pk))
    assert (seen["actor"]["member_id"], seen["actor"]["key_id"]) == (str(cast.cleo.pk), None)


def test_a_session_costs_three_queries(
    cast: Cast, signed_in: SignIn, django_assert_num_queries: Callable[..., object]
) -> None:
    client = signed_in(cast.cleo)
    with django_assert_num_queries(3):  # type: ignore[attr-defined]  # session, user, memberships
        client.get("/public")


async def test_the_same_in_async_views(cast: Cast, bearer: Bearer) -> None:
    client = AsyncClient()
    assert (await client.get("/public-async")).json() == NOBODY
    await client.aforce_login(cast.bo.user)
    seen = (await client.get("/inside-async")).json()
    assert (seen["member"], seen["scope"]) == ("Bo", str(cast.acme.pk))
    assert (await client.get("/inside")).json()["member"] == "Bo"


def test_the_scope_ends_with_the_request(cast: Cast, signed_in: SignIn) -> None:
    signed_in(cast.bo).get("/inside")
    assert current_or_none() is None


def test_the_chosen_workspace_is_kept_in_the_session(cast: Cast, signed_in: SignIn) -> None:
    with scoped(cast.globex.pk):
        factories.member(role=Role.VIEWER, person=cast.ana.user)
    client = signed_in(cast.ana)
    assert client.get("/public").json()["workspace"] == "acme"
    session = client.session
    session[WORKSPACE_IN_SESSION] = str(cast.globex.pk)
    session.save()
    assert client.get("/public").json()["workspace"] == "globex"


@pytest.mark.parametrize("token", ["ffk_live_unknown_key_00000000", "", "not a key at all", "ffk_\x00"])
def test_a_wrong_key_is_nobody_even_with_a_session(cast: Cast, signed_in: SignIn, token: str) -> None:
    client = signed_in(cast.ana)
    assert client.get("/public", headers={"Authorization": f"Bearer {token}"}).json() == NOBODY
    answer = client.get("/inside", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "This API key is unknown, expired or revoked."
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_at_once(cast: Cast, bearer: Bearer) -> None:
    headers = bearer(cast.acme)
    assert Client().get("/inside", headers=headers).status_code == 200
    with scoped(cast.acme.pk):
        actions.revoke_api_key(key=ApiKey.objects.get(), by=SYSTEM)
    assert Client().get("/inside", headers=headers).status_code == 401


def test_a_person_without_a_workspace_is_told_so(db: None) -> None:
    client = Client()
    client.force_login(factories.user("Eve"))
    answer = client.get("/inside", headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert "member of no workspace" in answer.json()["detail"]


def test_what_is_logged_names_channel_and_request(cast: Cast, signed_in: SignIn, bearer: Bearer) -> None:
    signed_in(cast.bo).get("/inside", headers={"X-Request-ID": "abc-12345"})
    Client().get("/inside", headers={**bearer(cast.acme), "X-Request-ID": "no spaces allowed"})
    with scoped(cast.acme.pk):
        web, api = AuditEntry.objects.filter(verb="came.in").order_by("id")
    assert (web.channel, web.request_id, web.actor_label) == ("web", "abc-12345", "Bo")
    assert (api.channel, api.actor_kind) == ("api", "key")
    assert len(api.request_id) == 36
