"""One trial: set up, torture for a while, let it come to rest, judge."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.torture import cluster
from tests.torture.cluster import Cluster
from tests.torture.recovery import LIMIT_SECONDS, Recoveries
from tests.torture.terms import LEDGER

if TYPE_CHECKING:
    from flowapp.tenancy.models import Workspace
    from tests.torture.figures import Figures
    from tests.torture.load import Load

FAULTS_A_SECOND = 1.6
REST_SECONDS = 45.0
ATTENTION = "needs_attention"
# What a full trial must have done to mean anything; a shorter one in proportion to its time after the warm-up.
FULL_SECONDS, KILLS, ZOMBIES, ANSWERED = 280.0, 200, 30, 0.95
WARM_UP = 10.0  # seconds
LONGER = 1.5  # so much longer at most it goes on while it has not done enough


@dataclass
class Verdict:
    """What came of it."""

    seed: int
    without: str
    seconds: float
    findings: dict[str, list[str]]
    figures: Figures
    faults: dict[str, int]
    runs: Counter[str]
    calls: int
    errors: int
    retried: int
    recoveries: list[float]
    suspects: list[float]
    weak: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """The oracles that found something."""
        return [name for name, found in self.findings.items() if found]

    def text(self) -> str:
        """The report."""
        figures = self.figures
        times = self.recoveries
        p50, p99 = (times[int(share * (len(times) - 1))] if times else 0.0 for share in (0.5, 0.99))
        limit = f"lease + sweep + 1 s = {LIMIT_SECONDS:.1f} s"
        within = f"within {limit}" if p99 <= LIMIT_SECONDS else f"OVER {limit}"
        lines = [
            f"torture: seed {self.seed}, {self.seconds:.0f} s" + (f", without the {self.without}" * bool(self.without)),
            "  faults: " + ", ".join(f"{what} {count}" for what, count in self.faults.items()),
            f"  runs: {', '.join(f'{status} {count}' for status, count in sorted(self.runs.items()))}",
            f"  quarantined though innocent, and let go by a person: {self.retried}",
            f"  calls: {self.calls}, {self.errors} without an answer",
            f"  effects: {figures.effects}, {figures.repeated} of them more than once",
            f"  kills inside a step: {figures.kills_inside_a_step}; zombies awake: {figures.zombies_awake}",
            f"  recovery: p50 {p50:.1f} s, p99 {p99:.1f} s of {len(times)}, {within}",
        ]
        if self.suspects:
            lines.append(f"  of {len(self.suspects)} suspects: at most {self.suspects[-1]:.1f} s")
        for name, found in self.findings.items():
            lines.append(f"  {name}: {len(found)}")
            lines += [f"    {one}" for one in found[:8]]
        lines += [f"  INVALID: {reason}" for reason in self.weak]
        return "\n".join(lines)


def say(text: str) -> None:
    """Tell at once, also through a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(folder: Path, *, seconds: float, seed: int, without: str = "") -> Verdict:
    """Torture for this long."""
    say(f"torture: seed {seed}")
    with cluster.running(folder, seed, without) as installation:
        workspace = _prepare(installation)
        from tests.torture.load import Load

        load = Load(workspace.pk, _deciders(workspace), seed)
        recoveries = Recoveries(installation)
        recoveries.start()
        faults = _torture(installation, load, seconds)
        recoveries.stop()
        _rest(load, REST_SECONDS if not without else REST_SECONDS / 3)
        installation.stop()
        return _judge(installation, load, faults, recoveries, seconds)


