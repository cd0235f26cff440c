"""When a container that ended is started again, and after what wait; pure.

Only exits that a container made *by itself* count. A container that went down with Docker or with
the node is restarted whatever its policy says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.model.completion import digest
from flocker_lite.model.records import Container, Ended, RestartPolicy
from flocker_lite.model.state import ContainerExit, LocalContainer, RestartHistory
from flocker_lite.planner import unhealthy_restarts
from flocker_lite.planner.backoff import DELAY_FACTOR, DELAY_SECONDS_MAX, FIRST_DELAY_SECONDS
from flocker_lite.planner.unhealthy_restarts import is_halted, is_halting

STABLE_SECONDS = 10.0
"""A run of this length did not crash at its start: the next start does not wait."""

UNSURE = "?"
"""Stands for a configuration's digest where a move, not the program, may have caused the exit."""

RestartHistories = PMap[str, RestartHistory]


def remembered(
    histories: RestartHistories,
    containers: PMap[str, LocalContainer],
    being_changed: Iterable[str] = (),
    desired: PMap[str, Container] | None = None,
    provisional: Iterable[str] = (),
    unhealthy: Collection[str] = (),
) -> RestartHistories:
    """The history after a discovery of all containers; `desired` is None before the first view.

    `being_changed` names the containers that changes work on: a change may have stopped them. The
    data of the `provisional` containers is on trial here or still on its way. They may have to run
    again after an exit, so their exit counts for this instance alone. The `unhealthy` containers
    are to be restarted, but for those that are provisional. Returns the same map when nothing is
    new.
    """
    skipped, unsettled = frozenset(being_changed), frozenset(provisional)
    changed = histories
    for name, history in histories.items():
        if not _is_worth_keeping(name, history, containers.get(name), desired):
            changed = changed.remove(name)
    for name, local in containers.items():
        last_exit, known = local.last_exit, changed.get(name)
        container = desired.get(name) if desired is not None else None
        is_stopped = container is not None and not container.running
        if name in skipped:
            continue
        if container is not None and is_due(known, local, container) and _is_settled(local):
            generation = container.restart_generation
            changed = changed.set(name, _begun_anew(local, generation))
            continue
        if known is not None and is_halting(known, local) and _is_settled(local):
            changed = changed.set(name, unhealthy_restarts.halted(known, local, UNSURE))
            continue
        if local.running:
            is_ours = container is not None and not is_stopped and name not in unsettled
            wants = is_ours and name in unhealthy
            if wants != is_halting(known, local):
                changed = changed.set(name, _halting(known, local, wants))
            continue
        if last_exit is None or not last_exit.by_itself or is_stopped:
            continue
        made_of = UNSURE if name in unsettled else digest(local.container)
        if not _is_known(known, local):
            changed = changed.set(name, _another(known, local, last_exit, made_of))
        elif known is not None and not known.configuration:
            # An earlier release wrote it without the digest.
            changed = changed.set(name, replace(known, configuration=made_of))
    return changed


def _is_worth_keeping(
    name: str,
    history: RestartHistory,
    local: LocalContainer | None,
    desired: PMap[str, Container] | None,
) -> bool:
    """Whether it concerns the container that is here, or the one that is desired."""
    if local is not None and local.instance == history.instance:
        return True
    if not _counts_elsewhere(history) or (local is not None and _ran(local)):
        return False
    if desired is None:
        return True
    container = desired.get(name)
    return container is not None and digest(container) == history.configuration


def _is_about(history: RestartHistory, container: Container) -> bool:
    """Whether the exit was one of this configuration, after the last restart asked for."""
    is_same_run = history.restarted >= container.restart_generation
    return is_same_run and history.configuration == digest(container)


def _counts_elsewhere(history: RestartHistory) -> bool:
    return history.configuration not in ("", UNSURE)


def _ran(local: LocalContainer) -> bool:
    return local.has_begun or local.last_exit is not None


def finished(
    histories: RestartHistories, local: LocalContainer | None, container: Container
) -> Ended | None:
    """How a container finished that has no run here: it ran elsewhere, or was removed.

    "There is no container" does not mean "it never ran". A container that a user started again by
    hand should run.
    """
    if local is not None and _ran(local):
        return None
    known, history = container.ended, histories.get(container.name)
    if history is not None and local is not None and local.instance == history.instance:
        return None
    if history is not None and _is_about(history, container):
        known = Ended(history.exit_code, history.finished_at, history.times)
    if known is None or not is_over(container.restart_policy, *as_local(known)):
        return None
    return known


