"""Stores in the configuration how containers exited, as agents report it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from flocker_lite.control.retried_edits import RetriedEdits
from flocker_lite.model import completion
from flocker_lite.model.records import Change, Configuration, NodeId
from flocker_lite.model.state import ContainerState


class CompletionKeeper:
    """Stores each exit; the edit is retried, because an agent reports an exit only once."""

    def __init__(self, edits: RetriedEdits) -> None:
        self._edits = edits

    def reported(
        self, configuration: Configuration, node_id: NodeId, changes: Iterable[Change]
    ) -> None:
        """A node has reported these changes."""
        for change in changes:
            name, state = change.identity, change.record
            if not isinstance(state, ContainerState):
                continue
            is_news = completion.news(configuration, name, state)
            if is_news and completion.may_tell(configuration, name, node_id):
                noted = partial(completion.noted, name=name, reported=state)
                self._edits.make(f"store the exit of {name}", noted)