def _prepare(installation: Cluster) -> Workspace:
    """Migrate, and make who is needed. Sets the environment that the workers inherit, and Django in this process."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="flowapp.settings",
        FLOWAPP_MODE="production",
        FLOWAPP_HOME=str(installation.folder),
        FLOWAPP_DATABASE_URL=installation.database_url,
        FLOWAPP_BROKER_URL=installation.redis.url,
        FLOWAPP_WORKFLOWS="tests.torture.workflows",
        FLOWAPP_SECRET_KEY=secrets.token_urlsafe(48),
        FLOWAPP_ENCRYPTION_KEYS=secrets.token_urlsafe(48),
    )
    os.environ[LEDGER] = installation.ledger.address
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from flowapp.dispatch import celery
    from tests import factories

    logging.disable(logging.ERROR)  # of the faults; the workers keep their own log
    call_command("migrate", interactive=False, verbosity=0)
    installation.sql("CREATE TABLE torture_row (key text NOT NULL)")
    if installation.without == "decision":
        installation.sql("DROP INDEX decision_one_final")
        from tests.torture import injection

        injection.install(without="decision")
    celery.connect()
    workspace = factories.workspace("acme")
    connection.close()
    installation.start_nursery()
    return workspace


def _deciders(workspace: Workspace) -> dict[str, Any]:
    from flowapp.tenancy.models import Role
    from flowapp.tenancy.scope import scoped
    from tests import factories

    with scoped(workspace.pk):
        return {name: factories.actor(factories.member(name, Role.MANAGER)) for name in ("bo", "vera")}


def _torture(installation: Cluster, load: Load, seconds: float) -> dict[str, int]:
    from tests.torture import workflows
    from tests.torture.chaos import Chaos

    chaos = Chaos(installation, int(seconds * FAULTS_A_SECOND))
    installation.replace_dead()
    load.start()
    began = time.monotonic()
    time.sleep(2)  # until there is something to hurt
    number, deployed = 0, False
    end = seconds
    while (elapsed := time.monotonic() - began) < end:
        if not deployed and elapsed > seconds / 2:
            deployed = True
            chaos.restart_workers()
            installation.code = 2
            workflows.deploy(2)
            load.release = 2
        if number < elapsed * FAULTS_A_SECOND:
            chaos.strike(number)
            number += 1
        chaos.tend()
        time.sleep(0.05)
        if elapsed > end - 1 and end < seconds * LONGER and _too_weak(installation, seconds):
            end += 5
    chaos.heal()
    return chaos.done


def _rest(load: Load, patience: float) -> None:
    """Until every run has ended, or the patience with it."""
    from django.db import Error, connection

    from flowapp.engine.models import Run

    end = time.monotonic() + patience
    load.finish()
    resting = False
    while not resting and time.monotonic() < end:
        time.sleep(0.2)
        try:
            live = Run.unscoped.filter(ended_at__isnull=True).exclude(status=ATTENTION)
            resting = not load.retry_the_innocent() and load.idle and not live.exists()
        except Error:
            connection.close()
    load.give_up()


def _judge(
    installation: Cluster, load: Load, faults: dict[str, int], recoveries: Recoveries, seconds: float
) -> Verdict:
    from django.db import connection

    from flowapp.engine.models import Run
    from tests.torture import figures, oracles

    connection.close()  # it may be of before a restart

    told = installation.ledger.all()
    rows = Counter(str(row[0]) for row in installation.sql("SELECT key FROM torture_row"))
    evidence = oracles.Evidence(load.started, told, installation.harms, rows)
    verdict = Verdict(
        seed=load.seed,
        without=installation.without,
        seconds=seconds,
        findings=oracles.judge(evidence) | {"refused calls": load.refusals},
        figures=figures.measure(told, installation.harms),
        faults=faults,
        runs=Counter(Run.unscoped.values_list("status", flat=True)),
        calls=load.calls,
        errors=load.errors,
        retried=load.retried,
        recoveries=recoveries.seconds(installation.harms, suspects=False),
        suspects=recoveries.seconds(installation.harms, suspects=True),
    )
    verdict.weak = _weaknesses(verdict)
    return verdict


def _weaknesses(verdict: Verdict) -> list[str]:
    weak = _too_few(verdict.figures, verdict.seconds)
    answered = 1 - verdict.errors / max(1, verdict.calls)
    if answered < ANSWERED:
        weak.append(f"only {answered:.1%} of the calls were answered; {ANSWERED:.0%} are needed")
    return weak


def _too_weak(installation: Cluster, seconds: float) -> bool:
    from tests.torture import figures

    return bool(_too_few(figures.measure(installation.ledger.all(), installation.harms), seconds))


def _too_few(figures: Figures, seconds: float) -> list[str]:
    share = min(1.0, max(0.0, seconds - WARM_UP) / (FULL_SECONDS - WARM_UP))
    kills, zombies = figures.kills_inside_a_step, figures.zombies_awake
    weak = []
    if kills < KILLS * share:
        weak.append(f"only {kills} kills inside a step; {KILLS * share:.0f} are needed")
    if zombies < ZOMBIES * share:
        weak.append(f"only {zombies} zombies woke up; {ZOMBIES * share:.0f} are needed")
    return weak
