"""Messages: whole and delta, cut in parts and put together, applied in order or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model import deltas
from flocker_lite.model.records import Change
from flocker_lite.model.state import NodeState, PortState
from flocker_lite.protocol import messages
from flocker_lite.protocol.messages import (
    PART_BYTES_MAX,
    Assembly,
    BadMessage,
    Gap,
    Inbox,
    Message,
    decode,
    encode,
    parts,
)
from flocker_lite.testing.strategies import NODE_STATES


@given(NODE_STATES, st.none() | st.integers(0), st.integers(0))
def test_what_is_sent_is_understood(state: NodeState, base: int | None, generation: int) -> None:
    """A message comes back from its bytes as it was."""
    message = Message(base, generation, deltas.whole(state))
    assert decode(encode(message), NodeState) == message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"base":null,"generation":"1","changes":[]}',
        b'{"base":null,"generation":1}',
        b'{"base":null,"generation":1,"changes":[["pets",7,null]]}',
        b'{"base":null,"generation":1,"changes":[["pets","rex"]]}',
        b'{"base":null,"generation":1,"changes":[["datasets","d",{"dataset_id":7}]]}',
    ],
)
def test_what_is_not_understood(data: bytes) -> None:
    """Anything else is refused as a whole."""
    with pytest.raises(BadMessage, match="not understood"):
        decode(data, NodeState)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES_MAX, PART_BYTES_MAX + 1, 3 * PART_BYTES_MAX])
def test_parts(size: int) -> None:
    """Data of any size is cut in parts that fit, and put together again."""
    data = bytes(index % 251 for index in range(size))
    cut = list(parts(data))
    assert all(len(part) <= PART_BYTES_MAX for part, _ in cut)
    assert [last for _, last in cut] == [False] * (len(cut) - 1) + [True]
    assembly = Assembly()
    wholes = [assembly.add(part, last) for part, last in cut]
    assert wholes[-1] == data
    assert wholes[:-1] == [None] * (len(cut) - 1)
    assert assembly.add(b"next", True) == b"next"


def test_message_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that never says "last" does not fill the memory, and may begin anew."""
    monkeypatch.setattr(messages, "MESSAGE_BYTES_MAX", 10)
    assembly = Assembly()
    assembly.add(b"12345678", False)
    with pytest.raises(BadMessage, match="longer than 10 bytes"):
        assembly.add(b"90a", False)
    assert assembly.add(b"new", True) == b"new"


@given(NODE_STATES, NODE_STATES)
def test_inbox(first: NodeState, second: NodeState) -> None:
    """A whole and a delta build up what the sender has; each says what changed by it."""
    inbox = Inbox(NodeState())
    assert set(inbox.take(encode(Message(None, 5, deltas.whole(first))))) == set(
        deltas.whole(first)
    )
    changes = deltas.difference(first, second)
    assert inbox.take(encode(Message(5, 6, changes))) == changes
    assert inbox.maps == second


@given(NODE_STATES, NODE_STATES)
def test_inbox_of_a_new_connection(known: NodeState, now: NodeState) -> None:
    """The whole is compared with what was known: only what is different counts as changed."""
    inbox = Inbox(NodeState(), known)
    changes = inbox.take(encode(Message(None, 1, deltas.whole(now))))
    assert deltas.apply(known, changes) == now
    assert (not changes) == (known == now)
    assert inbox.maps == now


@pytest.mark.parametrize("base", [0, 4, 6])
def test_gap(base: int) -> None:
    """A delta that does not follow is not applied."""
    inbox = Inbox(NodeState())
    with pytest.raises(Gap):
        inbox.take(encode(Message(base, base + 1, ())))
    inbox.take(encode(Message(None, 5, ())))
    with pytest.raises(Gap):
        inbox.take(encode(Message(base, base + 1, (Change("moves", "d", None),))))
    assert inbox.maps == NodeState(pmap(), pmap(), pmap())


def test_what_only_a_later_release_has() -> None:
    """Changes of an unknown kind are left out, and unknown fields; all else is taken in."""
    node = '["nodes","a",{"node_id":"a","address":"b"}]'
    ports = '["ports","80",{"held":1,"colour":"blue"}]'
    data = f'{{"base":null,"generation":1,"changes":[{node},{ports}],"colour":"red"}}'
    message = Message(None, 1, (Change("ports", "80", PortState(held=1)),))
    assert decode(data.encode(), NodeState) == message


def test_requests() -> None:
    """Each change may go with the id of a request, which stays with it if one is left out."""
    gone = Change("moves", "d", None)
    port = Change("ports", "80", PortState())
    message = Message(None, 1, (gone, port), ("", "r-1"))
    assert decode(encode(message), NodeState) == message
    inbox = Inbox(NodeState())
    inbox.take(encode(message))
    assert inbox.requests == ((port, "r-1"),)
    inbox.take(encode(Message(1, 2, (gone,))))
    assert not inbox.requests
    data = b'{"base":null,"generation":1,"changes":[["pets","a",{}],["moves","d",null]],'
    assert decode(data + b'"requests":["r-1","r-2"]}', NodeState).requests == ("r-2",)


@pytest.mark.parametrize("requests", ["7", '"r"', "[]", '["r-1"]', '["a b",7]', "null", "{}"])
def test_strange_requests(requests: str) -> None:
    """They are only for the log: what is no list of ids, one a change, spoils nothing."""
    data = '{"base":null,"generation":1,"changes":[["moves","d",null],["ports","80",{}]]'
    message = decode(f'{data},"requests":{requests}}}'.encode(), NodeState)
    assert len(message.changes) == 2
    assert message.requests == ()
