"""Who is away and who stands in: chains are followed, loops are refused by name, others may not say it for you."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.tenancy import absences
from flowapp.tenancy.errors import NotAllowed, NotHere, Unfit
from flowapp.tenancy.queries import actor_for
from flowapp.tenancy.scope import scoped
from flowapp.tenancy.standing_in import Span, loop
from tests import factories

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def away(member, substitute, start=0, end=5, *, by=None):
    return absences.set_absence(
        member=member,
        substitute=substitute,
        starts_at=NOW + start * DAY,
        ends_at=NOW + end * DAY,
        by=actor_for(by or member),
        now=NOW,
    )


def names(member, at=NOW):
    return sorted(one.name for one in absences.standing_in_for(member.pk, at))


def test_a_substitute_answers_while_it_lasts(cast):
    away(cast.bo, cast.cleo, 1, 3)
    assert [names(cast.cleo, NOW + days * DAY) for days in (0, 1, 2, 3)] == [[], ["Bo"], ["Bo"], []]
    [bo] = absences.standing_in_for(cast.cleo.pk, NOW + DAY)
    assert bo.specs == {"user:bo@example.com", "role:manager"}
    assert names(cast.ana) == names(cast.dev) == []


def test_a_chain_is_followed(cast):
    away(cast.ana, cast.bo)
    away(cast.bo, cast.cleo)
    assert (names(cast.bo), names(cast.cleo)) == (["Ana"], ["Ana", "Bo"])
    reached = absences.reached_through([cast.ana.pk], NOW)
    assert sorted(str(member) for member in reached) == ["Bo", "Cleo"]
    assert [one.member.user.name for one in absences.away_among(["ana@example.com", "dev@example.com"], NOW)] == ["Ana"]


def test_a_loop_is_refused_by_name(cast):
    away(cast.ana, cast.bo)
    away(cast.bo, cast.cleo, 2, 9)
    with pytest.raises(Unfit, match="substitute: nobody would be left to answer: Cleo → Ana → Bo → Cleo"):
        away(cast.cleo, cast.ana, 4, 6)
    assert names(cast.ana, NOW + 4 * DAY) == []


def test_no_loop_when_they_do_not_meet(cast):
    away(cast.ana, cast.bo, 0, 2)
    away(cast.bo, cast.ana, 2, 4)
    assert (names(cast.bo), names(cast.ana, NOW + 3 * DAY)) == (["Ana"], ["Bo"])


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [(3, 2, "until: this is before it begins"), (-5, -1, "until: this has passed"), (1, 2, "kept already")],
)
def test_times_that_cannot_be(cast, start, end, message):
    away(cast.bo, cast.cleo)
    with pytest.raises(Unfit, match=message):
        away(cast.bo, cast.cleo, start, end)


def test_nobody_stands_in_for_themselves_or_from_elsewhere(cast):
    with pytest.raises(Unfit, match="somebody else has to stand in"):
        away(cast.bo, cast.bo)
    with pytest.raises(Unfit, match="no such member here"):
        away(cast.bo, cast.gil)


def test_who_may_say_it(cast):
    away(cast.cleo, cast.dev, by=cast.bo)
    with pytest.raises(NotAllowed, match="for others a manager"):
        away(cast.bo, cast.dev, by=cast.cleo)
    key, _ = factories.api_key(cast.dev)
    with pytest.raises(NotAllowed, match="approvals:decide"):
        absences.set_absence(
            member=cast.dev, substitute=cast.bo, starts_at=NOW, ends_at=NOW + DAY, by=actor_for(cast.dev, key), now=NOW
        )


def test_it_ends_early_or_is_taken_back(cast):
    now, later = away(cast.bo, cast.cleo), away(cast.ana, cast.cleo, 2, 3)
    absences.end_absence(now.pk, by=actor_for(cast.bo), now=NOW + DAY)
    absences.end_absence(later.pk, by=actor_for(cast.ana), now=NOW + DAY)
    assert absences.current_and_coming(NOW + DAY) == []
    with pytest.raises(NotHere):
        absences.end_absence(later.pk, by=actor_for(cast.ana), now=NOW)
    with scoped(cast.globex.pk), pytest.raises(NotHere):
        absences.end_absence(now.pk, by=actor_for(cast.gil), now=NOW)


@pytest.mark.parametrize("number", [1, 3])
def test_they_read_in_a_fixed_number_of_queries(cast, django_assert_num_queries, number):
    for one in range(number):
        away(cast.bo, cast.cleo, one, one + 1)
    with django_assert_num_queries(1):
        assert len(absences.current_and_coming(NOW)) == number
    with django_assert_num_queries(1):
        assert absences.standing_in_for(cast.dev.pk, NOW) == []


ids = st.integers(0, 4).map(lambda number: UUID(int=number))
times = st.integers(0, 6)
spans = st.builds(
    lambda member, substitute, start, length: Span(member, substitute, NOW + start * DAY, NOW + (start + length) * DAY),
    ids,
    ids,
    times,
    st.integers(1, 4),
).filter(lambda span: span.member != span.substitute)


@given(st.lists(spans, max_size=8))
def test_whatever_is_let_through_leads_to_somebody(new):
    """At no moment does following the substitutes of those who are away lead back to where one came from."""
    kept: list[Span] = []
    for span in new:
        if not loop(span, kept):
            kept.append(span)
    for day in range(12):
        at = NOW + day * DAY + timedelta(hours=1)
        active = [span for span in kept if span.start <= at < span.end]
        for home in {span.member for span in active}:
            reached: set[UUID] = set()
            asked = {home}
            while asked:
                asked = {span.substitute for span in active if span.member in asked} - reached
                reached |= asked
            assert home not in reached


@given(st.lists(spans, max_size=6), spans)
def test_what_is_refused_would_lead_back(kept, new):
    found = loop(new, kept)
    if found:
        assert found[0] == found[-1] == new.member
        edges = {(span.member, span.substitute) for span in [*kept, new]}
        assert all(edge in edges for edge in pairwise(found))


def test_nobody_makes_themselves_the_substitute_of_another(cast):
    with pytest.raises(Unfit, match="substitute: you would stand in yourself"):
        away(cast.ana, cast.bo, by=cast.bo)
    away(cast.cleo, cast.bo, 2, 3)
    with pytest.raises(Unfit, match="substitute: you would stand in yourself"):
        away(cast.ana, cast.cleo, by=cast.bo)
    away(cast.ana, cast.cleo, 3, 5, by=cast.bo)
    assert names(cast.bo, NOW + 2 * DAY) == ["Cleo"]
