"""Pages over 100,000 runs and prompts against 100: p95 of the lists, of searches, and of what a row opens.

And the page of one run of 10,000 steps, which is to open within a second.
"""

from collections.abc import Callable

from benchmarks.figures import Goal, Row, percentile
from benchmarks.rounds import Contest, Measure
from benchmarks.setting import Setting
from benchmarks.side import Side

_FEW = 100
_REAL = 100
_COPIES = 999
_STEPS = 10_000
_REQUESTS = 40  # a round
# Each page, and how many rows of its list, or others that it names, it has to show: an empty one says nothing.
_PAGES = {
    "run list": ("/runs/", 20),
    "run list of one status": ("/runs/?status=waiting", 20),
    "run page": ("/runs/{run}/", 1),
    "inbox": ("/inbox/", 20),
    "inbox of groups": ("/inbox/?scope=groups", 20),
    "inbox, unassigned": ("/inbox/?scope=unassigned", 20),
    "inbox, done": ("/inbox/?scope=done", 20),
    "inbox, oldest first": ("/inbox/?sort=oldest", 20),
    "inbox, newest first": ("/inbox/?sort=newest", 20),
    "inbox, due first": ("/inbox/?sort=due", 20),
    "inbox by amount": ("/inbox/?sort=amount", 20),
    "a prompt, with similar decisions": ("/inbox/{prompt}/", 3),
    "inbox, search for a word of all": ("/inbox/?sort=&q=review", 20),
    "inbox, search for a word of one": ("/inbox/?q=zebra", 1),
    "inbox, search for what none has": ("/inbox/?q=nowhere", 0),
}


def measure(setting: Setting) -> list[Row]:
    urls = {copies: setting.postgres.new_database() for copies in (0, _COPIES)}
    rows = []
    with Contest(unit="ms") as contest:
        for copies, url in urls.items():
            contest.enter(_name(copies), Side("flowapp_pages", url=url), _filled(copies))
        for line, (page, shown) in _PAGES.items():
            for copies in urls:
                contest.again(_name(copies), _page(page, shown))
            took = contest.run(setting.rounds)
            failed = "; ".join(contest.failures.values())
            few, many = took.get(_name(0)), took.get(_name(_COPIES))
            note = f"each row a run with a question for me, a quarter answered; {_REAL} really ran, the rest are copies"
            goal = Goal(1.5, 1.1, "x", at_most=True)
            rows.append(Row(f"{line}, p95, 100,000 rows", many, f"{_FEW} rows", few, goal, failed or note))
        contest.again(_name(0), _page("/runs/{long}/", 1))
        took = contest.run(setting.rounds)
        line, goal = f"page of a run of {_STEPS:,} steps, p95", Goal(1000, 300, " ms", at_most=True)
        rows.append(Row(line, took.get(_name(0)), goal=goal, note="its rows lie beside those of 100 runs"))
    for url in urls.values():
        setting.postgres.drop_database(url)
    return rows


def _name(copies: int) -> str:
    return f"{_REAL * (copies + 1):,} rows"


def _filled(copies: int) -> Callable[[Side], Measure]:
    def fill(side: Side) -> Measure:
        side.ask(fill=_REAL, copies=copies)
        if not copies:
            side.ask(steps=_STEPS)
        return lambda: 0.0

    return fill


def _page(page: str, rows: int) -> Callable[[Side], Measure]:
    def warmed_up(side: Side) -> Measure:
        side.ask(page=page, times=_REQUESTS, rows=rows)
        return lambda: percentile(side.ask(page=page, times=_REQUESTS, rows=rows)[0]["milliseconds"], 95)

    return warmed_up
