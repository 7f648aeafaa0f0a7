"""JSON on a page: whole, told apart, and never more than text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.web import jsonview

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_keys_texts_and_other_values_are_told_apart():
    assert jsonview.markup({"a": ["x", 1.5, None]}) == (
        "{\n  <b>&quot;a&quot;</b>: [\n    <i>&quot;x&quot;</i>,\n    <u>1.5</u>,\n    <u>null</u>\n  ]\n}"
    )


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x>', "</pre>", 'a\\" onload="x', "1 true"])
def test_text_stays_text(evil):
    bare = re.sub(r"</?[biu]>", "", jsonview.markup({evil: evil}))
    assert "<" not in bare
    assert ">" not in bare


@given(VALUES)
def test_nothing_is_cut_or_changed(value):
    from html import unescape

    assert unescape(re.sub(r"</?[biu]>", "", jsonview.markup(value))) == jsonview.text(value)
