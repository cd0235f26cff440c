"""A container of ours is released while it is written to, through the control service."""

from __future__ import annotations

import pytest

from flocker_lite.errors import Conflict
from flocker_lite.model import edits, moves
from flocker_lite.model.adoption import STOPPED
from flocker_lite.model.records import RestartPolicy
from flocker_lite.model.releasing import RELEASED
from tests.convergence.releasing import IMAGE, Released
from tests.convergence.takeover import D


def test_released() -> None:
    """A plain container serves with all that was written; ours leaves the configuration."""
    world = Released()
    world.begin()
    past = world.run_until_over()
    assert past.verdict == moves.DONE
    world.assert_right()
    (account,) = past.accounts
    assert [step.name for step in account.steps] == [
        *("stop", "send", "verify", "snapshot", "start", "answer"),
    ]
    assert account.phase == "done"
    assert account.predicted_pause_seconds is not None
    labels = world.node.foreign.made["pg"]["Config"]["Labels"]
    assert not labels


def test_without_health_check() -> None:
    """A container without one is tried out by its ports."""
    world = Released(check=None)
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_not_healthy() -> None:
    """A plain container that does not get well is taken away, and ours goes on by itself."""
    world = Released()
    world.node.foreign.unhealthy[IMAGE] = "no tables"
    world.begin()
    past = world.run_until_over()
    assert past.verdict == moves.ROLLED_BACK
    assert "no tables" in (past.accounts[0].error or "")
    world.assert_right()


def test_released_at_the_second_attempt() -> None:
    """What came back can be released once its trouble is over."""
    world = Released()
    world.node.foreign.unhealthy[IMAGE] = "no tables"
    world.begin()
    world.run_until_over()
    world.node.foreign.unhealthy.clear()
    world.again()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


@pytest.mark.parametrize("policy", [RestartPolicy("never"), RestartPolicy("on-failure", 2)])
def test_not_restarted_by_policy(policy: RestartPolicy) -> None:
    """Ours is started again whatever its restart policy says, since we stopped it."""
    world = Released(policy=policy)
    world.node.foreign.unhealthy[IMAGE] = "no tables"
    world.begin()
    assert world.run_until_over().verdict == moves.ROLLED_BACK
    world.assert_right()


def test_cancelled_while_it_copies() -> None:
    """Ours does not notice; the volumes that were made are gone."""
    world = Released()
    world.node.directories.trouble = "No space left on device"
    world.begin()
    world.run(3.0)
    assert "No space left" in world.shown()
    instance = world.node.containers.made["pg"].local.instance
    world.cancel()
    assert world.run_until_over().verdict == moves.CANCELLED
    world.assert_right()
    assert world.node.containers.made["pg"].local.instance == instance


def test_tried_again() -> None:
    """A round that failed is made again, without a stop."""
    world = Released()
    world.node.directories.trouble = "No space left on device"
    world.begin()
    world.run(3.0)
    world.node.directories.trouble = None
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_cancelled_in_the_pause() -> None:
    """Ours is started again."""
    world = Released()
    world.hang("directories", "difference")
    world.begin()
    world.run(3.0)
    assert world.node.adoption_notes.notes["pg"].step == STOPPED
    world.cancel()
    assert world.run_until_over().verdict == moves.CANCELLED
    world.assert_right()


def test_cancelled_too_late() -> None:
    """Whether it was in time is for the node to say."""
    world = Released()
    world.begin()
    world.cluster.cut_control(world.node)
    world.run(5.0)
    assert world.node.adoption_notes.notes["pg"].step == RELEASED
    world.cancel()
    world.cluster.cut_from_control.clear()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_forgotten() -> None:
    """A control service that no longer knows of a release does not have ours started again."""
    world = Released()
    world.begin()
    world.cluster.cut_control(world.node)
    world.run(5.0)
    world.forget_the_move()
    world.cluster.cut_from_control.clear()
    world.run(30.0)
    assert world.plain_runs
    assert not world.ours_runs
    assert world.cluster.control is not None
    state = world.cluster.control.cluster.nodes[world.node.node_id].containers["pg"]
    assert "has its data now" in (state.error or "")
    world.cluster.edit(lambda before: edits.delete_container(before, "pg"))
    world.run(5.0)
    assert world.plain_runs
    assert "pg" not in world.node.containers.made
    assert not world.node.adoption_notes.notes