def as_local(ended: Ended) -> tuple[RestartHistory, ContainerExit]:
    """The history and exit that this node would know, had the container run here."""
    return (
        RestartHistory("", ended.finished_at, ended.times, exit_code=ended.exit_code),
        ContainerExit(ended.exit_code, ended.finished_at, 0.0),
    )


def ended_for_good(
    history: RestartHistory | None, local: LocalContainer, policy: RestartPolicy
) -> Ended | None:
    """How the container that is here ended, if it must not run again, here or elsewhere."""
    if history is None or local.last_exit is None or not has_ended(history, local):
        return None
    if not _counts_elsewhere(history) or not is_over(policy, history, local.last_exit):
        return None
    return Ended(local.last_exit.exit_code, local.last_exit.finished_at, history.times)


def unreported(
    histories: RestartHistories,
    containers: PMap[str, LocalContainer],
    desired: PMap[str, Container],
) -> frozenset[str]:
    """The containers that finished here, which the configuration does not say yet."""

    def is_unreported(container: Container) -> bool:
        history, local = histories.get(container.name), containers.get(container.name)
        if history is None or not container.running or not _is_about(history, container):
            return False
        known = finished(histories, local, container)
        if local is not None and known is None:
            known = ended_for_good(history, local, container.restart_policy)
        return known is not None and known != container.ended

    return frozenset(name for name in histories if name in desired and is_unreported(desired[name]))


def has_ended(history: RestartHistory | None, local: LocalContainer) -> bool:
    """Whether the container is still down after the exit that is remembered, and that counts."""
    return history is not None and history.counts and _is_known(history, local)


def _is_known(history: RestartHistory | None, local: LocalContainer) -> bool:
    return (
        history is not None
        and not local.running
        and local.last_exit is not None
        and (history.instance, history.finished_at) == (local.instance, local.last_exit.finished_at)
    )


def generation_of(history: RestartHistory | None, local: LocalContainer) -> int:
    """The last restart, of those that users asked for, that the container here has had."""
    made_at = local.container.restart_generation
    is_of_it = history is not None and history.instance == local.instance
    return max(made_at, history.restarted) if history is not None and is_of_it else made_at


def is_due(history: RestartHistory | None, local: LocalContainer, container: Container) -> bool:
    """Whether a user asked for a restart that the container here has not had."""
    return container.restart_generation > generation_of(history, local)


def _halting(known: RestartHistory | None, local: LocalContainer, wants: bool) -> RestartHistory:
    if known is not None and not wants:
        return replace(known, halting=False)
    return unhealthy_restarts.intended(known, local, generation_of(known, local), UNSURE)


def halting(histories: RestartHistories, containers: PMap[str, LocalContainer]) -> frozenset[str]:
    """The containers that are to be stopped because they are unhealthy."""
    return frozenset(
        name
        for name, history in histories.items()
        if history.halting and name in containers and is_halting(history, containers[name])
    )


def due(
    histories: RestartHistories,
    containers: PMap[str, LocalContainer],
    desired: PMap[str, Container],
) -> frozenset[str]:
    """The containers here that are to be restarted because a user asked for it."""
    return frozenset(
        name
        for name, container in desired.items()
        if container.restart_generation
        and (local := containers.get(name)) is not None
        and is_due(histories.get(name), local, container)
    )


def resting(
    histories: RestartHistories,
    containers: PMap[str, LocalContainer],
    desired: PMap[str, Container],
    starts_at: Mapping[str, float],
    now_seconds: float,
) -> frozenset[str]:
    """The containers that must not be started: they are stopped, finished or still back off.

    A container that finished may be missing on this node.
    """

    def rests(name: str, container: Container) -> bool:
        if not container.running:
            return True
        local, history = containers.get(name), histories.get(name)
        if local is not None and not local.has_begun and is_due(history, local, container):
            return True
        if finished(histories, local, container) is not None:
            return True
        if local is not None and is_halting(history, local):
            return not local.has_begun
        if local is not None and is_halted(history, local):
            return starts_at.get(name, now_seconds) > now_seconds
        if (
            local is None
            or local.last_exit is None
            or history is None
            or not has_ended(history, local)
        ):
            return False
        over = is_over(container.restart_policy, history, local.last_exit)
        return over or starts_at.get(name, now_seconds) > now_seconds

    idle = (
        name
        for name, each in desired.items()
        if each.ended is not None or not each.running or each.restart_generation
    )
    candidates = {*histories, *idle}
    return frozenset(name for name in candidates if name in desired and rests(name, desired[name]))


