"""Which of the answers to a prompt that wants several people stand."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.models.prompts import Decision


def standing(answers: Iterable[Decision]) -> list[Decision]:
    """Those of these answers, in the order given, that count.

    Of two in one place, such as by an absent person and by who stands in, the later one does.
    """
    given = list(answers)
    last = {(answer.stage, answer.line, answer.place): number for number, answer in enumerate(given)}
    return [given[number] for number in sorted(last.values())]
