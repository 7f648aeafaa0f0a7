"""`python -m tests.torture.deciders`: eight people at each of many prompts, through four channels, against the timeout.

Everything is real: PostgreSQL, two processes that serve and execute, HTTP, a Slack on this machine. A prompt must end
once; whoever ended it is told so, everybody else who, what and when; the run goes on with that; no button is left.
Exit codes as of `python -m tests.torture`.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from tests import servers
from tests.process import ledger
from tests.slack_server import SECRET, TOKEN, SlackServer, slack_server
from tests.torture import site
from tests.torture.knocks import Answer, Knocks, Person, Send
from tests.torture.questions import ASKED
from tests.torture.site import Sites
from tests.torture.terms import ACKNOWLEDGED, BLIND, BROKEN, CONTROLS, HELD, LEDGER, SWEEP_SECONDS

PROMPTS = 500
SITES = 2
AT_ONCE = 5  # prompts, so that their people's threads do not only wait for each other
TIMED = 3  # every third prompt runs out while they decide
SECONDS = 2.0
CHANNELS = ("web", "api", "slack", "email")
SPREAD = (0.03, 0.2)  # seconds that the others are later than one of them, or the shortest way always wins
PATIENCE = 60.0  # seconds until all has come to rest
PATIENCE_UNSAFE = 4.0  # without the check some runs and messages never do


@dataclass
class Told:
    """What one person was told."""

    person: Person
    outcome: str
    answer: Answer


@dataclass
class Asked:
    """A prompt, and what its people were told."""

    run_id: UUID
    prompt_id: UUID
    told: list[Told] = field(default_factory=list)


@dataclass
class Scene:
    """Who decides, and how each of them knocks."""

    workspace: Any
    people: list[Person]
    knocks: Knocks
    sites: Sites
    ledger: ledger.Ledger
    seed: int
    random: random.Random

    @property
    def slack(self) -> SlackServer:
        return self.knocks.slack

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
                time.sleep(0.03)
            asked = Asked(run.id, prompt.pk)
            self._race(asked, number, prompt.due_at)
        return asked

    def _race(self, asked: Asked, number: int, due_at: Any) -> None:
        late = self.random.uniform(0, SWEEP_SECONDS)  # the sweeper is not at once there either
        together, first = threading.Barrier(ASKED), self.random.randrange(ASKED)

        def read(place: int) -> Send:
            return self.knocks.read(asked.prompt_id, self.people[place])

        def decide(place: int) -> Told:
            outcome = "approve" if (place // len(CHANNELS) + place + number) % 2 else "deny"
            together.wait()
            wait = max(0.0, due_at.timestamp() - time.time()) + late if due_at else 0.0
            time.sleep(wait + (0.0 if place == first else random.uniform(*SPREAD)))
            return Told(self.people[place], outcome, sends[place](outcome))

        self.knocks.await_messages(asked.prompt_id, self.people)
        with ThreadPoolExecutor(ASKED) as pool:
            sends = list(pool.map(self._in_thread(read), range(ASKED)))
            asked.told = list(pool.map(self._in_thread(decide), range(ASKED)))

    def _in_thread[T](self, work: Callable[[int], T]) -> Callable[[int], T]:
        from django.db import connections

        from flowapp.tenancy.scope import scoped

        def run(place: int) -> T:
            try:
                with scoped(self.workspace.pk):
                    return work(place)
            finally:
                connections.close_all()

        return run


def run(prompts: int, control: int, seed: int) -> int:
    """The phase, and with `control` prompts the same without the check that a prompt is open; its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="flowapp-deciders-"))
    with _prepared(folder, seed) as scene:
        scene.knocks.sites = scene.sites.start(SITES)
        code = BROKEN if any(_phase(scene, prompts, PATIENCE).values()) else HELD
        if control:
            code = code or _control(scene, control)
    if code == HELD:
        shutil.rmtree(folder)
    else:
        sys.stdout.write(f"  the installation's log: {folder}\n")
    return code


def _phase(scene: Scene, prompts: int, patience: float, without: str = "") -> dict[str, list[str]]:
    from flowapp.tenancy.scope import scoped
    from tests.torture import told

    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = list(pool.map(scene.ask, range(prompts)))
    with scoped(scene.workspace.pk):
        _rest(patience)
        oracles = {CONTROLS[without]: told.ORACLES[CONTROLS[without]]} if without else told.ORACLES
        found = {name: list(oracle(scene, asked)) for name, oracle in oracles.items()}
        _report(asked, found, scene.seed, time.monotonic() - began, without)
    return found


