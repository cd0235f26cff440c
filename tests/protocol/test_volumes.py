"""An agent asks for its Docker and is always answered; so is the control service that asks it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import StoreError
from flocker_lite.model.volumes import (
    HAVE,
    VolumeRequest,
    VolumeStatus,
    VolumeStatuses,
    VolumeUse,
    VolumeUser,
)
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.volumes import (
    ANSWER_SECONDS_MAX,
    USE_SECONDS_MAX,
    ControlAway,
    VolumeAnsweringLink,
    VolumeRefused,
    VolumeUsingLink,
    ask,
    ask_use,
)

REQUEST = VolumeRequest(HAVE, dataset_ids=("d1",))
ANSWER = VolumeStatuses((VolumeStatus("d1", "db", "n1", "n2", 3, "10.0.0.2", error="full"),))
USE = VolumeUse((VolumeUser("web", "has it mounted", True, "shop", "c0ffee"),), True)


class VolumeLinkTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.agent = VolumeUsingLink(self.clock)
        self.join(VolumeAnsweringLink(self.clock))

    def join(self, control: Link) -> None:
        """Connect both ends."""
        self.control = control
        self.pump: IOPump = connect(
            control,
            FakeTransport(control, True),
            self.agent,
            FakeTransport(self.agent, False),
            greet=False,
        )

    def ask(self) -> Deferred[VolumeStatuses]:
        """The agent asks."""
        asking = Deferred.fromCoroutine(ask(self.agent, self.clock, REQUEST))
        self.pump.flush()
        return asking

    def answers(self, answer: Any) -> None:
        """What the control service is to answer."""

        async def answered(request: VolumeRequest) -> VolumeStatuses:
            assert request == REQUEST
            if isinstance(answer, Exception):
                raise answer
            found: VolumeStatuses = await answer if isinstance(answer, Deferred) else answer
            return found

        assert isinstance(self.control, VolumeAnsweringLink)
        self.control.answer_volume_request = answered

    def test_answer(self) -> None:
        """The request arrives, and so does the answer."""
        self.answers(ANSWER)
        assert self.successResultOf(self.ask()) == ANSWER

    def test_refusals(self) -> None:
        """A refusal comes in its words, and what may pass is another kind of error."""
        self.answers(VolumeRefused("in use by web"))
        assert str(self.failureResultOf(self.ask(), VolumeRefused).value) == "in use by web"
        self.answers(ControlAway("n2 is away"))
        assert str(self.failureResultOf(self.ask(), ControlAway).value) == "n2 is away"
        self.answers(StoreError("the disk is full"))
        assert "the disk is full" in str(self.failureResultOf(self.ask(), VolumeRefused).value)

    def test_without_a_hello(self) -> None:
        """Nobody is answered who has not said who he is."""
        assert "hello" in str(self.failureResultOf(self.ask(), VolumeRefused).value)

    def test_silence(self) -> None:
        """Who does not answer in time is away."""
        self.answers(Deferred())
        asking = self.ask()
        self.clock.advance(ANSWER_SECONDS_MAX)
        self.failureResultOf(asking, ControlAway)

    def test_older_control_service(self) -> None:
        """One that does not know the question says so."""
        self.agent = VolumeUsingLink(self.clock)
        self.join(Link(self.clock))
        assert "upgrade" in str(self.failureResultOf(self.ask(), VolumeRefused).value)

    def test_use(self) -> None:
        """The agent says who uses a dataset; while it starts, that it cannot."""

        async def look(dataset_id: str) -> VolumeUse:
            assert dataset_id == "d1"
            return USE

        for is_ready in (False, True):
            self.agent.look_at_volume_use = look if is_ready else None
            asking = Deferred.fromCoroutine(ask_use(self.control, self.clock, "d1", "n2"))
            self.pump.flush()
            if is_ready:
                assert self.successResultOf(asking) == USE
            else:
                self.failureResultOf(asking, VolumeRefused)

    def test_silent_agent(self) -> None:
        """An agent that does not answer is named."""

        async def look(dataset_id: str) -> VolumeUse:
            found: VolumeUse = await Deferred()
            return found

        self.agent.look_at_volume_use = look
        asking = Deferred.fromCoroutine(ask_use(self.control, self.clock, "d1", "n2"))
        self.pump.flush()
        self.clock.advance(USE_SECONDS_MAX)
        assert "n2 does not answer" in str(self.failureResultOf(asking, ControlAway).value)
