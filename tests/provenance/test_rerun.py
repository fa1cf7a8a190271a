# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from eb_prefect.edit import patched
from eb_prefect.errors import InvalidEditError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from provenance.capture import capture
from provenance.derive import derived
from provenance.diff import Difference
from provenance.errors import CanNotRerunError
from provenance.record import StepRecord, make_record, read_record, record_from_session
from provenance.rerun import plan
from provenance.store import Store

RunOf = Callable[..., StepRun]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "input.fits"
    path.write_bytes(b"pixels")
    return path


@pytest.fixture
def record(run_of: RunOf, data: Path, store: Store) -> StepRecord:
    checksum = hashlib.sha256(b"pixels").hexdigest()
    return capture(run_of(location=data.as_uri(), checksum=checksum), store).record


def test_a_repeat_asks_for_the_same_and_pins_its_inputs(record: StepRecord) -> None:
    planned = plan(record)
    assert (planned.verb, planned.patch, planned.warnings, planned.holes) == ("repeat", (), (), ())
    assert planned.request.data[0].checksum == record.inputs[0].checksum
    assert [one.path for one in planned.differences] == [
        "data[image].checksum.type",
        "data[image].checksum.value",
    ]


def test_a_repeat_that_is_not_pinned_is_the_request_itself(record: StepRecord) -> None:
    planned = plan(record, pinned=False)
    assert planned.request == record.request
    assert planned.differences == ()


def test_a_revision_keeps_the_patch_that_leads_to_it(record: StepRecord) -> None:
    planned = plan(record, settings=["executable.environment.SIGMA=5"], pinned=False)
    assert planned.verb == "revise"
    assert planned.differences == (Difference("executable.environment.SIGMA", "3", "5"),)
    assert record.request is not None
    assert patched(record.request, planned.link.patch) == planned.request


def test_other_data_is_an_application_and_is_not_pinned(record: StepRecord, tmp_path: Path) -> None:
    other = tmp_path / "other.fits"
    other.write_bytes(b"other pixels")
    planned = plan(record, inputs={"image": str(other)})
    assert planned.verb == "apply"
    assert planned.request.data[0].checksum is None
    assert (
        Difference("data[image].location", record.inputs[0].location, other.as_uri()) in planned.differences
    )


def test_the_same_data_elsewhere_is_still_a_repeat(record: StepRecord, data: Path, tmp_path: Path) -> None:
    moved = data.rename(tmp_path / "moved.fits")
    planned = plan(record, inputs={"image": str(moved)})
    assert (planned.verb, planned.warnings) == ("repeat", ())


def test_an_input_that_changed_or_went_away_is_told(record: StepRecord, data: Path) -> None:
    data.write_bytes(b"changed")
    assert plan(record).warnings == (f"data[image]: {data} has changed since",)
    data.unlink()
    assert "is not there" in plan(record).warnings[0]


def test_the_new_record_links_the_old(record: StepRecord, run_of: RunOf, store: Store) -> None:
    planned = plan(record, settings=["executable.environment.SIGMA=5"])
    again = capture(run_of(), store, based_on=planned.link).record
    assert again.based_on is not None
    assert (again.based_on.record, again.based_on.verb) == (record.digest, "revise")
    assert again.based_on.session == record.session.uuid
    assert again.based_on.patch == planned.patch
    assert read_record(again.text) == again


def test_a_setting_that_does_not_fit_is_an_error(record: StepRecord) -> None:
    with pytest.raises(InvalidEditError, match="imge"):
        plan(record, inputs={"imge": "/x"})


def test_a_secret_must_be_given_again(run_of: RunOf) -> None:
    record = make_record(run_of(environment={"API_TOKEN": "hunter2-hunter2"}))
    with pytest.raises(CanNotRerunError, match="API_TOKEN"):
        plan(record).ready()
    given = plan(record, settings=["executable.environment.API_TOKEN=hunter2-hunter2"])
    assert given.ready().executable.environment == {"API_TOKEN": "hunter2-hunter2"}  # type: ignore[union-attr] # a program


def test_a_secret_given_again_is_not_in_the_new_record(run_of: RunOf) -> None:
    record = make_record(run_of(environment={"API_TOKEN": "hunter2-hunter2"}))
    planned = plan(record, settings=["executable.environment.API_TOKEN=hunter2-hunter2"])
    run = run_of().model_copy(update={"request": planned.ready()})
    assert "hunter2" not in make_record(run, based_on=planned.link).text


def test_an_image_without_a_digest_is_told(run_of: RunOf) -> None:
    run = run_of()
    container = {"kind": "executable/docker-container", "image": {"locations": ["alpine:3"]}}
    request = ExecutionRequest.model_validate(run.request.neutral() | {"executable": container})
    planned = plan(make_record(run.model_copy(update={"request": request})))
    assert any("has no digest" in warning for warning in planned.warnings)


SESSION = Session.model_validate(
    {
        "uuid": "11111111-2222-4333-8444-555555555555",
        "phase": "COMPLETED",
        "executable": {
            "uuid": "e", "kind": "executable/docker-container", "phase": "COMPLETED", "privileged": False,
            "image": {"locations": ["alpine"], "digest": "sha256:" + "a" * 64,
                      "platform": {"architecture": "amd64", "os": "linux"}},
            "network": {"ports": [{"internal": {"port": 80}, "external": {"port": 1234}}]},
        },
        "compute": {
            "cores": {"min": 4, "max": 4}, "memory": {"min": 4, "max": 4},
            "schedule": {"available": {"duration": "PT2H"}},
            "volumes": [{"path": "/in", "mode": "READONLY", "resources": ["d-1", "gone"]}],
        },
        "data": [{"uuid": "d-1", "kind": "data/simple-data-resource", "storage": "s-1",
                  "location": "https://x.test/a"}],
        "storage": [{"uuid": "s-1", "name": "Storage for [d-1]"}],
    }
)  # fmt: skip


def test_what_a_broker_assigned_is_stripped_from_a_request_that_is_derived() -> None:
    request, notes = derived(SESSION)
    assert request.storage == ()
    assert request.data[0].neutral() == {
        "kind": "data/simple-data-resource", "name": "data-1", "location": "https://x.test/a",
    }  # fmt: skip
    compute = request.compute.neutral() if request.compute else {}
    assert compute["cores"] == {"min": 2, "max": 4}
    assert "memory" not in compute
    assert compute["volumes"][0]["resources"] == ["data-1"]
    executable = request.executable.neutral() if request.executable else {}
    assert set(executable) == {"kind", "image", "network"}
    assert executable["image"] == {"locations": ["alpine"], "digest": "sha256:" + "a" * 64}
    assert any("estimate" in note for note in notes)
    assert any("gone" in note for note in notes)


def test_deriving_again_from_what_was_derived_adds_nothing() -> None:
    request, _ = derived(SESSION)
    again, _ = derived(Session.model_validate({"uuid": "x", "phase": Phase.COMPLETED} | request.neutral()))
    assert (again.data, again.storage, again.executable) == (
        request.data,
        request.storage,
        request.executable,
    )


def test_a_session_without_its_image_leaves_a_hole_to_be_filled() -> None:
    session = SESSION.model_copy(update={"executable": SESSION.executable.model_copy(update={"image": None})})  # type: ignore[union-attr] # it has one
    record = record_from_session(session, BrokerIdentity(kind="http", name="far"))
    planned = plan(record)
    assert any("image" in hole for hole in planned.holes)
    assert "request: not in the record" in planned.warnings
    with pytest.raises(CanNotRerunError):
        planned.ready()
