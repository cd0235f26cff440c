"""The table of limits in docs/security.rst says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.web.http import HTTPChannel

from flocker_lite import refusal_log
from flocker_lite.control import agent_links, agent_queries, unauthenticated_link
from flocker_lite.control.audit import log as audit_log
from flocker_lite.control.http import channel, events, host_names, logs, request_response
from flocker_lite.model import codec
from flocker_lite.protocol import link, messages
from flocker_lite.taps import startup

DOCUMENT = Path(__file__).parent.parent / "docs/security.rst"
UNITS = {"": 1, "s": 1, "KiB": 1024, "MiB": 1024 * 1024}
LIMITS = {
    "Body of a request": channel.BODY_BYTES_MAX,
    "Head of a request (Twisted)": HTTPChannel.totalHeadersSize,
    "A request, from first byte to last": channel.IDLE_TIMEOUT_SECONDS,
    "An answer, until it is read": channel.IDLE_TIMEOUT_SECONDS,
    "Connections to the REST API": channel.CONNECTIONS_MAX,
    "Requests that wait for changes": request_response.WATCHERS_MAX,
    "A reader of events who does not read": events.STALLED_SECONDS_MAX,
    "A reader of output who does not read": logs.STALLED_SECONDS_MAX,
    "Readers of containers' output": agent_queries.READERS_MAX,
    "Connections without a hello (agents)": agent_links.UNAUTHENTICATED_MAX,
    "Hello, from the connection on": unauthenticated_link.GREETING_SECONDS_MAX,
    "Messages before hello is answered": agent_links.UNAUTHENTICATED_BOXES_MAX,
    "One AMP box": link.BOX_BYTES_MAX,
    "Answers that an agent does not read": link.ANSWERS_UNREAD_MAX,
    "A message of an agent": messages.MESSAGE_BYTES_MAX,
    "Records in one node's report": messages.REPORTED_COUNT_MAX,
    "A node's report and its changes": messages.REPORTED_BYTES_MAX,
    "Lines about who is refused, in 20 s": refusal_log.LINES_MAX,
    "Addresses that have such lines": refusal_log.ADDRESSES_MAX,
    "Host names looked up at one time": host_names.LOOKUPS_MAX,
    "Requests in the audit": audit_log.DONE_MAX,
    "Refused requests in the audit": audit_log.REFUSED_MAX,
    "Open files": startup.OPEN_FILES_MAX,
}


def documented() -> dict[str, str]:
    """The first two columns of the table."""
    table = DOCUMENT.read_text("utf-8").split("and beyond it\n")[1].split("\n\n")[0]
    rows = (re.split(r" {2,}", line) for line in table.splitlines() if not line.startswith("="))
    return {row[0]: row[1] for row in rows}


def test_the_table_of_limits() -> None:
    """Each limit that it has is that of the code, and it has each."""
    table = documented()
    assert table.pop("A number in a message") == "64 bits"
    assert codec.NUMBER_MAX == 2**64
    sizes = {}
    for name, text in table.items():
        number, _, unit = text.partition(" ")
        sizes[name] = int(number) * UNITS[unit]
    assert sizes == LIMITS
