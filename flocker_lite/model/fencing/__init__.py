"""The fencing protocol: when a primary must stop, and when a standby may take over; pure.

A container with data and automatic failover runs under a *fencing deadline*. Its primary asks for
*renewals*, of the control service and of its *witnesses*, the standbys that it counts. Each one
that grants a renewal *promises* to take no part in a promotion for a while. `claims` has the words
that all sides share, `primary`, `witness` and `control` what each side knows and decides.

    primary:  deadline = max(asked control, min over its witnesses(asked witness)) + after
    control:  proposes an attempt once granted + after + margin is over, and at start + as much
    witness:  agrees once granted + after + margin is over, and at start + as much

Each side counts on its own clock: primaries and witnesses on CLOCK_BOOTTIME, which goes on while a
machine is suspended, the control service on its monotonic clock. A renewal is granted later than it
was asked for, so no promise lapses before the deadline that rests on it. The margin makes up for
clocks that differ and for the time that a kill takes.

The control service may only have a standby promoted that the primary counts as a witness. So:

1. A renewal says which witnesses the primary counts, and of which generation of the configuration
   they are. The control service writes down those of the current generation before it grants.
2. A standby that is no longer configured is forgotten as a witness, durably, with that same edit.
3. A primary that restarts goes on counting what it last told of, which it had written down first;
   and nothing starts before a renewal is in hand.

A promotion is an *attempt*, whose name no other attempt ever has. The witness writes down that it
agrees, and from then on renews nothing of that container for these epochs until the control service
says that the attempt was called off, or its own copy has a later epoch on disk. A renewal that the
control service grants calls the attempt off.
"""
