"""A restart of a container because it is unhealthy, as its node remembers it; pure.

The node writes down that it is about to stop the container before it does so. So an agent that was
killed in between does not take that for an exit by itself, whatever the restart policy says of it.
"""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.model.state import LocalContainer, RestartHistory

HEALTHY_SECONDS = 600.0
"""After a run of this length that became unhealthy, the next start does not wait."""

WAITS = "was not healthy and was stopped: it is started again after a wait"


def is_halting(history: RestartHistory | None, local: LocalContainer) -> bool:
    """Whether the container is to be stopped because it is unhealthy, or just was."""
    return history is not None and history.halting and history.instance == local.instance


def is_halted(history: RestartHistory | None, local: LocalContainer) -> bool:
    """Whether the container is down since it was stopped because it was unhealthy."""
    if history is None or history.counts or history.halts == 0 or history.halting:
        return False
    end = local.last_exit
    is_last = end is not None and end.finished_at == history.finished_at
    return is_last and not local.running and history.instance == local.instance


def intended(
    history: RestartHistory | None, local: LocalContainer, generation: int, configuration: str
) -> RestartHistory:
    """The history of a running container that is about to be stopped for this reason.

    `generation` is that of the last restart by a user that it had; its exits before it are kept.
    """
    if history is not None and history.instance == local.instance:
        return replace(history, halting=True)
    return RestartHistory(
        local.instance,
        0.0,
        0,
        configuration=configuration,
        restarted=generation,
        counts=False,
        halting=True,
    )


def halted(history: RestartHistory, local: LocalContainer, configuration: str) -> RestartHistory:
    """The history once the container has been stopped."""
    end = local.last_exit
    was_short = end is None or end.ran_seconds < HEALTHY_SECONDS
    return replace(
        history,
        finished_at=end.finished_at if end is not None else 0.0,
        in_a_row=history.in_a_row + 1 if was_short else 0,
        exit_code=end.exit_code if end is not None else 0,
        configuration=configuration,
        counts=False,
        halting=False,
        halts=history.halts + 1,
    )


def after_restart(history: RestartHistory) -> str | None:
    """The error that users see of a container that was restarted; None after an exit by itself."""
    if history.counts or history.halts == 0:
        return None
    times = f", {history.in_a_row} times in a row" if history.in_a_row > 1 else ""
    return f"was not healthy{times}, and was restarted"
