"""The frame around the pages: the way in, navigation, theme, counts, sign-in, and the policy they all keep."""

import json
import re
from pathlib import Path

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client

from flowapp.engine import runs
from flowapp.http.problems import Problem
from flowapp.tenancy.actors import SYSTEM

PAGES = ["/inbox/", "/runs/", "/workflows/", "/workflows/web-onboard/", "/accounts/2fa/", "/accounts/sessions/"]


def test_everybody_lands_in_the_inbox(cast, signed_in):
    assert signed_in(cast.dev).get("/")["Location"] == "/inbox/"
    assert Client().get("/")["Location"] == "/accounts/login/?next=/"


def test_the_navigation_says_where_one_is_and_what_waits(dispatcher, cast, signed_in):
    runs.start("web-asks", "5", by=SYSTEM)
    page = signed_in(cast.bo).get("/runs/").content.decode()
    assert re.search(r'<a href="/runs/" aria-current="page">', page)
    assert re.search(r'id="count-inbox">1<', page)
    assert 'id="count-inbox" hx-swap-oob="true">1<' in signed_in(cast.bo).get("/nav-counts").content.decode()
    assert 'hx-swap-oob="true"><' in signed_in(cast.dev).get("/nav-counts").content.decode()


def test_the_tab_bar_leads_to_every_room(cast, signed_in):
    """On a phone there is no side navigation; a reviewer's rooms all have a tab."""
    page = signed_in(cast.ana).get("/policies/").content.decode()
    side, _, below = page.partition('class="tabbar"')
    rooms = re.findall(r'<a href="(/[a-z/]+)"', side.partition('class="side"')[2])
    below = below.partition("</nav>")[0]
    assert {"/policies/", "/slack/", "/webhooks/", "/reports/approvals/"} <= set(rooms)
    assert [room for room in rooms if f'href="{room}"' not in below] == []
    assert 'popovertarget="more-rooms" data-current' in below
    assert "more-rooms" not in signed_in(cast.cleo).get("/inbox/").content.decode()


def test_the_theme_is_remembered_and_comes_without_a_flash(cast, signed_in):
    client = signed_in(cast.dev)
    assert client.post("/theme", {"theme": "dark", "next": "/runs/"})["Location"] == "/runs/"
    assert '<html lang="en" data-theme="dark">' in client.get("/runs/").content.decode()
    client.post("/theme", {"theme": ""})
    assert '<html lang="en">' in client.get("/runs/").content.decode()


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "x", "09:00", "inbox"]
)
def test_the_theme_leads_nowhere_else(cast, signed_in, onward):
    assert signed_in(cast.dev).post("/theme", {"theme": "dark", "next": onward})["Location"] == "/"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_the_content_policy(cast, signed_in, path):
    response = signed_in(cast.bo).get(path, follow=True)
    page = response.content.decode()
    nonce = re.search(r"script-src 'self' 'nonce-([\w-]+)'", response["Content-Security-Policy"])[1]
    assert response.status_code == 200
    assert not re.search(r'<[^>]+\s(style|on\w+)="', page)
    for script in re.findall(r"<script([^>]*)>", page):
        assert f'nonce="{nonce}"' in script or 'type="application/json"' in script or 'src="/static/' in script
    config = json.loads(re.search(r"<meta name=\"htmx-config\"\s+content='([^']+)'", page)[1])
    assert {name: config[name] for name in ("allowEval", "allowScriptTags", "selfRequestsOnly")} == {
        "allowEval": False,
        "allowScriptTags": False,
        "selfRequestsOnly": True,
    }
    assert config["includeIndicatorStyles"] is False


def test_the_sign_in_page_names_the_demo_people_in_dev_mode_only(cast, settings, tmp_path):
    person = {"email": "ana@acme.example", "password": "open sesame", "role": "owner", "groups": []}
    (tmp_path / "dev.json").write_text(json.dumps({"users": [person]}))
    settings.FLOWAPP_HOME = tmp_path
    assert "open sesame" not in Client().get("/accounts/login/").content.decode()
    settings.FLOWAPP_MODE = "dev"
    assert "open sesame" in Client().get("/accounts/login/").content.decode()


def test_an_address_that_leads_nowhere_says_so_and_htmx_gets_only_the_words(cast, signed_in):
    client = signed_in(cast.dev)
    missing = "/runs/01a1fe00-fc83-7a66-b554-5c6c44494d15/"
    assert "<html" in client.get(missing).content.decode()
    words = client.get(missing, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in words
    assert "data-problem" in words


def test_an_error_page_needs_no_database():
    class Gone:
        def __iter__(self):
            raise OperationalError

    page = render_to_string("problem.html", {"problem": Problem("", "Try again.", 500), "messages": Gone()})
    assert "Something went wrong on our side" in page


def test_every_icon_a_template_names_is_in_the_sprite():
    drawn = set(re.findall(r'symbol id="([\w-]+)"', Path("static/icons.svg").read_text()))
    templates = "".join(path.read_text() for path in Path("templates").rglob("*.html"))
    named = set(re.findall(r'{% icon "([\w-]+)"', templates))
    assert named <= drawn, named - drawn


def test_every_template_says_what_it_is_for():
    for path in Path("templates").rglob("*.html"):
        assert path.read_text().startswith("{#"), f"{path}: begin with a comment that says what it is for"
