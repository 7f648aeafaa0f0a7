"""Compensation is plain try/except, and is as durable as the rest."""

from flowapp import Context, step, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


class NoRoom(Exception):
    """A hotel is full."""

    def __init__(self, hotel: str, nights: int) -> None:
        self.hotel, self.nights = hotel, nights
        super().__init__(f"{hotel} is full for {nights} nights")


@step
async def flight(action: str) -> None:
    effects.effect(f"flight {action}")


@step
async def hotel() -> None:
    raise NoRoom("Grand", 3)


@workflow(name="compensating")
async def trip(ctx: Context) -> str:
    await flight("booked")
    try:
        await hotel()
    except NoRoom as error:
        await flight("cancelled")
        return f"no room for {error.nights} nights at the {error.hotel}"
    return "booked"


def test_it_is_undone_once(engine: Engine):
    with engine.crash_after("hotel") as crash:
        run = trip.start()
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", "no room for 3 nights at the Grand")
    assert effects.done == ["flight booked", "flight cancelled"]
