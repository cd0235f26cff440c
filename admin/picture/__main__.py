"""`admin/recording`: records a move of the demo, and makes the picture of it for the README."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from admin.picture.svg import picture
from admin.picture.terminal import screens
from admin.story.recorder import Recording

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "docs/pictures"
RECORDING, PICTURE = FOLDER / "move.cast", FOLDER / "move.svg"
POSTGRES_MIB = 256
"""More takes longer than people look at a picture."""


def main(arguments: list[str]) -> int:
    """The exit code."""
    options, more = _parser().parse_known_args(arguments)
    if not options.draw_only:
        options.recording.parent.mkdir(parents=True, exist_ok=True)
        demo = ["admin/demo", "--cli", "--record", str(options.recording.absolute())]
        size = ["--postgres-mib", str(POSTGRES_MIB)]
        code = subprocess.run([*demo, *size, *more], cwd=CHECKOUT).returncode
        if code != 0:
            return code
    options.picture.write_text(drawn(options.recording), "utf-8")
    print(f"{options.picture} shows {options.recording}")
    return 0


def drawn(path: Path) -> str:
    """The picture of a recording."""
    recording = Recording.load(path)
    return picture(
        "flocker_lite", recording.width, list(screens(recording.width, recording.events))
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="admin/recording",
        description="Play the demo with flockerctl, record its move of PostgreSQL at a terminal, "
        "and draw the recording as an animated SVG. Other options are the demo's.",
    )
    parser.add_argument("--recording", type=Path, default=RECORDING, help="the asciicast")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="the SVG")
    parser.add_argument(
        "--draw-only", action="store_true", help="only draw the recording that is there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
