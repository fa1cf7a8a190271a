# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta

import pytest

from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import JupyterNotebook, Program
from eb_prefect.model.parts import Checksum, Message
from eb_prefect.model.session import Outcome, Session
from eb_prefect.wire.asides import CHECKSUM, OUTCOME, as_asides, with_asides
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_session, write_session
from eb_prefect.wire.gaps import OURS
from eb_prefect.wire.text import to_text
from eb_prefect.wire.write import Style

BEGUN = datetime(2026, 11, 24, 10, 26, 52, 511685, tzinfo=UTC)
DIGEST = Checksum(type="sha-256", value="11cc1e0e" * 8)
SAID = Message(kind="urn:eb-prefect:message/failed", level="ERROR", message="no")
WHOLE = Session(
    uuid="one",
    phase="FAILED",
    messages=(SAID,),
    executable=JupyterNotebook(location="file:///x.ipynb", checksum=DIGEST),
    data=(SimpleData(name="a", checksum=DIGEST, messages=(SAID,)), SimpleData(name="b")),
    outcome=Outcome(
        nodes=("n1", "n2"),
        codes={"pilotErrorCode": 1099},
        energy=12.5,
        carbon=0.25,
        exit_code=3,
        started=BEGUN,
        ended=BEGUN + timedelta(seconds=1.5),
        cpu_seconds=0.004451,
        peak_memory=7319552,
    ),
)


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
def test_outcomes_and_checksums_survive_each_dialect(dialect: Dialect) -> None:
    document = write_session(as_asides(WHOLE), dialect, Style(lossy=True, drop=OURS))
    found = with_asides(read_session(to_text(document)))
    assert (found.outcome, found.messages, found.data) == (WHOLE.outcome, WHOLE.messages, WHOLE.data)
    assert found.executable == WHOLE.executable


def test_a_person_can_read_them() -> None:
    told = as_asides(WHOLE)
    assert (
        told.messages[-1].text
        == "it exited 3, it ran 1.5 s, 0.004451 s of CPU time, 7 MiB of memory at most,"
        " 12.5 J of energy, 0.25 g of CO2, pilotErrorCode 1099"
    )
    assert told.data[0].messages[-1].text == f"its sha-256 is {DIGEST.value}"


def test_they_are_told_once() -> None:
    assert as_asides(as_asides(WHOLE)) == as_asides(WHOLE)


def test_what_the_session_names_itself_counts() -> None:
    other = WHOLE.model_copy(update={"outcome": Outcome(exit_code=4)})
    told = as_asides(WHOLE).model_copy(update={"outcome": other.outcome})
    assert with_asides(told) == other


@pytest.mark.parametrize("values", [{}, {"exit_code": "three"}, {"exit_code": {}}, {"type": 5, "value": []}])
def test_what_can_not_be_read_stays_a_message(values: dict[str, object]) -> None:
    odd = tuple(Message(kind=kind, values=values) for kind in (OUTCOME, CHECKSUM))
    session = Session(uuid="one", phase="FAILED", messages=odd, executable=Program(messages=odd))
    assert with_asides(session) == session
