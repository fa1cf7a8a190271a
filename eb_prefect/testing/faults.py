# SPDX-License-Identifier: Apache-2.0
"""The faults of brokers as switches, one for each.

Seen on real servers unless it says otherwise; "the public broker" is the one
that the dialects A, B1 and B2 stem from, known as Calycopis. The months are
those in which its code had the fault.
"""

from dataclasses import dataclass

from eb_prefect.testing.wirefaults import WireFaults


@dataclass(frozen=True, kw_only=True)
class Faults(WireFaults):
    """What a scripted broker or its server does wrong; without arguments, nothing.

    Give it at the start, or set ``faults`` of a broker or a server at any
    time. Switches that are numbers of answers hold for the next so many
    answers, counted from when they were set; `ALWAYS` is every time. Seconds
    are of the broker's clock for what its sessions do, and real ones for
    what its connections do.

    These are what a broker does, in memory and over HTTP alike; those of
    `WireFaults`, which it has too, only a server can have.
    """

    cancel_does_not_stick: bool = False
    """The answer says CANCELLED, the next read has the old phase, and the session goes on.

    The public broker from May to September 2026 did not save a rejection or
    a cancellation.
    """

    cancel_stops_nothing: bool = False
    """The session is CANCELLED for good and its work goes on, as the phases of its parts show.

    All versions of the public broker set the phase and stop no container.
    """

    ignores_updates: bool = False
    """No cancellation and no acceptance changes anything, and the answer has the phase as it was.

    Every server answers an update that it can't or won't make so, with 200.
    """

    never_expires: bool = False
    """Offers can be accepted long after they expired, and are never EXPIRED.

    The public broker before September 2026.
    """

    expired_is_answered: bool = False
    """To accept an expired or rejected offer is answered with its phase, without an error.

    The public broker from September 2026 on; over HTTP it is always so.
    """

    accepted_for: float | None = None
    """ACCEPTED for so many seconds, then at once the last phase of the script.

    The public broker does all work of all sessions one after another in one
    thread: under load a session is ACCEPTED for more than a minute, and
    phases are too short to be seen.
    """

    poison_pill: bool = False
    """Once an offer with data is accepted no session changes its phase any more, whosever it is.

    The mock platform of the public broker in 2026: an action that can't be
    done is tried for ever and holds up all others.
    """

    restart_after: float | None = None
    """After so many seconds the broker knows no session of before.

    A restart of the public broker makes a new database; every session of
    before is answered with 404 from then on.
    """

    components_change_after_failed: float | None = None
    """Parts of a FAILED session are still RUNNING, and end so many seconds later.

    The public broker releases what a failed session held after it has set
    the session's phase.
    """

    components_stay_available: bool = False
    """Parts of a COMPLETED session are AVAILABLE for ever.

    Servers of dialect A (November 2025), whose sessions go by the clock only.
    """

    connectors_late: bool = False
    """Streams have no location before the session has ended.

    The public broker since mid-2026 captures a log when the container has stopped.
    """

    connectors_without_location: bool = False
    """Streams are FINISHED and have no location.

    The public broker since mid-2026, where a session failed before it ran.
    """

    streams_truncated: bool = False
    """Of a stream only the last 65,536 characters are there, after a line that says so.

    The public broker keeps no more in its database (2026).
    """

    null_names: bool = False
    """Offers are named ``null-offer-0`` and so on, and the offer set has no name.

    The public broker in 2026; in 2025 it was ``no-name-offer-0``.
    """

    descriptions_dropped: bool = False
    """No description that the client gave comes back. All versions of dialect B."""

    locations_dropped: bool = False
    """Neither a notebook's location nor a storage's size comes back (dialect B, August 2026)."""

    executable_dropped: bool = False
    """Of a container nothing comes back but ``privileged`` (dialect A, November 2025)."""

    command_reordered: bool = False
    """The words of the command come back in another order.

    The public broker keeps them in a table without an order (2026).
    """

    command_extended: bool = False
    """The command comes back with a word that the client did not give. Hostile; not seen."""

    memory_is_cores: bool = False
    """The memory that is told is the number of cores.

    The public broker until September 2026.
    """

    amounts_doubled: bool = False
    """Offers have twice the cores and memory that were asked for at least, as least and most.

    All versions of the public broker.
    """

    durations_rounded: bool = False
    """The duration asked for comes back in whole minutes, rounded up (the public broker, from mid-2026)."""

    storage_synthesised: bool = False
    """Storage that nobody asked for holds the data, and data name it by an identifier.

    The public broker; it also calls a compute nobody named "Default compute resource".
    """

    schedule_missing: bool = False
    """Sessions have no schedule (the public broker in 2026)."""

    unknown_phase: str = ""
    """This, where the session would be between ACCEPTED and its end. Of servers to come."""

    unknown_kinds: bool = False
    """A data resource, a connector and a message are of kinds that nobody knows. Of servers to come."""

    unknown_fields: bool = False
    """Session, compute and messages have fields that nobody knows. Of servers to come."""

    no_without_messages: bool = False
    """Every request is answered NO without a reason. Hostile; the schema allows it."""

    messages_unfilled: bool = False
    """Messages have no text and a template whose blanks nobody filled.

    All versions of dialect B store neither; with ``refusal`` the reasons come so too.
    """

    yes_without_offers: bool = False
    """Every request is answered YES without an offer. Hostile; the schema allows it."""

    duplicate_offers: bool = False
    """Each offer is in its set twice. Hostile; not seen."""

    wrong_uuid: bool = False
    """What is answered about a session has another's identifier. Hostile; a proxy's cache can do it."""

    pushes_lost: bool = False
    """Nobody who listens hears of a change. Push is for brokers to come."""

    pushes_spurious: bool = False
    """Whoever listens hears of each change twice, and of a session that does not exist."""


NONE = Faults()
"""A broker without a fault."""
