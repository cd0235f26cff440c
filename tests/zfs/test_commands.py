"""What reaches `zfs`: only names that were looked at, and only the options that both kinds know."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from flocker_lite.errors import Busy, CommandFailed, Conflict, NotFound
from flocker_lite.model.lease import create
from flocker_lite.model.state import Snapshot
from flocker_lite.zfs import commands, names
from flocker_lite.zfs.capabilities import Capabilities, detect
from flocker_lite.zfs.mounting import BUSY_RETRIES_MAX, BUSY_RETRY_SECONDS
from flocker_lite.zfs.output import UnexpectedOutput
from flocker_lite.zfs.storage import ZfsStorage
from tests.zfs.recorded import ID, NAME, ROOT, TOKEN

OPENZFS = Capabilities(True, True, sets_several=True, snapshots_several=True)
ZFS_FUSE = Capabilities(False, False, sets_several=False, snapshots_several=False)


class Zfs:
    """Answers each command in turn: text is what it prints, an error is raised."""

    def __init__(self, *answers: str | CommandFailed) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, ...]] = []

    async def run(
        self,
        argv: tuple[str, ...],
        stdin: bytes = b"",
        timeout_seconds: float = 0.0,
        fds: Mapping[int, int] | None = None,
    ) -> bytes:
        assert timeout_seconds > 0
        self.asked.append(argv)
        answer = self.answers.pop(0)
        if isinstance(answer, CommandFailed):
            raise answer
        return answer.encode()


def storage(
    zfs: Zfs, clock: Clock, mount_root: str = "/flocker", capabilities: Capabilities = OPENZFS
) -> ZfsStorage:
    """The storage of pool "tank", with that `zfs`."""

    return ZfsStorage("tank", mount_root, zfs.run, execute, cast(Any, clock), capabilities)


def failed(said: str) -> CommandFailed:
    """What a command that says this raises."""
    return CommandFailed(("zfs",), 1, said)


def result(awaitable: Awaitable[Any]) -> Any:
    """What comes out of it at once; raises what it raises."""

    async def run() -> Any:
        return await awaitable

    outcome: list[Any] = []
    Deferred.fromCoroutine(run()).addBoth(outcome.append)
    assert outcome, "it is not finished"
    if hasattr(outcome[0], "raiseException"):
        outcome[0].raiseException()
    return outcome[0]


@pytest.mark.parametrize(
    "text",
    ["", "x", ID.upper(), f"{ID}\n", f"../{ID}", f"{ID}@a", f"-{ID}", ID[:-1], f"{ID}/{ID}"],
)
def test_only_ids_reach_zfs(text: str) -> None:
    """Anything else raises before a command is run."""
    zfs = Zfs()
    storing = storage(zfs, Clock())
    for asked in (
        storing.look(text),
        storing.destroy(text),
        storing.resize(text, 5),
        storing.mount(text),
        storing.unmount(text),
        storing.set_lease(text, create()),
        storing.snapshot(text, "a"),
        storing.destroy_snapshot(text, "a"),
        storing.estimate(text, None, "a"),
        storing.send(text, None, "a", 1),
        storing.send_rest(text, "1-a-b-0", 1),
        storing.receive(text, 0),
        storing.resume_token(text),
        storing.discard_partial(text),
        storing.set_aside(text, "x"),
    ):
        with pytest.raises(ValueError, match="not a dataset id"):
            result(asked)
    assert zfs.asked == []


@given(st.text())
def test_any_text_is_an_id_or_not(text: str) -> None:
    """What passes for an id has nothing in it that means anything to `zfs` or to a path."""
    if names.is_dataset_id(text):
        assert set(text) <= set("0123456789abcdef-")
        assert len(text) == 36


@given(st.text())
def test_any_text_is_a_pool_or_not(text: str) -> None:
    """What passes for a pool is no option, no snapshot and no path."""
    if names.is_pool(text):
        assert text[0].isalpha()
        assert not set(text) & set("@# \t\n")
        assert "//" not in text


def test_options() -> None:
    """Never -F; never mounted by a receive; nothing can be mounted or written below our root."""
    assert commands.receive(NAME, resumable=False) == ("zfs", "receive", "-u", NAME)
    assert commands.receive(NAME, resumable=True) == ("zfs", "receive", "-s", "-u", NAME)
    assert commands.send(NAME, "a", "b") == ("zfs", "send", "-i", "@a", f"{NAME}@b")
    assert commands.send(NAME, None, "b") == ("zfs", "send", f"{NAME}@b")
    root = commands.make_root(ROOT)
    assert {"mountpoint=none", "canmount=off", "readonly=on"} <= set(root)
    made = commands.create(NAME, "/flocker/x", 5, create())
    assert {"canmount=noauto", "flocker:lease=primary:1", "refquota=5"} <= set(made)


def test_busy_is_tried_again() -> None:
    """Each time after a while, and not for ever."""
    busy = failed(f"cannot destroy '{NAME}@a': dataset is busy")
    zfs, clock = Zfs("", *[busy] * (BUSY_RETRIES_MAX + 1)), Clock()
    outcome: list[Any] = []
    destroying = storage(zfs, clock).destroy_snapshot(ID, "a")
    Deferred.fromCoroutine(destroying).addBoth(outcome.append)
    clock.pump([BUSY_RETRY_SECONDS] * BUSY_RETRIES_MAX)
    assert outcome[0].check(Busy)
    assert zfs.answers == []


def test_busy_for_a_while() -> None:
    """One that works in the end is no error."""
    busy = failed(f"cannot destroy '{NAME}@a': dataset is busy")
    zfs, clock = Zfs("", busy, busy, ""), Clock()
    outcome: list[Any] = []
    destroying = storage(zfs, clock).destroy_snapshot(ID, "a")
    Deferred.fromCoroutine(destroying).addBoth(outcome.append)
    clock.pump([BUSY_RETRY_SECONDS] * 2)
    assert outcome == [None]


def test_a_snapshot_after_a_power_loss(tmp_path: Path) -> None:
    """What is in the log alone is applied by a mount, read-only; until then ZFS says "busy"."""
    busy = failed(f"cannot create snapshot '{NAME}@a': dataset is busy")
    tries = BUSY_RETRIES_MAX + 1
    zfs, clock = Zfs(*[busy] * tries, "", "", "", "42\n"), Clock()
    outcome: list[Any] = []
    taking = storage(zfs, clock, str(tmp_path)).snapshot(ID, "a")
    Deferred.fromCoroutine(taking).addBoth(outcome.append)
    clock.pump([BUSY_RETRY_SECONDS] * BUSY_RETRIES_MAX)
    assert outcome == [Snapshot("a", "42")]
    assert zfs.asked[tries:-2] == [
        ("zfs", "mount", "-o", "ro", NAME),
        ("zfs", "unmount", NAME),
    ]


def test_what_is_not_there() -> None:
    """To look for it is no error, to need it is."""
    gone = failed(f"cannot open '{NAME}': dataset does not exist")
    assert result(storage(Zfs(gone, ""), Clock()).look(ID)) is None
    with pytest.raises(NotFound):
        result(storage(Zfs(gone), Clock()).mount(ID))


NO_SUCH_PROPERTY = failed("bad property list: invalid property 'receive_resume_token'\nusage:")
NO_SUCH_OPTION = failed("invalid option 'n'\nusage:")
NOT_A_NAME = failed("cannot open 'canmount=off': invalid dataset name")
TOO_MANY = failed("too many arguments\nusage:\n\tsnapshot [-r] [-o property=value] ...")
NONE_THERE = failed("cannot create snapshots : dataset does not exist")
NOT_THERE = failed(f"cannot open '{ROOT}@not-there': dataset does not exist")


@pytest.mark.parametrize(
    ("answers", "capabilities"),
    [
        ((NOT_THERE, "-\n", "active\n", "", NONE_THERE), OPENZFS),
        ((NOT_THERE, "-\n", "enabled\n", "", NONE_THERE), OPENZFS),
        (
            (NOT_THERE, "-\n", "disabled\n", "", NONE_THERE),
            Capabilities(True, False, True, True),
        ),
        (
            (NOT_THERE, "-\n", failed("no such pool"), "", NONE_THERE),
            Capabilities(True, False, True, True),
        ),
        ((NO_SUCH_OPTION, NO_SUCH_PROPERTY, NOT_A_NAME, TOO_MANY), ZFS_FUSE),
    ],
)
def test_capabilities(answers: tuple[str | CommandFailed, ...], capabilities: Capabilities) -> None:
    """They are found out from what the tools say, and from what the pool is made for."""
    zfs = Zfs(*answers)
    assert result(detect(zfs.run, ROOT)) == capabilities
    assert zfs.answers == []


def fitness(role: str, readonly: str) -> str:
    """What `zfs` says of a copy that is not mounted."""
    return (
        f"{NAME}\tflocker:lease\t{role}\tlocal\n{NAME}\tmounted\tno\t-\n"
        f"{NAME}\treadonly\t{readonly}\tlocal\n"
    )


def calls_of_the_pause(capabilities: Capabilities, mount_root: str) -> dict[str, int]:
    """How many times `zfs` is called by what storage does while the service is down."""
    base, last = "flocker-lite-1-1", "flocker-lite-1-2"
    readonly = "off" if capabilities.sets_several else "on"
    zfs = Zfs()
    storing = storage(zfs, Clock(), mount_root, capabilities)
    zfs.answers = ["", ""]
    # The round before, while the service ran, left its snapshot held.
    result(storing.send(ID, None, base, 1))
    counts: dict[str, int] = {}
    for step, answers, doing in (
        ("unmount", [""], lambda: storing.unmount(ID)),
        ("snapshot", ["", "123\n"], lambda: storing.snapshot(ID, last)),
        ("send", ["", ""], lambda: storing.send(ID, base, last, 1)),
        ("lease", [""], lambda: storing.set_lease(ID, create())),
        ("mount", [fitness("primary:1", readonly), "", ""], lambda: storing.mount(ID)),
    ):
        zfs.answers, zfs.asked = list(answers), []
        result(doing())
        counts[step] = len(zfs.asked)
    zfs.answers, zfs.asked = [f"{mount_root}/{ID}\n", ""], []
    result(storing.receive(ID, 0))
    counts["after the stream"] = (
        len(zfs.asked) - 1 - zfs.asked.index(commands.receive(NAME, capabilities.resumes))
    )
    return counts


def test_calls_of_the_pause(tmp_path: Path) -> None:
    """A process per call, in the time in which nobody is served: no more than these."""
    expected = {"unmount": 1, "snapshot": 2, "send": 2, "lease": 1, "mount": 2}
    expected["after the stream"] = 0
    assert calls_of_the_pause(OPENZFS, str(tmp_path)) == expected
    assert calls_of_the_pause(ZFS_FUSE, str(tmp_path)) == expected | {"mount": 3}


@pytest.mark.parametrize("failing", ["send", "hold"])
def test_a_send_that_fails_leaves_nothing_running(failing: str) -> None:
    """It fails only when the commands beside the one that failed are gone."""
    fails: Deferred[bytes] = Deferred()
    gone: Deferred[bytes] = Deferred()

    class Side(Zfs):
        async def run(self, argv: tuple[str, ...], *args: Any, **options: Any) -> bytes:
            if argv[1] == failing:
                return await fails
            try:
                return await Deferred()
            finally:
                await gone

    sending = Deferred.fromCoroutine(storage(Side(), Clock()).send(ID, None, "a", 1))
    outcome: list[Any] = []
    sending.addErrback(outcome.append)
    fails.errback(failed("cannot open 'x': dataset does not exist"))
    assert outcome == []
    gone.callback(b"")
    assert outcome[0].check(NotFound)


def test_rest_of_a_stream() -> None:
    """Only for a token that is one, on a ZFS that has them; never an option or another command."""
    zfs = Zfs("")
    result(storage(zfs, Clock()).send_rest(ID, TOKEN, 1))
    assert zfs.asked == [("zfs", "send", "-t", TOKEN)]
    tokens = (("-R", OPENZFS), ("", OPENZFS), (TOKEN + "\n", OPENZFS), (TOKEN, ZFS_FUSE))
    for token, capabilities in tokens:
        with pytest.raises(Conflict):
            result(storage(Zfs(), Clock(), capabilities=capabilities).send_rest(ID, token, 1))


def test_resume_token() -> None:
    """The one that is there; what has none, or is not there, has none."""
    gone = failed(f"cannot open '{NAME}': dataset does not exist")
    for answer, token in ((f"{TOKEN}\n", TOKEN), ("-\n", None), (gone, None)):
        assert result(storage(Zfs(answer), Clock()).resume_token(ID)) == token
    assert result(storage(Zfs(), Clock(), capabilities=ZFS_FUSE).resume_token(ID)) is None
    with pytest.raises(UnexpectedOutput):
        result(storage(Zfs("-F\n"), Clock()).resume_token(ID))
