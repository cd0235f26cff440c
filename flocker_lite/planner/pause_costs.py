"""What each step of a pause is expected to take, but for the last send; pure.

What is known best counts: the container's own last moves; how it last stopped and started on its
node; moves of the same program elsewhere; its first start; and then what is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

from flocker_lite.model.estimates import Estimate, estimate, total
from flocker_lite.model.pause_history import LAST_WRITES, SEND
from flocker_lite.model.state import RunTimes

ADOPTION_SECONDS = 0.7
"""What an adoption and a release take to stop and to start, beside the last round."""

DATASET_STEPS = {
    "unmount": Estimate(0.02, 0.06),
    "snapshot": Estimate(0.03, 0.1),
    "commit": Estimate(0.02, 0.06),
    "hand over": Estimate(0.04, 0.1),
    "mount": Estimate(0.05, 0.1),
}
CONTAINER_STEPS = {
    "stop": Estimate(0.12, 1.0),
    "start": Estimate(0.01, 0.25),
    "answer": Estimate(0.1, 1.0),
}
"""The assumed durations of the steps, until something has measured them."""


def expected(
    own: Mapping[str, float],
    told: Mapping[str, Estimate],
    here: RunTimes,
    has_container: bool,
) -> dict[str, Estimate]:
    """The steps of the pause without the last send.

    `own` is what the last move of what moves took, empty before the first. `told` is what past
    moves tell: of its own, or if there are none, of others. `here` is how the container stopped and
    started on this node.
    """
    told = {name: each for name, each in told.items() if name not in (SEND, LAST_WRITES)}
    if own:
        steps = {name: told.get(name) or estimate([seconds]) for name, seconds in own.items()}
        # What it took to stop is not known where a hook does now what the stop did then.
        missing = {"stop": CONTAINER_STEPS["stop"]} if has_container else {}
        return {**missing, **steps}
    if not has_container:
        return {**DATASET_STEPS, **told}
    return {**DATASET_STEPS, **CONTAINER_STEPS, **told, **_seen_here(here, told)}


def last_writes_seconds(told: Mapping[str, Estimate], datasets: int) -> float:
    """How long each dataset's part takes of what is written because the container is stopped."""
    return told[LAST_WRITES].p50_seconds / datasets if LAST_WRITES in told else 0.0


def whole_pause(
    steps: Mapping[str, Estimate], last_send_seconds: float, rounds: int = 1
) -> Estimate:
    """The pause with its last send, which that many rounds of the push have told."""
    return total([*steps.values(), estimate([last_send_seconds] * max(rounds, 1))])


def _seen_here(here: RunTimes, told: Mapping[str, Estimate]) -> dict[str, Estimate]:
    steps: dict[str, Estimate] = {}
    if here.stop_seconds is not None:
        steps["stop"] = _once(here.stop_seconds, told.get("stop"))
    # Whatever a first start set up is there from then on.
    if here.answer_seconds is not None and not (here.was_first and "answer" in told):
        steps["answer"] = _once(here.answer_seconds, told.get("answer"))
    return steps


def _once(seconds: float, others: Estimate | None) -> Estimate:
    """It took so long once; how much that may vary, others of its program tell better."""
    if others is None:
        return estimate([seconds])
    return Estimate(seconds, max(seconds, others.p95_seconds))
