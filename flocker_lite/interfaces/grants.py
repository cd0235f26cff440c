"""The interfaces to signed grants: the key that signs, and the proofs that a node keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Container, Iterable, Mapping

from zope.interface import Attribute, Interface

from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import DesiredDataset


class ISigner(Interface):
    """The key of this service's certificate, and the authority of its cluster."""

    certificate: str = Attribute("This service's certificate as it is now, in PEM.")

    def sign(statement: Statement) -> Signed:
        """The statement, signed with the certificate's key."""

    def rejection_reason(signed: Signed) -> str | None:
        """Why the statement is not valid, in words; None when it is valid.

        It is valid when the certificate's key signed it, the cluster's authority signed the
        certificate, nobody revoked that, and its holder may make this statement. The certificate
        may have expired since.
        """


class IProofs(Interface):
    """The durable proofs of how datasets came to this node and where they went."""

    signs: bool = Attribute("Whether it signs what it releases: it has a certificate.")

    def of(dataset_id: DatasetId) -> tuple[Signed, ...]:
        """The proofs of a dataset, oldest first."""

    def release(
        destination: NodeId, released: Mapping[DatasetId, tuple[int, str]]
    ) -> Awaitable[Mapping[DatasetId, tuple[Signed, ...]]]:
        """Sign the release of these, given by epoch and guid of the last snapshot.

        Their leases must say "released" already. Returns the proof to hand over with each, which is
        on disk by then. A release is signed once; without a certificate nothing is signed.
        """

    def take(proofs: Mapping[DatasetId, tuple[Signed, ...]]) -> Awaitable[None]:
        """Keep these proofs durably, which came with their datasets."""

    def apply_grants(
        dataset_ids: Iterable[DatasetId],
        desired: Mapping[DatasetId, DesiredDataset],
        present: Container[DatasetId],
    ) -> None:
        """The view of these datasets has changed; this node has copies of those in `present`.

        A grant that the control service signed for this node replaces the earlier proofs. Proofs of
        datasets whose grant has moved on are forgotten.
        """

    def apply_all_grants(
        desired: Mapping[DatasetId, DesiredDataset], present: Container[DatasetId]
    ) -> None:
        """The same for all datasets that have proofs."""
