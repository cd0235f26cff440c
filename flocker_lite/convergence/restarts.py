"""When a container that ended is started again, and after what wait; pure.

Only ends that a container came to *by itself* count. One that went down with Docker or with the
node is started again whatever its policy says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyrsistent import PMap

from flocker_lite.convergence.pacing import DELAY_FACTOR, DELAY_SECONDS_MAX, FIRST_DELAY_SECONDS
from flocker_lite.model.records import Container, RestartPolicy
from flocker_lite.model.state import End, Ending, LocalContainer

STEADY_SECONDS = 10.0
"""A run that lasted so long was no crash at the start: the next start does not wait."""

Endings = PMap[str, Ending]


def remembered(
    endings: Endings, containers: PMap[str, LocalContainer], ours: Iterable[str] = ()
) -> Endings:
    """What to remember after a look at all containers.

    `ours` names those that a change is at work on, so that their end may be our own doing. The
    same map is returned when there is nothing new.
    """
    skipped = frozenset(ours)
    changed = endings
    for name in endings:
        if name not in containers or containers[name].instance != endings[name].instance:
            changed = changed.remove(name)
    for name, local in containers.items():
        end = local.end
        if local.running or end is None or not end.by_itself or name in skipped:
            continue
        if not has_ended(changed.get(name), local):
            changed = changed.set(name, _another(changed.get(name), local.instance, end))
    return changed


def has_ended(ending: Ending | None, local: LocalContainer) -> bool:
    """Whether the container is down since the end that is remembered."""
    return (
        ending is not None
        and not local.running
        and local.end is not None
        and (ending.instance, ending.finished_at) == (local.instance, local.end.finished_at)
    )


def resting(
    endings: Endings,
    containers: PMap[str, LocalContainer],
    wanted: PMap[str, Container],
    starts_at: Mapping[str, float],
    now_seconds: float,
) -> frozenset[str]:
    """The containers that are not to be started: for good, or before their time has come."""

    def rests(name: str) -> bool:
        local, container = containers.get(name), wanted.get(name)
        if local is None or local.end is None or container is None:
            return False
        if not has_ended(endings[name], local):
            return False
        over = is_over(container.restart_policy, endings[name], local.end)
        return over or starts_at.get(name, now_seconds) > now_seconds

    return frozenset(name for name in endings if rests(name))


def is_over(policy: RestartPolicy, ending: Ending, end: End) -> bool:
    """Whether a container that ended so is not started again."""
    match policy.name:
        case "always":
            return False
        case "on-failure":
            allowed = policy.maximum_retry_count
            return end.exit_code == 0 or (allowed is not None and ending.times > allowed)
    return True


def delay_seconds(ending: Ending) -> float:
    """How long to wait before it is started again: longer with each short run, with a ceiling."""
    if ending.in_a_row == 0:
        return 0.0
    # The exponent is limited because a float is.
    factor = DELAY_FACTOR ** min(ending.in_a_row - 1, 64)
    return min(FIRST_DELAY_SECONDS * factor, DELAY_SECONDS_MAX)


def trouble(policy: RestartPolicy, ending: Ending, end: End) -> str | None:
    """What to say of a container that ended so, in words; None when it has done its work."""
    if not is_over(policy, ending, end):
        return f"ended with exit code {end.exit_code}: it is started again after a wait"
    if end.exit_code == 0:
        return None
    if policy.name == "on-failure":
        tried = f"{ending.times - 1} times, as often as maximum_retry_count allows"
        return f"ended with exit code {end.exit_code}: it was started again {tried}"
    return f"ended with exit code {end.exit_code}: its restart_policy is {policy.name}"


def restarts(ending: Ending | None, local: LocalContainer) -> int:
    """How often the container was started again after it had ended by itself."""
    if ending is None or ending.instance != local.instance:
        return 0
    return ending.times - 1 if has_ended(ending, local) else ending.times


def _another(before: Ending | None, instance: str, end: End) -> Ending:
    was_short = end.ran_seconds < STEADY_SECONDS
    if before is None or before.instance != instance:
        return Ending(instance, end.finished_at, 1, int(was_short))
    in_a_row = before.in_a_row + 1 if was_short else 0
    return Ending(instance, end.finished_at, before.times + 1, in_a_row)
