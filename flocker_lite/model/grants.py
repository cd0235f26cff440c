"""What is signed of a dataset's grant, and where a chain of it leads; pure.

A node that released a dataset says so for ever, in a statement that it signs:

    release  "I was the owner of D, and released it to B as of epoch 8; my last snapshot is G."
    grant    "D belongs to B as of epoch 8", which the control service says itself.

Each carries the certificate of who signed it, so that it is checked by that, whatever key its
signer has by now. Releases that follow on each other lead from one known grant to a later one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId, NodeId
from flocker_lite.model.records import Grant

EPOCH_MAX = 2**53
"""Beyond it nothing is believed: there are JSON readers that cannot tell such numbers apart."""

CHAIN_MAX = 8
"""Statements that a node keeps of a dataset; a signed grant stands for all that came before it."""

_WHAT = "flocker_lite ownership 1"


@dataclass(frozen=True, slots=True)
class Statement:
    """That the dataset belongs to node `owner` as of `epoch`.

    `released_by` is the node that says so, and that owned it before; None: the control service.
    `guid` is that of the last snapshot that was handed over.
    """

    cluster_id: str
    dataset_id: DatasetId
    owner: NodeId
    epoch: int
    released_by: NodeId | None = None
    guid: str | None = None

    def text(self) -> bytes:
        """What is signed: the same for equal statements, and different for any others."""
        words = [self.cluster_id, self.dataset_id, self.owner, self.epoch]
        return json.dumps([_WHAT, *words, self.released_by, self.guid]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, the certificate of who signed it (in PEM), and the signature (in base64)."""

    statement: Statement
    certificate: str
    signature: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of a dataset, oldest first."""

    links: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Where a chain leads: to `grant`; and to whom its owner released it since, if it did."""

    grant: Grant
    released_to: NodeId | None = None


def followed(
    grant: Grant,
    links: Iterable[Signed],
    is_good: Callable[[Signed], bool],
    has_arrived: Callable[[Statement], bool],
) -> Path:
    """Where these links lead from a grant that is known; `is_good` checks the signature of one.

    A release moves the grant once it `has_arrived`: until then its releaser still has to tell.
    What is signed twice for one epoch leads nowhere the second time.
    """
    found, owner, epoch = grant, grant.owner, grant.epoch
    for link in sorted(links, key=lambda link: (link.statement.epoch, link.statement.owner)):
        said = link.statement
        if not epoch < said.epoch <= EPOCH_MAX or said.released_by not in (None, owner):
            continue
        if not is_good(link):
            continue
        if said.released_by is not None and epoch > found.epoch:
            # Who released it has had it.
            found = Grant(owner, epoch, materialised=True)
        owner, epoch = said.owner, said.epoch
        if said.released_by is None or has_arrived(said):
            found = Grant(owner, epoch, materialised=True)
    return Path(found, owner if epoch > found.epoch else None)


def continued(chain: tuple[Signed, ...], link: Signed) -> tuple[Signed, ...]:
    """The chain with one more link; what it says of the same epoch, or a later one, is gone."""
    before = tuple(each for each in chain if each.statement.epoch < link.statement.epoch)
    return (*before, link)[-CHAIN_MAX:]
