"""What past moves tell about the pause of the next one; pure.

The subject's own last moves tell most. Before there is one, we take what depends on the program
from moves of the same program, and the rest from the latest moves of any: these also show how busy
the nodes are now.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import attrgetter

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields.switching import BEFORE_SWITCH
from flocker_lite.model.estimates import Estimate, estimate
from flocker_lite.model.exact_images import repository
from flocker_lite.model.move_progress import pause_by_step, ran_well, stop_seconds
from flocker_lite.model.move_reports import DONE, is_complete
from flocker_lite.model.records import Configuration, Container, DatasetId, Move, PastMove

SEND = "send"
LAST_WRITES = "last writes"
"""Among estimates: how long it takes to send what the container writes because it is stopped."""

NODE_STEPS = frozenset({"unmount", "snapshot", "commit", "hand over", "mount"})
"""The steps that depend on the nodes, not on the program."""

SHARED_STEPS = frozenset({SEND, "start"})
"""The steps that depend on both: where the program is not known, any move tells something."""

OWN_MOVES_MAX = 3
ALIKE_MOVES_MAX = 5
ANY_MOVES_MAX = 5
"""How many of the latest moves count: the subject's own, those of its program, and any."""

_VARIABLE_STEPS = (SEND,)


def program_of(container: Container | None) -> str:
    """Tells programs apart: a hash of the image without its tag, and of what is run of it."""
    if container is None:
        return ""
    run = [repository(container.image), container.entrypoint, container.command_line]
    return hashlib.sha256(json.dumps(run).encode()).hexdigest()[:16]


def last_alike(configuration: Configuration, move: Move) -> PastMove | None:
    """The subject's last move that was done, and of which both sides reported everything."""
    own = (past for past in configuration.past_moves.values() if _is_same_subject(past, move))
    return max(filter(_tells, own), key=attrgetter("ended_at"), default=None)


def pause_costs(last: PastMove | None, container: Container | None = None) -> PMap[str, float]:
    """How long each step of the pause, except the sending, took in that move.

    `container` is what moves: it takes no longer to stop than its time-out, and all of that when it
    had to be killed. How long it took to stop is left out if a hook ran before it then and does not
    now, or the other way round.
    """
    if last is None:
        return pmap()
    pause = pause_by_step(last.accounts)
    if container is not None and "stop" in pause:
        is_killed = any(progress.killed for progress in last.accounts)
        most = container.stop_timeout_seconds
        pause["stop"] = most if is_killed else min(pause["stop"], most)
        if not is_killed and not _stops_alike(last, container):
            del pause["stop"]
    return pmap({name: took for name, took in pause.items() if name not in _VARIABLE_STEPS})


def seconds_of_the_stop(
    last: PastMove | None, container: Container | None = None
) -> PMap[DatasetId, float]:
    """How long the subject's last move took to send what the container wrote when it stopped.

    Nothing if a hook ran before it then and does not now, or the other way round.
    """
    sides = last.accounts if last is not None and _stops_alike(last, container) else ()
    return pmap({each.dataset_id: stop_seconds(each) for each in sides if each.source is not None})


def estimates(
    configuration: Configuration, move: Move, container: Container | None
) -> PMap[str, Estimate]:
    """What is expected of each step of the move's pause, by name; a step may be missing.

    `LAST_WRITES` is a part of the step `SEND`.
    """
    done = sorted(
        filter(_tells, configuration.past_moves.values()), key=attrgetter("ended_at"), reverse=True
    )
    own = [past for past in done if _is_same_subject(past, move)]
    if own:
        return pmap(_of_steps(own[:OWN_MOVES_MAX], container))
    like = [each for each in done if (each.move.container is None) == (move.container is None)]
    latest = _of_steps(like[:ANY_MOVES_MAX], None)
    program = program_of(container)
    alike = [past for past in like if program and past.program == program]
    return pmap(
        {
            **_only(latest, SHARED_STEPS),
            **_of_steps(alike[:ALIKE_MOVES_MAX], container),
            **_only(latest, NODE_STEPS),
        }
    )


def _only(steps: Mapping[str, Estimate], names: frozenset[str]) -> dict[str, Estimate]:
    return {name: each for name, each in steps.items() if name in names}


def _of_steps(past_moves: Iterable[PastMove], container: Container | None) -> dict[str, Estimate]:
    samples: dict[str, list[float]] = defaultdict(list)
    for past in past_moves:
        took: Mapping[str, float] = pause_costs(past, container)
        for name, seconds in took.items():
            samples[name].append(seconds)
        pause = pause_by_step(past.accounts)
        if SEND in pause:
            samples[SEND].append(pause[SEND])
        written = seconds_of_the_stop(past, container)
        if written:
            samples[LAST_WRITES].append(sum(written.values()))
    return {name: estimate(seconds) for name, seconds in samples.items()}


def _tells(past: PastMove) -> bool:
    return (
        past.verdict == DONE
        and not past.move.stays
        and past.move.failover is None
        and is_complete(past.move, past.accounts)
    )


def _is_same_subject(past: PastMove, move: Move) -> bool:
    if move.container is not None:
        return past.move.container == move.container
    return past.move.container is None and past.move.dataset_ids == move.dataset_ids


def _stops_alike(last: PastMove, container: Container | None) -> bool:
    """Whether it stopped as it will stop now: after a hook, or without one."""
    wanted = container is not None and container.before_switch is not None
    return wanted == ran_well(last.accounts, BEFORE_SWITCH)
