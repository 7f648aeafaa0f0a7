"""`flowapp audit`: whether the audit log is whole and unchanged, and binding older answers that it vouches for."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .errors import CommandFailed
from .output import add_json_option, print_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from flowapp.tenancy.models import Workspace


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("audit", help="check the audit log", allow_abbrev=False)
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    check = verbs.add_parser("verify", help="check every workspace's chain", allow_abbrev=False)
    check.add_argument("--workspace", metavar="SLUG", help="only this workspace")
    add_json_option(check)
    check.set_defaults(command=verify)
    old = verbs.add_parser("bind", help="bind answers that are older than binding", allow_abbrev=False)
    old.add_argument("--workspace", metavar="SLUG", help="only this workspace")
    old.add_argument("--yes", action="store_true", help="bind them, not only show them")
    old.set_defaults(command=bind)


def verify(arguments: Namespace) -> int:
    """Check the chains in the database that the environment names; this needs no server."""
    from . import project

    project.set_up()
    project.reach_database()
    verdicts = _verdicts(arguments.workspace)
    if arguments.as_json:
        print_json(verdicts)
    else:
        for verdict in verdicts:
            _print(verdict)
    return 0 if all(verdict["ok"] for verdict in verdicts) else 1


def bind(arguments: Namespace) -> int:
    """Show the recorded answers that carry no binding, and with --yes bind those that the audit log vouches for."""
    from . import project

    project.set_up()
    project.reach_database()
    from approvals.actions import older_answers
    from flowapp.tenancy.actors import SYSTEM
    from flowapp.tenancy.scope import scoped

    left = 0
    for workspace in _workspaces(arguments.workspace):
        with scoped(workspace.pk):
            found = older_answers.bind(by=SYSTEM) if arguments.yes else older_answers.look()
        for one in found:
            state = one.why_not or ("bound" if arguments.yes else "can be bound")
            print(f"{workspace.slug} run {one.run_id} {one.step} {one.outcome!r} {one.title!r}: {state}")
        left += sum(bool(one.why_not) or not arguments.yes for one in found)
    print(f"{left} answers without a binding" if left else "no answer is without a binding")
    return 1 if left else 0


def _workspaces(slug: str | None) -> list[Workspace]:
    from flowapp.tenancy.models import Workspace

    found = list(Workspace.objects.filter(**({"slug": slug} if slug else {})).order_by("slug"))
    if not found:
        raise CommandFailed(f"there is no workspace {slug!r}" if slug else "there is no workspace yet")
    return found


def _verdicts(slug: str | None) -> list[dict[str, Any]]:
    from django.db import DatabaseError

    from flowapp.audit import verifier

    from .project import first_line

    try:
        found = [(workspace.slug, verifier.verify(workspace.pk)) for workspace in _workspaces(slug)]
    except DatabaseError as error:
        raise CommandFailed(f"the database cannot be read: {first_line(error)}") from None
    return [
        {
            "workspace": slug,
            "ok": verdict.ok,
            "sealed": verdict.sealed,
            "unsealed": verdict.unsealed,
            "faults": [{"seq": fault.seq, "what": fault.what} for fault in verdict.faults],
        }
        for slug, verdict in found
    ]


def _print(verdict: dict[str, Any]) -> None:
    state = "intact" if verdict["ok"] else "BROKEN"
    fresh = f", {verdict['unsealed']} not yet sealed" if verdict["unsealed"] else ""
    print(f"{verdict['workspace']}: {state}, {verdict['sealed']} entries{fresh}")
    for fault in verdict["faults"]:
        print(f"  entry {fault['seq']}: {fault['what']}")
