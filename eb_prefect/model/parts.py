# SPDX-License-Identifier: Apache-2.0
"""The small parts that components, offers and sessions have in common."""

from typing import Any

from pydantic import Field

from eb_prefect.model.kind import AnyKind
from eb_prefect.model.moment import Duration, Instant, PlannedInstant, PlannedInterval
from eb_prefect.model.phase import AnyComponentPhase
from eb_prefect.model.value import Text, Value, Whole


class Range(Value):
    """What is asked for at least and at most; counts, or GiB for memory and storage."""

    min: Whole | None = None
    max: Whole | None = None


class Message(Value):
    """Something a broker says about a component, most often why it says NO."""

    kind: str | None = None
    time: Instant | None = None
    level: Text | None = None
    template: Text | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    message: Text | None = None

    @property
    def text(self) -> str:
        """The message, or its template where the broker left the message empty."""
        return self.message or self.template or self.kind or ""


class Option(Value):
    """An update that a broker says it would take now."""

    kind: str
    path: Text | None = None
    pattern: Text | None = None
    values: tuple[Text, ...] = ()
    min: Whole | None = None
    max: Whole | None = None
    units: Text | None = None


class Update(Value):
    """A change that a client asks for; brokers take ``phase`` only."""

    kind: str
    path: Text
    value: Text | None = None
    delta: Whole | None = None
    units: Text | None = None


class Amount(Value):
    """A cost or a metric that an offer names; compare by ``type``, a missing one is not 0."""

    kind: AnyKind | None = None
    type: Text | None = None
    description: Text | None = None
    min: float | None = None
    max: float | None = None


class Connector(Value):
    """Where a stream, a product or an interactive session can be reached."""

    kind: str | None = None
    status: Text | None = None
    protocol: Text | None = None
    location: Text | None = None


class Checksum(Value):
    """A digest and the name of its algorithm, for example ``sha-256`` or ``adler32``."""

    type: Text | None = None
    value: Text | None = None


class Window(Value):
    """When a stage starts, or is done, and how long it takes."""

    start: PlannedInstant = None
    done: PlannedInstant = None
    duration: Duration | None = None


class AvailableWindow(Value):
    """The interval in which a stage starts, and how long it lasts."""

    start: PlannedInterval = None
    duration: Duration | None = None


class Schedule(Value):
    """What a broker plans; never what was observed."""

    preparing: Window | None = None
    available: AvailableWindow | None = None
    releasing: Window | None = None


class Described(Value):
    """What brokers say of anything they have a name for."""

    uuid: Text | None = None
    name: Text | None = None
    description: Text | None = None
    url: Text | None = None
    created: Instant | None = None
    modified: Instant | None = None
    messages: tuple[Message, ...] = ()
    options: tuple[Option, ...] = ()
    costs: tuple[Amount, ...] = ()
    metrics: tuple[Amount, ...] = ()


class Component(Described):
    """What every part of a request, an offer or a session may carry.

    In a request only ``name`` and ``description`` are the client's to give.
    """

    phase: AnyComponentPhase | None = None
    schedule: Schedule | None = None