def test_started_during_the_trial() -> None:
    """Ours may have clients if somebody starts it meanwhile: it keeps the service."""
    world = Released()
    world.may_both_run = True
    world.once("foreign", "answers", lambda: world.node.containers.start_by_hand("pg"))
    world.begin()
    assert world.run_until_over().verdict == moves.ROLLED_BACK
    assert world.ours_runs
    assert not world.node.foreign.made


def test_renamed_during_the_trial() -> None:
    """A plain container that somebody renames meanwhile is found by its id."""
    world = Released()
    world.node.foreign.unhealthy[IMAGE] = "no tables"

    def rename() -> None:
        made = world.node.foreign.made
        (name,) = made
        made["mine"] = {**made.pop(name), "Name": "/mine"}

    world.once("foreign", "answers", rename)
    world.begin()
    assert world.run_until_over().verdict == moves.ROLLED_BACK
    world.assert_right()


def test_cancelled_before_it_was_noted() -> None:
    """A plain container of which only its name is known goes as well."""
    world = Released()
    world.once("foreign", "make", lambda: world.hang("adoption_notes", "write"))
    world.begin()
    world.run(5.0)
    assert world.node.foreign.made
    assert not world.node.adoption_notes.notes["pg"].instance
    world.free()
    world.cluster.cut_control(world.node)
    world.cancel()
    world.cluster.stop_agent(world.node)
    world.cluster.cut_from_control.clear()
    world.cluster.start_agent(world.node)
    assert world.run_until_over().verdict == moves.CANCELLED
    world.assert_right()


def test_volume_of_somebody_else() -> None:
    """A volume of that name that appears meanwhile is left alone, and it is said so."""
    world = Released()
    world.node.foreign.volumes["pgdata"] = "somebody"
    world.begin()
    world.run(3.0)
    assert "somebody else made" in world.shown()
    assert world.ours_runs
    world.cancel()
    assert world.run_until_over().verdict == moves.CANCELLED
    assert world.node.foreign.volumes == {"pgdata": "somebody"}


def test_name_taken_meanwhile() -> None:
    """A container of that name that appears in the pause keeps it; the plain one has another."""
    world = Released()
    world.once(
        "foreign", "answers", lambda: world.node.foreign.run("pg", {"Image": "other:1"}, "exited")
    )
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    names = world.node.foreign.made.keys()
    assert "pg" in names
    assert any(name.startswith("pg--release-") for name in names)


def test_ends_while_it_copies() -> None:
    """A container that ends by itself is started again, and then released."""
    world = Released()
    world.hang("directories", "copy")
    world.begin()
    world.run(1.0)
    world.node.containers.end("pg", 1)
    world.free()
    assert world.run_until_over().verdict == moves.DONE
    world.assert_right()


def test_removed_by_hand_after_the_commit() -> None:
    """Who removes the plain container at once wants it gone: the release is done."""
    world = Released()
    world.once("foreign", "set_restart_policy", world.node.foreign.made.clear)
    world.begin()
    assert world.run_until_over().verdict == moves.DONE
    assert not world.ours_runs
    assert world.node.foreign.volumes.keys() == {"pgdata"}


def test_edits_meanwhile() -> None:
    """What is being released stays where it is until that is over."""
    world = Released()
    world.node.directories.trouble = "no"
    world.begin()
    world.run(1.0)
    with pytest.raises(Conflict, match="is being released"):
        world.change(running=False)
    world.change(retry_generation=1)
    for doing in (
        lambda before: edits.delete_container(before, "pg"),
        lambda before: edits.delete_dataset(before, D),
    ):
        with pytest.raises(Conflict, match="is being"):
            world.cluster.edit(doing)
    with pytest.raises(Conflict, match="is moving"):
        world.again()
    world.move_id = "release-1"
    world.cancel()
    world.cluster.edit(lambda before: edits.delete_container(before, "pg"))
    world.run(5.0)
    assert not world.ours_runs
    assert not world.node.foreign.volumes
    assert not world.node.adoption_notes.notes


def test_stopped() -> None:
    """A container that is to be stopped is not released."""
    world = Released()
    world.change(running=False)
    with pytest.raises(Conflict, match="start it first"):
        world.begin()
