"""Out of office and calendars in the browser."""

import pytest

from flowapp.tenancy import absences, calendars
from flowapp.tenancy.models import Absence, Calendar
from flowapp.tenancy.scope import scoped

AWAY = {"from": "2020-01-01T00:00", "until": "2199-01-01T00:00:00+00:00", "substitute": "cleo@example.com"}
OFFICE = {"name": "Office", "zone": "Europe/Berlin", "monday": "09:00-12:00, 13:00-17:00", "free": "2199-12-24\n"}


def page(answer):
    return answer.content.decode()


def test_a_member_is_away(dispatcher, cast, signed_in):
    client = signed_in(cast.bo)
    assert "You are here." in page(client.get("/away/"))
    assert "Cleo stands in" in page(client.post("/away/", AWAY, follow=True))
    assert 'href="/away/"' in page(client.get("/inbox/"))
    with scoped(cast.acme.pk):
        kept = Absence.objects.get()
    assert client.post(f"/away/{kept.pk}/end")["Location"] == "/away/"
    assert "You are here." in page(client.get("/away/"))


def test_what_cannot_be_keeps_what_was_typed(dispatcher, cast, signed_in):
    signed_in(cast.bo).post("/away/", AWAY)
    loop = signed_in(cast.cleo).post("/away/", AWAY | {"substitute": "bo@example.com"})
    assert loop.status_code == 422
    assert "Nobody would be left to answer: Cleo → Bo → Cleo" in page(loop)
    assert 'value="bo@example.com" selected' in page(loop)
    wrong = signed_in(cast.cleo).post("/away/", {"from": "soon"})
    assert (wrong.status_code, page(wrong).count("Choose a day and a time.")) == (422, 2)


def test_a_manager_says_it_for_others_and_a_viewer_does_not(dispatcher, cast, signed_in):
    assert signed_in(cast.bo).post("/away/", AWAY | {"member": "dev@example.com"}).status_code == 302
    assert signed_in(cast.dev).post("/away/", AWAY | {"member": "bo@example.com"}).status_code == 403
    with scoped(cast.acme.pk):
        assert [one.member for one in absences.current_and_coming(Absence.objects.get().starts_at)] == [cast.dev]


def test_a_calendar_is_kept_changed_and_deleted(dispatcher, cast, signed_in):
    client = signed_in(cast.ana)
    assert "No calendars yet" in page(client.get("/calendars/"))
    assert client.post("/calendars/new", OFFICE | {"country": "DE"})["Location"] == "/calendars/"
    with scoped(cast.acme.pk):
        [kept] = calendars.calendars()
    assert (kept.hours, kept.free) == ({"monday": ["09:00-12:00", "13:00-17:00"]}, ["2199-12-24"])
    shown = page(client.get(f"/calendars/{kept.pk}/"))
    assert "09:00-12:00, 13:00-17:00" in shown
    assert "Erster Weihnachtstag" in shown
    wrong = client.post(f"/calendars/{kept.pk}/", OFFICE | {"tuesday": "9 to 5", "zone": "Mars"})
    assert wrong.status_code == 422
    assert all(text in page(wrong) for text in ("is no span of hours", "is no time zone", 'value="9 to 5"'))
    assert client.post(f"/calendars/{kept.pk}/delete")["Location"] == "/calendars/"
    with scoped(cast.acme.pk):
        assert not Calendar.objects.exists()


@pytest.mark.parametrize("path", ["/calendars/", "/calendars/new"])
def test_calendars_are_for_owners_and_admins(dispatcher, cast, signed_in, path):
    assert signed_in(cast.bo).get(path).status_code == 403
    assert 'href="/calendars/"' not in page(signed_in(cast.bo).get("/inbox/"))
    assert 'href="/calendars/"' in page(signed_in(cast.ana).get("/inbox/"))


@pytest.mark.parametrize("number", [1, 3])
def test_they_read_in_a_fixed_number_of_queries(dispatcher, cast, signed_in, django_assert_num_queries, number):
    client = signed_in(cast.ana)
    for one in range(number):
        client.post("/calendars/new", OFFICE | {"name": f"Office {one}"})
        client.post("/away/", AWAY | {"from": f"219{one}-01-01T00:00", "until": f"219{one}-02-01T00:00"})
    client.get("/calendars/")
    with django_assert_num_queries(7):
        client.get("/calendars/")
    with django_assert_num_queries(8):
        client.get("/away/")
