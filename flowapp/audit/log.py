"""Writing to the log: always in the transaction of what is being logged."""

from typing import Any

from flowapp.tenancy.actors import Actor
from flowapp.tenancy.scope import current

from .models import AuditEntry
from .origin import origin


def entry(
    *,
    by: Actor,
    verb: str,
    target: str,
    before: Any = None,
    after: Any = None,
    reason: str = "",
    channel: str = "",
    request_id: str = "",
) -> AuditEntry:
    """An unsaved entry for the workspace in scope; whoever saves it does so together with what it tells of.

    Channel and request id are the request's at hand unless given.
    """
    return AuditEntry(
        workspace_id=current(),
        actor_kind=by.kind,
        actor_id=by.id,
        actor_label=by.label,
        member_id=by.member_id,
        key_id=by.key_id,
        on_behalf_of=by.on_behalf_of or "",
        verb=verb,
        target=target,
        before=before,
        after=after,
        reason=reason,
        channel=channel or origin().channel,
        request_id=request_id or origin().request_id,
    )


def record(
    *,
    by: Actor,
    verb: str,
    target: str,
    before: Any = None,
    after: Any = None,
    reason: str = "",
    channel: str = "",
    request_id: str = "",
) -> None:
    """Log that `by` did `verb` to `target` (such as "run:<id>"), in the caller's transaction."""
    entry(
        by=by,
        verb=verb,
        target=target,
        before=before,
        after=after,
        reason=reason,
        channel=channel,
        request_id=request_id,
    ).save(force_insert=True)


def note(sender: object, *, by: Actor, verb: str, target: str, before: Any, after: Any, **_: Any) -> None:
    """Tenancy's voice, written down."""
    record(by=by, verb=verb, target=target, before=before, after=after)
