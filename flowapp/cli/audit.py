"""`flowapp audit verify`: whether the audit log is whole and unchanged."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .errors import CommandFailed
from .output import add_json_option, print_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def register(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("audit", help="check the audit log", allow_abbrev=False)
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    check = verbs.add_parser("verify", help="check every workspace's chain", allow_abbrev=False)
    check.add_argument("--workspace", metavar="SLUG", help="only this workspace")
    add_json_option(check)
    check.set_defaults(command=verify)


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


def _verdicts(slug: str | None) -> list[dict[str, Any]]:
    from django.db import DatabaseError

    from flowapp.audit import verifier
    from flowapp.tenancy.models import Workspace

    from .project import first_line

    try:
        workspaces = list(Workspace.objects.filter(**({"slug": slug} if slug else {})).order_by("slug"))
        if not workspaces:
            raise CommandFailed(f"there is no workspace {slug!r}" if slug else "there is no workspace yet")
        found = [(workspace.slug, verifier.verify(workspace.pk)) for workspace in workspaces]
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
