"""Signed statements about a dataset's grant, and where a chain of them leads; pure.

A node that released a dataset says so once and for all, in a statement that it signs:

    release  "I was the owner of D, and released it to B as of epoch 8; my last snapshot is G."
    grant    "D belongs to B as of epoch 8", which the control service says itself. With a guid G:
             "B is promoted as of epoch 9, from snapshot G", after its primary's node died.

Each statement carries its signer's certificate, so that it can still be checked after the signer
has got another key. Consecutive releases lead from one known grant to a later one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId, NodeId
from flocker_lite.model.records import Grant

EPOCH_MAX = 2**53
"""We believe no epoch beyond this: some JSON readers cannot tell such large numbers apart."""

CHAIN_MAX = 8
"""How many statements a node keeps for a dataset; a signed grant replaces all earlier ones."""

_WHAT = "flocker_lite ownership 1"


@dataclass(frozen=True, slots=True)
class Statement:
    """States that the dataset belongs to node `owner` as of `epoch`.

    `released_by` is the previous owner, which says so; None when the control service says it.
    `guid` identifies the last snapshot that was handed over, or the one to promote the owner from.
    """

    cluster_id: str
    dataset_id: DatasetId
    owner: NodeId
    epoch: int
    released_by: NodeId | None = None
    guid: str | None = None

    def text(self) -> bytes:
        """The bytes to sign: the same for equal statements, and different for all others."""
        words = [self.cluster_id, self.dataset_id, self.owner, self.epoch]
        return json.dumps([_WHAT, *words, self.released_by, self.guid]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, its signer's certificate (in PEM), and the signature (in base64)."""

    statement: Statement
    certificate: str
    signature: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The signed statements about one dataset, oldest first."""

    links: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Where a chain leads: the `grant`, and the node to which its owner released it since."""

    grant: Grant
    released_to: NodeId | None = None


def followed(
    grant: Grant,
    links: Iterable[Signed],
    is_good: Callable[[Signed], bool],
    has_arrived: Callable[[Statement], bool],
) -> Path:
    """Follow these links from a known grant; `is_good` checks the signature of a link.

    A release moves the grant once it `has_arrived`; until then the releaser still has to tell the
    new owner. Of two statements for the same epoch, the second is ignored.
    """
    found, owner, epoch = grant, grant.owner, grant.epoch
    for link in sorted(links, key=lambda link: (link.statement.epoch, link.statement.owner)):
        said = link.statement
        if not epoch < said.epoch <= EPOCH_MAX or said.released_by not in (None, owner):
            continue
        if not is_good(link):
            continue
        if said.released_by is not None and epoch > found.epoch:
            # A node can only release what it owned, so it has been there.
            found = Grant(owner, epoch, materialised=True)
        owner, epoch = said.owner, said.epoch
        if said.released_by is None or has_arrived(said):
            promoted_from = said.guid if said.released_by is None else None
            found = Grant(owner, epoch, materialised=True, snapshot=promoted_from)
    return Path(found, owner if epoch > found.epoch else None)


def continued(chain: tuple[Signed, ...], link: Signed) -> tuple[Signed, ...]:
    """The chain with one more link, which replaces links of the same or a later epoch."""
    before = tuple(each for each in chain if each.statement.epoch < link.statement.epoch)
    return (*before, link)[-CHAIN_MAX:]
