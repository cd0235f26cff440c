"""Each command before a control service in memory: what it says, what it does, its exit code."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite import __version__
from flocker_lite.model.records import Container
from flocker_lite.model.state import AsideState, ContainerState, NodeState
from flocker_lite.model.versions import NEWEST
from flocker_lite.testing.memory_output import MemoryOutput, MemoryOutputs
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2

D = "dddddddd-0000-4000-8000-000000000001"


class LookingTests(CLITestCase):
    def test_nodes(self) -> None:
        """Each node with whether its agent is there."""
        self.both_report()
        lines = self.answer("nodes").splitlines()
        assert lines[0].split()[:2] == ["NODE", "STATE"]
        assert [line.split()[:2] for line in lines[1:]] == [
            [ADDRESS_1, "here"],
            [ADDRESS_2, "here"],
        ]
        assert self.answer("nodes", "-q").split() == [ADDRESS_1, ADDRESS_2]

    def test_what_nodes_allow(self) -> None:
        """A wide table has what each node's file allows, and the protocol of its agent."""
        self.both_report()
        self.allow("/dev/kvm", "NET_ADMIN")
        titles, first, *_ = self.answer("nodes", "-o", "wide").splitlines()
        assert "PROTOCOL  ALLOWS" in titles
        assert f"{NEWEST}         /dev/kvm, NET_ADMIN" in first

    def test_nothing_yet(self) -> None:
        """A person is told what to do."""
        assert "flockerctl run" in self.answer("containers")
        assert self.told("containers") == []

    def test_containers(self) -> None:
        """How each one is, and the error of one that is not well."""
        redis = self.redis()
        self.both_report(ContainerState(redis, False, error="no such image"))
        assert "no such image" in self.answer("containers")
        assert self.told("containers")[0]["running"] is False
        self.both_report(ContainerState(redis, True, health="healthy"))
        assert "running (healthy)" in self.answer("containers")

    def test_stop_and_start(self) -> None:
        """A stopped container is shown as that, and nothing is wrong with it."""
        redis = self.redis()
        self.both_report(ContainerState(redis, False))
        assert self.answer("stop", "redis").split() == ["redis"]
        assert self.control.configuration.containers["redis"].running is False
        assert "stopped" in self.answer("containers")
        assert "HEALTHY" not in self.answer("status")
        assert "running: false" in self.answer("export")
        self.answer("start", "redis", "--no-wait")
        assert self.control.configuration.containers["redis"].running
        self.answer("restart", "redis", "--no-wait")
        assert self.control.configuration.containers["redis"].restart_generation == 2
        assert self.answer("retry", "redis", "--no-wait").split() == ["redis"]
        assert self.control.configuration.containers["redis"].retry_generation == 1

    def test_restart_waits(self) -> None:
        """Until the state shows that it was restarted."""
        self.both_report(ContainerState(self.redis(), True))
        result = self.run_command("restart", "redis", "--timeout", "2s")
        assert "its node keeps trying" in result.output
        restarted = self.control.configuration.containers["redis"]
        self.meanwhile.append(lambda: self.both_report(ContainerState(restarted, True)))
        result = self.run_command("restart", "redis", "--timeout", "2s")
        assert result.exit_code == 5

    def test_logs(self) -> None:
        """What a container wrote, byte by byte; of one that is not there it is said so."""
        self.redis()
        outputs = MemoryOutputs()
        outputs.say("redis", b"one\n\xff\ntwo\n")

        async def output(node_id: str, name: str, lines: int, follow: bool) -> MemoryOutput:
            return outputs.open(name, lines, follow)

        self.control.output = output  # type: ignore[method-assign,assignment]
        assert self.run_command("logs", "redis").stdout_bytes == b"one\n\xff\ntwo\n"
        assert self.answer("logs", "redis", "--tail", "1") == "two\n"
        assert "Container not found" in self.run_command("logs", "nobody").output

    def test_a_healthy_cluster(self) -> None:
        """Status says so, and succeeds."""
        self.both_report(ContainerState(self.redis(), True, serving=True))
        assert self.answer("status").startswith("healthy: 2 nodes, 1 of 1 containers running")

    def test_what_is_wrong_comes_first(self) -> None:
        """And the command fails."""
        self.both_report(ContainerState(self.redis(), False, error="no such image"))
        result = self.run_command("status")
        assert result.exit_code == 1
        lines = result.output.splitlines()
        assert lines[0] == "! container redis: no such image"
        assert lines[1].startswith("NOT HEALTHY")
        assert '"healthy": false' in self.run_command("status", "-o", "json").output

    def test_events(self) -> None:
        """One line for each change; what somebody wrote cannot drive the terminal."""
        item = {"host": ADDRESS_1, "running": True, "error": "\x1b[2J"}
        change = {"event": "change", "collection": "state/containers", "id": "redis"}
        self.events = [
            {"event": "alive", "generation": 1},
            {**change, "generation": 2, "items": [item]},
            {**change, "generation": 3, "items": []},
        ]
        assert self.answer("events").splitlines() == [
            f"2  state/containers redis: {ADDRESS_1} running ?[2J",
            "3  state/containers redis: gone",
        ]
        assert self.answer("events", "--once").strip() == "1"


