"""The contract of every ISigner, as tests to mix in."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.interfaces import ISigner
from flocker_lite.model.grants import Statement
from flocker_lite.model.records import NodeId

NODE = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
CLUSTER = "c1c1c1c1-0000-4000-8000-000000000001"
DATASET = "dddddddd-0000-4000-8000-00000000000a"

RELEASE = Statement(CLUSTER, DATASET, OTHER, 8, NODE, "1234")
GRANT = Statement(CLUSTER, DATASET, OTHER, 8)


class SignerContract:
    """The whole contract; a test case implements the first four methods."""

    def signer(self, node_id: NodeId | None = None) -> ISigner:
        """The signer of a node of the cluster, or of its control service; always the same one."""
        raise NotImplementedError

    def other_authority(self, node_id: NodeId | None = None) -> ISigner:
        """The same, from another authority."""
        raise NotImplementedError

    def revoke(self, node_id: NodeId) -> None:
        """Revoke the certificate of a node."""
        raise NotImplementedError

    def renew(self, node_id: NodeId) -> None:
        """Give a node another certificate, with another key, without revoking the old one."""
        raise NotImplementedError

    def test_what_each_signs(self) -> None:
        """Everybody accepts a release that its node signed, and a grant of the control service."""
        control, node, other = self.signer(), self.signer(NODE), self.signer(OTHER)
        for signed in (node.sign(RELEASE), control.sign(GRANT)):
            for each in (control, node, other):
                assert each.rejection_reason(signed) is None

    def test_in_the_name_of_another(self) -> None:
        """A node may sign only its own releases, and a control service only grants."""
        control, node, other = self.signer(), self.signer(NODE), self.signer(OTHER)
        for signed in (other.sign(RELEASE), node.sign(GRANT), control.sign(RELEASE)):
            assert "in the name of" in str(control.rejection_reason(signed))

    def test_every_word_counts(self) -> None:
        """A signature is valid for one statement, and for none that differs in anything."""
        control, node = self.signer(), self.signer(NODE)
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
            assert control.rejection_reason(changed) is not None, change
        assert control.rejection_reason(replace(signed, signature="no base64!")) is not None
        assert control.rejection_reason(replace(signed, signature="")) is not None

    def test_another_authority(self) -> None:
        """A certificate of another authority is refused, and so is an invalid one."""
        control = self.signer()
        signed = self.other_authority(NODE).sign(RELEASE)
        assert "authority of this cluster did not sign" in str(control.rejection_reason(signed))
        for text in (
            "",
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ):
            assert control.rejection_reason(replace(signed, certificate=text)) is not None
        mixed = replace(signed, certificate=self.signer(NODE).certificate)
        assert control.rejection_reason(mixed) is not None

    def test_revoked(self) -> None:
        """Statements of a revoked certificate are refused, even if they were accepted before."""
        control, node = self.signer(), self.signer(NODE)
        signed = node.sign(RELEASE)
        assert control.rejection_reason(signed) is None
        self.revoke(NODE)
        assert "revoked" in str(control.rejection_reason(signed))

    def test_another_key(self) -> None:
        """Statements that a node signed with a former key stay valid."""
        control, node = self.signer(), self.signer(NODE)
        signed = node.sign(RELEASE)
        self.renew(NODE)
        assert node.certificate != signed.certificate
        assert control.rejection_reason(signed) is None
        assert control.rejection_reason(node.sign(RELEASE)) is None
