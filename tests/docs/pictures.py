"""The pictures of docs/pictures that are drawn of text: `python -m tests.docs.pictures`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.docs.drawing import Drawing

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def architecture() -> Drawing:
    """Who talks to whom."""
    d = Drawing(900, 455, "The architecture of flocker_lite")
    d.box(30, 30, 190, 60, "clients", "flockerctl, curl, a browser", kind="plain")
    d.box(330, 20, 240, 80, "control service", "what users asked for, in SQLite", kind="control")
    d.box(690, 30, 170, 60, "Prometheus", "", kind="plain")
    d.arrow(220, 60, 330, 60, "REST, TLS")
    d.arrow(690, 60, 570, 60, "/metrics")
    for x, name, role in ((40, "node 10.0.0.11", "primary"), (520, "node 10.0.0.12", "replica")):
        d.frame(x, 190, 340, 245, name)
        d.box(x + 20, 225, 300, 56, "agent", "makes the node match", kind="agent")
        d.box(x + 20, 320, 90, 56, "Docker", "containers", kind="plain")
        d.box(x + 125, 320, 90, 56, "ZFS", role, kind="data")
        d.box(x + 230, 320, 90, 56, "nftables", "ports", kind="plain")
        for each in (x + 65, x + 170, x + 275):
            d.arrow(each, 281, each, 320)
        d.text(x + 170, 418, "clients reach each container at every node", small=True)
    d.arrow(380, 100, 210, 225, both=True)
    d.arrow(520, 100, 690, 225, both=True)
    d.text(450, 150, "AMP over TLS:", small=True)
    d.text(450, 168, "configuration down, state up", small=True)
    d.arrow(360, 248, 540, 248, both=True)
    d.text(450, 238, "ssh: hand over", small=True)
    d.path([(210, 376), (210, 395), (690, 395), (690, 376)], "zfs send | zfs receive")
    return d


def request() -> Drawing:
    """The path of a request."""
    d = Drawing(900, 330, "The path of a request")
    steps = (
        ("1  POST", "a user asks", "plain"),
        ("2  check", "schema, rights,", "control"),
        ("3  store", "durable, then 2xx", "control"),
        ("4  tell", "a delta to agents", "control"),
    )
    for number, (title, told, kind) in enumerate(steps):
        x = 30 + number * 220
        d.box(x, 30, 180, 64, title, told.rstrip(","), kind=kind)
        if number:
            d.arrow(x - 40, 62, x, 62)
    steps = (
        ("8  answer", "GET state, wait_for", "plain"),
        ("7  report", "what is there now", "agent"),
        ("6  change", "ZFS, Docker, nftables", "data"),
        ("5  look, plan", "a pure function", "agent"),
    )
    for number, (title, told, kind) in enumerate(steps):
        x = 30 + number * 220
        d.box(x, 210, 180, 64, title, told, kind=kind)
        if number:
            d.arrow(x, 242, x - 40, 242)
    d.arrow(780, 94, 780, 210)
    d.path([(560, 274), (560, 300), (780, 300), (780, 274)], "")
    d.text(670, 318, "again, until nothing is left to change", small=True)
    d.text(670, 158, "the agent only hears: look again", small=True)
    return d


def move_over_time() -> Drawing:
    """Rounds that get smaller, and the pause."""
    d = Drawing(900, 340, "A move over time")
    left, source, sending, target, clients = 130, 70, 130, 190, 250
    d.line(630, 40, 630, 280)
    d.line(700, 40, 700, 280)
    for y, name in (
        (source, "source"),
        (sending, "sent"),
        (target, "destination"),
        (clients, "clients"),
    ):
        d.text(left - 14, y + 5, name, anchor="end", bold=True)
    d.bar(left, source - 16, 500, 32, "the container runs and writes", kind="agent")
    d.bar(700, target - 16, 170, 32, "it runs here", kind="agent")
    d.bar(630, source - 16, 240, 32, "a replica", kind="plain")
    d.bar(
        left,
        target - 16,
        500,
        32,
        "a replica that grows; the container waits at a gate",
        kind="plain",
    )
    x = left
    for number, wide in enumerate((240, 110, 60, 40), start=1):
        d.bar(
            x, sending - 16, wide, 32, f"round {number}" if wide > 70 else str(number), kind="data"
        )
        x += wide + 12
    d.bar(640, sending - 16, 34, 32, "rest", kind="data")
    d.bar(left, clients - 16, 500, 32, "answered by the source", kind="plain")
    d.bar(630, clients - 16, 70, 32, "wait", kind="control")
    d.bar(700, clients - 16, 170, 32, "answered", kind="plain")
    d.span(630, 700, 28, "the pause")
    d.arrow(left, 300, 870, 300)
    d.text(850, 324, "time", small=True)
    d.text(665, 324, "stop, send, commit, mount, start", small=True)
    return d


def lease() -> Drawing:
    """Roles of a copy, and steps between them."""
    d = Drawing(900, 520, "The lease: roles of a copy, and the steps between them")
    roles = {
        "primary": (60, 220, "agent"),
        "releasing": (370, 90, "plain"),
        "lent": (370, 220, "plain"),
        "released": (680, 90, "plain"),
        "replica": (680, 350, "data"),
        "probation": (370, 350, "agent"),
        "deposed": (60, 420, "control"),
    }
    for name, (x, y, kind) in roles.items():
        told = {"primary": "writes", "probation": "writes, on trial"}.get(name, "")
        d.box(x, y, 160, 56, name, told, kind=kind)
    d.arrow(140, 150, 140, 220, "create", side="right")
    d.path([(100, 220), (100, 108), (370, 108)], "begin_release", at=(225, 100))
    d.arrow(370, 132, 220, 228)
    d.text(318, 190, "reclaim", anchor="start", small=True)
    d.arrow(450, 146, 450, 220, "grant_trial", side="right")
    d.arrow(370, 256, 220, 256, "reclaim")
    d.arrow(530, 112, 680, 112, "commit")
    d.arrow(530, 240, 700, 146)
    d.text(640, 200, "commit", anchor="start", small=True)
    d.arrow(760, 146, 760, 350, "settle", side="right")
    d.arrow(680, 366, 530, 366, "start_trial")
    d.arrow(530, 392, 680, 392, "give_back", below=True)
    d.path([(450, 350), (450, 300), (170, 300), (170, 276)], "acquire", at=(330, 292))
    d.path(
        [(760, 406), (760, 500), (20, 500), (20, 262), (60, 262)], "acquire, promote", at=(420, 492)
    )
    d.arrow(110, 276, 110, 420, "demote", side="right")
    d.path([(220, 448), (720, 448), (720, 406)], "rejoin", at=(440, 440))
    d.text(450, 30, "Each step is one atomic zfs set, durable before the next begins.", small=True)
    d.text(450, 50, "Only a primary, or a copy on trial, may be mounted writable.", small=True)
    d.text(450, 70, "demote leads from releasing and lent as well.", small=True)
    return d


def fencing() -> Drawing:
    """Why two nodes never write: the deadline passes before anybody is promoted."""
    d = Drawing(900, 330, "Fencing: the old primary ends before a standby is promoted")
    d.line(360, 40, 360, 260)
    d.line(630, 40, 630, 260)
    d.line(730, 40, 730, 260)
    for y, name in ((80, "old primary"), (150, "control service"), (220, "standby")):
        d.text(144, y + 5, name, anchor="end", bold=True)
    d.bar(160, 64, 470, 32, "the container runs: each renewal puts its deadline off", kind="agent")
    d.bar(630, 64, 240, 32, "ended by its own node", kind="control")
    d.bar(160, 134, 200, 32, "renews", kind="plain")
    d.bar(360, 134, 370, 32, "hears nothing, and waits longer than the deadline", kind="plain")
    d.bar(730, 134, 140, 32, "promotes", kind="control")
    d.bar(160, 204, 570, 32, "keeps a fresh copy", kind="data")
    d.bar(730, 204, 140, 32, "runs", kind="agent")
    for x in (200, 270, 340):
        d.arrow(x, 134, x, 96)
    d.span(360, 630, 40, "after_seconds")
    d.span(630, 730, 40, "margin")
    d.text(360, 278, "cut off, or dead", small=True)
    d.text(630, 278, "deadline", small=True)
    d.text(740, 278, "takes over", small=True)
    d.arrow(160, 296, 870, 296)
    d.text(850, 318, "time", small=True)
    return d


PICTURES: dict[str, Callable[[], Drawing]] = {
    "architecture.svg": architecture,
    "request.svg": request,
    "move-over-time.svg": move_over_time,
    "lease.svg": lease,
    "fencing.svg": fencing,
}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw().svg(), "utf-8")
