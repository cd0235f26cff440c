"""The command lines of ssh: what is variable in them can do no harm."""

from __future__ import annotations

import pytest

from flocker_lite.errors import ConfigurationFileError
from flocker_lite.peers.argv import Pin, SshOptions, control_session, stream_session

TOKEN = "0123456789abcdef" * 2


def test_control_session() -> None:
    """Root at the node's address and port 22, with no questions asked."""
    argv = control_session(SshOptions(), "10.0.0.2")
    assert argv[0] == "ssh"
    assert argv[-4:] == ("root@10.0.0.2", "--", "flocker-lite-receive", "control")
    assert argv[argv.index("-p") + 1] == "22"
    assert "BatchMode=yes" in argv
    assert "-i" not in argv


def test_options() -> None:
    """User, port and key are those that were configured."""
    argv = control_session(SshOptions("mover", 2222, "/etc/key"), "fe80::1")
    assert "mover@fe80::1" in argv
    assert argv[argv.index("-p") + 1] == "2222"
    assert argv[argv.index("-i") + 1] == "/etc/key"


def test_stream_session() -> None:
    """The stream is named by its token."""
    argv = stream_session(SshOptions(), "10.0.0.2", TOKEN)
    assert argv[-3:] == ("flocker-lite-receive", "stream", TOKEN)


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "0", "$(reboot)", TOKEN.upper()])
def test_no_token(token: str) -> None:
    """The other side's shell sees nothing but a token."""
    with pytest.raises(ValueError, match="not a token"):
        stream_session(SshOptions(), "10.0.0.2", token)


@pytest.mark.parametrize("address", ["", "-oProxyCommand=x", "a b", "a;b", "a/b", "a\n"])
def test_no_address(address: str) -> None:
    """An address is never taken for an option or for more than one word."""
    with pytest.raises(ConfigurationFileError, match="not the address"):
        control_session(SshOptions(), address)


def test_pinned() -> None:
    """A node is what has its host key, whatever its address, and whatever ssh's own files say."""
    options = SshOptions(identity_file="/id", pin=Pin("/state/known_hosts", "node-b"))
    argv = control_session(options, "10.0.0.2")
    for setting in (
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=/state/known_hosts",
        "GlobalKnownHostsFile=none",
        "HostKeyAlias=node-b",
        "IdentitiesOnly=yes",
        "UpdateHostKeys=no",
    ):
        assert argv[argv.index(setting) - 1] == "-o"
    assert argv[-4:] == ("root@10.0.0.2", "--", "flocker-lite-receive", "control")


def test_shared() -> None:
    """A stream goes over the connection of its control session, which takes it in at a socket."""
    master = control_session(SshOptions(), "10.0.0.2", "/run/s")
    stream = stream_session(SshOptions(), "10.0.0.2", TOKEN, "/run/s")
    assert ("ControlMaster=yes" in master, "ControlPath=/run/s" in master) == (True, True)
    assert ("ControlMaster=no" in stream, "ControlPath=/run/s" in stream) == (True, True)
    for alone in (
        control_session(SshOptions(), "10.0.0.2"),
        stream_session(SshOptions(), "10.0.0.2", TOKEN),
    ):
        assert ("ControlMaster=no" in alone, "ControlPath=none" in alone) == (True, True)
