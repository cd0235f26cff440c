"""When a container that ended is started again, and after what wait; pure.

Only ends that a container came to *by itself* count. One that went down with Docker or with the
node is started again whatever its policy says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.convergence.pacing import DELAY_FACTOR, DELAY_SECONDS_MAX, FIRST_DELAY_SECONDS
from flocker_lite.model.endings import digest
from flocker_lite.model.records import Container, Ended, RestartPolicy
from flocker_lite.model.state import End, Ending, LocalContainer

STEADY_SECONDS = 10.0
"""A run that lasted so long was no crash at the start: the next start does not wait."""

UNSURE = "?"
"""Instead of a configuration's digest, of an end that may have been our own doing."""

Endings = PMap[str, Ending]


def remembered(
    endings: Endings,
    containers: PMap[str, LocalContainer],
    ours: Iterable[str] = (),
    wanted: PMap[str, Container] | None = None,
    guests: Iterable[str] = (),
) -> Endings:
    """What to remember after a look at all containers, of which these are `wanted`, if known.

    `ours` names those that a change is at work on, so that their end may be our own doing. What
    ended as one of the `guests`, whose data is only lent to this node or on its way, may have to
    run again: it counts for this instance alone. The same map is returned when nothing is new.
    """
    skipped, on_trial = frozenset(ours), frozenset(guests)
    changed = endings
    for name, ending in endings.items():
        if not _is_worth_keeping(name, ending, containers.get(name), wanted):
            changed = changed.remove(name)
    for name, local in containers.items():
        end = local.end
        if local.running or end is None or not end.by_itself or name in skipped:
            continue
        known = changed.get(name)
        made_of = UNSURE if name in on_trial else digest(local.container)
        if not has_ended(known, local):
            changed = changed.set(name, _another(known, local.instance, end, made_of))
        elif known is not None and not known.configuration:
            # As the releases before this one noted it.
            changed = changed.set(name, replace(known, configuration=made_of))
    return changed


def _is_worth_keeping(
    name: str, ending: Ending, local: LocalContainer | None, wanted: PMap[str, Container] | None
) -> bool:
    """Whether it still says something: of the container that is here, or of what is wanted."""
    if local is not None and local.instance == ending.instance:
        return True
    if not _counts_elsewhere(ending) or (local is not None and _ran(local)):
        return False
    if wanted is None:
        return True
    container = wanted.get(name)
    return container is not None and digest(container) == ending.configuration


def _counts_elsewhere(ending: Ending) -> bool:
    return ending.configuration not in ("", UNSURE)


def _ran(local: LocalContainer) -> bool:
    return local.has_begun or local.end is not None


def finished(endings: Endings, local: LocalContainer | None, container: Container) -> Ended | None:
    """How a container ended for good of which no run is here: it ran elsewhere, or is gone.

    "There is no container" is not "it never ran". One that somebody started again by hand is to
    run.
    """
    if local is not None and _ran(local):
        return None
    known, ending = container.ended, endings.get(container.name)
    if ending is not None and local is not None and local.instance == ending.instance:
        return None
    if ending is not None and ending.configuration == digest(container):
        known = Ended(ending.exit_code, ending.finished_at, ending.times)
    if known is None or not is_over(container.restart_policy, *as_local(known)):
        return None
    return known


def as_local(ended: Ended) -> tuple[Ending, End]:
    """The same as this node would have it, had it been here."""
    return (
        Ending("", ended.finished_at, ended.times, exit_code=ended.exit_code),
        End(ended.exit_code, ended.finished_at, 0.0),
    )


def ended_for_good(
    ending: Ending | None, local: LocalContainer, policy: RestartPolicy
) -> Ended | None:
    """How the container that is here ended, when it is not to run again, here or elsewhere."""
    if ending is None or local.end is None or not has_ended(ending, local):
        return None
    if not _counts_elsewhere(ending) or not is_over(policy, ending, local.end):
        return None
    return Ended(local.end.exit_code, local.end.finished_at, ending.times)


def untold(
    endings: Endings, containers: PMap[str, LocalContainer], wanted: PMap[str, Container]
) -> frozenset[str]:
    """Those that ended for good here, which is not part of what is wanted yet."""

    def is_untold(container: Container) -> bool:
        ending, local = endings.get(container.name), containers.get(container.name)
        if ending is None or ending.configuration != digest(container):
            return False
        known = finished(endings, local, container)
        if local is not None and known is None:
            known = ended_for_good(ending, local, container.restart_policy)
        return known is not None and known != container.ended

    return frozenset(name for name in endings if name in wanted and is_untold(wanted[name]))


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
    """The containers that are not to be started: for good, or before their time has come.

    That also goes for those of which nothing is here (any more).
    """

    def rests(name: str, container: Container) -> bool:
        local, ending = containers.get(name), endings.get(name)
        if finished(endings, local, container) is not None:
            return True
        if local is None or local.end is None or ending is None or not has_ended(ending, local):
            return False
        over = is_over(container.restart_policy, ending, local.end)
        return over or starts_at.get(name, now_seconds) > now_seconds

    candidates = {*endings, *(name for name, each in wanted.items() if each.ended is not None)}
    return frozenset(name for name in candidates if name in wanted and rests(name, wanted[name]))


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


def after_short_runs(endings: Endings, containers: PMap[str, LocalContainer]) -> PMap[str, str]:
    """What to say of those that run, and did so but for a moment the last time."""
    return pmap(
        {
            name: f"ended with exit code {ending.exit_code} after less than {STEADY_SECONDS:g} s, "
            f"{ending.in_a_row} times in a row, and was started again"
            for name, ending in endings.items()
            if ending.in_a_row
            and (local := containers.get(name)) is not None
            and local.running
            and local.instance == ending.instance
        }
    )


def _another(before: Ending | None, instance: str, end: End, configuration: str) -> Ending:
    was_short = end.ran_seconds < STEADY_SECONDS
    times, in_a_row = 1, int(was_short)
    if before is not None and before.instance == instance:
        times, in_a_row = before.times + 1, before.in_a_row + 1 if was_short else 0
    return Ending(instance, end.finished_at, times, in_a_row, end.exit_code, configuration)