class ChangingTests(CLITestCase):
    def run_redis(self, *words: str) -> str:
        """Run a redis with a dataset, and do not wait for it."""
        return self.answer(
            *("run", "--on", ADDRESS_1, "-v", "redis_data:/data", "-p", "6379", "--no-wait"),
            *words,
            *("redis", "redis-server", "--appendonly", "yes"),
        )

    def test_run(self) -> None:
        """With Docker's words; the dataset is made, and options after the image are its own."""
        self.both_report()
        said = self.run_redis("--restart", "always", "-m", "64m", "-e", "A=1")
        assert said.splitlines()[-1] == "redis"
        container = self.control.configuration.containers["redis"]
        (dataset,) = self.control.configuration.datasets.values()
        assert dict(dataset.metadata) == {"name": "redis_data"}
        assert container.node == NODE_1
        assert [volume.dataset_id for volume in container.volumes] == [dataset.dataset_id]
        assert container.command_line == ("redis-server", "--appendonly", "yes")
        assert container.memory_limit == 64 * 1024**2
        assert dict(container.environment) == {"A": "1"}
        assert container.restart_policy.name == "always"

    def test_run_with_parts_of_a_dataset(self) -> None:
        """What a volume says beside its dataset is kept."""
        self.both_report()
        mount = "source=two,target=/b,volume-subpath=pg"
        words = ("-v", "one:/a:ro", "--mount", mount)
        self.answer("run", "--on", ADDRESS_1, *words, "--no-wait", "redis")
        container = self.control.configuration.containers["redis"]
        seen = [(each.mountpoint, each.read_only, each.subpath) for each in container.volumes]
        assert seen == [("/a", True, None), ("/b", False, "pg")]

    def test_run_with_a_path_of_the_node(self) -> None:
        """It is a bind mount, where the node allows it; no dataset is made."""
        self.both_report()
        words = ("run", "--on", ADDRESS_1, "-v", "/srv/web:/www:ro", "--no-wait", "redis")
        result = self.run_command(*words)
        assert result.exit_code == 3
        assert "write `allow: [/srv/web]` into" in result.output
        self.allow("/srv/web")
        self.answer(*words)
        (bind,) = self.control.configuration.containers["redis"].bind_mounts
        assert (bind.host_path, bind.mountpoint, bind.read_only) == ("/srv/web", "/www", True)
        assert not self.control.configuration.datasets

    def test_run_with_a_dataset_that_is_there(self) -> None:
        """It is used, not made a second time."""
        self.both_report()
        self.created(
            "/configuration/datasets", {"primary": ADDRESS_1, "metadata": {"name": "redis_data"}}
        )
        self.run_redis()
        assert len(self.control.configuration.datasets) == 1

    def test_run_waits(self) -> None:
        """Until it runs; the answer is its name."""
        self.both_report()

        def starts() -> None:
            container = self.control.configuration.containers["web"]
            self.both_report(ContainerState(container, True, serving=True))

        self.meanwhile = [starts]
        assert self.answer("run", "--on", ADDRESS_1, "--name", "web", "nginx").strip() == "web"

    def test_run_does_not_wait_for_ever(self) -> None:
        """A time-out has an exit code of its own, and says what the agent says."""
        self.both_report()
        result = self.run_command("run", "--on", ADDRESS_1, "--timeout", "3s", "nginx")
        assert result.exit_code == 5
        assert "container nginx does not run" in result.output

    def test_a_node_that_is_not_found(self) -> None:
        """Nothing is made, and the nearest node is named."""
        self.both_report()
        result = self.run_command("run", "--on", "10.77.1.12", "-v", "a:/data", "redis")
        assert result.exit_code == 1
        assert "there is no node '10.77.1.12'; did you mean" in result.output
        assert not self.control.configuration.datasets

    def test_a_name_that_is_taken(self) -> None:
        """A conflict, with the service's own words."""
        self.both_report()
        self.redis()
        result = self.run_command("run", "--on", ADDRESS_1, "redis")
        assert result.exit_code == 3
        assert result.output.startswith("flockerctl: The container name already exists")
        assert "{" not in result.output

    def test_usage(self) -> None:
        """What makes no sense is refused before anything is done."""
        self.both_report()
        for words in (["-p", "x"], ["-m", "much"], ["--restart", "maybe"], ["-v", "srv:data"]):
            result = self.run_command("run", "--on", ADDRESS_1, *words, "redis")
            assert result.exit_code == 2, result.output
        assert not self.control.configuration.datasets
        assert not self.control.configuration.containers

    def test_delete(self) -> None:
        """The container goes, its data stays, and that is said."""
        self.both_report()
        self.run_redis()
        assert "stays" in self.answer("delete", "redis")
        assert not self.control.configuration.containers
        assert not any(each.deleted for each in self.control.configuration.datasets.values())

    def test_delete_as_a_dry_run(self) -> None:
        """It is said what would become of each, and nothing is done."""
        self.both_report()
        self.run_redis()
        lines = self.answer("delete", "redis", "--dry-run").splitlines()
        assert lines[0] == f"container redis on {ADDRESS_1} would be removed"
        assert lines[1].endswith(" would stay")
        said = self.answer("delete", "redis", "--datasets", "--dry-run")
        assert "would be destroyed for good" in said
        assert self.control.configuration.containers

    def test_delete_with_its_datasets(self) -> None:
        """Asks first; a no changes nothing."""
        self.both_report()
        self.run_redis()
        refused = self.run_command("delete", "redis", "--datasets", input_text="n\n")
        assert refused.exit_code == 1
        assert self.control.configuration.containers
        self.answer("delete", "redis", "--datasets", "-y")
        assert all(each.deleted for each in self.control.configuration.datasets.values())

    def test_export(self) -> None:
        """What is configured, and no state."""
        self.both_report()
        self.run_redis()
        found = self.told("export")[0]
        assert [item["name"] for item in found["containers"]] == ["redis"]
        assert "state" not in found["datasets"][0]


