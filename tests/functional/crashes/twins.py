"""A program that writes to several datasets in turn, and notices when they are not of one instant.

It runs in the container beside its database: each number is on disk in one dataset before it is
written to the next. So the last numbers differ by one at most, whatever crashes; when it starts it
compares them, and keeps what it found wrong in a file of the first.
"""

from __future__ import annotations

from collections.abc import Sequence

from admin.hosts import Node

COUNT, TORN = "count", "torn"

_SCRIPT = """
most=0 least=
for folder; do
    number=$(tail -n 1 "$folder/@COUNT@" 2>/dev/null)
    number=${number:-0}
    [ "$number" -gt "$most" ] && most=$number
    [ -z "$least" ] || [ "$number" -lt "$least" ] && least=$number
done
[ "$((most - least))" -le 1 ] || { echo "$least and $most" >>"$1/@TORN@"; sync "$1/@TORN@"; }
(
    while :; do
        for folder; do
            echo "$most" >>"$folder/@COUNT@"
            sync "$folder/@COUNT@"
        done
        most=$((most + 1))
        sleep 0.02
    done
) &
exec @COMMAND@
"""


def command_line(command: Sequence[str], folders: Sequence[str]) -> list[str]:
    """A command as the container's program, with this one beside it; no word of it has spaces."""
    words = " ".join(word or "''" for word in command)
    script = _SCRIPT.replace("@COUNT@", COUNT).replace("@TORN@", TORN).replace("@COMMAND@", words)
    return ["sh", "-c", script, "sh", *folders]


def complaints(node: Node, paths: Sequence[str]) -> list[str]:
    """What it found wrong at any of its starts, by the datasets' paths on the node."""
    torn = node.run(["cat", f"{paths[0]}/{TORN}"], check=False).stdout.split("\n")
    missing = [
        path for path in paths if not node.run(["cat", f"{path}/{COUNT}"], check=False).stdout
    ]
    return [f"not of one instant: {each}" for each in torn if each] + [
        f"{each}: nothing was ever written there" for each in missing
    ]