def _control(scene: Scene, prompts: int) -> int:
    """Other processes in the place of those, without the check and without the constraint behind it."""
    from django.db import connection

    scene.sites.stop()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX decision_one_final")
    connection.close()
    scene.knocks.sites = scene.sites.start(SITES, "decision")
    found = _phase(scene, prompts, PATIENCE_UNSAFE, "decision")
    said = Counter(one.what for one in scene.ledger.all() if one.key.startswith(ACKNOWLEDGED))
    sys.stdout.write(f"  the decision is out: in place in {said['in place']} processes, met in {said['met']}\n")
    noticed = bool(found[CONTROLS["decision"]]) and said["in place"] == SITES and said["met"] > 0
    sys.stdout.write(f"deciders: without the decision {'it is' if noticed else 'nothing is'} found broken\n")
    return HELD if noticed else BLIND


def _rest(patience: float) -> None:
    """Until every run has ended and every message is out."""
    from flowapp.engine.models import Run
    from flowapp.integrations.models import OutboxMessage

    end = time.monotonic() + patience
    while time.monotonic() < end:
        live = Run.objects.filter(ended_at__isnull=True).exists()
        if not live and not OutboxMessage.objects.filter(status="pending").exists():
            return
        time.sleep(0.2)


def _report(asked: list[Asked], found: dict[str, list[str]], seed: int, seconds: float, without: str) -> None:
    from approvals.models import Decision

    prompts = [one.prompt_id for one in asked]
    finals = Decision.objects.filter(final=True, prompt__in=prompts)
    by = Counter(finals.values_list("channel", flat=True))
    taken_out = f", without the {without}" if without else ""
    lines = [
        f"deciders: seed {seed}, {len(asked)} prompts x {ASKED} people, {seconds:.0f} s{taken_out}",
        "  decided through: " + ", ".join(f"{channel} {count}" for channel, count in sorted(by.items())),
    ]
    for name, findings in found.items():
        lines += [f"  {name}: {len(findings)}", *(f"    {one}" for one in findings[:8])]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


@contextmanager
def _prepared(folder: Path, seed: int) -> Iterator[Scene]:
    """An empty database, eight managers, Slack connected, and the processes to knock at."""
    with slack_server() as slack, servers.new_postgres() as postgres, ledger.running(folder) as outside:
        _set_environment(folder, postgres.new_database(), slack.url, outside.address)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from flowapp.tenancy.scope import scoped
        from tests import factories

        call_command("migrate", interactive=False, verbosity=0)
        workspace = factories.workspace("acme")
        with scoped(workspace.pk):
            people = _people(slack)
        connection.close()
        with site.parent(folder) as sites:
            yield Scene(workspace, people, Knocks([], slack), sites, outside, seed, random.Random(seed))


def _set_environment(folder: Path, database_url: str, slack_url: str, ledger_address: str) -> None:
    for name in [name for name in os.environ if name.startswith(("FLOWAPP_", "DJANGO_"))]:
        del os.environ[name]
    os.environ.update(
        DJANGO_SETTINGS_MODULE="flowapp.settings",
        FLOWAPP_MODE="production",
        FLOWAPP_HOME=str(folder),
        FLOWAPP_DATABASE_URL=database_url,
        FLOWAPP_WORKFLOWS="tests.torture.questions",
        FLOWAPP_SECRET_KEY=secrets.token_urlsafe(48),
        FLOWAPP_ENCRYPTION_KEYS=secrets.token_urlsafe(48),
        FLOWAPP_EMAIL_URL="memory:",
        FLOWAPP_RATE_LIMIT="1000000",
        FLOWAPP_SLACK_API_URL=slack_url,
    )
    os.environ[LEDGER] = ledger_address


def _people(slack: SlackServer) -> list[Person]:
    from approvals.actions.channels import preferences
    from flowapp.integrations.slack import connections, people
    from flowapp.tenancy.models import Role
    from tests import factories

    found = []
    for number in range(ASKED):
        member, channel = factories.member(f"Manager {number}", Role.MANAGER), CHANNELS[number % len(CHANNELS)]
        key = factories.api_key(member, "approvals:decide")[1]
        found.append(Person(channel, member, _session(member), key, f"U0{number}", scripts=number < len(CHANNELS)))
        wanted = {way: "now" if way == channel else "never" for way in ("email", "slack")}
        preferences.choose(
            member=member, choices={"group": wanted}, digest_hour=8, zone="UTC", by=factories.actor(member)
        )
    in_slack = [person for person in found if person.channel == "slack"]
    slack.people = {person.email: person.slack_id for person in in_slack}
    connections.connect(bot_token=TOKEN, signing_secret=SECRET, by=factories.actor(found[0].member))
    for person in in_slack:  # who is who is known, so that the first press counts
        people.link(member=person.member, slack_id=person.slack_id, by=factories.actor(person.member))
    return found


def _session(member: Any) -> str:
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(member.user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.torture.deciders", description=__doc__)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--control", type=int, default=0, help="prompts without the check that a prompt is open")
    given = parser.parse_args()
    sys.exit(run(given.prompts, given.control, given.seed))