class SetAsideTests(CLITestCase):
    """What is set aside of a copy on one node, and under the same name on both."""

    ONE, TWICE = f"{D}.trial-8", f"{D}.diverged-9"

    def setUp(self) -> None:
        super().setUp()
        trial = AsideState(D, "trial", 1732816800, 4096)
        twice = AsideState(D, "diverged", 1732816900, 0)
        both = pmap({self.ONE: trial, self.TWICE: twice})
        self.control.report(NODE_1, NodeState(set_aside=both))
        self.control.report(NODE_2, NodeState(set_aside=pmap({self.TWICE: twice})))

    def test_list(self) -> None:
        """Each with its node, why, and how much it takes."""
        lines = self.answer("set-aside").splitlines()
        row = next(line for line in lines if self.ONE in line)
        assert [row.split()[at] for at in (1, 2, 4, 5)] == [ADDRESS_1, "trial", "4.0", "KiB"]
        assert len(self.told("set-aside")) == 3

    def test_delete(self) -> None:
        """A person is asked before; then it is destroyed where it is."""
        assert self.run_command("delete-set-aside", self.ONE, input_text="n\n").exit_code == 1
        assert not any(item.get("deleting") for item in self.told("set-aside"))
        said = self.answer("delete-set-aside", self.ONE, input_text="y\n")
        assert f"{self.ONE} on {ADDRESS_1} is being destroyed" in said
        going = [item["name"] for item in self.told("set-aside") if item.get("deleting")]
        assert going == [self.ONE]

    def test_delete_of_one_of_two(self) -> None:
        """Nothing is guessed."""
        result = self.run_command("delete-set-aside", "-y", self.TWICE)
        assert result.exit_code == 2
        assert "--on" in result.output
        self.answer("delete-set-aside", "-y", "--on", ADDRESS_2, self.TWICE)
        going = [item["host"] for item in self.told("set-aside") if item.get("deleting")]
        assert going == [ADDRESS_2]


