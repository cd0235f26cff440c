"""Bytes that nobody of ours would send: understood or refused, and never anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model import deltas
from flocker_lite.model.codec import NUMBER_MAX, CodecError, loads
from flocker_lite.model.state import Forecast, NodeState
from flocker_lite.protocol import messages
from flocker_lite.protocol.messages import BadMessage, Gap, Inbox, Message, decode, encode, parts
from flocker_lite.testing.strategies import NODE_STATES
from tests.protocol.hostile import JSON_VALUES, mutated

KINDS = st.sampled_from(["datasets", "containers", "moves", "images", "ports", "pets"])
DEEP = 100_000


def message(changes: Any) -> bytes:
    """A message with these for its changes."""
    return json.dumps({"base": None, "generation": 1, "changes": changes}).encode()


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Most are no message."""
    refused_or_understood(data)


@given(st.lists(st.tuples(KINDS, st.text(max_size=4), JSON_VALUES), max_size=3))
def test_any_records(changes: list[Any]) -> None:
    """JSON of any shape where a record should be."""
    refused_or_understood(message(changes))


@given(NODE_STATES.flatmap(lambda state: mutated(encode(Message(None, 1, deltas.whole(state))))))
def test_bytes_that_changed_on_the_way(data: bytes) -> None:
    """A good message with some bytes flipped, left out, doubled or put in."""
    refused_or_understood(data)


def refused_or_understood(data: bytes) -> None:
    """Either is an answer, and what was known before stays as it was after a refusal."""
    inbox = Inbox(NodeState())
    before = inbox.maps
    try:
        inbox.take(data)
    except (BadMessage, Gap):
        assert inbox.maps is before
    else:
        # What was understood is something that can be said in our words, and in JSON.
        again = encode(Message(None, 1, deltas.whole(inbox.maps)))
        json.loads(again, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert decode(again, NodeState).changes == deltas.whole(inbox.maps)


@pytest.mark.parametrize(
    "record",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"[" * DEEP,
        b"1" * 5000,
    ],
    ids=["lists", "objects", "no end", "a long number"],
)
def test_deep(record: bytes) -> None:
    """JSON within JSON within JSON, and a number that no machine has, are refused in words."""
    data = b'{"base":null,"generation":1,"changes":[["datasets","d",' + record + b"]]}"
    with pytest.raises(BadMessage, match="not understood"):
        decode(data, NodeState)
    with pytest.raises(CodecError):
        loads(Forecast, record.decode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_none(number: str) -> None:
    """A number that cannot be told on in JSON, or that floats cannot hold, is refused."""
    end = f'{{"exit_code":0,"finished_at":{number},"ran_seconds":1}}'
    move = f'{{"dataset_id":"d","epoch":1,"phase":"done","expected_bytes":{number}}}'
    for kind, record in (("containers", end), ("moves", move)):
        data = f'{{"base":null,"generation":1,"changes":[["{kind}","d",{record}]]}}'
        with pytest.raises(BadMessage):
            decode(data.encode(), NodeState)


def test_numbers_have_an_end() -> None:
    """What is counted here fits in 64 bits."""
    move = {"dataset_id": "d", "epoch": 1, "phase": "done", "expected_bytes": NUMBER_MAX}
    [change] = decode(message([["moves", "d", move]]), NodeState).changes
    assert change.record is not None
    move["expected_bytes"] = NUMBER_MAX + 1
    with pytest.raises(BadMessage, match="64 bits"):
        decode(message([["moves", "d", move]]), NodeState)


def test_parts_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts cost what is in them, and not what there are."""
    monkeypatch.setattr(messages, "MESSAGE_BYTES_MAX", 10)
    assembly = messages.Assembly()
    for _ in range(1000):
        assert assembly.add(b"", False) is None
    assert assembly.add(b"end", True) == b"end"


@given(NODE_STATES, st.integers(1, 5))
def test_too_many_bytes(state: NodeState, rounds: int) -> None:
    """Of one that reports without end the whole is asked for, and what it reported before holds."""
    changes = deltas.whole(state)
    whole = encode(Message(None, 1, changes))
    deltas_bytes = sum(len(encode(Message(at, at + 1, changes))) for at in range(1, rounds))
    inbox = Inbox(NodeState(), bytes_max=len(whole) + deltas_bytes)
    for _ in range(2):
        inbox.take(whole)
        for at in range(1, rounds):
            inbox.take(encode(Message(at, at + 1, changes)))
        with pytest.raises(Gap, match="since the whole was sent"):
            inbox.take(encode(Message(rounds, rounds + 1, changes)))
        assert inbox.maps == state
    longer = Inbox(NodeState(), bytes_max=len(whole) - 1)
    with pytest.raises(Gap):
        longer.take(whole)


@given(NODE_STATES, NODE_STATES)
def test_too_many_records(first: NodeState, second: NodeState) -> None:
    """A node that reports of too much is refused, and what it reported before holds."""
    count_max = deltas.count(first)
    inbox = Inbox(NodeState(), count_max=count_max)
    inbox.take(encode(Message(None, 1, deltas.whole(first))))
    changes = tuple(change for change in deltas.whole(second))
    data = encode(Message(1, 2, changes))
    if deltas.count(deltas.apply(first, changes)) > count_max:
        with pytest.raises(BadMessage, match=f"more than {count_max} records"):
            inbox.take(data)
        assert inbox.maps == first
    else:
        inbox.take(data)


def test_all_parts_have_room_in_a_box() -> None:
    """The longest part, with what AMP adds, is far from the limit of a box."""
    from flocker_lite.protocol.link import BOX_BYTES_MAX

    [(part, _)] = parts(b"x" * messages.PART_BYTES_MAX)
    assert 2 * len(part) < BOX_BYTES_MAX
