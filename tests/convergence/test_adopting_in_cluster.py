"""A container of Docker's is adopted while it is written to, through the control service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flocker_lite.errors import Conflict
from flocker_lite.model import adoption_edits, edits, moves
from flocker_lite.model.adoption import ADOPTED, STOPPED, Adopting
from flocker_lite.model.records import Configuration, Edit
from tests.convergence.adopting import MOVE, Adopted
from tests.convergence.takeover import D


def test_adopted() -> None:
    """Ours serves with all that was written; the other one is stopped, renamed and kept."""
    world = Adopted()
    world.begin()
    past = world.run_until_over()
    assert past.verdict == moves.DONE
    world.assert_right()
    old = world.node.foreign.made["pg--before-flocker"]
    assert old["Id"] == world.instance
    assert old["HostConfig"]["RestartPolicy"]["Name"] == "no"
    (account,) = past.accounts
    assert [step.name for step in account.steps] == [
        *("stop", "send", "verify", "snapshot", "start", "answer"),
    ]
    assert account.phase == "done"
    assert account.predicted_pause_seconds is not None
    assert world.node.storage.copies[D].local.snapshots == ()


def test_without_health_check() -> None:
    """A container without one is tried out by its ports, or by whether it stays up."""
    world = Adopted(check=None)
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_not_healthy() -> None:
    """A copy that does not get well is taken away, and the other one goes on by itself."""
    world = Adopted()
    world.node.containers.unhealthy["pg"] = "no tables"
    world.begin()
    past = world.run_until_over()
    assert past.verdict == moves.ROLLED_BACK
    assert "no tables" in (past.accounts[0].error or "")
    world.assert_right()


def test_adopted_at_the_second_attempt() -> None:
    """What came back can be adopted under the same name once its trouble is over."""
    world = Adopted()
    world.node.containers.unhealthy["pg"] = "no tables"
    world.begin()
    world.run_until_over()
    del world.node.containers.unhealthy["pg"]
    world.again()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_cancelled_while_it_copies() -> None:
    """The other container does not notice; what was made is gone."""
    world = Adopted()
    world.node.directories.trouble = "No space left on device"
    world.begin()
    world.run(3.0)
    assert world.open_move is not None
    assert "No space left" in world.shown()
    world.cancel()
    past = world.run_until_over()
    assert past.verdict == moves.CANCELLED
    world.assert_right()
    assert world.node.foreign.made["pg"]["State"]["StartedAt"] == "run 1"


def test_tried_again() -> None:
    """A round that failed is made again, without a stop."""
    world = Adopted()
    world.node.directories.trouble = "No space left on device"
    world.begin()
    world.run(3.0)
    world.node.directories.trouble = None
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_cancelled_in_the_pause() -> None:
    """The other one is started again."""
    world = Adopted()
    world.hang("directories", "difference")
    world.begin()
    world.run(3.0)
    assert world.node.adoption_notes.notes["pg"].step == STOPPED
    world.cancel()
    assert world.run_until_over().verdict == moves.CANCELLED
    world.assert_right()


def test_cancelled_too_late() -> None:
    """Whether it was in time is for the node to say."""
    world = Adopted()
    world.begin()
    world.cluster.cut_control(world.node)
    world.run(5.0)
    assert world.node.adoption_notes.notes["pg"].step == ADOPTED
    world.cancel()
    world.cluster.cut_from_control.clear()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_revived_in_the_last_round() -> None:
    """One that somebody starts while the rest is copied is stopped again, and copied again."""
    world = Adopted()
    world.once("directories", "difference", world.start_old)
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_revived_again_and_again() -> None:
    """Somebody who insists keeps his container."""
    world = Adopted()
    world.always("directories", "difference", world.start_old)
    world.begin()
    assert world.run_until_over().verdict == moves.ROLLED_BACK
    world.assert_right()


def test_revived_during_the_trial() -> None:
    """One that somebody starts while ours is tried out may have clients: it keeps the service."""
    world = Adopted()
    world.may_both_run = True
    world.once("containers", "answers", world.start_old)
    world.begin()
    past = world.run_until_over()
    assert past.verdict == moves.ROLLED_BACK
    assert "somebody started the old container" in (past.accounts[0].error or "")
    world.assert_right()


def test_somebody_else_writes() -> None:
    """A directory that changes although the container is stopped is not handed over."""
    world = Adopted()
    world.always("directories", "difference", lambda: world.put("from outside"))
    world.begin()
    past = world.run_until_over()
    assert past.verdict == moves.ROLLED_BACK
    assert "who else writes there" in (past.accounts[0].error or "")
    assert world.old_is_as_it_was()


def test_restart_of_docker() -> None:
    """Once its restart policy is taken away, Docker does not bring the old one back."""
    world = Adopted()
    world.once("directories", "difference", world.node.foreign.restart_docker)
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_not_started_again() -> None:
    """An old container that Docker cannot start is tried again and again."""
    world = Adopted()
    world.node.containers.unhealthy["pg"] = "no tables"
    world.node.foreign.cannot_start.add(world.instance)
    world.begin()
    world.run(20.0)
    assert world.open_move is not None
    assert not world.ours_runs
    world.node.foreign.cannot_start.clear()
    assert world.run_until_over().verdict == moves.ROLLED_BACK
    world.assert_right()


def test_name_taken() -> None:
    """A name that an earlier adoption left behind is not in the way."""
    world = Adopted()
    world.node.foreign.run("pg--before-flocker", {"Image": "redis:latest"}, "exited")
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    assert world.node.foreign.made["pg--before-flocker-2"]["Id"] == world.instance


def test_not_empty() -> None:
    """A directory in which something is already is not made like another."""
    world = Adopted()
    world.hang("adoption_notes", "write")
    world.begin()
    world.run(1.0)
    world.free()
    world.node.storage.write(D, "precious")
    world.restart_agent()
    world.run(5.0)
    assert "has data already" in world.shown()
    assert world.node.storage.read(D) == ("precious",)
    assert world.old_is_as_it_was()


def test_paths_of_others() -> None:
    """A control service that asks for a directory that is not the container's gets nothing."""
    world = Adopted()
    world.begin(**{D: "/etc"})
    world.run(5.0)
    assert "no longer where it was" in world.shown()
    assert world.node.storage.read(D) == ()
    assert world.old_is_as_it_was()