class MovingTests(CLITestCase):
    def moved(self) -> Container:
        """A container without data on its way from the first node to the second."""
        redis = self.redis()
        self.both_report(ContainerState(redis, True, serving=True))
        return redis

    def test_a_move_that_is_not_waited_for(self) -> None:
        """Its id is the answer; options go along."""
        self.moved()
        words = ("--to", ADDRESS_2, "--max-pause", "500ms", "--bandwidth", "1m", "--no-wait")
        move_id = self.answer("move", "redis", *words).strip()
        move = self.control.configuration.moves[move_id]
        assert move.options.max_pause_seconds == 0.5
        assert move.options.bandwidth_limit == 1024**2
        assert "preparing" in self.answer("moves", "redis")

    def test_a_move_that_is_there_already(self) -> None:
        """Is no move."""
        self.moved()
        assert "is already on 10.77.0.11" in self.answer("move", "redis", "--to", ADDRESS_1)

    def test_cancel(self) -> None:
        """By the container's name; waiting for it ends with an exit code of its own."""
        self.moved()
        self.meanwhile = []
        self.answer("move", "redis", "--to", ADDRESS_2, "--no-wait")
        assert "everything stays on 10.77.0.11" in self.answer("cancel", "redis")
        assert not self.control.configuration.moves
        again = self.run_command("cancel", "redis")
        assert again.exit_code == 1
        assert "there is no move under way 'redis'" in again.output

    def test_a_move_that_is_called_off_meanwhile(self) -> None:
        """Who waits for it gets an exit code of its own."""
        self.moved()
        self.meanwhile = [lambda: self.delete(f"/state/moves/{self.move_id()}")]
        result = self.run_command("move", "redis", "--to", ADDRESS_2)
        assert result.exit_code == 6, result.output
        assert result.output.splitlines()[-1].endswith(": cancelled")

    def move_id(self) -> str:
        """The id of the only move under way."""
        (move_id,) = self.control.configuration.moves
        return move_id

    def test_what_cannot_be_moved(self) -> None:
        """Neither a container nor a dataset."""
        self.moved()
        result = self.run_command("move", "reids", "--to", ADDRESS_2)
        assert result.exit_code == 1
        assert "there is no container 'reids'; did you mean redis?" in result.output


class ContextTests(CLITestCase):
    def test_contexts(self) -> None:
        """They are added, listed, used and removed."""
        self.answer("context", "add", "home", "10.0.0.10")
        self.answer("context", "add", "lab", "10.77.0.10", "10.77.0.20")
        self.answer("context", "use", "lab")
        assert [(item["name"], item["used"]) for item in self.told("context", "list")] == [
            ("home", False),
            ("lab", True),
        ]
        self.answer("context", "remove", "lab")
        assert self.run_command("context", "use", "lab").exit_code == 1

    def test_completion(self) -> None:
        """Each shell has a script."""
        for shell in ("bash", "zsh", "fish"):
            assert "_FLOCKERCTL_COMPLETE" in self.answer("completion", shell)

    def test_version(self) -> None:
        """Both are said."""
        assert self.answer("version").count(__version__) == 2

    def test_version_without_a_service(self) -> None:
        """Its own is said, and it fails."""
        self.unknown_paths = ("/version",)
        result = self.run_command("version")
        assert (result.exit_code, result.stdout.count(__version__)) == (1, 1)

    def test_every_command_has_help(self) -> None:
        """And it says what the command does."""
        listed = self.answer("--help").partition("Commands:")[2]
        names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
        for name in {name for name in names if name.islower()}:
            assert "Usage: " in self.answer(name, "--help")
