"""What ssh starts on the receiving node: it hands its stdin and stdout to the agent, and waits.

Only the standard library is imported, since its start is within what a move waits for. The agent
does all the work, so that its rules of who may write hold for every peer.

A key that the agent lets in may start this alone, as `flocker-lite-receive --node UUID`: so the
agent knows by the key who asks. What was asked for is in SSH_ORIGINAL_COMMAND then.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence

SOCKET_PATH = "/run/flocker-lite/agent.sock"
SOCKET_VARIABLE = "FLOCKER_LITE_SOCKET"
COMMAND_VARIABLE = "SSH_ORIGINAL_COMMAND"
USAGE = "usage: flocker-lite-receive control | stream TOKEN"
ANSWER_BYTES_MAX = 4096

_ASKED = re.compile(r"control|stream [0-9a-f]{32}")
_COMMAND = re.compile(rf"flocker-lite-receive ({_ASKED.pattern})")
_NODE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def greeting(words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """What to tell the agent; None when something else is asked for than what there is."""
    match words:
        case ["--node", node_id] if _NODE_ID.fullmatch(node_id):
            command = _COMMAND.fullmatch(environment.get(COMMAND_VARIABLE, ""))
            return f"node {node_id} {command[1]}" if command is not None else None
        case _:
            asked = " ".join(words)
            return asked if _ASKED.fullmatch(asked) else None


def main() -> None:
    """Entry point; exits with 0 when the agent said that all went well."""
    greeted = greeting(sys.argv[1:], os.environ)
    if greeted is None:
        sys.exit(USAGE)
    path = os.environ.get(SOCKET_VARIABLE, SOCKET_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        try:
            agent.connect(path)
        except OSError as error:
            sys.exit(f"flocker-lite-receive: the agent does not answer at {path}: {error.strerror}")
        socket.send_fds(agent, [f"{greeted}\n".encode()], [0, 1])
        answer = b""
        while part := agent.recv(ANSWER_BYTES_MAX):
            answer = (answer + part)[-ANSWER_BYTES_MAX:]
    if answer != b"ok\n":
        sys.exit(f"flocker-lite-receive: {answer.decode('utf-8', 'replace').strip() or 'cut off'}")


if __name__ == "__main__":
    main()
