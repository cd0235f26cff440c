"""When a container that ended is started again, as a function of what is seen and remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model.completion import digest
from flocker_lite.model.records import Container, Ended, RestartPolicy
from flocker_lite.model.state import ContainerExit, LocalContainer, RestartHistory
from flocker_lite.planner import restart_policy
from flocker_lite.planner.backoff import DELAY_SECONDS_MAX, FIRST_DELAY_SECONDS
from flocker_lite.planner.restart_policy import RestartHistories

JOB = Container("job", "aaaaaaaa-0000-4000-8000-000000000001", "redis:latest")
ENDED = LocalContainer(JOB, "exited", "c0ffee", ContainerExit(1, 100.0, ran_seconds=0.5))
RUNNING = LocalContainer(JOB, "running", "c0ffee")
NOTHING: RestartHistories = pmap()
NEVER = RestartPolicy("never")
ALWAYS = RestartPolicy("always")
THRICE = RestartPolicy("on-failure", 3)


def seen(local: LocalContainer, histories: RestartHistories = NOTHING) -> RestartHistories:
    """What is remembered after a look."""
    return restart_policy.remembered(histories, pmap({"job": local}))


def ended_at(moment: float, ran_seconds: float = 0.5) -> LocalContainer:
    """It ended then, after that long."""
    return replace(ENDED, last_exit=ContainerExit(1, moment, ran_seconds))


def rests(local: LocalContainer, histories: RestartHistories, policy: RestartPolicy) -> bool:
    """Whether it is not to be started now."""
    desired = pmap({"job": replace(JOB, restart_policy=policy)})
    return "job" in restart_policy.resting(histories, pmap({"job": local}), desired, {}, 0.0)


def test_an_end_counts_once() -> None:
    """However often an end is looked at, it is one."""
    once = seen(ENDED)
    assert once["job"] == RestartHistory("c0ffee", 100.0, 1, 1, 1, digest(JOB))
    assert seen(ENDED, once) is once
    assert seen(RUNNING, once) is once


def test_each_end_counts() -> None:
    """Short runs in a row are counted apart from all runs."""
    histories = seen(ended_at(200.0), seen(ended_at(100.0)))
    assert (histories["job"].times, histories["job"].in_a_row) == (2, 2)
    histories = seen(ended_at(300.0, restart_policy.STABLE_SECONDS), histories)
    assert (histories["job"].times, histories["job"].in_a_row) == (3, 0)


def test_what_went_down_with_docker_is_not_counted() -> None:
    """Nor is what is remembered of earlier runs a reason not to start it."""
    lost = replace(ENDED, last_exit=ContainerExit(255, 200.0, 3600.0, by_itself=False))
    histories = seen(lost, seen(ENDED))
    assert histories["job"].finished_at == 100.0
    for policy in (NEVER, ALWAYS, THRICE):
        assert not rests(lost, histories, policy)


def test_our_own_doing_is_not_counted() -> None:
    """A container that a change is at work on may have been stopped by it."""
    assert restart_policy.remembered(pmap(), pmap({"job": ENDED}), ["job"]) == pmap()


def test_another_container_of_the_name() -> None:
    """What was made anew and ran has no past; that it ran to its end, what is gone has."""
    histories = seen(ENDED)
    assert seen(LocalContainer(JOB, "created", "bead"), histories) == histories
    assert seen(LocalContainer(JOB, "running", "bead"), histories) == pmap()
    assert restart_policy.remembered(histories, pmap()) == histories
    again = seen(replace(ENDED, instance="bead"), histories)
    assert again["job"] == RestartHistory("bead", 100.0, 1, 1, 1, digest(JOB))


def test_what_is_desired_otherwise_has_no_past() -> None:
    """Nor has what is not wanted any more, once nothing of it is here."""
    histories = seen(ENDED)
    other = replace(JOB, environment=pmap({"TZ": "UTC"}))
    moved = replace(JOB, node="elsewhere", restart_policy=ALWAYS)
    for desired, kept in (({"job": other}, False), ({}, False), ({"job": moved}, True)):
        after = restart_policy.remembered(histories, pmap(), (), pmap(desired))
        assert ("job" in after) is kept
        assert (
            restart_policy.remembered(histories, pmap({"job": ENDED}), (), pmap(desired))
            == histories
        )


def test_what_ended_on_trial_is_of_this_instance_alone() -> None:
    """Its data may be taken back: then it runs again on the data as it was."""
    on_trial = restart_policy.remembered(pmap(), pmap({"job": ENDED}), (), None, ["job"])
    assert on_trial["job"].configuration == restart_policy.UNSURE
    assert restart_policy.remembered(on_trial, pmap()) == pmap()
    assert seen(ENDED, on_trial) == on_trial
    assert restart_policy.ended_for_good(on_trial["job"], ENDED, NEVER) is None


def test_what_an_earlier_release_remembered() -> None:
    """It knew of no configuration: that of what is here is noted, and the rest forgotten."""
    old = pmap({"job": RestartHistory("c0ffee", 100.0)})
    assert seen(ENDED, old)["job"].configuration == digest(JOB)
    assert restart_policy.remembered(old, pmap()) == pmap()


def finished(
    local: LocalContainer | None, ended: Ended | None, histories: RestartHistories
) -> bool:
    """Whether it is over although no run of it is here."""
    return restart_policy.finished(histories, local, replace(JOB, ended=ended)) is not None


def test_finished() -> None:
    """It is what the cluster knows, or what this node remembers, of what is wanted."""
    ended, histories = Ended(0, 100.0), seen(ENDED)
    prestarted = LocalContainer(JOB, "prestarted", "bead")
    for local in (None, prestarted, LocalContainer(JOB, "created", "bead")):
        assert finished(local, ended, NOTHING)
        assert finished(local, None, histories)
        assert not finished(local, None, NOTHING)
    assert not finished(RUNNING, ended, NOTHING)
    assert not finished(replace(prestarted, instance="c0ffee"), ended, histories)


def test_finished_by_policy() -> None:
    """A policy that has it run again does so elsewhere as well."""
    for policy, exit_code, times, over in (
        (NEVER, 1, 1, True),
        (ALWAYS, 0, 1, False),
        (THRICE, 0, 1, True),
        (THRICE, 1, 1, False),
        (THRICE, 1, 4, True),
    ):
        container = replace(JOB, restart_policy=policy, ended=Ended(exit_code, 100.0, times))
        assert (restart_policy.finished(NOTHING, None, container) is not None) is over


def test_untold() -> None:
    """What ended for good here and is not known to have is to be told before it moves."""
    histories, here = seen(ENDED), pmap({"job": ENDED})
    told = replace(JOB, ended=Ended(1, 100.0))
    for container, expected in ((JOB, True), (told, False), (replace(JOB, image="a:1"), False)):
        for containers in (here, pmap()):
            desired = pmap({"job": container})
            assert ("job" in restart_policy.unreported(histories, containers, desired)) is expected
    always = pmap({"job": replace(JOB, restart_policy=ALWAYS)})
    assert restart_policy.unreported(histories, here, always) == frozenset()


def test_after_short_runs() -> None:
    """One that ended soon after its start and runs again is not trusted yet."""
    histories = seen(ENDED)
    assert (
        "exit code 1" in restart_policy.after_short_runs(histories, pmap({"job": RUNNING}))["job"]
    )
    assert restart_policy.after_short_runs(histories, pmap({"job": ENDED})) == pmap()
    steady = seen(ended_at(100.0, restart_policy.STABLE_SECONDS))
    assert restart_policy.after_short_runs(steady, pmap({"job": RUNNING})) == pmap()


@pytest.mark.parametrize(
    ("policy", "exit_code", "times", "over"),
    [
        (NEVER, 0, 1, True),
        (NEVER, 1, 1, True),
        (ALWAYS, 0, 1, False),
        (ALWAYS, 1, 99, False),
        (THRICE, 0, 1, True),
        (THRICE, 1, 1, False),
        (THRICE, 1, 3, False),
        (THRICE, 1, 4, True),
        (RestartPolicy("on-failure"), 1, 99, False),
    ],
)
def test_policies(policy: RestartPolicy, exit_code: int, times: int, over: bool) -> None:
    """On-failure with a count of three means three restarts, so four runs."""
    local = replace(ENDED, last_exit=ContainerExit(exit_code, 100.0, 0.5))
    histories = pmap({"job": RestartHistory("c0ffee", 100.0, times)})
    assert rests(local, histories, policy) == over


def test_delays() -> None:
    """The first restart of what ran well is at once; a crash loop slows down, up to a limit."""
    delays = [
        restart_policy.delay_seconds(RestartHistory("c", 0.0, 9, in_a_row)) for in_a_row in range(5)
    ]
    first = FIRST_DELAY_SECONDS
    assert delays == [0.0, first, 2 * first, 4 * first, 8 * first]
    assert restart_policy.delay_seconds(RestartHistory("c", 0.0, 1, 10**6)) == DELAY_SECONDS_MAX


def test_before_its_time() -> None:
    """A container that is to be started again rests until then."""
    desired = pmap({"job": replace(JOB, restart_policy=ALWAYS)})
    containers = pmap({"job": ENDED})
    for now, resting in ((9.9, {"job"}), (10.0, set())):
        assert (
            restart_policy.resting(seen(ENDED), containers, desired, {"job": 10.0}, now) == resting
        )


def test_restarts() -> None:
    """How often it was started again is one less than its ends while it is down."""
    histories = pmap({"job": RestartHistory("c0ffee", 100.0, times=3)})
    assert restart_policy.restarts(histories["job"], ENDED) == 2
    assert restart_policy.restarts(histories["job"], RUNNING) == 3
    assert restart_policy.restarts(None, RUNNING) == 0
    assert restart_policy.restarts(histories["job"], replace(RUNNING, instance="bead")) == 0


def test_words() -> None:
    """A job that is done is no trouble; whatever else ended is, with what becomes of it."""
    done = ContainerExit(0, 100.0, 0.5)
    history = RestartHistory("c0ffee", 100.0, times=4)
    assert restart_policy.trouble(NEVER, history, done) is None
    failed = ContainerExit(1, 100.0, 0.5)
    assert "restart_policy is never" in (restart_policy.trouble(NEVER, history, failed) or "")
    assert "restarted after a wait" in (restart_policy.trouble(ALWAYS, history, failed) or "")
    assert "restarted 3 times" in (restart_policy.trouble(THRICE, history, failed) or "")
