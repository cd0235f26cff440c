"""The guest's end is believed only when all that it wrote has come."""

import pytest

from admin.vm.conversation import Conversation, Ended, Port
from admin.vm.errors import GuestEnded


def test_nothing_is_known_at_first() -> None:
    """A machine that said nothing has neither started nor ended the command."""
    conversation = Conversation()
    assert (conversation.started, conversation.completed) == (False, None)


def test_report_may_come_in_pieces() -> None:
    """A report line counts when it is whole, however it was cut."""
    conversation = Conversation()
    conversation.hear(Port.REPORT, b"star")
    assert not conversation.started
    conversation.hear(Port.REPORT, b"ted\nended 3 0 0")
    assert conversation.started
    assert conversation.completed is None
    conversation.hear(Port.REPORT, b"\n")
    assert conversation.completed == Ended(3, 0, 0)


def test_end_waits_for_the_output() -> None:
    """The report may overtake what the command wrote."""
    conversation = Conversation()
    conversation.hear(Port.OUTPUT, b"12345")
    conversation.hear(Port.REPORT, b"started\nended 0 8 2\n")
    assert conversation.completed is None
    conversation.hear(Port.OUTPUT, b"678")
    assert conversation.completed is None
    conversation.hear(Port.ERROR, b"no")
    assert conversation.completed == Ended(0, 8, 2)


@pytest.mark.parametrize("line", [b"ended 0 1\n", b"ended many 0 0\n", b"\n"])
def test_nonsense_is_an_error(line: bytes) -> None:
    """A report that the guest's script does not make is not guessed at."""
    with pytest.raises(GuestEnded):
        Conversation().hear(Port.REPORT, line)