def is_over(policy: RestartPolicy, history: RestartHistory, last_exit: ContainerExit) -> bool:
    """Whether the policy does not restart a container after this exit."""
    match policy.name:
        case "always":
            return False
        case "on-failure":
            allowed = policy.maximum_retry_count
            return last_exit.exit_code == 0 or (allowed is not None and history.times > allowed)
    return True


def delay_seconds(history: RestartHistory) -> float:
    """How long to wait before the restart: longer after each short run, up to a ceiling."""
    if history.in_a_row == 0:
        return 0.0
    # The exponent is limited because a float is.
    factor = DELAY_FACTOR ** min(history.in_a_row - 1, 64)
    return min(FIRST_DELAY_SECONDS * factor, DELAY_SECONDS_MAX)


def trouble(
    policy: RestartPolicy, history: RestartHistory, last_exit: ContainerExit, moves: bool = False
) -> str | None:
    """The error that users see after this exit; None when the container finished its work.

    While it `moves`, its source does not restart it.
    """
    if not is_over(policy, history, last_exit):
        when = "when its move is done or has failed" if moves else "after a wait"
        return f"ended with exit code {last_exit.exit_code}: it is restarted {when}"
    if last_exit.exit_code == 0:
        return None
    if policy.name == "on-failure":
        tried = f"{history.times - 1} times, as often as maximum_retry_count allows"
        return f"ended with exit code {last_exit.exit_code}: it was restarted {tried}"
    return f"ended with exit code {last_exit.exit_code}: its restart_policy is {policy.name}"


def restarts(history: RestartHistory | None, local: LocalContainer) -> int:
    """How often the container was restarted after it had ended, or because it was unhealthy."""
    if history is None or history.instance != local.instance:
        return 0
    is_down = has_ended(history, local) or is_halted(history, local)
    return history.times + history.halts - is_down


def after_short_runs(
    histories: RestartHistories, containers: PMap[str, LocalContainer]
) -> PMap[str, str]:
    """The error that users see for each running container whose last run was short."""
    return pmap(
        {
            name: unhealthy_restarts.after_restart(history)
            or f"ended with exit code {history.exit_code} after less than {STABLE_SECONDS:g} s"
            f"{_in_a_row(history)}, and was restarted"
            for name, history in histories.items()
            if history.in_a_row
            and (local := containers.get(name)) is not None
            and local.running
            and local.instance == history.instance
        }
    )


def _in_a_row(history: RestartHistory) -> str:
    return f", {history.in_a_row} times in a row" if history.in_a_row > 1 else ""


def _another(
    before: RestartHistory | None,
    local: LocalContainer,
    last_exit: ContainerExit,
    configuration: str,
) -> RestartHistory:
    was_short = last_exit.ran_seconds < STABLE_SECONDS
    times, in_a_row = 1, int(was_short)
    if before is not None and before.instance == local.instance:
        times, in_a_row = before.times + 1, before.in_a_row + 1 if was_short else 0
    return RestartHistory(
        local.instance,
        last_exit.finished_at,
        times,
        in_a_row,
        last_exit.exit_code,
        configuration,
        restarted=generation_of(before, local),
        halts=before.halts if before is not None and before.instance == local.instance else 0,
    )


def _is_settled(local: LocalContainer) -> bool:
    """Whether the container is down, and Docker has told how it ended if it ran.

    Its processes are gone a moment before that: the exit that comes then is part of the restart.
    """
    is_unused = local.status == "created" or local.prestarted
    return is_unused or (local.last_exit is not None and not local.has_processes)


def _begun_anew(local: LocalContainer, generation: int) -> RestartHistory:
    """The history of a container that is about to start because a user asked for a restart."""
    finished_at = local.last_exit.finished_at if local.last_exit is not None else 0.0
    return RestartHistory(
        local.instance,
        finished_at,
        0,
        configuration=UNSURE,
        restarted=generation,
        counts=False,
    )
