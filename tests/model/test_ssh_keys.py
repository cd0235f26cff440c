"""What may stand in a file that sshd believes is a public key, and nothing else."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.ssh_keys import HOST_KEYS_MAX, public_key, ssh_keys
from flocker_lite.testing.memory_trust import made_up_key, made_up_keys

KEY = made_up_key(1)
BLOB = KEY.split()[1]


def test_a_key() -> None:
    """As it is in a `.pub` file; the comment is nobody's business."""
    for text in (KEY, f"{KEY}\n", f"{KEY} root@n1", f"{KEY} two words\n"):
        assert public_key(text) == KEY
    other = b64encode(b"\0\0\0\x07ssh-rsa123").decode()
    assert public_key(f"ssh-rsa {other}") == f"ssh-rsa {other}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        BLOB,
        f"ssh-rsa {BLOB}",
        f"ssh-dss {BLOB}",
        f"{KEY}\n{KEY}",
        f"{KEY} comment\n{KEY}",
        f'command="sh" {KEY}',
        f" {KEY}",
        f"{KEY}\r",
        f"ssh-ed25519  {BLOB}",
        f"ssh-ed25519 {BLOB[:-1]}",
        f"ssh-ed25519 {BLOB}{'A' * 8192}",
        "ssh-ed25519 " + b64encode(b"\0\0\0\x0bssh-ed25519").decode(),
    ],
)
def test_no_key(text: str) -> None:
    """Nothing with options, more lines, another kind inside, or nothing inside."""
    with pytest.raises(ValueError, match="ssh"):
        public_key(text)


@given(st.text() | st.text().map(lambda text: f"{KEY}{text}") | st.binary().map(repr))
def test_whatever_is_taken_is_one_line_of_two_words(text: str) -> None:
    """No text makes another line, or an option, of a file."""
    try:
        key = public_key(text)
    except ValueError:
        return
    kind, blob = key.split(" ")
    assert kind in ("ssh-ed25519", "ssh-rsa") or kind.startswith("ecdsa-sha2-nistp")
    assert set(blob) <= set(b64alphabet())


def b64alphabet() -> str:
    """The letters of base64."""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def test_the_keys_of_a_node() -> None:
    """One of the agent, and some of its sshd, in one order and each once."""
    keys = [made_up_key(number) for number in range(HOST_KEYS_MAX)]
    assert ssh_keys(KEY, [*keys, keys[0]]).host_keys == tuple(sorted(keys))
    assert ssh_keys(made_up_keys(3).public_key, made_up_keys(3).host_keys) == made_up_keys(3)
    for wrong in ([], [made_up_key(number) for number in range(HOST_KEYS_MAX + 1)], ["no key"]):
        with pytest.raises(ValueError, match="key"):
            ssh_keys(KEY, wrong)
