"""The pure chain: the same bytes for the same content, and every kind of tampering found."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flowapp.audit import chain
from flowapp.audit.chain import Link, Seal

KEY = chain.signing_key("an encryption key of the tests")
TRUSTED = [KEY.public_key().public_bytes_raw().hex()]


def links(contents: list[dict[str, object]]) -> list[Link]:
    made: list[Link] = []
    prev_hash = chain.GENESIS
    for seq, content in enumerate(contents, start=1):
        made.append(Link(seq, content, prev_hash, chain.link(prev_hash, seq, content)))
        prev_hash = made[-1].hash
    return made


def seal_of(made: list[Link]) -> Seal:
    return chain.sign(Seal("acme", made[-1].seq, made[-1].hash, "2030-01-01T00:00:00+00:00"), KEY)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert chain.canonical({"b": 1, "a": "ä"}) == chain.canonical({"a": "ä", "b": 1}) == '{"a":"ä","b":1}'.encode()


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), min_size=2, max_size=8), st.data())
def test_every_single_act_of_tampering_is_found(contents: list[dict[str, object]], data: st.DataObject) -> None:
    made = links(contents)
    seal = seal_of(made)
    assert list(chain.faults_in(made, seal)) == []
    place = data.draw(st.integers(0, len(made) - 1))
    edited = [replace(one, content={**one.content, "#": 1}) if i == place else one for i, one in enumerate(made)]
    deleted = made[:place] + made[place + 1 :]
    other = (place + 1) % len(made)
    swapped = {made[place].seq: made[other].seq, made[other].seq: made[place].seq}
    moved = sorted((replace(one, seq=swapped.get(one.seq, one.seq)) for one in made), key=lambda one: one.seq)
    relinked = links([{**one.content, "#": 1} if i == place else dict(one.content) for i, one in enumerate(made)])
    for tampered in (edited, deleted, moved, made[:place], relinked):
        assert list(chain.faults_in(tampered, seal)), tampered


def test_a_chain_goes_on_after_its_seal() -> None:
    made = links([{"n": n} for n in range(5)])
    assert list(chain.faults_in(made, seal_of(made[:3]))) == []


def test_a_chain_without_a_seal_is_suspicious() -> None:
    assert [fault.what for fault in chain.faults_in(links([{"n": 1}]), None)] == [
        "the chain has no seal: nobody can tell whether its end was cut off"
    ]
    assert list(chain.faults_in([], None)) == []


def test_a_seal_is_bound_to_its_content_and_its_key() -> None:
    seal = seal_of(links([{"n": 1}, {"n": 2}]))
    assert chain.fault_in_seal(seal, TRUSTED) is None
    for changed in (replace(seal, seq=1), replace(seal, hash="f" * 64), replace(seal, workspace="globex")):
        fault = chain.fault_in_seal(changed, TRUSTED)
        assert fault
        assert "signature" in fault.what
    stranger = chain.sign(seal, chain.signing_key("another key altogether"))
    fault = chain.fault_in_seal(stranger, TRUSTED)
    assert fault
    assert "FLOWAPP_ENCRYPTION_KEYS" in fault.what
