"""What ssh starts on the receiving node: it hands its stdin and stdout to the agent, and waits.

Only the standard library is imported, since its start is within what a move waits for. The agent
does all the work, so that its rules of who may write hold for every peer.
"""

from __future__ import annotations

import os
import socket
import sys

SOCKET_PATH = "/run/flocker-lite/agent.sock"
SOCKET_VARIABLE = "FLOCKER_LITE_SOCKET"
USAGE = "usage: flocker-lite-receive control | stream TOKEN"
ANSWER_BYTES_MAX = 4096


def main() -> None:
    """Entry point; exits with 0 when the agent said that all went well."""
    words = sys.argv[1:]
    if words != ["control"] and not (len(words) == 2 and words[0] == "stream"):
        sys.exit(USAGE)
    path = os.environ.get(SOCKET_VARIABLE, SOCKET_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        try:
            agent.connect(path)
        except OSError as error:
            sys.exit(f"flocker-lite-receive: the agent does not answer at {path}: {error.strerror}")
        socket.send_fds(agent, [" ".join(words).encode() + b"\n"], [0, 1])
        answer = b""
        while part := agent.recv(ANSWER_BYTES_MAX):
            answer = (answer + part)[-ANSWER_BYTES_MAX:]
    if answer != b"ok\n":
        sys.exit(f"flocker-lite-receive: {answer.decode('utf-8', 'replace').strip() or 'cut off'}")


if __name__ == "__main__":
    main()
