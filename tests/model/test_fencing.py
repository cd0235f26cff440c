"""The fencing protocol's three sides, one rule at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model.fencing import acknowledged, claims, control, primary, witness
from flocker_lite.model.fencing.acknowledged import Fencing
from flocker_lite.model.fencing.claims import Agreement, Attempt, Proposal, Renewal
from flocker_lite.model.fencing.control import Control, Ownership
from flocker_lite.model.fencing.primary import CONTROL, Counting
from flocker_lite.model.fencing.witness import Witness

AFTER = 10.0
PROMISE = claims.promise_seconds(AFTER)
EPOCHS = pmap({"data": 7, "log": 3})
NEXT = pmap({"data": 8, "log": 4})
COUNTING = Counting("first", ("b", "c"), AFTER)
PRIMARY = primary.begun("db", "a", EPOCHS, COUNTING, None)
RENEWAL = primary.renewal(PRIMARY)
OWNED = Ownership("a", EPOCHS, "d")
FENCING = Fencing("first", ("b",), AFTER)
PROPOSAL = Proposal(Attempt("term", 1), "db", EPOCHS, AFTER)


def test_a_deadline_is_put_off_by_the_control_service_alone() -> None:
    """It counts from when the renewal was asked for."""
    assert primary.granted(PRIMARY, CONTROL, RENEWAL, 100.0).deadline == 110.0


def test_a_deadline_is_put_off_by_all_witnesses() -> None:
    """It counts from when the first of them was asked; one that is silent keeps it where it is."""
    one = primary.granted(PRIMARY, "b", RENEWAL, 100.0)
    assert not primary.may_run(one, 100.1)
    both = primary.granted(one, "c", RENEWAL, 103.0)
    assert both.deadline == 110.0
    assert primary.may_run(both, 109.9)
    assert not primary.may_run(both, 110.0)


def test_a_grant_of_other_epochs_counts_nothing() -> None:
    """The node has acquired the datasets anew since."""
    assert primary.granted(PRIMARY, CONTROL, replace(RENEWAL, epochs=NEXT), 100.0) == PRIMARY


def test_a_restart_goes_on_with_the_armed_deadline() -> None:
    """Nothing starts before a renewal, but what runs under a deadline runs on."""
    assert not primary.may_run(PRIMARY, 0.0)
    assert primary.may_run(primary.begun("db", "a", EPOCHS, COUNTING, 50.0), 49.0)


def test_a_destination_counts_no_witness() -> None:
    """It has no promise but that of the control service before that knows it as owner."""
    told = primary.told(PRIMARY, COUNTING, is_owner=False, now=0.0)
    assert primary.renewal(told).witnesses == ()


def test_a_shorter_time_counts_once_the_longer_deadline_is_over() -> None:
    """Until then the primary goes on asking for the longer time."""
    running = primary.granted(PRIMARY, CONTROL, RENEWAL, 100.0)
    shorter = replace(COUNTING, after_seconds=5.0)
    assert primary.told(running, shorter, True, 101.0).counting.after_seconds == AFTER
    assert primary.told(running, shorter, True, 106.0).counting.after_seconds == 5.0


def test_a_witness_keeps_its_promise() -> None:
    """It agrees to nothing before its promise, and the promise of its start, are over."""
    here = witness.renewed(Witness(0.0), RENEWAL, {}, 100.0)
    assert isinstance(here, Witness)
    assert isinstance(witness.agreed(here, PROPOSAL, {}, 100.0 + PROMISE), str)
    assert isinstance(witness.agreed(here, PROPOSAL, {}, 100.1 + PROMISE), Witness)
    assert isinstance(witness.agreed(Witness(95.0), PROPOSAL, {}, 100.0), str)


def test_a_witness_that_agreed_renews_for_later_epochs_alone() -> None:
    """Until the attempt was called off, or its own lease is later."""
    here = witness.agreed(Witness(0.0), PROPOSAL, {}, 100.0)
    assert isinstance(here, Witness)
    assert witness.agreements_of(here) == [Agreement(PROPOSAL.attempt, "db", EPOCHS)]
    assert isinstance(witness.renewed(here, RENEWAL, {}, 101.0), str)
    assert isinstance(witness.renewed(here, replace(RENEWAL, epochs=NEXT), {}, 101.0), Witness)
    for freed in (
        witness.called_off(here, [PROPOSAL.attempt]),
        witness.taken_over(here, {"data": 9, "log": 5}),
    ):
        assert isinstance(witness.renewed(freed, RENEWAL, {}, 101.0), Witness)
    assert witness.called_off(here, [Attempt("term", 2)]) == here
    assert witness.taken_over(here, {"data": 9}) == here


def test_a_witness_that_knows_a_later_primary() -> None:
    """It neither renews for the older one nor agrees to its promotion."""
    assert isinstance(witness.renewed(Witness(0.0), RENEWAL, {"log": 4}, 100.0), str)
    assert isinstance(witness.agreed(Witness(0.0), PROPOSAL, {"log": 4}, 100.0), str)


def test_a_witness_agrees_to_few_attempts_at_a_time() -> None:
    """One more is refused; the same again is not."""
    here: Witness | str = Witness(0.0)
    for number in range(witness.AGREEMENTS_MAX):
        assert isinstance(here, Witness)
        again = replace(PROPOSAL, attempt=Attempt("term", number))
        here = witness.agreed(here, again, {}, 100.0)
    assert isinstance(here, Witness)
    assert witness.agreed(here, PROPOSAL, {}, 100.0) == here
    other = replace(PROPOSAL, attempt=Attempt("other", 1))
    assert isinstance(witness.agreed(here, other, {}, 100.0), str)


@pytest.mark.parametrize(
    ("asked", "is_granted"),
    [
        (RENEWAL, True),
        (replace(RENEWAL, epochs=NEXT), False),
        (replace(RENEWAL, primary="d", epochs=NEXT), True),
        (replace(RENEWAL, primary="d"), False),
        (replace(RENEWAL, primary="b"), False),
        (replace(RENEWAL, epochs=pmap()), False),
    ],
)
def test_for_whom_the_control_service_renews(asked: Renewal, is_granted: bool) -> None:
    """For the owner at its epochs, and for the destination of its move at the next ones."""
    here = Control("term", 0.0)
    assert (control.rejection(here, asked, OWNED) is None) == is_granted


def test_an_attempt_from_proposal_to_promotion() -> None:
    """It is made when the promise is over, agreed to, and renews nothing while it is written."""
    here = control.granted(Control("term", 0.0), RENEWAL, 100.0)
    over = 100.1 + PROMISE
    assert control.hindrance(here, "db", "b", FENCING, OWNED, over - 0.2) is not None
    assert control.hindrance(here, "db", "b", FENCING, OWNED, over) is None
    assert control.hindrance(here, "db", "c", FENCING, OWNED, over) is not None
    here = control.proposed(here, "db", FENCING, OWNED, "b")
    proposal = control.watch_of(here, "db").proposal
    assert proposal == PROPOSAL

    def refusal(attempt: Attempt, now: float, fencing: Fencing = FENCING) -> str | None:
        return control.refusal(here, attempt, "b", "db", fencing, OWNED, now)

    assert refusal(PROPOSAL.attempt, over) is None
    assert refusal(Attempt("term", 2), over) is not None
    assert refusal(PROPOSAL.attempt, over, replace(FENCING, longest_seconds=11.0)) is not None
    assert control.rejection(here, RENEWAL, OWNED) is None
    here = control.promoting(here, "db")
    assert control.rejection(here, RENEWAL, OWNED) is not None
    here = control.ended(here, "db", promoted_at=over, seconds=AFTER)
    assert control.promised_until(here, "db", FENCING) == over + PROMISE


def test_a_renewal_calls_an_attempt_off() -> None:
    """Its standby hears that, unless the grants say that it was promoted."""
    here = control.proposed(Control("term", 0.0), "db", FENCING, OWNED, "b")
    agreement = Agreement(PROPOSAL.attempt, "db", EPOCHS)
    assert not control.is_called_off(here, agreement, EPOCHS)
    here = control.granted(here, RENEWAL, 100.0)
    assert control.is_called_off(here, agreement, EPOCHS)
    assert not control.is_called_off(here, agreement, pmap({"data": 9, "log": 5}))


def test_a_control_service_that_starts_counts_as_having_promised() -> None:
    """For the longest time that any primary may count with."""
    here = Control("term", 50.0)
    longer = replace(FENCING, longest_seconds=20.0)
    assert control.promised_until(here, "db", longer) == 50.0 + claims.promise_seconds(20.0)


def test_what_the_control_service_writes_down_before_it_renews() -> None:
    """The configured standbys that the primary names, if it knows the current generation."""
    stored = acknowledged.acknowledged(Fencing("first"), RENEWAL, {"b", "d"}, AFTER)
    assert stored == Fencing("first", ("b",), AFTER)
    other = acknowledged.acknowledged(Fencing("second"), RENEWAL, {"b", "d"}, 5.0)
    assert other == Fencing("second", (), AFTER)


def test_an_edit_of_the_standbys() -> None:
    """Who leaves is forgotten, who comes is not counted yet, and the longer time stays."""
    edited = acknowledged.reconfigured(FENCING, "second", {"b", "c"}, 5.0)
    assert edited == Fencing("second", ("b",), AFTER)
    assert acknowledged.reconfigured(edited, "third", {"c"}, 5.0).witnesses == ()
    assert acknowledged.with_another_owner(FENCING, "second").witnesses == ()