def test_not_allowed() -> None:
    """The administrator of the node decides, whatever the control service wants."""
    world = Adopted()
    world.cluster.stop_agent(world.node)
    world.node.allow = ()
    world.cluster.start_agent(world.node)
    world.begin()
    world.run(5.0)
    assert "write `allow: [adopt]` into" in world.shown()
    assert world.old_is_as_it_was()


def test_hindered_since() -> None:
    """What came in the way after the user asked is seen before anything is stopped."""
    world = Adopted()
    world.node.foreign.run(
        "other", {"Image": "redis:latest", "HostConfig": {"Binds": ["pgdata:/d"]}}
    )
    world.begin()
    world.run(5.0)
    assert "other has it as well" in world.shown()
    assert world.old_is_as_it_was()


def test_edits_meanwhile() -> None:
    """What an adoption works on cannot be moved or deleted; a dataset may be made larger."""
    world = Adopted()
    world.node.directories.trouble = "no"
    world.begin()
    world.run(1.0)
    forbidden: list[Callable[[Configuration], Edit]] = [
        lambda before: edits.delete_container(before, "pg"),
        lambda before: edits.update_container(
            before, "pg", lambda container: replace(container, volumes=())
        ),
    ]
    for edit in forbidden:
        with pytest.raises(Conflict, match="is being adopted"):
            world.cluster.edit(edit)
    world.cluster.edit(
        lambda before: edits.update_dataset(
            before, D, lambda dataset: replace(dataset, maximum_size=2**30)
        )
    )
    assert world.open_move is not None
    assert world.open_move.move_id == MOVE
    world.run(10.0)
    assert world.node.storage.copies[D].local.maximum_size == 2**30


@pytest.mark.parametrize("sick", [False, True])
def test_without_data(sick: bool) -> None:
    """A container without data is taken over as well, and goes on if that fails."""
    world = Adopted()
    world.container = replace(world.container, volumes=())
    if sick:
        world.node.containers.unhealthy["pg"] = "no answer"
    now = world.cluster.clock.seconds()
    adopting = Adopting(world.instance)
    world.cluster.edit(
        lambda before: adoption_edits.begin(before, MOVE, now, adopting, (), world.container)
    )
    world.run(10.0)
    past = world.past_move
    assert past is not None
    assert past.verdict == (moves.ROLLED_BACK if sick else moves.DONE)
    assert (world.plain_runs, world.ours_runs) == (sick, not sick)
    assert world.old_is_as_it_was() is sick
    assert ("pg" in world.configuration.containers) is not sick


def test_one_after_the_other() -> None:
    """An adoption that was cancelled leaves nothing that the next one would take for its own."""
    world = Adopted()
    for _ in range(3):
        world.node.directories.trouble = "no"
        world.begin() if world.past_move is None else world.again()
        world.run(0.5)
        world.cancel()
        while world.past_move is None:
            world.cluster.run(0.05)
    world.node.directories.trouble = None
    world.again()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_deleted_for_good() -> None:
    """Once it is cancelled, the container may be deleted, because its node may never come back."""
    world = Adopted()
    world.begin()
    world.cluster.stop_agent(world.node)
    world.cancel()
    world.cluster.edit(lambda before: edits.delete_container(before, "pg"))
    assert world.past_move is not None
    assert world.past_move.verdict == moves.CANCELLED
    world.cluster.start_agent(world.node)
    world.run(10.0)
    assert world.old_is_as_it_was()
    assert not world.ours_runs


def test_control_service_that_forgot() -> None:
    """A container whose adoption nobody knows any more is not started with half of its data."""
    world = Adopted()
    world.hang("directories", "difference")
    world.begin()
    world.run(3.0)
    world.free()
    world.forget_the_move()
    world.run(20.0)
    assert world.old_is_as_it_was()
    assert not world.ours_runs
    assert "the control service no longer knows" in (world.state().error or "")


def test_restarted_control_service() -> None:
    """It asks nobody for what it has written down, and hears the rest again."""
    world = Adopted()
    world.begin()
    world.run(0.1)
    world.cluster.stop_control()
    world.run(30.0)
    world.cluster.start_control()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()
