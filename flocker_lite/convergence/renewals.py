"""Renews the fencing deadlines of this node's containers, and arms their fence: the primary's side.

`model.fencing` has the protocol. A container with data and automatic failover runs here only under
a deadline. This asks for renewals, of the control service and of the standbys that count as
witnesses, all at once; whoever does not answer delays nobody else. Time counts from when we asked.
Each renewal that puts the deadline off arms the fence anew. What is asked for, and for whom, is
written down before.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence import deadline_keeper
from flocker_lite.convergence.deadline_keeper import AskForRenewals, Kept, Witnesses, begun
from flocker_lite.errors import FlockerError, PeerRefused
from flocker_lite.interfaces import IDeadlineFence
from flocker_lite.interfaces.fencing import IFencingRecord
from flocker_lite.model.fencing import primary
from flocker_lite.model.fencing.claims import Renewal, renew_every_seconds
from flocker_lite.model.fencing.primary import CONTROL, NEVER, Counting
from flocker_lite.model.records import NodeId
from flocker_lite.planner.deadlines import UnderDeadline

TICK_SECONDS = 0.25
"""How often we look whether a renewal is due; sending several at once is cheaper."""

RENEWING, HERE = "renew deadlines", "here"
EXPECTED_SECONDS = 60.0
"""How long renewals are asked for on behalf of a container that does not come after all."""

EXPECT_SECONDS_MAX, EXPECT_LOOK_SECONDS, RETRY_SECONDS = 20.0, 0.1, 2.0
RENEWALS_MAX = 100
"""How many renewals one message asks for."""


class Renewals:
    """Keeps the deadlines of this node; `now` is CLOCK_BOOTTIME, `clock` says when to look.

    `changed` is called when a container may be started now, or must be stopped.
    """

    _log = Logger()

    def __init__(
        self,
        me: NodeId,
        clock: IReactorTime,
        now: Callable[[], float],
        fence: IDeadlineFence,
        record: IFencingRecord,
        witnesses: Witnesses,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.ask_control: AskForRenewals | None = None
        self._me = me
        self._clock = clock
        self._now = now
        self._fence = fence
        fence.lost = self._fence_ends
        self._record = record
        self._witnesses = witnesses
        self._changed = changed
        self._kept: dict[str, Kept] = {}
        self._expected: dict[str, float] = {}
        self._found: dict[str, float] | None = None
        self._passed_before: set[str] = set()
        self._running: Mapping[str, str] = {}
        self._unneeded: frozenset[str] = frozenset()
        self._wanted: frozenset[str] = frozenset()
        self._is_told = False
        self._asking: dict[str, Deferred[None]] = {}
        self._working: dict[str, Deferred[None]] = {}
        self._said: dict[str, str] = {}
        self._tick: IDelayedCall | None = None
        self._is_stopped = False

    # What the plan has to know

    def see(
        self,
        wanted: Mapping[str, UnderDeadline],
        running: Mapping[str, str],
        unneeded: Iterable[str] = (),
        is_told: bool = True,
    ) -> None:
        """What this node may run only under a deadline; called with each plan.

        `running` has the instance of each container here that has processes. Those in `unneeded`
        are configured here without a deadline, so they need no fence though they run. Unless the
        agent `is_told` what should be here, nothing is disarmed.
        """
        self._wanted, self._is_told = frozenset(wanted), is_told
        self._running, self._unneeded = running, frozenset(unneeded)
        self._witnesses.keep(deadline_keeper.witnesses_of(wanted.values()))
        now = self._now()
        for name, each in wanted.items():
            if self._found is None:
                break
            if name not in self._kept:
                self._kept[name] = self._begun(each, name in running, now)
            elif each != self._kept[name].wanted:
                self._kept[name].told(each, self._me, now)
        for name in tuple(self._kept):
            if name not in wanted:
                del self._kept[name]
        if wanted or self._found is None or self._found:
            self._watch()

    def barred(self, wanted: Iterable[str]) -> dict[str, str]:
        """The containers of these that must not be started now, and why, in words."""
        now, found = self._now(), {}
        for name in wanted:
            kept = self._kept.get(name)
            if kept is None:
                found[name] = "it starts once the agent has found the fence of its deadline"
            elif not kept.may_start(now):
                found[name] = kept.why_not()
        return found

    @property
    def to_stop(self) -> frozenset[str]:
        """The containers that run though no fence would end them in time."""
        now = self._now()
        return frozenset(
            name for name, kept in self._kept.items() if kept.must_stop(now, name in self._running)
        )

    @property
    def countings(self) -> Mapping[str, Counting]:
        """What this node said last that it counts, by container; an earlier agent's too."""
        return self._record.record.countings

    @property
    def fenced(self) -> frozenset[str]:
        """The containers of which the fence has a deadline."""
        return frozenset(self._found or ())

    @property
    def armed(self) -> Mapping[str, bool]:
        """Of each container that may run here only under a deadline, whether the fence has one."""
        return {name: (self._found or {}).get(name, NEVER) > self._now() for name in self._wanted}

    def needs(self, name: str) -> bool:
        """Whether a container may run here only under a deadline."""
        return name in self._wanted

    async def fence_instance(self, name: str, instance: str) -> None:
        """Have the fence guard an instance that is about to start; FlockerError if it must not.

        A container that needs no deadline is not guarded.
        """
        if not self.needs(name):
            return
        kept = self._kept.get(name)
        if kept is None or not kept.may_start(self._now()):
            why = kept.why_not() if kept is not None else "its fence was not found yet"
            raise FlockerError(f"container {name} is not started: {why}")
        await self._fence.add_instance(name, instance)
        kept.guarded.add(instance)

    @property
    def expected(self) -> frozenset[str]:
        """The containers that are about to be handed over to this node."""
        now = self._now()
        return frozenset(name for name, until in self._expected.items() if now < until)

    async def expect(self, name: str) -> None:
        """Get renewals for a container that is about to come; PeerRefused when there are none.

        One that needs no deadline may come at once.
        """
        self._expected[name] = self._now() + EXPECTED_SECONDS
        self._changed()
        gives_up_at = self._now() + EXPECT_SECONDS_MAX
        while (kept := self._kept.get(name)) is not None or self._found is None:
            if kept is not None and kept.may_start(self._now()):
                break
            if self._now() >= gives_up_at:
                why = kept.why_not() if kept is not None else "the fence of deadlines is not found"
                raise PeerRefused(f"container {name} could not start here: {why}")
            await deferLater(self._clock, EXPECT_LOOK_SECONDS)

    def stop(self) -> None:
        """Ask no more, because the process ends. The fence stays."""
        self._is_stopped = True
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        for going_on in (*self._asking.values(), *self._working.values()):
            going_on.cancel()

    def _begun(self, wanted: UnderDeadline, is_running: bool, now: float) -> Kept:
        name, found = wanted.container, self._found or {}
        kept = begun(wanted, self._me, self.countings.get(name), found.get(name), is_running, now)
        kept.has_passed = name in self._passed_before
        return kept

    # Asking

    def _watch(self) -> None:
        if not self._is_stopped and (self._tick is None or not self._tick.active()):
            self._tick = self._clock.callLater(0.0, self._look)

    def _look(self) -> None:
        """Do what is due, and look again; each piece of work goes on by itself."""
        if self._found is None:
            self._work("find the fence of deadlines", self._find())
        else:
            self._disarm_what_left()
            self._renew_what_is_due()
        if self._kept or self._found is None or self._found:
            self._tick = self._clock.callLater(TICK_SECONDS, self._look)

    async def _find(self) -> None:
        """Find the deadlines that an earlier agent armed."""
        found = await self._fence.deadlines()
        self._passed_before = {name for name, each in found.items() if each.has_passed}
        self._found = {
            name: NEVER if each.has_passed else each.until for name, each in found.items()
        }
        self._changed()

    def _disarm_what_left(self) -> None:
        for name in tuple(self._found or ()) if self._is_told else ():
            is_over = name not in self._running or name in self._unneeded
            if name not in self._kept and is_over:
                self._work(f"disarm {name}", self._disarm(name))

    async def _disarm(self, name: str) -> None:
        await self._fence.disarm(name)
        if name in self._kept or self._found is None:
            return
        self._found.pop(name, None)
        self._passed_before.discard(name)
        await self._record.update(lambda record: deadline_keeper.without_counting(record, name))

    def _renew_what_is_due(self) -> None:
        now = self._now()
        due = [kept for kept in self._kept.values() if now >= kept.next_ask_at]
        if not due or RENEWING in self._working:
            return
        for kept in due:
            every = renew_every_seconds(kept.primary.counting.after_seconds)
            kept.next_ask_at = now + every
        self._work(RENEWING, self._renew(due))

    async def _renew(self, due: list[Kept]) -> None:
        """Write down what is counted, arm what runs unarmed, and ask everybody."""
        for kept in due:
            if not kept.has_asked and kept.primary.deadline > kept.armed:
                await self._arm(kept)
        ready = [kept for kept in due if kept.has_asked or kept.primary.deadline <= kept.armed]
        counted = {kept.wanted.container: kept.primary.counting for kept in ready}
        try:
            await self._record.update(
                lambda record: deadline_keeper.with_countings(record, counted)
            )
        except FlockerError as error:
            for kept in ready:
                kept.troubles[HERE] = str(error)
                kept.next_ask_at = self._now() + RETRY_SECONDS
            return
        asked: dict[str, list[Renewal]] = {}
        for kept in ready:
            if self._kept.get(kept.wanted.container) is not kept:
                continue
            renewal = primary.renewal(kept.primary)
            if counted[renewal.container] != kept.primary.counting:
                continue  # it was told of others meanwhile, and is asked for anew at once
            kept.has_asked = True
            for one in (CONTROL, *renewal.witnesses):
                asked.setdefault(one, []).append(renewal)
        asked_at = self._now()
        for one, renewals in asked.items():
            self._ask(one, renewals, asked_at)

    def _ask(self, one: str, renewals: list[Renewal], asked_at: float) -> None:
        """Ask one side, unless it still owes an answer; who hangs delays nobody else."""
        if one in self._asking:
            return
        asking = Deferred.fromCoroutine(self._ask_all(one, renewals, asked_at))
        # An answer that comes this late is worth little; a new connection may do better.
        seconds = min(renewal.after_seconds for renewal in renewals) / 3
        asking.addTimeout(seconds, self._clock)
        self._asking[one] = asking
        asking.addBoth(self._asked, one, renewals)

    async def _ask_all(self, one: str, renewals: list[Renewal], asked_at: float) -> None:
        for start in range(0, len(renewals), RENEWALS_MAX):
            some = tuple(renewals[start : start + RENEWALS_MAX])
            if one != CONTROL:
                refused = await self._witnesses.ask(one, some)
            elif self.ask_control is not None:
                refused = await self.ask_control(some)
            else:
                raise FlockerError("the control service cannot be reached")
            for renewal in some:
                if renewal.container in refused:
                    self._note(renewal.container, one, refused[renewal.container])
                else:
                    self._granted(one, renewal, asked_at)

    def _asked(self, result: Failure | None, one: str, renewals: list[Renewal]) -> None:
        self._asking.pop(one, None)
        if not isinstance(result, Failure) or self._is_stopped:
            return
        said = result.getErrorMessage() or "no answer in time"
        for renewal in renewals:
            self._note(renewal.container, one, said)

    def _note(self, name: str, one: str, why: str) -> None:
        """Keep why one side does not renew, for the words of the state."""
        who = "the control service" if one == CONTROL else f"node {one}"
        if name in self._kept:
            self._kept[name].troubles[one] = f"{who}: {why}"

    # Arming

    def _granted(self, by: str, asked: Renewal, asked_at: float) -> None:
        kept = self._kept.get(asked.container)
        if kept is None or asked.epochs != kept.primary.epochs:
            return
        kept.troubles.pop(by, None)
        could_start = kept.may_start(self._now())
        if kept.granted(by, asked, asked_at) and not kept.is_arming:
            self._work(f"arm {asked.container}", self._arm_granted(kept))
        elif kept.may_start(self._now()) and not could_start:
            self._changed()

    async def _arm_granted(self, kept: Kept) -> None:
        """Arm the fence with what was granted, and once more if more was granted meanwhile."""
        could_start = kept.may_start(self._now())
        while kept.primary.deadline > kept.armed:
            if not await self._arm(kept):
                return
        if kept.may_start(self._now()) and not could_start:
            self._changed()

    async def _arm(self, kept: Kept) -> bool:
        """Arm the fence with the container's deadline; returns whether that was done."""
        name, deadline = kept.wanted.container, kept.primary.deadline
        kept.is_arming = True
        try:
            await self._fence.arm_deadline(name, kept.wanted.dataset_ids, deadline)
            instance = self._running.get(name)
            if instance and instance not in kept.guarded:  # a volume has none
                await self._fence.add_instance(name, instance)
                kept.guarded.add(instance)
        except FlockerError as error:
            if kept.troubles.get(HERE) != str(error):
                self._log.warn("{name}: {reason}", name=name, reason=error)
            kept.troubles[HERE] = str(error)
            return False
        finally:
            kept.is_arming = False
        if self._found is not None:
            self._found[name] = deadline
            self._passed_before.discard(name)
        kept.armed, kept.has_passed = deadline, False
        kept.troubles.pop(HERE, None)
        return True

    def _fence_ends(self, name: str) -> None:
        """The fence ends the container: at its deadline, or because the fence is at its end."""
        if self._found is not None:
            self._found[name] = NEVER
            self._passed_before.add(name)
        kept = self._kept.get(name)
        if kept is not None:
            kept.ended()
        self._log.warn("container {name} is ended: its fencing deadline passed", name=name)
        self._changed()

    def _work(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Have this go on by itself, once at a time."""
        if what in self._working or self._is_stopped:
            work.close()
            return
        going_on = Deferred.fromCoroutine(work)
        self._working[what] = going_on
        going_on.addBoth(self._worked, what)

    def _worked(self, result: Failure | None, what: str) -> None:
        self._working.pop(what, None)
        if not isinstance(result, Failure) or result.check(CancelledError):
            return
        if result.check(FlockerError):
            said = str(result.value)
            if self._said.get(what) != said:
                self._log.warn("cannot {what}: {reason}", what=what, reason=said)
            self._said[what] = said
        else:
            self._log.failure("cannot {what}", result, what=what)
