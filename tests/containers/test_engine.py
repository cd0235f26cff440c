"""What is asked of a Docker engine, how often, and what its words become."""

from __future__ import annotations

import base64
import gc
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flocker_lite.containers.bounded_responses import (
    BODY_BYTES_MAX,
    ERROR_BYTES_MAX,
    LINE_BYTES_MAX,
)
from flocker_lite.containers.engine import Engine
from flocker_lite.containers.pull_progress import LAYERS_MAX, Layers
from flocker_lite.containers.translate import create_arguments
from flocker_lite.errors import ContainerError, ImageError
from flocker_lite.model.records import Container
from flocker_lite.model.state import ImagePull, LocalContainer
from tests.containers.fake_engine import Answer, FakeEngine, Request

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
DOCKER_BEGAN = "2026-01-01T12:00:00.5Z"
BEFORE = "2026-01-01T11:00:00.123456789Z"
AFTER = "2026-01-01T13:00:00Z"
TERA = 2**40
DIGEST, OTHER = f"sha256:{'b' * 64}", f"sha256:{'a' * 64}"


class Docker:
    """An engine with containers of ours, and what it says to a pull."""

    def __init__(self) -> None:
        self.containers: list[dict[str, Any]] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.pull = Answer(lines=[{"status": "Status: Downloaded newer image"}])
        self.start = Answer(204)
        self.listed: Answer | None = None
        self.events = Answer()
        self.has_bridge = True
        self.images: dict[str, list[str] | None] = {}

    def add(self, name: str, status: str, finished: str = AFTER, started: str = BEFORE) -> None:
        """One more container; the times are those of its last run."""
        arguments = create_arguments(Container(name, NODE, "redis:latest"), {}, "10.79.1.11")
        self.containers.append(
            {
                "Id": f"id-{name}",
                "Names": [f"/flocker--{name}"],
                "Labels": arguments["Labels"],
                "State": status,
                "Image": "redis:latest",
            }
        )
        self.states[f"id-{name}"] = {
            "Status": status,
            "Running": status == "running",
            "ExitCode": 7,
            "StartedAt": started,
            "FinishedAt": finished,
            "Pid": 0,
        }

    def inspected(self, reference: str) -> dict[str, Any] | None:
        """What there is to know of a container, by its id or name: newer than the list."""
        for entry in self.containers:
            name = entry["Names"][0]
            if reference in (entry["Id"], name.removeprefix("/")) and entry["Id"] in self.states:
                return {
                    "Id": entry["Id"],
                    "Name": name,
                    "Config": {"Labels": entry["Labels"], "Image": entry.get("Image")},
                    "HostConfig": {},
                    "State": self.states[entry["Id"]],
                }
        return None

    def answer(self, request: Request) -> Answer:
        """As Docker does."""
        match request.path.strip("/").split("/"):
            case ["events"]:
                return self.events
            case ["containers", "json"] if self.listed is not None:
                return self.listed
            case ["containers", "json"]:
                return Answer(body=self.containers)
            case ["containers", reference, "json"] if self.inspected(reference) is not None:
                return Answer(body=self.inspected(reference))
            case ["containers", "id-db", "start"]:
                return self.start
            case ["containers", "id-db"]:
                return Answer(204)
            case ["networks", "bridge"] if self.has_bridge:
                return Answer(body={"Created": DOCKER_BEGAN})
            case ["images", reference, "json"] if reference in self.images:
                return Answer(body={"Id": reference, "RepoDigests": self.images[reference]})
            case ["images", "create"]:
                return self.pull
        return Answer(404, {"message": "there is none"})


@pytest.fixture
def docker() -> Docker:
    """A Docker with nothing in it."""
    return Docker()


@pytest.fixture
def served(docker: Docker, tmp_path: Path) -> Iterator[FakeEngine]:
    """The same, at a socket."""
    fake = FakeEngine(tmp_path, docker.answer)
    yield fake
    fake.close()


@pytest.fixture
def engine(served: FakeEngine, tmp_path: Path) -> Iterator[Engine]:
    """Ours, at that socket."""
    engine = Engine("/docker.sock", tmp_path)
    yield engine
    engine.close()


def found(engine: Engine) -> dict[str, LocalContainer]:
    """What it sees."""
    return {local.container.name: local for local in engine.discovery.containers()}


@pytest.mark.parametrize("count", [1, 10, 50])
def test_one_call_for_all_that_run(
    docker: Docker, served: FakeEngine, engine: Engine, count: int
) -> None:
    """However many containers run, they are seen with one call."""
    for number in range(count):
        docker.add(f"c{number}", "running")
    assert len(found(engine)) == count
    assert served.paths == ["/containers/json"]


def digests(engine: Engine) -> dict[str, str]:
    """The image's digest of each container."""
    return {name: local.image_digest for name, local in found(engine).items()}


