"""A start, signal or event in a transaction that is rolled back never was."""

from django.db import transaction

from flowapp import Context, workflow
from flowapp.engine.models import Event, Run, Signal
from flowapp.engine.triggering import events
from flowapp.tenancy.actors import SYSTEM
from tests.cases.engines import Engine


@workflow(name="rolled-back")
async def waiting(ctx: Context) -> str:
    return (await ctx.first(s=ctx.wait_for_signal("s"), e=ctx.wait_for_event("e"))).name


def test_it_never_was(engine: Engine):
    run = waiting.start()
    engine.settle()
    with transaction.atomic():
        waiting.start()
        run.signal("s")
        events.publish("e", by=SYSTEM)
        transaction.set_rollback(True)
    engine.sweep()
    assert run.status == "waiting"
    assert (Run.objects.count(), Signal.objects.count(), Event.objects.count()) == (1, 0, 0)


def test_it_waits_for_the_commit(engine: Engine):
    with transaction.atomic():
        run = waiting.start()
        run.signal("s")
        assert run.status == "queued"
    engine.settle()
    assert (run.status, run.output) == ("completed", "s")
