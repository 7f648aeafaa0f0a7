"""How a map is cut into batches: all its items, few batches, and never more at once than its limit."""

from hypothesis import given
from hypothesis import strategies as st

from flowapp.engine.verbs.remote_items import BATCHES, LARGEST, cut


@given(st.integers(1, 300_000), st.none() | st.integers(1, 5_000))
def test_a_cut_keeps_its_bounds(items: int, limit: int | None):
    found = cut(items, limit)
    batches = -(-items // found.size)
    assert 1 <= found.size <= LARGEST
    assert batches <= BATCHES or found.size == LARGEST
    assert (found.window is None) is (limit is None)
    if limit is not None and found.window is not None:
        assert found.at_once >= 1
        assert found.window * found.at_once <= limit
        assert min(limit, batches) == found.window
