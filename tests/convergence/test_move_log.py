"""What a side of a move tells of it: phases go forwards, errors stay, and how fast it goes."""

from __future__ import annotations

from twisted.internet.task import Clock

from flocker_lite.control.http.move_bodies import open_body
from flocker_lite.convergence.move_log import RATE_SECONDS, MoveLog
from flocker_lite.model.records import Configuration, Move
from flocker_lite.model.state import MoveProgress, Round

D, A, B = "d1", "node-a", "node-b"
MOVE = Move("m1", A, B, 0.0, "shop", (D,))


class Told:
    """A log on a clock, and the move in it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MoveLog(self.clock)
        self.log.begin(D, 2, A, B, "m1")

    @property
    def progress(self) -> MoveProgress:
        """What is told of it."""
        return self.log.moves[D]

    def send(self, seconds: int, bytes_per_second: int, sent: int = 0) -> int:
        """So much goes through; how much of the round that is."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            sent += bytes_per_second
            self.log.sent(D, sent)
        return sent

    @property
    def eta_seconds(self) -> float | None:
        """As a user sees it."""
        body = open_body(Configuration(), MOVE, [self.progress], self.clock.seconds())
        found: float | None = body.get("eta_seconds")
        return found


def test_an_error_stays_while_it_is_tried_again() -> None:
    """It is the error until the move has got further than it had then."""
    told = Told()
    told.log.fail(D, "pushing", "cut off")
    told.log.begin(D, 2, A, B, "m1")
    told.log.phase(D, "pushing")
    assert told.progress.error == "cut off"
    told.log.fail(D, "pushing", "no such image")
    assert told.progress.error == "no such image"
    told.log.phase(D, "switching")
    assert told.progress.error is None
    told.log.fail(D, "failed", "it does not stop")
    for phase in ("pushing", "switching"):
        told.log.phase(D, phase)
        assert told.progress.error == "it does not stop"
    told.log.fail(D, "failed", "it does not stop")
    told.log.phase(D, "switching")
    told.log.phase(D, "verifying")
    assert told.progress.error is None


def test_what_is_said_of_a_phase_goes_with_it() -> None:
    """A reason to go on pushing is none any more once it is over."""
    told = Told()
    told.log.phase(D, "pushing", "it does not fit yet")
    assert told.progress.error == "it does not fit yet"
    told.log.phase(D, "pushing")
    assert told.progress.error is None


def test_the_end_of_an_error() -> None:
    """A move that is over, or another one, has none of it."""
    told = Told()
    told.log.fail(D, "failed", "cut off")
    told.log.phase(D, "done")
    assert told.progress.error is None


def test_an_estimate_after_a_stall() -> None:
    """It is that of the last seconds, and there is none while nothing goes through."""
    told = Told()
    told.log.expect(D, 1_000_000)
    sent = told.send(20, 1000)
    assert told.eta_seconds == 980.0
    sent = told.send(7200, 0, sent)
    assert told.eta_seconds is None
    told.send(int(RATE_SECONDS), 1000, sent)
    assert told.eta_seconds == 970.0


def test_no_estimate_while_something_is_wrong() -> None:
    """A cut-off push has sent nearly all, in rounds that went fast: that is no estimate."""
    told = Told()
    told.log.expect(D, 11_000)
    told.send(10, 1000)
    told.log.round(D, Round(10_000, 10.0))
    assert told.eta_seconds == 1.0
    told.log.fail(D, "pushing", "cut off")
    assert told.eta_seconds is None
    told.log.phase(D, "pushing")
    told.send(2, 500)
    assert (told.progress.error, told.eta_seconds) == ("cut off", None)


def test_an_estimate_in_a_later_round() -> None:
    """A round is timed from its own beginning."""
    told = Told()
    told.log.expect(D, 50_000)
    told.send(50, 1000)
    told.log.round(D, Round(50_000, 50.0))
    told.log.expect(D, 5_000)
    told.send(2, 500)
    assert told.progress.bytes_per_second == 500
    assert told.eta_seconds == 8.0


def test_agents_that_do_not_tell_their_speed() -> None:
    """Those of earlier releases: then it is that of the rounds."""
    progress = MoveProgress(D, 2, "pushing", A, B, (Round(100, 10.0),), move_id="m1")
    progress = MoveProgress(
        D, 2, "pushing", A, B, progress.rounds, expected_bytes=200, sent_bytes=150, move_id="m1"
    )
    assert open_body(Configuration(), MOVE, [progress], 1000.0)["eta_seconds"] == 5.0


def test_what_it_waits_for_is_its_error_meanwhile() -> None:
    """However often that is said anew; then its error is what it was, or what came instead."""
    told = Told()
    told.log.fail(D, "failed", "cut off")
    for left in (4, 2):
        told.log.wait(D, f"{left} s are left")
        assert told.progress.error == f"{left} s are left"
        assert told.progress.phase == "failed"
    told.log.waited(D)
    assert told.progress.error == "cut off"
    told.log.wait(D, "1 s is left")
    told.log.fail(D, "pushing", "no such image")
    told.log.waited(D)
    told.log.waited(D)
    assert told.progress.error == "no such image"
