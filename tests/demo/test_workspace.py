"""Loading the demo: once, through the same actions as users; what opens it goes on to open it."""

import stat
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress

from approvals import queries as approvals
from flowapp.audit.models import AuditEntry
from flowapp.demo import people, workspace
from flowapp.demo.workspace import Opened
from flowapp.engine import clock
from flowapp.engine import queries as engine
from flowapp.tenancy import actions, queries
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.errors import UnfitKey
from flowapp.tenancy.models import ApiKey, Workspace
from flowapp.tenancy.scope import scoped

PRESET = "ffk_prest_by_a_script_0001"

pytestmark = pytest.mark.usefixtures("dispatcher")


def load(home: Path, preset: str = "") -> Opened:
    return workspace.load(home, lambda: people.keep(home), preset)


def check(opened: Opened) -> None:
    """Every password and key opens what it should."""
    key = queries.key_for(opened.api_key)
    assert key is not None
    assert (key.member, key.scopes) == (None, [])
    with scoped(key.workspace_id):
        members = {member.user.email: member for member in queries.members()}
    for user in opened.users:
        personal = queries.key_for(user["api_key"])
        assert personal is not None
        assert (personal.member, personal.scopes) == (members[user["email"]], ["approvals:decide"])
        assert members[user["email"]].user.check_password(user["password"])


def acme() -> Workspace:
    found = queries.workspace("acme")
    assert found is not None
    return found


def test_the_cast_is_what_the_contract_asks_for(home: Path) -> None:
    opened = load(home)
    check(opened)
    roles = Counter((user["role"], *user["groups"]) for user in opened.users)
    assert roles["owner",] == roles["manager",] == 1
    assert roles["reviewer", "finance"] == 2
    assert roles["manager", "vp"] == 2


def test_the_story_leaves_runs_in_many_states(home: Path) -> None:
    before = clock.now()
    load(home)
    assert clock.now() - before < timedelta(minutes=5)  # the clock is what it was
    with scoped(acme().pk):
        rows = engine.run_page(limit=100).items
        seen = Counter((row.workflow, row.status) for row in rows)
        outputs = [engine.run_detail(row.id).output for row in rows if row.workflow == "expense-approval"]
    assert seen == {
        ("expense-approval", "completed"): 6,
        ("expense-approval", "waiting"): 4,
        ("expense-approval", "failed"): 1,
        ("refund", "waiting"): 2,
        ("refund", "completed"): 3,
        ("refund", "failed"): 1,
        ("onboard-customer", "waiting"): 2,
    }
    assert Counter(output["status"] for output in outputs if output) == {"approved": 5, "denied": 1}
    assert rows[-1].created_at < before - timedelta(days=20)
    assert [row.created_at for row in rows] == sorted((row.created_at for row in rows), reverse=True)


def test_the_story_makes_inbox_and_reports_look_alive(home: Path) -> None:
    load(home)
    with scoped(acme().pk):
        month, people = approvals.report(30), {member.user.email: member.pk for member in queries.members()}
        mine = approvals.inbox(approvals.targets_of(people["ana@acme.example"])).items
        finance = approvals.inbox(approvals.targets_of(people["cleo@acme.example"])).items
    assert len([day for day, line in month.by_day if line.closed]) >= 5
    assert (month.total.expired, month.total.edited, month.total.denied) == (1, 1, 2)
    assert (month.total.times.median or 0) > 60
    assert {line.name: line.claim.median is not None for line in month.workflows} == {
        "expense-approval": True,
        "refund": True,
    }
    assert [(row.stage, row.overdue) for row in mine] == [("escalated", True)]
    assert [row.claimed_by for row in finance] == ["Hugo Brandt", ""]
    assert len({row.created_at for row in finance}) == 2


def test_its_people_may_add_a_second_factor(home: Path) -> None:
    opened = load(home)
    confirmed = EmailAddress.objects.filter(verified=True, primary=True).values_list("email", flat=True)
    assert set(confirmed) == {user["email"] for user in opened.users}


def test_loading_again_changes_nothing(home: Path) -> None:
    first = load(home)
    with scoped(acme().pk):
        before = AuditEntry.objects.count()
    assert load(home) == first
    with scoped(acme().pk):
        assert AuditEntry.objects.count() == before


def test_the_file_is_its_owners_alone(home: Path) -> None:
    people.keep(home)
    assert stat.S_IMODE((home / people.FILE).stat().st_mode) == 0o600


def test_a_changed_password_is_set_back(home: Path) -> None:
    opened = load(home)
    with scoped(acme().pk):
        user = queries.members()[0].user
        actions.set_password_hash(user=user, password_hash="something else", by=SYSTEM)
    again = load(home)
    assert again == opened
    check(again)


def test_revoked_keys_are_replaced(home: Path) -> None:
    opened = load(home)
    with scoped(acme().pk):
        for key in ApiKey.objects.all():
            actions.revoke_api_key(key=key, by=SYSTEM)
    again = load(home)
    assert again.api_key != opened.api_key
    check(again)
    assert load(home) == again


def test_a_new_home_ends_the_keys_of_the_old_one(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    opened = load(home)
    check(load(tmp_path_factory.mktemp("other")))
    assert [queries.key_for(user["api_key"]) for user in opened.users] == [None] * len(opened.users)


def test_a_preset_key_is_the_workspaces(home: Path) -> None:
    load(home)
    opened = load(home, PRESET)
    assert opened.api_key == PRESET
    check(opened)
    assert load(home, PRESET) == opened


def test_a_preset_key_that_was_revoked_is_refused(home: Path) -> None:
    load(home, PRESET)
    with scoped(acme().pk):
        actions.revoke_api_key(key=ApiKey.objects.get(prefix__startswith="ffk_pres"), by=SYSTEM)
    with pytest.raises(UnfitKey, match="set another one"):
        load(home, PRESET)


def test_a_member_who_left_is_not_offered(home: Path) -> None:
    load(home)
    with scoped(acme().pk):
        queries.members().get(user__email="dev@acme.example").delete()
    assert "dev@acme.example" not in [user["email"] for user in load(home).users]
