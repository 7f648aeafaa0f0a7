"""Declared access: who gets in, what others are told, and that refusals are audited."""

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from flowapp.audit.models import AuditEntry
from flowapp.http.access import access
from flowapp.tenancy.scope import scoped
from tests.factories import Cast

from .conftest import SignIn

pytestmark = pytest.mark.urls("tests.http.site")
Bearer = Callable[..., dict[str, str]]


def refusals(cast: Cast) -> list[tuple[str, str]]:
    with scoped(cast.acme.pk):
        return list(AuditEntry.objects.filter(verb="access.refused").values_list("actor_id", "target"))


def test_people_are_sent_to_sign_in_and_back(db: None) -> None:
    answer = Client().get("/inside?tab=2")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/inside%3Ftab%3D2")


def test_a_fragment_makes_the_whole_page_go_to_sign_in(db: None) -> None:
    answer = Client().get("/inside", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/"})
    assert (answer.status_code, answer["HX-Redirect"]) == (401, "/accounts/login/?next=/runs/")


def test_programs_are_told_401(db: None) -> None:
    answer = Client().get("/inside", headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer.json()["type"] == "unauthenticated"


@pytest.mark.parametrize(("who", "status"), [("ana", 200), ("bo", 403), ("cleo", 403), ("dev", 403)])
def test_roles(cast: Cast, signed_in: SignIn, who: str, status: int) -> None:
    assert signed_in(getattr(cast, who)).get("/owners").status_code == status
    assert refusals(cast) == ([] if status == 200 else [(f"{who}@example.com", "url:GET /owners")])


def test_a_refusal_names_the_roles(cast: Cast, signed_in: SignIn) -> None:
    answer = signed_in(cast.dev).get("/owners", headers={"Accept": "application/json"})
    assert answer.json() == {
        "type": "not-eligible",
        "title": "You may not do this",
        "status": 403,
        "detail": "This needs one of the roles admin, owner; your role is viewer.",
    }


def test_a_refusal_is_a_page_for_people(cast: Cast, signed_in: SignIn) -> None:
    answer = signed_in(cast.dev).get("/owners")
    assert answer["Content-Type"].startswith("text/html")
    assert "your role is viewer" in answer.content.decode()


def test_the_workspaces_key_gets_in_where_it_is_let_in(cast: Cast, bearer: Bearer) -> None:
    headers = bearer(cast.acme)
    assert Client().get("/inside", headers=headers).status_code == 200
    assert Client().get("/owners-and-key", headers=headers).status_code == 200
    answer = Client().get("/owners", headers=headers)
    assert answer.status_code == 403
    assert "the workspace's own API key has no role" in answer.json()["detail"]
    assert len(refusals(cast)) == 1


def test_a_personal_key_has_its_persons_role(cast: Cast, bearer: Bearer) -> None:
    assert Client().get("/owners", headers=bearer(cast.acme, cast.ana)).status_code == 200
    assert Client().get("/owners-and-key", headers=bearer(cast.acme, cast.dev)).status_code == 403


def test_a_view_that_declares_nothing_is_closed_to_all(cast: Cast, signed_in: SignIn) -> None:
    answer = signed_in(cast.ana).get("/undeclared")
    assert answer.status_code == 403
    assert "declares no access" in answer.content.decode()


def test_access_names_somebody() -> None:
    with pytest.raises(TypeError, match="needs to know who"):
        access()


async def test_async_refusals_are_audited_too(cast: Cast) -> None:
    client = AsyncClient()
    await client.aforce_login(cast.dev.user)
    assert (await client.get("/owners")).status_code == 403
    assert await sync_to_async(refusals)(cast) == [("dev@example.com", "url:GET /owners")]


def post(client: Client, path: str, body: str = '{"amount": 1}', **headers: str) -> tuple[int, str | None]:
    answer = client.post(f"/v1/site/{path}", body, content_type="application/json", headers=headers)
    assert answer.status_code == 200 or answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json().get("type")


def test_operations_judge_before_they_look_at_the_input(cast: Cast, bearer: Bearer) -> None:
    for path in ("inside", "owners"):
        assert post(Client(), path, "not even JSON") == (401, "unauthenticated")
    assert post(Client(), "owners", "not even JSON", **bearer(cast.acme, cast.dev)) == (403, "not-eligible")
    assert post(Client(), "owners", "not even JSON", **bearer(cast.acme, cast.ana)) == (400, "invalid")
    assert post(Client(), "owners", **bearer(cast.acme, cast.ana)) == (200, None)
    assert post(Client(), "open") == (200, None)
    assert refusals(cast) == [("dev@example.com", "url:POST /v1/site/owners")]


def test_operations_with_a_session_need_the_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ana.user)
    assert post(client, "inside") == (403, "not-eligible")
    client.get("/form")
    token = client.cookies["csrftoken"].value
    assert post(client, "inside", **{"X-CSRFToken": token}) == (200, None)


def test_operations_with_a_key_need_no_csrf_token(cast: Cast, bearer: Bearer) -> None:
    assert post(Client(enforce_csrf_checks=True), "inside", **bearer(cast.acme)) == (200, None)
