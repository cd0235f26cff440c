"""Shell completion: what the Tab key offers, from what is in the cluster now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from flocker_lite.cli.session import Session
from flocker_lite.client import Client, ClientError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completion_of(names_of: Callable[[Client], Iterable[tuple[str, str]]]) -> Complete:
    """Offer words with a description each; offer nothing if the service cannot be reached."""

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        session = ctx.obj if isinstance(ctx.obj, Session) else Session(os.environ)
        session.context_name = ctx.params.get("context") or session.context_name
        try:
            found = dict(names_of(session.client))
        except ClientError:
            return []
        return [
            CompletionItem(word, help=what)
            for word, what in found.items()
            if word.startswith(incomplete)
        ]

    return complete


nodes = _completion_of(
    lambda client: [
        (node["host"], "away" if node.get("away") else "here") for node in client.nodes()
    ]
)
forgotten_nodes = _completion_of(
    lambda client: [(node["host"], "forgotten") for node in client.forgotten_nodes()]
)
containers = _completion_of(
    lambda client: [(item["name"], f"on {item['host']}") for item in client.containers()]
)
datasets = _completion_of(
    lambda client: [
        (item.get("metadata", {}).get("name") or item["dataset_id"], f"on {item['primary']}")
        for item in client.datasets()
        if not item["deleted"]
    ]
)
moves = _completion_of(
    lambda client: [
        (item.get("container") or item.get("move_id") or "", item["phase"])
        for item in client.moves()
    ]
)
set_aside = _completion_of(
    lambda client: [
        (item["name"], f"{item['reason']} on {item['host']}") for item in client.set_aside()
    ]
)
applications = _completion_of(
    lambda client: [
        (item["name"], ", ".join(each["service"] for each in item["services"]))
        for item in client.applications()
    ]
)
secrets = _completion_of(lambda client: [(item["name"], "") for item in client.secrets()])
registries = _completion_of(
    lambda client: [(item["registry"], f"as {item['user']}") for item in client.registries()]
)