def test_digests(docker: Docker, served: FakeEngine, engine: Engine) -> None:
    """Docker is asked for an image once, however many containers have it and looks there are."""
    docker.images = {
        "sha256:1": [f"mirror:5000/redis@{OTHER}", f"redis@{DIGEST}"],
        "sha256:2": None,
    }
    images = {"a": "sha256:1", "b": "sha256:1", "built": "sha256:2", "removed": "sha256:3"}
    for name, image_id in images.items():
        docker.add(name, "running")
        docker.containers[-1]["ImageID"] = image_id
    assert digests(engine) == {"a": DIGEST, "b": DIGEST, "built": "", "removed": ""}
    asked = [path for path in served.paths if path.startswith("/images/")]
    assert asked == [f"/images/sha256:{number}/json" for number in (1, 2, 3)]
    del served.asked[:]
    assert digests(engine)["a"] == DIGEST
    assert served.paths == ["/containers/json"]


def test_a_digest_that_comes_later(docker: Docker, served: FakeEngine, engine: Engine) -> None:
    """What an image is asked for another reason is known of its containers from then on."""
    docker.images = {"sha256:1": None}
    docker.add("built", "running")
    docker.containers[-1]["ImageID"] = "sha256:1"
    assert digests(engine) == {"built": ""}
    docker.images = {"sha256:1": [f"elsewhere@{DIGEST}"]}
    engine.images.image("sha256:1")
    del served.asked[:]
    assert digests(engine) == {"built": DIGEST}
    assert served.paths == ["/containers/json"]


def test_one_alone(docker: Docker, served: FakeEngine, engine: Engine) -> None:
    """One that moved is asked for alone, and what is known of the others stays known."""
    for number in range(12):
        docker.add(f"c{number}", "exited")
    engine.discovery.attend(True)
    found(engine)
    engine.discovery.moved("id-c1")
    del served.asked[:]
    local = engine.discovery.look("c1")
    assert local is not None
    assert local.container.name == "c1"
    assert served.paths == ["/containers/id-c1/json", "/networks/bridge"]
    del served.asked[:]
    assert len(found(engine)) == 12
    assert served.paths == ["/containers/json"]
    assert engine.discovery.look("c") is None


def test_ends_are_looked_at_once(docker: Docker, served: FakeEngine, engine: Engine) -> None:
    """While events tell what moves, those that ended long ago cost nothing."""
    for number in range(9):
        docker.add(f"c{number}", "exited")
    engine.discovery.attend(True)
    found(engine)
    # Of each also what it said last, as it ended with an error.
    assert len(served.asked) == 1 + 9 + 1 + 9
    del served.asked[:]
    found(engine)
    assert served.paths == ["/containers/json"]
    engine.discovery.moved("id-c3")
    del served.asked[:]
    found(engine)
    assert served.paths == ["/containers/json", "/containers/id-c3/json", "/networks/bridge"]


def test_ends_are_not_believed_unwatched(
    docker: Docker, served: FakeEngine, engine: Engine
) -> None:
    """When nobody tells what moves, each look is a look at all of them; and after that ceased."""
    docker.add("db", "exited")
    found(engine)
    found(engine)
    assert served.paths.count("/containers/id-db/json") == 2
    engine.discovery.attend(True)
    found(engine)
    engine.discovery.attend(False)
    found(engine)
    assert served.paths.count("/containers/id-db/json") == 4


