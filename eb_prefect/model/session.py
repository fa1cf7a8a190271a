# SPDX-License-Identifier: Apache-2.0
"""What a broker answers: offers, and the session that one of them becomes."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from eb_prefect.model.compute import Compute, Volume
from eb_prefect.model.data import Data
from eb_prefect.model.executable import Executable
from eb_prefect.model.moment import Instant
from eb_prefect.model.parts import Checksum, Connector, Described, Schedule
from eb_prefect.model.phase import FINAL, AnyPhase
from eb_prefect.model.storage import Storage
from eb_prefect.model.value import Text, Value, Whole


class Outcome(Value):
    """How the program ended and what it used; absent is what the broker can't tell.

    Ours: no dialect of the wire has it. CPU time is of all processes of the
    session, in seconds. ``peak_memory`` is in bytes, ``energy`` in joules,
    ``carbon`` in grams of CO2. ``identifier`` and ``state`` are a batch
    system's own name for the session and its word for how it ended, ``site``
    is where it sent it, and ``codes`` are further exit codes by the names that
    it has for them.
    """

    exit_code: Whole | None = None
    signal: Whole | None = None
    started: Instant | None = None
    ended: Instant | None = None
    cpu_seconds: float | None = None
    peak_memory: Whole | None = None
    nodes: tuple[Text, ...] = ()
    identifier: Text | None = None
    state: Text | None = None
    site: Text | None = None
    codes: dict[str, Whole] = Field(default_factory=dict)
    energy: float | None = None
    carbon: float | None = None
    read_bytes: Whole | None = None
    written_bytes: Whole | None = None


class Product(Value):
    """A file that the session left in a READWRITE volume.

    ``name`` is its path below the volume's ``path``; ``size`` is in bytes.
    ``checksum`` is of the whole file as the program left it.
    """

    name: Text
    volume: Text | None = None
    location: Text
    size: Whole | None = None
    checksum: Checksum | None = None


class Session(Described):
    """What a broker says about one execution, from offer to end.

    ``raw`` holds the bytes as they came, where they came over a wire; it is
    never dumped.
    """

    kind: str | None = None
    uuid: Text
    phase: AnyPhase
    executable: Executable | None = None
    compute: Compute | None = None
    storage: tuple[Storage, ...] = ()
    volumes: tuple[Volume, ...] = ()
    data: tuple[Data, ...] = ()
    schedule: Schedule | None = None
    expires: Instant | None = None
    connectors: tuple[Connector, ...] = ()
    outcome: Outcome | None = None
    products: tuple[Product, ...] = ()
    raw: bytes | None = Field(default=None, exclude=True, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether the session has ended and will never change its phase again."""
        return self.phase in FINAL


def _answer(given: object) -> object:
    # YAML 1.1 reads a bare YES as a boolean
    return {True: "YES", False: "NO"}.get(given, given) if isinstance(given, bool) else given


class OfferSet(Described):
    """A broker's answer to a request: YES with offers, or NO with messages."""

    kind: str | None = None
    result: Annotated[str, BeforeValidator(_answer)]
    offers: tuple[Session, ...] = ()
    raw: bytes | None = Field(default=None, exclude=True, repr=False)
