"""`flowapp inspect`: one run in full, its steps as a tree with their durations, attempts, waits and children."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from . import colour
from .naming import whole
from .output import add_json_option, moment, note, print_json, print_table, since
from .server import Server, server
from .waiting import sentence

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_HIDDEN: Final = ("stream", "patch")
_PAGE: Final = 200
_FOLDED: Final = 10  # uses of a step that follow each other become one line
_TOLD: Final = 3  # of those, the ones that failed and are told of
_WORST: Final = ("failed", "retrying", "running", "waiting", "cancelled")


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("inspect", help="show a run: steps, waits, log, output", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="the run's id, or how it begins or ends")
    parser.add_argument(
        "--all", action="store_true", dest="all_steps", help="every step on a line, not only the first 100"
    )
    parser.add_argument("--log", action="store_true", help="what it logged, as well")
    add_json_option(parser)
    parser.set_defaults(command=show)


def show(arguments: Namespace) -> int:
    """Print it."""
    flowapp = server()
    run_id = whole(flowapp, arguments.run)
    run = flowapp.get("runs", run_id)
    if arguments.all_steps:
        run["steps"] = list(_every(flowapp, run_id, "steps"))
    if arguments.log:
        run["log"] = list(_every(flowapp, run_id, "log"))
    if arguments.as_json:
        print_json(run)
        return 0
    children = flowapp.get("runs", run_id, "children", limit=200)["items"]
    _print(run, children, on=colour.wanted(), folded=not arguments.all_steps)
    if len(run["steps"]) == 100 and not arguments.all_steps:
        note("these are the first 100 steps; --all shows every one")
    return 0


def _every(flowapp: Server, run_id: str, what: str) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = flowapp.get("runs", run_id, what, cursor=cursor, limit=_PAGE)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def _print(run: dict[str, Any], children: list[dict[str, Any]], *, on: bool, folded: bool) -> None:
    print(f"run {run['id']}")
    print_table((), list(_facts(run, on=on)), indent="  ")
    steps = sorted((one for one in run["steps"] if one["kind"] not in _HIDDEN), key=lambda one: str(one["started_at"]))
    if steps:
        print("\nsteps")
        print_table((), list(_tree(steps, children, on=on, folded=folded)), indent="  ")
    if run["waiting_on"]:
        print("\nwaiting for")
        for wait in run["waiting_on"]:
            print(f"  {sentence(wait)}")
    if run.get("log"):
        print("\nlog")
        for line in run["log"]:
            place = f" {line['step']}" if line["step"] else ""
            told = f"{moment(line['at'])} {line['level'].lower()}{place}"
            print(f"  {colour.paint(told, 'faint', on=on)}: {line['message']}")


def _facts(run: dict[str, Any], *, on: bool) -> Iterator[tuple[str, str]]:
    yield "workflow", f"{run['workflow']}, version {run['version']}"
    yield "status", colour.status(run["status"], on=on)
    yield "started", moment(run.get("started_at"))
    yield "took" if run.get("ended_at") else "so far", since(run.get("started_at"), run.get("ended_at"))
    if run.get("parent_id"):
        yield "parent", run["parent_id"]
    yield "input", _one_line(run["input"])
    if error := run.get("error"):
        place = f" in step {error['step']}" if error.get("step") else ""
        yield "error", colour.paint(f"{error['type']}{place}: {error['message']}", "bad", on=on)
    if run["status"] == "completed":
        yield "output", _one_line(run["output"])


def _tree(
    steps: list[dict[str, Any]], children: list[dict[str, Any]], *, on: bool, folded: bool = True
) -> Iterator[tuple[str, ...]]:
    """Each step on a line, many uses of one that follow each other on one; under it what failed, and its child runs."""
    below: dict[str, list[dict[str, Any]]] = {}
    for child in children:
        below.setdefault(child["step"], []).append(child)
    groups = list(_groups(steps, _FOLDED if folded else len(steps) + 1))
    for place, group in enumerate(groups):
        last = place == len(groups) - 1
        branch, stem = ("└─", "   ") if last else ("├─", "│  ")
        yield _step(group[0], branch, on=on) if len(group) == 1 else _fold(group, branch, on=on)
        told = group if len(group) == 1 else [step for step in group if step["status"] == "failed"][:_TOLD]
        for step in told:
            yield from _behind(step, below.get(f"{step['name']}#{step['occurrence']}", ()), stem, on=on)


def _groups(steps: list[dict[str, Any]], least: int) -> Iterator[list[dict[str, Any]]]:
    """The steps; so many or more of the same name and kind together."""
    for _, group in groupby(steps, key=lambda one: (one["name"], one["kind"])):
        same = list(group)
        yield from [same] if len(same) >= least else ([one] for one in same)


def _behind(
    step: dict[str, Any], children: Iterable[dict[str, Any]], stem: str, *, on: bool
) -> Iterator[tuple[str, ...]]:
    for child in children:
        took = since(child["started_at"], child["ended_at"]) if child["started_at"] else ""
        sign = colour.SIGNS.get(child["status"], "·")
        name = f"{stem}└─ {sign} run {child['id']} {child['workflow']}"
        yield name, colour.status(child["status"], on=on), took, ""
    if step["status"] == "failed" and step.get("error"):
        error = " ".join(f"{step['error']['type']}: {step['error']['message']}".split())
        yield f"{stem}   {colour.paint(error, 'bad', on=on)}", "", "", ""


def _fold(group: list[dict[str, Any]], branch: str, *, on: bool) -> tuple[str, ...]:
    """Many uses of one step as one: the sign of what is left to be seen to, and how many stand in each status."""
    counts = Counter(step["status"] for step in group)
    worst = next((status for status in _WORST if counts[status]), group[0]["status"])
    sign = colour.paint(colour.SIGNS.get(worst, "·"), colour.TONES.get(worst, ""), on=on)
    kind = f" ({group[0]['kind']})" if group[0]["kind"] != "step" else ""
    name = f"{colour.paint(branch, 'faint', on=on)} {sign} {group[0]['name']}{kind}, {len(group):,} times"
    stand = [
        colour.paint(f"{count:,} {status}", colour.TONES.get(status, ""), on=on) for status, count in counts.items()
    ]
    ends = [step["ended_at"] for step in group]
    ended = max(ends) if all(ends) else None
    return name, ", ".join(stand), since(min(step["started_at"] for step in group), ended), ""


def _step(step: dict[str, Any], branch: str, *, on: bool) -> tuple[str, ...]:
    sign = colour.paint(colour.SIGNS.get(step["status"], "·"), colour.TONES.get(step["status"], ""), on=on)
    again = f" #{step['occurrence']}" if step["occurrence"] > 1 else ""
    kind = f" ({step['kind']})" if step["kind"] != "step" else ""
    tries = f"{step['attempts']} attempts" if step["attempts"] > 1 else ""
    name = f"{colour.paint(branch, 'faint', on=on)} {sign} {step['name']}{again}{colour.paint(kind, 'faint', on=on)}"
    return name, colour.status(step["status"], on=on), since(step["started_at"], step["ended_at"]), tries


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
