"""/v1/audit: the log, newest first."""

import pytest

from flowapp.tenancy.scope import scoped
from tests import factories

from .test_runs import start
from .test_workflows import EXPENSE


@pytest.fixture
def quiet(cast, calling):
    """Acme's key, with nothing logged that these tests did not log, as seen by `target`."""
    return calling(cast.acme)


def log(cast, count):
    with scoped(cast.acme.pk):
        for number in range(count):
            factories.audit_entry(f"thing.done-{number}")


def test_an_entry(key):
    run = start(key, "rest-plain", EXPENSE)
    entry = key.get("/audit", target=f"run:{run}").json()["items"][-1]
    assert {name: entry[name] for name in ("verb", "target", "before", "after", "reason", "channel", "seq")} == {
        "verb": "run.started",
        "target": f"run:{run}",
        "before": None,
        "after": {"workflow": "rest-plain"},
        "reason": "",
        "channel": "api",
        "seq": None,
    }
    assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("key", "a key")
    assert entry["at"].endswith("Z")


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_the_same_queries_for_any_number(quiet, cast, django_assert_num_queries, count):
    log(cast, count)
    quiet.get("/runs")  # the key's first use is noted
    with django_assert_num_queries(2):  # the key, the entries
        assert len(quiet.get("/audit", target="thing:1").json()["items"]) == count


def test_the_list_is_paged(quiet, cast):
    log(cast, 3)
    first = quiet.get("/audit", target="thing:1", limit=2).json()
    second = quiet.get("/audit", target="thing:1", limit=2, cursor=first["next"]).json()
    assert [one["verb"] for one in first["items"] + second["items"]] == [f"thing.done-{n}" for n in (2, 1, 0)]
    assert second["next"] is None


def test_another_workspaces_log_is_its_own(quiet, cast, calling):
    log(cast, 1)
    assert calling(cast.globex).get("/audit", target="thing:1").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field"), [({"cursor": "x"}, "cursor"), ({"limit": 0}, "limit"), ({"target": ""}, "target")]
)
def test_bad_queries_name_the_field(quiet, query, field):
    answer = quiet.get("/audit", **query)
    assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (422, [[field]])
