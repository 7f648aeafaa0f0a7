"""One trial: set up, torture for a while, let it come to rest, judge."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.process.ledger import Effect
from tests.torture import cluster, witness
from tests.torture.cluster import Cluster
from tests.torture.harms import Harms, registered
from tests.torture.terms import ACKNOWLEDGED, CONTROLS, LEDGER
from tests.torture.verdict import Verdict, too_few

if TYPE_CHECKING:
    from flowapp.tenancy.models import Workspace
    from tests.torture.load import Load
    from tests.torture.oracles import Evidence

FAULTS_A_SECOND = 1.8
REST_SECONDS = 45.0
REST_UNSAFE_SECONDS = 10.0  # without a safeguard some runs never end
ATTENTION = "needs_attention"
# Controls whose oracle can fire while the torture lasts: they end when it has fired so often.
SEEN_AT_ONCE, NOTICED, LOOKS_FIRST, LOOKS_EVERY = ("fence", "claim", "record", "decision"), 3, 8.0, 2.0


def say(text: str) -> None:
    """Tell at once, also through a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(
    folder: Path, *, seconds: float, seed: int, without: str = "", at_most: float = 0.0, busy: float = 0.0
) -> Verdict:
    """Torture for this long; for `at_most` as long while the faults are too few. A control ends when it is noticed."""
    say(f"torture: seed {seed}")
    with cluster.running(folder, seed, without) as installation:
        workspace = _prepare(installation)
        from tests.torture.load import Load

        load = Load(workspace.pk, _deciders(workspace), seed)
        faults = _torture(installation, load, seconds, max(seconds, at_most))
        _rest(load, REST_SECONDS if not without else REST_UNSAFE_SECONDS)
        installation.stop()
        return _judge(installation, load, faults, seconds, busy, installation.ledger.all())


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
    witness.install(installation)
    if installation.without == "decision":
        installation.sql("DROP INDEX decision_one_final")
        from tests.torture import injection

        injection.take_out("decision")
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


def _torture(installation: Cluster, load: Load, seconds: float, at_most: float) -> dict[str, int]:
    from tests.torture import workflows
    from tests.torture.chaos import Chaos

    chaos = Chaos(installation, int(seconds * FAULTS_A_SECOND))
    installation.replace_dead()
    load.start()
    began = time.monotonic()
    time.sleep(2)  # until there is something to hurt
    number, deployed, looks_at = 0, False, LOOKS_FIRST
    end = seconds
    while True:
        elapsed = time.monotonic() - began
        if elapsed >= end:
            if end >= at_most or not _too_weak(installation, seconds):
                break
            end = min(at_most, elapsed + 5)
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
        if installation.without in SEEN_AT_ONCE and elapsed > looks_at:
            looks_at = elapsed + LOOKS_EVERY
            if _noticed(installation, load):
                break
    chaos.heal()
    return chaos.done


def _noticed(installation: Cluster, load: Load) -> bool:
    """Whether the oracle that has to notice a missing safeguard has done so, more than once."""
    from django.db import Error, connection

    from tests.torture.oracles import ORACLES

    try:
        evidence = _evidence(installation, load, 0.0, installation.ledger.all())
        return len(list(ORACLES[CONTROLS[installation.without]](evidence))) >= NOTICED
    except (Error, psycopg.Error):
        connection.close()
        return False


def _too_weak(installation: Cluster, seconds: float) -> bool:
    from tests.torture import figures
    from tests.torture.recovery import Recoveries

    told = installation.ledger.all()
    try:
        recoveries = Recoveries(witness.hear(installation).turns, _harms(installation, told))
    except psycopg.Error:
        return True
    return bool(too_few(figures.measure(told, installation.harms), len(recoveries.plain), seconds))


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
    installation: Cluster, load: Load, faults: dict[str, int], seconds: float, busy: float, told: list[Effect]
) -> Verdict:
    from django.db import connection

    from flowapp.engine.models import Run
    from tests.torture import figures, oracles

    connection.close()  # it may be of before a restart
    evidence = _evidence(installation, load, busy, told)
    attempts, harms = evidence.attempts, evidence.harms
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
        recoveries=evidence.recoveries,
        in_flight=attempts.in_flight(),
        extra=len(attempts.extra),
        leases=len(harms.lost_leases),
        unprovoked=len(harms.unprovoked()),
        acknowledged=Counter(effect.what for effect in told if effect.key.startswith(ACKNOWLEDGED)),
        spawned=installation.spawned,
    )
    verdict.judge_its_weight()
    return verdict


def _evidence(installation: Cluster, load: Load, busy: float, told: list[Effect]) -> Evidence:
    from tests.torture.oracles import Evidence

    effects = [effect for effect in told if not effect.key.startswith(ACKNOWLEDGED)]
    harms = _harms(installation, effects)
    rows = Counter(str(row[0]) for row in installation.sql("SELECT key FROM torture_row"))
    return Evidence(load.started, effects, harms, witness.hear(installation), rows, busy)


def _harms(installation: Cluster, told: list[Effect]) -> Harms:
    workers = installation.sql("SELECT id, pid, started_at, lease_until FROM engine_worker")
    return Harms(installation.harms, told, registered(workers))
