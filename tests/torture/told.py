"""What must hold after the deciders: in the database, and in what each person was told where they answered."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from approvals.models import Decision, Prompt, SignedLink
from approvals.states import AlreadyDecided, Expired
from flowapp.audit.models import AuditEntry
from flowapp.engine import codec
from flowapp.engine.models import Run
from flowapp.integrations.models import OutboxMessage
from tests.torture.deciders import Asked, Scene, Told

type Asides = Counter[tuple[str, str, str]]  # about which prompt, to whom, in which words
CONFLICT, GONE = 409, 410
BUSY = "nothing was decided. Try again"


def _finals(prompt_id: UUID) -> list[Decision]:
    return list(Decision.objects.filter(prompt=prompt_id, final=True).select_related("member__user", "prompt"))


def _double(scene: Scene, all_asked: Sequence[Asked]) -> Iterator[str]:
    """Each prompt ends once, and its run takes that."""
    verbs = ["prompt.decided", "prompt.expired"]
    ends = Counter(AuditEntry.objects.filter(verb__in=verbs).values_list("target", flat=True))
    for asked in all_asked:
        finals = _finals(asked.prompt_id)
        ended = ends[f"prompt:{asked.prompt_id}"]
        if len(finals) != 1 or ended != 1:
            yield f"{asked.prompt_id} has {len(finals)} decisions and ended {ended} times"
            continue
        decision, status = finals[0], finals[0].prompt.status
        by = decision.member.user.email if decision.member else "nobody"
        if (status == "expired") != decision.timed_out:
            yield f"{asked.prompt_id} is {status}, decided by {by}"
        run = Run.objects.get(pk=asked.run_id)
        took = codec.plain(run.output) if run.output else None
        if took != f"{decision.outcome} by {by}":
            yield f"run {run.pk} took {took!r}, not {decision.outcome} by {by}"


def _told(scene: Scene, all_asked: Sequence[Asked]) -> Iterator[str]:
    """Who decided hears that; everybody else who did, what and when. In Slack that is what its server received."""
    asides: Asides = Counter()
    for asked in all_asked:
        finals = _finals(asked.prompt_id)
        if len(finals) != 1:
            continue
        final = finals[0]
        refusal = str(Expired()) if final.timed_out else str(AlreadyDecided(final.result()))
        for told in asked.told:
            won = final.member_id == told.person.member.pk
            if wrong := _answered(told, won, refusal, GONE if final.timed_out else CONFLICT):
                yield f"{asked.prompt_id}: {told.person.name} by {told.person.channel}: {wrong}"
            if told.answer.later and not won:
                asides[str(asked.prompt_id), told.person.slack_id, refusal] += 1
    yield from _in_slack(scene, asides)


def _in_slack(scene: Scene, asides: Asides) -> Iterator[str]:
    """Whether Slack's server received exactly these, each for the one who pressed and about what they pressed."""
    rows = OutboxMessage.objects.filter(channel="slack-aside").values_list("key", "payload")
    put: Asides = Counter((key.partition(":")[0], told["user"], told["text"]) for key, told in rows)
    for (_, user, text), count in (put - asides).items():
        if BUSY not in text:  # instead of a refusal: nothing was decided, and they may press again
            yield f"Slack told {user} {count} times: {text}"
    for (prompt, user, text), count in (asides - put).items():
        put_off = sum(n for (about, who, said), n in put.items() if (about, who) == (prompt, user) and BUSY in said)
        if count > put_off:
            yield f"Slack did not tell {user} of {prompt}: {text}"
    sent, received = Counter(key[1:] for key in put.elements()), Counter(map(_said, scene.slack.asides))
    for (user, text), count in ((sent - received) + (received - sent)).items():
        yield f"Slack received {count} more or less for {user} than was put out: {text}"


def _said(aside: dict[str, Any]) -> tuple[str, str]:
    return aside["user"], aside["text"]


def _answered(told: Told, won: bool, refusal: str, status: int) -> str:
    """What is wrong with the answer that came back."""
    answer = told.answer
    if answer.later:
        return "" if answer.status == 200 else f"Slack got {answer.status} for the press"
    if won:
        return "" if answer.status < 400 else f"decided, but was told {answer.status}: {_brief(answer.text, refusal)}"
    if told.person.channel == "slack" and BUSY in answer.text:
        return ""
    if answer.status != status and told.person.channel != "slack":
        return f"was told {answer.status}, not {status}"
    return "" if refusal in html.unescape(answer.text) else f"not told {refusal!r}: {_brief(answer.text, refusal)}"


def _brief(text: str, sought: str) -> str:
    at = text.find(sought[:12])
    return " ".join(text[max(0, at) : max(0, at) + 200].split())


def _messages(scene: Scene, all_asked: Sequence[Asked]) -> Iterator[str]:
    """Each message in Slack says how its prompt ended, and can be pressed no more; every message is out."""
    endings: Counter[str] = Counter()
    for asked in all_asked:
        for final in _finals(asked.prompt_id):
            endings["Nobody decided in time" if final.timed_out else f"{_name(final)} decided"] += 1
    shown: Counter[str] = Counter()
    for message in scene.slack.messages.values():
        shown.update(ending for ending in endings if ending in message.words)
    posted = len(scene.slack.messages)
    if sum(shown.values()) != posted:
        yield f"{posted - sum(shown.values())} of {posted} messages in Slack do not say how their prompt ended"
    if buttons := scene.slack.live_buttons():
        yield f"{len(buttons)} buttons could still be pressed"
    for channel, status in OutboxMessage.objects.exclude(status="sent").values_list("channel", "status"):
        yield f"a message of {channel} is {status}"


def _name(decision: Decision) -> str:
    return decision.member.user.name if decision.member else "nobody"


def _records(scene: Scene, all_asked: Sequence[Asked]) -> Iterator[str]:
    """Each refusal is in the audit log, and a link is used up by what it decided alone."""
    decided = Prompt.objects.filter(status="decided").count()
    refused = AuditEntry.objects.filter(verb="prompt.decision-refused").count()
    refused += sum(BUSY in one["text"] for one in scene.slack.asides)
    refused += sum(BUSY in told.answer.text for asked in all_asked for told in asked.told)
    if refused != sum(len(asked.told) for asked in all_asked) - decided:
        yield f"{refused} refusals are in the audit log; {decided} of {len(all_asked)} prompts were decided by people"
    used = SignedLink.objects.exclude(used_at=None).count()
    if used != Decision.objects.filter(channel="email").count():
        yield f"{used} links were used up"


ORACLES: dict[str, Callable[[Scene, Sequence[Asked]], Iterator[str]]] = {
    "double decisions": _double,
    "told something else": _told,
    "messages left as they were": _messages,
    "missing records": _records,
}
