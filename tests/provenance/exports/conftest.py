# SPDX-License-Identifier: Apache-2.0
"""Records of steps of every kind, to export."""

from collections.abc import Callable

import pytest

from eb_prefect.model.data import Replica, SkaoData, SkaoTerms
from eb_prefect.model.executable import DockerContainer, Image, JupyterNotebook, SingularityContainer
from eb_prefect.model.parts import Checksum, Message
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from provenance.canonical import ni
from provenance.parts import Input, Link, Maker, ProductEntry
from provenance.record import StepRecord, make_record, record_from_session

RunOf = Callable[..., StepRun]
PINNED = Checksum(type="sha-256", value="ab" * 32)
MADE = (
    ProductEntry(
        name="out.fits", path="out.fits", volume="/out", content=ni(b"pixels"), size=2**40,
        checksum=PINNED, media_type="application/fits",
    ),
    ProductEntry(name="logs/a b.txt", path="logs/a b.txt", volume="/out", size=7, content=ni(b"told")),
)  # fmt: skip
USED = (Input(name="image", mount="/in", location="file:///a b.fits", checksum=PINNED),)
MANY = tuple(
    Input(name=f"frame {n}", mount="/in", location=f"https://data.example/frame?n={n}&x=<y>")
    for n in range(100)
)


def _running(run: StepRun, **executable: object) -> StepRun:
    request = run.request.model_copy(update=executable)
    session = run.session.model_copy(update=executable)
    return run.model_copy(update={"request": request, "session": session})


def _container(run: StepRun) -> StepRecord:
    image = Image(locations=("ghcr.io/team/smooth:1.2",), digest=f"sha256:{'cd' * 32}")
    container = DockerContainer(
        image=image, command=("smooth",), environment={"SIGMA": "3", "API_TOKEN": "hush!"}
    )
    return make_record(_running(run, executable=container), products=MADE, inputs=USED)


def _singularity(run: StepRun) -> StepRecord:
    sif = SingularityContainer(location="https://data.example/smooth.sif")
    return make_record(_running(run, executable=sif), products=MADE)


def _notebook(run: StepRun) -> StepRecord:
    notebook = JupyterNotebook(
        location="https://data.example/n.ipynb", checksum=PINNED, parameters={"limit": 0.5, "names": ["a"]}
    )
    return make_record(_running(run, executable=notebook), products=MADE, inputs=USED)


def _lake(run: StepRun) -> StepRecord:
    copies = (Replica(rsename="CHSRC", dataurl="https://lake.example/a b"),)
    data = (SkaoData(name="image", skao=SkaoTerms(namespace="testing", replicas=copies)),)
    return make_record(_running(run, data=data), products=MADE, inputs=(Input(name="image", size=5),))


def _failed(run: StepRun) -> StepRecord:
    messages = (Message(level="ERROR", message="No such file\nin <here> & there"),)
    return make_record(
        run.model_copy(update={"session": run.session.model_copy(update={"messages": messages})})
    )


def _again(run: StepRun) -> StepRecord:
    link = Link(
        record=ni(b"first"),
        verb="revise",
        session="6c64d1ab-7f1c-4f4e-8f4e-000000000001",
        request=ni(b"asked"),
        products=("out.fits",),
        patch=({"op": "remove", "path": "/x"},),
    )
    made = (
        Input(name="image", made_by=Maker(record=ni(b"maker"), product="a b.fits"), content=ni(b"pixels")),
    )
    return make_record(run, products=MADE, inputs=made, based_on=link)


def _alone(run: StepRun) -> StepRecord:
    return record_from_session(
        run.session, BrokerIdentity(kind="http", name="far", url="https://far.example/eb")
    )


KINDS: dict[str, Callable[[RunOf], StepRecord]] = {
    "program": lambda run_of: make_record(run_of(), products=MADE, inputs=USED),
    "container": lambda run_of: _container(run_of()),
    "singularity": lambda run_of: _singularity(run_of()),
    "notebook": lambda run_of: _notebook(run_of()),
    "lake": lambda run_of: _lake(run_of()),
    "failed": lambda run_of: _failed(run_of(phase=Phase.FAILED)),
    "cancelled": lambda run_of: make_record(run_of(phase=Phase.CANCELLED), inputs=USED),
    "many inputs": lambda run_of: make_record(run_of(), products=MADE, inputs=MANY),
    "again": lambda run_of: _again(run_of()),
    "alone": lambda run_of: _alone(run_of()),
}


@pytest.fixture
def records(run_of: RunOf) -> dict[str, StepRecord]:
    return {name: build(run_of) for name, build in KINDS.items()}


@pytest.fixture(params=KINDS)
def record(request: pytest.FixtureRequest, run_of: RunOf) -> StepRecord:
    """Return the record of a step of each kind in turn."""
    return KINDS[request.param](run_of)


@pytest.fixture
def program(run_of: RunOf) -> StepRecord:
    return KINDS["program"](run_of)


@pytest.fixture
def later(run_of: RunOf, program: StepRecord) -> StepRecord:
    """Return the record of a step that worked on what the program's made."""
    maker = Maker(record=program.digest, product="out.fits")
    return make_record(
        run_of(), products=MADE, inputs=(Input(name="image", made_by=maker, content=ni(b"pixels")),)
    )
