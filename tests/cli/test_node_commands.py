"""`flockerctl cordon`, `uncordon`, `forget` and `readmit` before a control service in memory."""

from __future__ import annotations

from flocker_lite.model.state import NodeState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2


class NodeCommandsTests(CLITestCase):
    """Two nodes, of which the first is here."""

    def setUp(self) -> None:
        super().setUp()
        self.control.report(NODE_1, NodeState())

    def test_cordon(self) -> None:
        """The list says so, until it is opened again."""
        said = self.answer("cordon", ADDRESS_1, NODE_2[:8])
        assert said == (
            f"{ADDRESS_1}: nothing new is put on it\n{ADDRESS_2}: nothing new is put on it\n"
        )
        assert "here, cordoned" in self.answer("nodes")
        refused = self.run_command("run", "--on", ADDRESS_1, "redis")
        assert "cordoned" in refused.output
        assert refused.exit_code == 3
        self.answer("uncordon", ADDRESS_1, ADDRESS_2)
        assert "cordoned" not in self.answer("nodes")

    def test_forget(self) -> None:
        """One that is away, if somebody says yes."""
        assert self.run_command("forget", ADDRESS_1, "-y").exit_code == 3
        assert self.run_command("forget", ADDRESS_2, input_text="n\n").exit_code != 0
        assert NODE_2 in self.control.configuration.nodes
        assert self.answer("forget", ADDRESS_2, "-y") == f"{ADDRESS_2} is forgotten\n"
        assert NODE_2 not in self.control.configuration.nodes
        assert self.run_command("forget", ADDRESS_2, "-y").exit_code == 1

    def test_forget_by_force(self) -> None:
        """What is lost is said, and asked about."""
        made = self.created(
            "/configuration/datasets", {"primary": ADDRESS_2, "metadata": {"name": "data"}}
        )
        assert self.run_command("forget", ADDRESS_2, "-y").exit_code == 3
        said = self.run_command("forget", "--force", ADDRESS_2, input_text="n\n")
        line = f"{ADDRESS_2}: lost is dataset {made['dataset_id']} (data)"
        assert line in said.output
        assert NODE_2 in self.control.configuration.nodes
        said = self.run_command("forget", "--force", "-y", ADDRESS_2)
        assert line in said.output
        assert f"{ADDRESS_2} is forgotten" in said.output
        assert not self.control.configuration.datasets

    def test_readmit(self) -> None:
        """One that was forgotten is listed, until somebody lets it in."""
        assert self.answer("forgotten-nodes") == "no node was forgotten\n"
        self.answer("forget", ADDRESS_2, "-y")
        assert [ADDRESS_2, NODE_2] in [line.split()[:2] for line in self.lines("forgotten-nodes")]
        said = f"{ADDRESS_2} is let in when its agent comes\n"
        assert self.answer("readmit", ADDRESS_2) == said
        assert not self.control.configuration.forgotten
        assert self.run_command("readmit", ADDRESS_2).exit_code == 1

    def lines(self, command: str) -> list[str]:
        """What a command prints."""
        return self.answer(command).splitlines()
