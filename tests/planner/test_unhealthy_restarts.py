"""A restart because a container is unhealthy, as its node remembers it."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.model.records import Container, HealthCheck, RestartPolicy
from flocker_lite.model.state import ContainerExit, LocalContainer
from flocker_lite.planner import restart_policy, unhealthy_restarts
from flocker_lite.planner.restart_policy import RestartHistories, halting, resting
from flocker_lite.planner.unhealthy_restarts import HEALTHY_SECONDS

CHECK = HealthCheck(port=80, on_unhealthy="restart")
WEB = Container("web", "node", "nginx:1", health_check=CHECK)
"""Its restart policy is "never", which is about exits by itself."""

DESIRED = pmap({"web": WEB})
RUNS = LocalContainer(WEB, "running", "instance")
NOTHING: RestartHistories = pmap()


def seen(before: RestartHistories, local: LocalContainer, *unhealthy: str) -> RestartHistories:
    """The history after a discovery."""
    return restart_policy.remembered(
        before, pmap({"web": local}), desired=DESIRED, unhealthy=unhealthy
    )


def stopped(finished_at: float, ran_seconds: float = 90.0) -> LocalContainer:
    """It was stopped then."""
    return replace(RUNS, status="exited", last_exit=ContainerExit(143, finished_at, ran_seconds))


def rests(histories: RestartHistories, local: LocalContainer, starts_at: float) -> bool:
    """Whether it is not started at second 100."""
    here = pmap({"web": local})
    return "web" in resting(histories, here, DESIRED, {"web": starts_at}, 100.0)


def test_it_is_written_down_before_it_is_stopped() -> None:
    """And only while it is unhealthy."""
    assert seen(NOTHING, RUNS) == NOTHING
    histories = seen(NOTHING, RUNS, "web")
    assert halting(histories, pmap({"web": RUNS})) == {"web"}
    assert seen(histories, RUNS, "web") == histories
    assert not halting(seen(histories, RUNS), pmap({"web": RUNS}))
    assert not halting(histories, pmap({"web": replace(RUNS, instance="another")}))


def test_the_stop_is_no_exit_by_itself() -> None:
    """It is started again whatever its restart policy, even by an agent that starts meanwhile."""
    histories = seen(seen(NOTHING, RUNS, "web"), stopped(5.0))
    assert not rests(histories, stopped(5.0), 99.0)
    assert rests(histories, stopped(5.0), 101.0)
    assert restart_policy.ended_for_good(histories["web"], stopped(5.0), WEB.restart_policy) is None
    assert restart_policy.unreported(histories, pmap({"web": stopped(5.0)}), DESIRED) == frozenset()
    assert restart_policy.restarts(histories["web"], stopped(5.0)) == 0
    assert restart_policy.restarts(histories["web"], RUNS) == 1


def test_docker_has_not_told_yet_how_it_ended() -> None:
    """Until then it is not started."""
    histories = seen(NOTHING, RUNS, "web")
    gone = replace(RUNS, status="exited")
    assert seen(histories, gone) == histories
    assert rests(histories, gone, 0.0)


def test_an_exit_by_itself_after_that() -> None:
    """That is one, as the restart policy has it."""
    histories = seen(seen(NOTHING, RUNS, "web"), stopped(5.0))
    assert seen(histories, RUNS) == histories
    histories = seen(histories, stopped(9.0))
    assert histories["web"].counts
    assert rests(histories, stopped(9.0), 0.0)
    always = replace(WEB, restart_policy=RestartPolicy("always"))
    here = pmap({"web": replace(stopped(9.0), container=always)})
    assert not resting(histories, here, pmap({"web": always}), {}, 100.0)
    assert restart_policy.restarts(histories["web"], stopped(9.0)) == 1


def test_back_off() -> None:
    """The waits grow while its runs become unhealthy soon; a long healthy run ends that."""
    histories, waits = NOTHING, []
    for number in range(1, 11):
        histories = seen(seen(histories, RUNS, "web"), stopped(float(number)))
        waits.append(restart_policy.delay_seconds(histories["web"]))
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    shown = restart_policy.after_short_runs(histories, pmap({"web": RUNS}))
    assert shown["web"] == "was not healthy, 10 times in a row, and was restarted"
    histories = seen(seen(histories, RUNS, "web"), stopped(99.0, HEALTHY_SECONDS))
    assert restart_policy.delay_seconds(histories["web"]) == 0.0
    assert not restart_policy.after_short_runs(histories, pmap({"web": RUNS}))


def test_left_alone() -> None:
    """One that is paused, stopped by its user, deleted, or whose data is on trial or on its way."""
    paused = replace(RUNS, status="paused")
    assert seen(NOTHING, paused, "web") == NOTHING
    here = pmap({"web": RUNS})
    for desired in (pmap({"web": replace(WEB, running=False)}), pmap()):
        found = restart_policy.remembered(NOTHING, here, desired=desired, unhealthy=["web"])
        assert found == NOTHING
    found = restart_policy.remembered(
        NOTHING, here, desired=DESIRED, provisional=["web"], unhealthy=["web"]
    )
    assert found == NOTHING
    changing = restart_policy.remembered(
        NOTHING, here, being_changed=["web"], desired=DESIRED, unhealthy=["web"]
    )
    assert changing == NOTHING


def test_after_exits_by_itself() -> None:
    """What is remembered of those stays."""
    policy = RestartPolicy("on-failure", 3)
    histories = seen(NOTHING, stopped(1.0, 1.0))
    assert histories["web"].times == 1
    histories = seen(seen(histories, RUNS, "web"), stopped(2.0))
    assert (histories["web"].times, histories["web"].halts) == (1, 1)
    histories = seen(histories, stopped(3.0))
    assert (histories["web"].times, histories["web"].halts) == (2, 1)
    end = stopped(3.0).last_exit
    assert end is not None
    assert not restart_policy.is_over(policy, histories["web"], end)
    assert unhealthy_restarts.after_restart(histories["web"]) is None
