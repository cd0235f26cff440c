"""The notes of what fencing ended, and what they mean to a later look."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from flocker_lite.containers.engine import Engine
from flocker_lite.containers.fence_notes import STOP_MARGIN_SECONDS, FenceNotes
from flocker_lite.containers.processes import RunningProcess
from flocker_lite.containers.translate import create_arguments
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerExit
from tests.containers.fake_engine import Answer, FakeEngine, Request

NOW, TIMEOUT_SECONDS = 1000.0, 10.0
LATEST = NOW + TIMEOUT_SECONDS + STOP_MARGIN_SECONDS
RUN, NEXT_RUN = "2026-01-01T12:00:00.5Z", "2026-01-01T12:00:09.5Z"
LATER = "2999-01-01T00:00:00Z"


def by_itself(notes: FenceNotes, finished_at: float, started: str | None = RUN) -> bool:
    """Whether a run of the container ended by itself, according to the notes."""
    end = notes.applied("id-db", ContainerExit(143, finished_at, 1.0), started)
    assert end is not None
    return end.by_itself


@pytest.fixture
def notes(tmp_path: Path) -> FenceNotes:
    """Those of an agent that is about to stop one run of a container."""
    noted = FenceNotes(tmp_path / "fenced", lambda: NOW)
    assert by_itself(noted, NOW)
    noted.stops("id-db", RUN, TIMEOUT_SECONDS)
    return noted


def test_what_the_agent_stops_did_not_end_by_itself(notes: FenceNotes, tmp_path: Path) -> None:
    """The next agent knows it, too, and however long Docker may have taken."""
    for each in (notes, FenceNotes(tmp_path / "fenced")):
        assert not by_itself(each, NOW)
        assert not by_itself(each, LATEST)
        # Of one that was removed meanwhile, nobody can tell when its run started.
        assert not by_itself(each, NOW, None)
    assert notes.applied("id-db", None, RUN) is None


def test_a_run_that_somebody_starts_later_ends_by_itself(notes: FenceNotes) -> None:
    """By hand, say: then nobody forgets the note."""
    assert by_itself(notes, NOW + 1.0, NEXT_RUN)
    assert by_itself(notes, LATEST + 1.0, None)


def test_a_stop_that_never_happened(notes: FenceNotes) -> None:
    """The agent died before it: the run went on, and its end is its own. So is another's."""
    assert by_itself(notes, LATEST + 0.1)
    end = ContainerExit(143, NOW, 1.0)
    assert notes.applied("id-other", end, RUN) == end


def test_a_start_forgets_both_kinds(notes: FenceNotes, tmp_path: Path) -> None:
    """And leaves no file."""
    (tmp_path / "fenced" / "id-db").touch()
    notes.forget("id-db")
    notes.forget("id-db")
    assert by_itself(notes, NOW)
    assert list((tmp_path / "fenced").iterdir()) == []


@pytest.mark.parametrize("content", ["", "soon", f"soon {RUN}", "\0", f"nan {RUN}"])
def test_what_cannot_be_read_means_nothing(notes: FenceNotes, tmp_path: Path, content: str) -> None:
    """It is as if there were no note."""
    (note,) = (tmp_path / "fenced").iterdir()
    note.write_text(content)
    assert by_itself(notes, NOW)


def test_what_cannot_be_written_down_is_said(tmp_path: Path) -> None:
    """The container must be stopped nevertheless."""
    (tmp_path / "fenced").touch()
    with capturedLogs() as told:
        FenceNotes(tmp_path / "fenced").stops("id-db", RUN, TIMEOUT_SECONDS)
    assert [event["container_id"] for event in told] == ["id-db"]


def test_nothing_is_noted_without_a_folder() -> None:
    """Then there is nothing to forget, either."""
    nowhere = FenceNotes(None)
    nowhere.stops("id-db", RUN, TIMEOUT_SECONDS)
    assert by_itself(nowhere, NOW)
    nowhere.forget("id-db")


@pytest.mark.parametrize("is_exit", [False, True])
def test_it_is_noted_before_docker_is_asked(tmp_path: Path, is_exit: bool) -> None:
    """So a crash at any moment leaves no stop without its note."""
    arguments = create_arguments(Container("db", "n1", "redis:latest"), {}, "10.79.1.11")
    state = {"Status": "running", "Running": True, "ExitCode": 0, "StartedAt": RUN, "Pid": 1}
    seen: list[bool] = []

    def answer(request: Request) -> Answer:
        if request.path.endswith("/stop"):
            seen.append((tmp_path / "fenced" / "id-db.stop").exists())
            state.update(Status="exited", Running=False, ExitCode=143, FinishedAt=LATER, Pid=0)
            return Answer(204)
        if request.path == "/containers/json":
            return Answer(
                body=[
                    {
                        "Id": "id-db",
                        "Labels": arguments["Labels"],
                        "State": "exited",
                        "Names": ["/flocker--db"],
                        "Image": "redis:latest",
                    }
                ]
            )
        if request.path == "/networks/bridge":
            return Answer(body={"Created": RUN})
        details = {"Id": "id-db", "Name": "/flocker--db", "HostConfig": {}, "State": state}
        return Answer(body={**details, "Config": {"Labels": arguments["Labels"]}})

    served = FakeEngine(tmp_path, answer)
    engine = Engine("/docker.sock", tmp_path, fenced=tmp_path / "fenced")
    process = engine.process("db")
    assert process is not None
    assert process.started == RUN
    engine.stop("db", RunningProcess("id-db", None, started=RUN), TIMEOUT_SECONDS, is_exit)
    assert seen == [not is_exit]
    engine.close()
    served.close()
