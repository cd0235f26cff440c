"""Each command before a control service in memory: what it says, what it does, its exit code."""

from __future__ import annotations

from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1


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
        assert lines[-1].startswith("NOT HEALTHY")
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

    def test_a_node_that_is_not_there(self) -> None:
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

    def test_usage(self) -> None:
        """What makes no sense is refused before anything is done."""
        self.both_report()
        for words in (["-p", "x"], ["-m", "much"], ["--restart", "maybe"], ["-v", "/srv:/data"]):
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
        assert "is on 10.77.0.11 already" in self.answer("move", "redis", "--to", ADDRESS_1)

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
        assert self.answer("version").count("0.1.0") == 2

    def test_every_command_has_help(self) -> None:
        """And it says what the command does."""
        listed = self.answer("--help").partition("Commands:")[2]
        names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
        for name in {name for name in names if name.islower()}:
            assert "Usage: " in self.answer(name, "--help")
