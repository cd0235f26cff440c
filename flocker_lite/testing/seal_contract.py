"""What every ISeal does, as tests to be mixed in."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.interfaces import ISeal
from flocker_lite.model.grants import Statement
from flocker_lite.model.records import NodeId

NODE = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
CLUSTER = "c1c1c1c1-0000-4000-8000-000000000001"
DATASET = "dddddddd-0000-4000-8000-00000000000a"

RELEASE = Statement(CLUSTER, DATASET, OTHER, 8, NODE, "1234")
GRANT = Statement(CLUSTER, DATASET, OTHER, 8)


class SealContract:
    """The whole contract; a test case that has it gives these."""

    def seal(self, node_id: NodeId | None = None) -> ISeal:
        """The seal of a node of the cluster, or of its control service; one for each."""
        raise NotImplementedError

    def stranger(self, node_id: NodeId | None = None) -> ISeal:
        """The same, of another authority."""
        raise NotImplementedError

    def revoke(self, node_id: NodeId) -> None:
        """Call the certificate of a node back."""
        raise NotImplementedError

    def renew(self, node_id: NodeId) -> None:
        """Give a node another certificate, with another key; the old one is not called back."""
        raise NotImplementedError

    def test_what_each_signs(self) -> None:
        """A release by its node, a grant by the control service: all others find it good."""
        control, node, other = self.seal(), self.seal(NODE), self.seal(OTHER)
        for signed in (node.sign(RELEASE), control.sign(GRANT)):
            for each in (control, node, other):
                assert each.objection(signed) is None

    def test_in_the_name_of_another(self) -> None:
        """A node signs what it released itself, and no grant; a control service no release."""
        control, node, other = self.seal(), self.seal(NODE), self.seal(OTHER)
        for signed in (other.sign(RELEASE), node.sign(GRANT), control.sign(RELEASE)):
            assert "in the name of" in str(control.objection(signed))

    def test_every_word_counts(self) -> None:
        """A signature is of one statement, and of none that differs in anything."""
        control, node = self.seal(), self.seal(NODE)
        signed = node.sign(RELEASE)
        for change in (
            {"cluster_id": OTHER},
            {"dataset_id": CLUSTER},
            {"owner": NODE},
            {"epoch": 9},
            {"guid": "1235"},
            {"guid": None},
        ):
            changed = replace(signed, statement=replace(RELEASE, **change))
            assert control.objection(changed) is not None, change
        assert control.objection(replace(signed, signature="no base64!")) is not None
        assert control.objection(replace(signed, signature="")) is not None

    def test_another_authority(self) -> None:
        """A certificate of another one is not believed, nor is none at all."""
        control = self.seal()
        signed = self.stranger(NODE).sign(RELEASE)
        assert "not by the authority of this cluster" in str(control.objection(signed))
        for text in (
            "",
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ):
            assert control.objection(replace(signed, certificate=text)) is not None
        mixed = replace(signed, certificate=self.seal(NODE).certificate)
        assert control.objection(mixed) is not None

    def test_revoked(self) -> None:
        """What it signed is not believed any more, though it was before."""
        control, node = self.seal(), self.seal(NODE)
        signed = node.sign(RELEASE)
        assert control.objection(signed) is None
        self.revoke(NODE)
        assert "revoked" in str(control.objection(signed))

    def test_another_key(self) -> None:
        """What a node signed with the key that it had before stays good."""
        control, node = self.seal(), self.seal(NODE)
        signed = node.sign(RELEASE)
        self.renew(NODE)
        assert node.certificate != signed.certificate
        assert control.objection(signed) is None
        assert control.objection(node.sign(RELEASE)) is None
