"""`python -m tests.torture.deciders`: eight people at each of many prompts, through four channels, against the timeout.

Everything is real and in one process: PostgreSQL, an embedded worker, the HTTP stack, a Slack on this machine. A prompt
must end once; exactly who ended it is told that they did; the run goes on with that; no button and no message is left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests import servers
from tests.slack_server import SECRET, TOKEN, Message, SlackServer, pressed, signed, slack_server, submitted
from tests.torture.questions import ASKED

PROMPTS = 500
AT_ONCE = 3  # prompts, so that their people's threads do not only wait for each other
TIMED = 3  # every third prompt runs out while they decide
SECONDS = 2.0
CHANNELS = ("web", "api", "slack", "email")
PATIENCE = 90.0  # seconds until all has come to rest


@dataclass
class Told:
    """What one person was told."""

    channel: str
    email: str
    outcome: str
    refused: bool


@dataclass
class Asked:
    """A prompt, and what its people were told."""

    run_id: Any
    prompt_id: Any
    told: list[Told] = field(default_factory=list)


@dataclass
class Scene:
    """Who decides, and how each of them knocks."""

    workspace: Any
    members: list[Any]
    keys: dict[Any, str]
    slack: SlackServer
    random: random.Random

    def ask(self, number: int) -> Asked:
        """Start a run, and race for its prompt."""
        from approvals.models import Prompt
        from flowapp.engine import runs
        from flowapp.tenancy.actors import SYSTEM
        from flowapp.tenancy.scope import scoped

        seconds = SECONDS if number % TIMED == 0 else 0.0
        with scoped(self.workspace.pk):
            run = runs.start("asks-eight", seconds, by=SYSTEM)
            while (prompt := Prompt.objects.filter(run_id=run.id).first()) is None:
                time.sleep(0.01)
            asked = Asked(run.id, prompt.pk)
            self._race(asked, number, prompt.due_at)
        return asked

    def _race(self, asked: Asked, number: int, due_at: Any) -> None:
        together = threading.Barrier(ASKED)
        # The sweeper comes once a second, so that is how wide the moment of the timeout is.
        wait = max(0.0, due_at.timestamp() - time.time()) + self.random.uniform(0, 1) if due_at else 0.0

        def decide(place: int) -> Told:
            channel, member = CHANNELS[(place + number) % len(CHANNELS)], self.members[place]
            outcome = "approve" if place % 2 else "deny"
            send = self._knock(channel, asked.prompt_id, member)
            together.wait(timeout=60)
            time.sleep(wait + self.random.uniform(0, 0.1))  # or the shortest way always wins
            return Told(channel, member.user.email, outcome, send(outcome))

        with ThreadPoolExecutor(ASKED) as pool:
            asked.told = list(pool.map(self._closing(decide), range(ASKED)))

    def _closing(self, decide: Any) -> Any:
        from django.db import connections

        from flowapp.tenancy.scope import scoped

        def run(place: int) -> Told:
            try:
                with scoped(self.workspace.pk):
                    told: Told = decide(place)
                return told
            finally:
                connections.close_all()

        return run

    def _knock(self, channel: str, prompt_id: Any, member: Any) -> Any:
        """How this person answers through this channel; True when they are told that it was refused."""
        return {"web": self._web, "api": self._api, "slack": self._chat, "email": self._mail}[channel](
            prompt_id, member
        )

    def _web(self, prompt_id: Any, member: Any) -> Any:
        from django.test import Client

        client = Client()
        client.force_login(member.user)
        form = {"reasoning": "because", "version": 1}
        return lambda outcome: client.post(f"/inbox/{prompt_id}/decide", form | {"outcome": outcome}).status_code >= 400

    def _api(self, prompt_id: Any, member: Any) -> Any:
        from django.test import Client

        headers = {"Authorization": f"Bearer {self.keys[member.pk]}"}

        def send(outcome: str) -> bool:
            body = {"outcome": outcome, "reasoning": "because", "version": 1}
            path = f"/v1/prompts/{prompt_id}/complete"
            return Client().post(path, body, content_type="application/json", headers=headers).status_code >= 400

        return send

    def _mail(self, prompt_id: Any, member: Any) -> Any:
        from django.test import Client

        from approvals.actions.channels import links
        from approvals.models import Prompt, SignedLink

        # The mail's own link, or the one that it would have carried.
        prompt = Prompt.objects.get(pk=prompt_id)
        link = SignedLink.objects.filter(prompt=prompt, member=member).first() or links.issue(prompt, member)
        path = links.address(link, link.serial).partition("8288")[2]
        form = {"reasoning": "because"}
        return lambda outcome: Client().post(path, form | {"outcome": outcome}).status_code >= 400

    def _chat(self, prompt_id: Any, member: Any) -> Any:
        user = self.slack.people[member.user.email]
        message = Message(f"D{user}", "1700000000.999999", "", [])

        def send(outcome: str) -> bool:
            value = {"prompt": str(prompt_id), "outcome": outcome, "version": 1}
            button = {"type": "button", "action_id": f"prompt.decide:{outcome}", "value": json.dumps(value)}
            payload = pressed(message, button, user) | {"trigger_id": "trigger"}
            _call(payload)
            if outcome == "deny" and (dialog := self._dialog_of(prompt_id, user)):
                return b"errors" in _call(submitted(dialog, user, "because"))
            from approvals.models import Decision

            return not Decision.objects.filter(prompt=prompt_id, member=member, outcome=outcome).exists()

        return send

    def _dialog_of(self, prompt_id: Any, user: str) -> Any:
        """The dialog that this press opened: what it was opened for stands in it."""
        found = [one for one in list(self.slack.dialogs) if str(prompt_id) in one["private_metadata"]]
        return next((one for one in found if f"D{user}" in one["private_metadata"]), None)


def _call(payload: dict[str, Any]) -> bytes:
    from django.test import Client

    body, headers = signed(payload)
    answer = Client().post("/slack/events", body, content_type="application/x-www-form-urlencoded", headers=headers)
    assert answer.status_code == 200, answer.status_code
    return bytes(answer.content)


def findings(scene: Scene, all_asked: list[Asked]) -> Iterator[str]:
    """Each broken promise."""
    from approvals.models import Decision, Prompt, SignedLink
    from flowapp.audit.models import AuditEntry
    from flowapp.engine import codec
    from flowapp.engine.models import Run
    from flowapp.integrations.models import OutboxMessage

    finals = Counter(Decision.objects.filter(final=True).values_list("prompt_id", flat=True))
    ends = AuditEntry.objects.filter(verb__in=["prompt.decided", "prompt.expired"]).values_list("target", flat=True)
    ended, told = Counter(ends), 0
    for asked in all_asked:
        prompt, run = Prompt.objects.get(pk=asked.prompt_id), Run.objects.get(pk=asked.run_id)
        won = [one for one in asked.told if not one.refused]
        told += len(won)
        decision = Decision.objects.filter(prompt=prompt, final=True).select_related("member__user").first()
        if decision is None or finals[prompt.pk] != 1 or ended[f"prompt:{prompt.pk}"] != 1:
            yield f"{prompt.pk} is {prompt.status} with {finals[prompt.pk]} decisions"
            continue
        by = decision.member.user.email if decision.member else "nobody"
        if [one.email for one in won] != [by] * bool(decision.member):
            yield f"{prompt.pk} was decided by {by}; these were told that they did: {won}"
        if (prompt.status == "expired") != decision.timed_out:
            yield f"{prompt.pk} is {prompt.status}, decided by {by}"
        took = codec.plain(run.output) if run.output else None
        if took != f"{decision.outcome} by {by}":
            yield f"run {run.pk} took {took!r}, not {decision.outcome} by {by}"
    refused = AuditEntry.objects.filter(verb="prompt.decision-refused").count()
    if refused != len(all_asked) * ASKED - told:
        yield f"{refused} refusals are in the audit log, {len(all_asked) * ASKED - told} people were refused"
    used = SignedLink.objects.exclude(used_at=None).count()
    if used != Decision.objects.filter(channel="email").count():
        yield f"{used} links were used up"
    for channel, status in OutboxMessage.objects.exclude(status="sent").values_list("channel", "status"):
        yield f"a message of {channel} is {status}"
    if buttons := scene.slack.live_buttons():
        yield f"{len(buttons)} buttons could still be pressed"


def run(prompts: int, seed: int) -> int:
    """The phase; 0 when every promise held."""
    with slack_server() as slack, servers.new_postgres() as postgres, _prepared(slack, postgres, seed) as scene:
        began = time.monotonic()
        from flowapp.tenancy.scope import scoped

        with ThreadPoolExecutor(AT_ONCE) as pool:
            asked = list(pool.map(scene.ask, range(prompts)))
        with scoped(scene.workspace.pk):
            _rest()
            found = list(findings(scene, asked))
            _report(asked, found, seed, time.monotonic() - began)
        return 1 if found else 0


def _rest() -> None:
    """Until every run has ended and every message is out."""
    from flowapp.engine.models import Run
    from flowapp.integrations.models import OutboxMessage

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        live = Run.objects.filter(ended_at__isnull=True).exists()
        if not live and not OutboxMessage.objects.filter(status="pending").exists():
            return
        time.sleep(0.2)


def _report(asked: list[Asked], found: list[str], seed: int, seconds: float) -> None:
    from approvals.models import Decision

    by = Counter(Decision.objects.filter(final=True).values_list("channel", flat=True))
    lines = [
        f"deciders: seed {seed}, {len(asked)} prompts x {ASKED} people, {seconds:.0f} s",
        "  decided through: " + ", ".join(f"{channel} {count}" for channel, count in sorted(by.items())),
        f"  broken promises: {len(found)}",
        *(f"    {one}" for one in found[:20]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


@contextmanager
def _prepared(slack: SlackServer, postgres: servers.Postgres, seed: int) -> Iterator[Scene]:
    """Django on an empty database, eight managers, Slack connected, an embedded worker."""
    for name in [name for name in os.environ if name.startswith("FLOWAPP_")]:
        del os.environ[name]
    os.environ.update(
        DJANGO_SETTINGS_MODULE="flowapp.settings",
        FLOWAPP_MODE="test",
        FLOWAPP_DATABASE_URL=postgres.new_database(),
        FLOWAPP_WORKFLOWS="tests.torture.questions",
        FLOWAPP_SLACK_API_URL=slack.url,
    )
    import django

    django.setup()
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from flowapp.dispatch.embedded import EmbeddedDispatcher
    from flowapp.integrations.slack import connections
    from flowapp.tenancy.models import Role
    from flowapp.tenancy.scope import scoped
    from tests import factories

    setup_test_environment()
    call_command("migrate", interactive=False, verbosity=0)
    workspace = factories.workspace("acme")
    with scoped(workspace.pk):
        members = [factories.member(f"Manager {number}", Role.MANAGER) for number in range(ASKED)]
        keys = {member.pk: factories.api_key(member, "approvals:decide")[1] for member in members}
        slack.people = {member.user.email: f"U0{number}" for number, member in enumerate(members)}
        connections.connect(bot_token=TOKEN, signing_secret=SECRET, by=factories.actor(members[0]))
        _link(members, slack)
    dispatcher = EmbeddedDispatcher(concurrency=32)
    dispatcher.start()
    try:
        yield Scene(workspace, members, keys, slack, random.Random(seed))
    finally:
        dispatcher.stop()


def _link(members: list[Any], slack: SlackServer) -> None:
    """Who is who is known, so that the first press counts."""
    from flowapp.integrations.slack import people
    from tests import factories

    for member in members:
        people.link(member=member, slack_id=slack.people[member.user.email], by=factories.actor(member))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.torture.deciders", description=__doc__)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    sys.exit(run(given.prompts, given.seed))
