"""Whatever comes from a peer that has a key: it is answered or hung up on, and nothing breaks."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import fields
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.interfaces import IPeerService, PeerCopy
from flocker_lite.interfaces.peer_requests import (
    REQUESTS,
    Acquire,
    AcquireGroup,
    Copy,
    GetRenewed,
    Lend,
    OfferLoan,
    Prepared,
    Recall,
    Receive,
    Renew,
    Serving,
    SetProperties,
)
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.interfaces.wire import EPOCH_MAX
from flocker_lite.peers import codec
from flocker_lite.peers.server import GREETING_BYTES_MAX, Receiver, Session

ME, PEER = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "ab")
CLUSTER = "cluster-1"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COMMANDS = [codec.command_of(kind) for kind in REQUESTS]
KEYS = sorted({name for command in COMMANDS for name, _ in command.arguments})

TEXTS = (
    st.text(max_size=30)
    | st.sampled_from([ME, PEER, "1", "-1", "0", "True", "guid-1", "shop", "0" * 32, "../.."])
    | st.integers().map(str)
)
LISTS = st.lists(TEXTS.map(str.encode), max_size=3).map(
    lambda items: b"".join(struct.pack("!H", len(item)) + item for item in items)
)
VALUES = TEXTS.map(str.encode) | st.binary(max_size=60) | LISTS


def whole(command: type[amp.Command]) -> st.SearchStrategy[tuple[bytes, dict[bytes, bytes], bool]]:
    """Boxes in which nothing is missing."""
    values = st.fixed_dictionaries({name: VALUES for name, _ in command.arguments})
    return st.tuples(st.just(command.commandName), values, st.just(True))


BOXES = st.sampled_from(COMMANDS).flatmap(whole) | st.tuples(
    st.sampled_from([command.commandName for command in COMMANDS] + [b"StartTLS", b"Nothing"]),
    st.dictionaries(st.sampled_from(KEYS) | st.binary(min_size=1, max_size=9), VALUES),
    st.booleans(),
)


class RecordingService:
    """Notes what it is asked for; nothing is refused."""

    def __init__(self) -> None:
        self.asked: list[tuple[type[PeerRequest[Any]], tuple[Any, ...]]] = []

    async def answer(self, request: Any) -> Any:
        given = tuple(getattr(request, field.name) for field in fields(request))
        self.asked.append((type(request), given))
        return {Copy: PeerCopy(exists=False), SetProperties: ()}.get(type(request))


class Entrance:
    """What the session was started by."""

    over = 0

    def session_over(self) -> None:
        self.over += 1


def box_of(name: bytes, values: dict[bytes, bytes], is_asked: bool) -> amp.AmpBox:
    """A box as a peer may send it."""
    box = amp.AmpBox(values)
    box[amp.COMMAND] = name
    if is_asked:
        box[amp.ASK] = b"1"
    return box


class SessionTests(SynchronousTestCase):
    """A session of a peer, of which the test is the network."""

    def start(self, greets: bool = True) -> None:
        """A session; the peer has said who it is."""
        self.service = RecordingService()
        receiver = Receiver(ME, lambda: CLUSTER, lambda _: cast(IPeerService, self.service))
        self.session = Session(receiver, cast(Any, Entrance()), PEER)
        self.transport = StringTransport()
        self.session.makeConnection(self.transport)
        if greets:
            self.hello(PEER)
            assert b"node_id" in self.transport.value()

    def hello(self, node_id: str) -> None:
        """Say who it is."""
        values = {b"version": b"1", b"node_id": node_id.encode(), b"cluster_id": CLUSTER.encode()}
        self.session.dataReceived(box_of(b"Hello", values, True).serialize())

    def asked_soundly(self) -> None:
        """What got through is of the types that it should be."""
        for kind, arguments in self.service.asked:
            if kind in (Prepared, Serving, OfferLoan, Lend, Renew, GetRenewed):
                assert re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", arguments[0]), arguments
            else:
                ids = arguments[0] if kind is Recall else (arguments[0],)
                assert all(UUID.fullmatch(item) for item in ids), arguments
            if kind in (Receive, Acquire):
                assert 1 <= arguments[1] <= EPOCH_MAX
            if kind is AcquireGroup:
                assert all(UUID.fullmatch(item.dataset_id) for item in arguments[1]), arguments
                assert all(1 <= item.epoch <= EPOCH_MAX for item in arguments[1])
        assert self.flushLoggedErrors() == []

    @given(st.lists(BOXES, max_size=5))
    def test_boxes(self, boxes: list[tuple[bytes, dict[bytes, bytes], bool]]) -> None:
        """Commands with arguments that are missing, too many, or of another type."""
        self.start()
        for box in boxes:
            self.session.dataReceived(box_of(*box).serialize())
        self.asked_soundly()

    @given(st.sampled_from([amp.ANSWER, amp.ERROR, amp.COMMAND, amp.ASK, b"x"]), VALUES)
    def test_what_is_no_question(self, key: bytes, value: bytes) -> None:
        """An answer that nobody asked for, or half a question, ends the session."""
        self.start()
        self.session.dataReceived(amp.AmpBox({key: value}).serialize())
        assert self.transport.disconnecting
        self.asked_soundly()

    @given(st.lists(st.binary(max_size=200), max_size=8))
    def test_bytes(self, chunks: list[bytes]) -> None:
        """No boxes at all; they lie about their length, say."""
        self.start()
        for chunk in chunks:
            if not self.transport.disconnecting:
                self.session.dataReceived(chunk)
        self.asked_soundly()

    @given(st.lists(BOXES, min_size=1, max_size=5))
    def test_before_hello(self, boxes: list[tuple[bytes, dict[bytes, bytes], bool]]) -> None:
        """Who did not say who it is gets nothing."""
        self.start(greets=False)
        for box in boxes:
            self.session.dataReceived(box_of(*box).serialize())
        assert self.service.asked == []
        assert self.flushLoggedErrors() == []

    def test_in_the_name_of_another(self) -> None:
        """The key says who it is, whatever it says itself."""
        self.start(greets=False)
        self.hello(ME)
        assert b"with the key of" in self.transport.value()
        assert b"REFUSED" in self.transport.value()

    def test_tls_of_its_own(self) -> None:
        """AMP itself knows a command to change what it runs over: not here."""
        self.start()
        self.session.dataReceived(box_of(b"StartTLS", {}, True).serialize())
        assert self.transport.disconnecting


class EntranceTests(SynchronousTestCase):
    """What says that it is a `flocker-lite-receive`; its two descriptors are as good as any."""

    def enter(self, line: bytes, count: int = 2) -> tuple[StringTransport, list[int]]:
        """It says this, and hands over so many descriptors."""
        receiver = Receiver(ME, lambda: CLUSTER, lambda _: cast(IPeerService, RecordingService()))
        entrance = receiver.buildProtocol(None)
        transport = StringTransport()
        entrance.makeConnection(transport)
        descriptors = [os.open(os.devnull, os.O_RDWR) for _ in range(count)]
        for descriptor in descriptors:
            entrance.fileDescriptorReceived(descriptor)
        for start in range(0, len(line), 50):
            entrance.dataReceived(line[start : start + 50])
        said = bool(transport.value())
        if not said:
            entrance.dataReceived(b"\n")
        entrance.connectionLost()
        return transport, descriptors

    @given(
        st.binary(max_size=GREETING_BYTES_MAX + 60)
        | st.lists(
            st.sampled_from([b"node", b"stream", b"control ", PEER.encode(), b"0" * 32, b"\n"])
        ).map(b" ".join),
        st.integers(0, 2),
    )
    def test_any_line(self, line: bytes, count: int) -> None:
        """It is told off, and its descriptors are closed."""
        transport, descriptors = self.enter(line.replace(b"control\n", b""), count)
        assert transport.value() != b"ok\n"
        for descriptor in descriptors:
            with pytest.raises(OSError, match="descriptor"):
                os.fstat(descriptor)
        assert self.flushLoggedErrors() == []