def test_by_itself(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """What ended since this Docker began ended by itself; what ended earlier went down with it."""
    docker.add("crashed", "exited", finished=AFTER)
    docker.add("lost", "exited", finished=BEFORE)
    seen = found(engine)
    crashed, lost = seen["crashed"].last_exit, seen["lost"].last_exit
    assert crashed is not None
    assert lost is not None
    assert (crashed.by_itself, lost.by_itself) == (True, False)
    assert crashed.exit_code == 7
    assert crashed.ran_seconds == pytest.approx(7200, abs=1)


def test_killed_by_a_fence(docker: Docker, served: FakeEngine, tmp_path: Path) -> None:
    """That was no end by itself, until it is started again."""
    docker.add("db", "exited", finished=AFTER)
    note = tmp_path / "fenced" / "id-db"
    note.parent.mkdir()
    fenced = Engine("/docker.sock", tmp_path, fenced=note.parent)
    for is_noted in (False, True):
        if is_noted:
            note.touch()
        end = found(fenced)["db"].last_exit
        assert end is not None
        assert end.by_itself is not is_noted
    fenced.start("db")
    assert not note.exists()
    fenced.close()


def test_no_bridge(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """Where Docker has no default bridge, the start of the machine tells the ends apart."""
    docker.has_bridge = False
    docker.add("old", "exited", finished="2001-01-01T00:00:00Z", started="2001-01-01T00:00:00Z")
    docker.add("new", "exited", finished="2999-01-01T00:00:00Z")
    seen = found(engine)
    ends = [seen[name].last_exit for name in ("old", "new")]
    assert [end is not None and end.by_itself for end in ends] == [False, True]


def test_gone_between_two_questions(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """A container that was removed after it was listed is not there."""
    docker.add("db", "exited")
    docker.states.clear()
    assert found(engine) == {}


def test_the_list_is_late(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """Of what died Docker's list says for a while that it runs: its end is seen all the same."""
    docker.add("db", "running")
    docker.add("other", "running")
    engine.discovery.attend(True)
    assert found(engine)["db"].running
    docker.states["id-db"] |= {"Status": "exited", "Running": False}
    engine.discovery.moved("id-db")
    looked = engine.discovery.look("db")
    assert looked is not None
    assert (looked.status, found(engine)["db"].status) == ("exited", "exited")
    assert found(engine)["other"].running


def test_the_list_is_late_for_a_look_at_all(
    docker: Docker, engine: Engine, served: FakeEngine
) -> None:
    """The same when nobody has looked at that one alone before."""
    docker.add("db", "running")
    engine.discovery.attend(True)
    found(engine)
    docker.states["id-db"] |= {"Status": "exited", "Running": False}
    engine.discovery.moved("id-db")
    assert found(engine)["db"].status == "exited"


def rename(docker: Docker, name: str) -> None:
    """`docker rename` of the only container."""
    docker.containers[0]["Names"] = [f"/{name}"]


@pytest.mark.parametrize("name", ["kv-old", "flocker--other"])
def test_renamed(docker: Docker, engine: Engine, served: FakeEngine, name: str) -> None:
    """One that somebody renamed is still ours, under the name that its label says."""
    docker.add("db", "running")
    assert list(found(engine)) == ["db"]
    rename(docker, name)
    looked = engine.discovery.look("db")
    assert looked is not None
    assert looked.running
    assert list(found(engine)) == ["db"]


def test_renamed_before_anybody_looked(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """An agent that starts then finds it as well, whatever it does first."""
    docker.add("db", "running")
    rename(docker, "kv-old")
    assert engine.process("db") is not None


def test_its_name_was_given_to_another(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """What would have to be called like another one of ours cannot be made, and it is said why."""
    docker.add("db", "running")
    rename(docker, "flocker--other")
    arguments = create_arguments(Container("other", NODE, "redis:latest"), {}, "10.79.1.11")
    with pytest.raises(ContainerError, match="docker rename flocker--other flocker--db"):
        engine.create("other", arguments)


def test_a_copy_is_not_ours(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """An image of `docker commit` has our labels, and what others run of it is theirs."""
    docker.add("db", "running")
    docker.add("db", "exited")
    docker.containers[1] |= {"Id": "id-copy", "Names": ["/copy"], "Image": "mine:latest"}
    docker.states["id-copy"] = docker.states["id-db"] | {"Status": "exited"}
    docker.states["id-db"] |= {"Status": "running", "Running": True}
    (local,) = engine.discovery.containers()
    assert (local.instance, local.running) == ("id-db", True)
    del docker.containers[0]
    assert found(engine) == {}
    assert engine.discovery.look("db") is None


def test_paused(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """It is neither started nor asked, with an error that says what to do."""
    docker.add("db", "paused")
    docker.states["id-db"] |= {"Running": True, "Paused": True}
    assert found(engine)["db"].paused
    with pytest.raises(ContainerError, match="docker unpause flocker--db"):
        engine.start("db")
    assert engine.server("db") == "it does not run: it is paused"


def pull(engine: Engine, image: str = "redis:7") -> list[ImagePull]:
    """Pull to the end."""
    going_on = engine.images.pull(image)
    told = []
    while (progress := going_on.advance()) is not None:
        told.append(progress)
    return told


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("redis:7", "tag=7&fromImage=redis"),
        ("registry.example:5000/redis:7", "tag=7&fromImage=registry.example%3A5000%2Fredis"),
        ("registry.example:5000/redis", "tag=latest&fromImage=registry.example%3A5000%2Fredis"),
        (
            f"redis@sha256:{'0' * 64}",
            f"tag=sha256%3A{'0' * 64}&fromImage=redis",
        ),
    ],
)
def test_what_is_pulled(engine: Engine, served: FakeEngine, image: str, asked: str) -> None:
    """A registry's port is not taken for a tag, and a digest is one."""
    pull(engine, image)
    assert served.asked[-1].query == asked


def test_credentials(
    engine: Engine, served: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login of the agent's user counts from the next pull on; other registries do not see it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    pull(engine, "registry.example:5000/redis:7")
    assert "X-Registry-Auth" not in served.asked[-1].headers
    auth = base64.b64encode(b"me:secret").decode()
    login = {"auths": {"registry.example:5000": {"auth": auth}}}
    (tmp_path / "config.json").write_text(json.dumps(login))
    pull(engine, "registry.example:5000/redis:7")
    told = json.loads(base64.b64decode(served.asked[-1].headers["X-Registry-Auth"]))
    assert (told["username"], told["password"]) == ("me", "secret")
    pull(engine, "other.example/redis:7")
    assert "X-Registry-Auth" not in served.asked[-1].headers


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("manifest for redis:nope not found: manifest unknown", "no such image or tag"),
        ("manifest unknown: manifest unknown", "no such image or tag"),
        (
            "pull access denied for redys, repository does not exist or may require 'docker login'",
            "or it is private",
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "for other platforms only: correct `platform`",
        ),
        ("unauthorized: authentication required", "docker login"),
        ("Get https://r.example/v2/: no basic auth credentials", "docker login"),
        ('Get "http://10.0.0.9:5000/v2/": dial tcp: connect: connection refused', "be reached"),
        ('Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', "be reached"),
        ("net/http: TLS handshake timeout", "be reached"),
        (
            "failed to register layer: write /x: no space left on device",
            "disk of this node is full",
        ),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_trouble(
    docker: Docker, engine: Engine, served: FakeEngine, said: str, advice: str, at_once: bool
) -> None:
    """Whatever keeps an image away is said in Docker's words, and with what to do about it."""
    if at_once:
        docker.pull = Answer(500, {"message": said})
    else:
        docker.pull = Answer(lines=[{"status": "Waiting", "id": "a"}, {"error": said}])
    with pytest.raises(ImageError) as raised:
        pull(engine)
    assert advice in str(raised.value)
    assert said in str(raised.value)
    assert "redis:7" in str(raised.value)


def test_docker_is_away(tmp_path: Path) -> None:
    """A Docker that is not there is no trouble of the image."""
    engine = Engine("/docker.sock", tmp_path)
    with warnings.catch_warnings():
        # Docker's client leaves the socket that it could not connect to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(ContainerError, match="does not answer"):
            engine.images.pull("redis:7")
        gc.collect()


@pytest.mark.parametrize(
    "said", ["task c0ffee: already exists: unknown", "id already in use: unknown"]
)
def test_remains(docker: Docker, engine: Engine, served: FakeEngine, said: str) -> None:
    """A container that Docker lost track of is removed, since it can neither start nor end it."""
    docker.add("db", "created")
    docker.start = Answer(500, {"message": said})
    with pytest.raises(ContainerError, match="create it again"):
        engine.start("db")
    assert [(asked.method, asked.path) for asked in served.asked[-1:]] == [
        ("DELETE", "/containers/id-db")
    ]


def test_a_start_that_fails(docker: Docker, engine: Engine, served: FakeEngine) -> None:
    """Any other failure leaves the container where it is."""
    docker.add("db", "created")
    docker.start = Answer(500, {"message": "port is already allocated"})
    with pytest.raises(ContainerError, match="already allocated"):
        engine.start("db")
    assert served.asked[-1].path == "/containers/id-db/start"


SOCKET_BYTES_MAX = 4 * 1024 * 1024
"""What may be on its way when nobody reads any more."""


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_without_end(
    docker: Docker, served: FakeEngine, engine: Engine, status: int
) -> None:
    """Docker passes on what others say: no more of it is read than is of use."""
    docker.listed = Answer(status, endless=b"x" * 100_000)
    with pytest.raises(ContainerError, match="a response of more than"):
        engine.discovery.containers()
    limit = BODY_BYTES_MAX if status == 200 else ERROR_BYTES_MAX
    assert served.endless_bytes < limit + SOCKET_BYTES_MAX


def test_a_pull_whose_line_has_no_end(docker: Docker, served: FakeEngine, engine: Engine) -> None:
    """The same goes for each line of a stream that is read as it comes."""
    docker.pull = Answer(endless=b"x" * 100_000)
    pull = engine.images.pull("redis:latest")
    with pytest.raises(ImageError, match="a line of more than"):
        pull.advance()
    assert served.endless_bytes < LINE_BYTES_MAX + SOCKET_BYTES_MAX


def test_a_pull_of_ever_more_layers() -> None:
    """So many are no image's: what is beyond is not counted."""
    layers = Layers()
    for number in range(3 * LAYERS_MAX):
        layers.take({"status": "Downloading", "id": f"{number}", "progressDetail": {"total": 1}})
    assert layers.progress.layers == LAYERS_MAX


def test_events_whose_line_has_no_end(docker: Docker, served: FakeEngine, engine: Engine) -> None:
    """The stream of these ends then, and another one is asked for."""
    docker.events = Answer(endless=b"x" * 100_000)
    assert list(engine.events()) == []
    assert served.endless_bytes < LINE_BYTES_MAX + SOCKET_BYTES_MAX
