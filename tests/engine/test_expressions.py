"""CEL: what cannot be evaluated is an error, never a value."""

import pytest

from flowapp.engine import expressions
from flowapp.engine.errors import BadDefinition


def test_an_error_of_the_evaluation_is_raised():
    with pytest.raises(expressions.ExpressionFailed, match='Key not found in map : "total"'):
        expressions.compile("input.total").evaluate(input={})
    assert expressions.compile("input.total > 3").holds(input={}) is False


def test_other_variables_have_types():
    variables = (("risk", "string"), ("data", "dyn"))
    found = expressions.compile("risk == 'low' && data.amount < 3", variables)
    assert (found.may_be_bool, found.evaluate(risk="low", data={"amount": 2})) == (True, True)
    assert expressions.compile("risk", variables).may_be_bool is False
    with pytest.raises(BadDefinition, match="no matching overload"):
        expressions.compile("risk < 3", variables)


@pytest.mark.parametrize("digits", [309, 400, 4299])  # JSON with more digits is not read
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_beyond_floats_has_a_key(digits: int, sign: int):
    number = sign * 10**digits
    assert expressions.key(".n", number) == expressions.key(".n", number)
    assert expressions.key(".n", number) not in (expressions.key(".n", 1), expressions.key(".n", -number))
    assert expressions.keys({"n": number}) == [expressions.index_key("event.data.n == input.n", {"n": number})]
    assert expressions.compile("event.data.n > 3").refusal("when", event={"data": {"n": number}}) is not None
