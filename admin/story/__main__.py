"""`admin/demo`: bring up a lab, play the story, show the table, clean up."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType

from admin.hosts import Lab, LabError
from admin.story.chapters import Moved, Story
from admin.story.drivers import FlockerctlDriver
from admin.story.player import Player, StoryError
from admin.story.recorder import record
from admin.story.table import table

DEFAULT_NAME = "demo"
DEFAULT_SUBNET = "10.77.0.0/24"


def main(arguments: list[str]) -> int:
    """The exit code: 0 when the whole story went well and no byte was lost."""
    options = _parser().parse_args(arguments)
    os.chdir(Path(__file__).resolve().parents[2])
    # Also where it was started in the background, with Ctrl-C ignored: it must always clean up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    lab = Lab(options.name, options.subnet)
    kept = False
    try:
        print(f"Bringing up the lab {options.name!r} at {options.subnet} ...", flush=True)
        lab.up()
        story = _story(lab, options)
        moves = play(story, options.postgres_mib, clean_up=not options.keep)
        print(f"\n{table(moves)}")
        kept = bool(options.keep)
        if kept:
            _say_how_to_go_on(lab)
        return 0 if all(move.intact for move in moves) else 1
    except (LabError, StoryError, OSError) as error:
        print(f"\nadmin/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nadmin/demo: interrupted", file=sys.stderr)
        return 130
    finally:
        if not kept:
            print("Cleaning up ...", flush=True)
            lab.down()


def play(story: Story, postgres_mib: int, clean_up: bool) -> list[Moved]:
    """All chapters in their order; returns what the moves were like."""
    story.nodes()
    story.webserver()
    story.redis()
    moves = [
        story.move_redis(story.first, story.second, "redis"),
        story.move_redis(story.second, story.first, "redis, back"),
    ]
    story.postgres(postgres_mib)
    moves.append(story.move_postgres(f"PostgreSQL, {postgres_mib} MiB"))
    if clean_up:
        story.clean_up()
    return moves


def _story(lab: Lab, options: argparse.Namespace) -> Story:
    address = lab.node("control").address
    api = f"http://{address}:4523/v1"
    if not options.cli:
        return Story(lab, Player(api, _show))
    _show(f"$ export FLOCKER_CONTROL_SERVICE={address}")
    programs = Path(sys.executable).parent
    environment = {
        "FLOCKER_CONTROL_SERVICE": address,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.getcwd(),
    }
    player = Player(api, _show, environment=environment)
    recorded = partial(_recorded, player, options.record) if options.record else None
    return Story(lab, player, FlockerctlDriver(player, recorded))


def _recorded(player: Player, path: Path, command: str) -> None:
    """Run the command at a terminal; the recording of the last one stays in the file."""
    recording, code = record(command, player.environment)
    _show(f"$ {command}\n(recorded in {path})")
    if code != 0:
        raise StoryError(f"{command}: exit code {code}")
    recording.save(path)


def _show(text: str) -> None:
    print(text, flush=True)


def _say_how_to_go_on(lab: Lab) -> None:
    api = f"http://{lab.node('control').address}:4523/v1"
    print(
        f"\nThe lab stays up. Talk to it with\n"
        f"    curl {api}/state/containers\n"
        f"    admin/lab --name {lab.plan.name} exec n1 -- docker ps\n"
        f"and take it down with\n"
        f"    admin/lab --name {lab.plan.name} down"
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="admin/demo",
        description="Play the story of flocker_lite on this machine: real ZFS, Docker and ssh on "
        "three hosts made of namespaces, driven with curl, or with flockerctl.",
    )
    parser.add_argument("--keep", action="store_true", help="leave the lab up at the end")
    parser.add_argument("--cli", action="store_true", help="play it with flockerctl")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="with --cli: keep what the last move shows"
    )
    parser.add_argument("--name", default=DEFAULT_NAME, help="name of the lab")
    parser.add_argument("--subnet", default=DEFAULT_SUBNET, help="IPv4 subnet of the lab")
    parser.add_argument(
        "--postgres-mib", type=int, default=1024, help="size of the PostgreSQL data, in MiB"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
