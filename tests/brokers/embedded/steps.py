# SPDX-License-Identifier: Apache-2.0
"""Requests with one file given and one directory to fill, and running them."""

from datetime import timedelta
from pathlib import Path

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import Executable
from eb_prefect.model.moment import duration
from eb_prefect.model.parts import Range
from eb_prefect.model.request import ExecutionRequest, Requested, RequestSchedule
from eb_prefect.model.session import Session
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.step import StepOptions, run_step

VOLUMES = (
    VolumeMount(path="/given/frames.txt", mode="READONLY", resources=("frames",)),
    VolumeMount(path="/made", mode="READWRITE", resources=("room",)),
)


def request(executable: Executable, given: Path, *, lasts: str = "PT1M") -> ExecutionRequest:
    """A request that sees ``given`` as /given/frames.txt and leaves products in /made."""
    return ExecutionRequest(
        executable=executable,
        compute=SimpleCompute(cores=Range(min=1, max=1), memory=Range(min=1, max=1), volumes=VOLUMES),
        storage=(SimpleStorage(name="room"),),
        data=(SimpleData(name="frames", location=given.as_uri()),),
        schedule=RequestSchedule(requested=Requested(duration=duration(lasts))),
    )


def run(home: Path, wanted: ExecutionRequest) -> Session:
    """Run the request on an embedded broker in ``home``, to its end."""
    options = StepOptions(journal=DirectoryJournal(home / "journal"), timeout=timedelta(seconds=60))
    return run_step(EmbeddedBroker(home), wanted, name="it", options=options).session


def products(session: Session) -> dict[str, bytes]:
    """The content of each product by its name."""
    return {made.name: Path(made.location.removeprefix("file://")).read_bytes() for made in session.products}


def said(session: Session) -> str:
    """All messages of the session and its executable, one a line."""
    messages = (*session.messages, *(session.executable.messages if session.executable else ()))
    return "\n".join(message.text for message in messages)
