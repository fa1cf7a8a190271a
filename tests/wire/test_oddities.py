# SPDX-License-Identifier: Apache-2.0
"""Each oddity that real brokers and clients are known to write."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eb_prefect.errors import InvalidDocumentError, InvalidRequestError
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.data import OtherData, SkaoData
from eb_prefect.model.executable import DockerContainer, OtherExecutable
from eb_prefect.model.phase import ComponentPhase, Phase
from eb_prefect.model.session import Session
from eb_prefect.wire.document import read_offer_set, read_request, read_session, read_update

DOCUMENTS = Path(__file__).parent / "documents"
KIND = "https://www.purl.org/ivoa.net/EB/schema/v1.0/types"


def offered(name: str = "b2-offers.yaml") -> Session:
    return read_offer_set((DOCUMENTS / name).read_bytes()).offers[0]


def session(**fields: object) -> str:
    lines = ["uuid: u-1", "phase: RUNNING", *(f"{key}: {item}" for key, item in fields.items())]
    return "\n".join(lines)


def test_computer_is_compute_in_key_and_kind() -> None:
    request = read_request((DOCUMENTS / "a0-request.yaml").read_bytes())
    assert isinstance(request.compute, SimpleCompute)
    assert request.compute.cores is not None
    assert request.compute.cores.min == 2


def test_volumes_named_in_compute_are_put_there_and_the_others_stay() -> None:
    request = read_request((DOCUMENTS / "a-named-request.yaml").read_bytes())
    assert request.compute is not None
    assert [volume.name for volume in request.compute.volumes] == ["pointings", "work"]
    assert [volume.name for volume in request.volumes] == ["spare"]


def test_a_volume_may_be_named_by_its_uuid() -> None:
    request = read_request("compute: {volumes: [v-1]}\nvolumes: [{uuid: v-1, path: /in}]")
    assert request.compute is not None
    assert request.compute.volumes[0].uuid == "v-1"


def test_a_request_that_names_no_volume_is_refused_with_the_place() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_request("compute: {volumes: [ghost]}\nexecutable: {kind: executable/program}")
    assert refused.value.faults[0].path == "compute.volumes[0]"


def test_a_session_that_names_no_volume_is_still_read() -> None:
    read = read_session(session(compute="{volumes: [ghost]}"))
    assert read.compute is not None
    assert read.compute.volumes[0].name == "ghost"


def test_single_is_instance() -> None:
    request = read_request((DOCUMENTS / "b1-named-request.yaml").read_bytes())
    assert request.compute is not None
    assert request.compute.volumes[0].neutral()["cardinality"] == "INSTANCE"


def test_one_resource_is_a_list_of_one() -> None:
    request = read_request((DOCUMENTS / "b2-request.yaml").read_bytes())
    assert request.compute is not None
    assert request.compute.volumes[0].neutral()["resources"] == ["sky-image"]


def test_meta_and_flat_names_are_the_same() -> None:
    assert read_request("data: [{meta: {name: x}, location: a}]") == read_request(
        "data: [{name: x, location: a}]"
    )


def test_a_name_given_twice_and_differently_is_a_fault() -> None:
    with pytest.raises(InvalidRequestError, match=r"data\[0\]\.name: is given twice"):
        read_request("data: [{name: x, meta: {name: y}}]")


def test_type_and_kind_are_the_same() -> None:
    a = read_request(f"executable: {{type: {KIND}/executable/docker-container-1.0}}")
    b = read_request(f"executable: {{kind: {KIND}/executable/docker-container-1.0}}")
    assert a == b
    assert isinstance(a.executable, DockerContainer)


def test_the_type_of_a_checksum_stays_its_type() -> None:
    request = read_request((DOCUMENTS / "b2-request.yaml").read_bytes())
    assert isinstance(request.data[0], SkaoData)
    assert request.data[0].skao is not None
    assert request.data[0].skao.checksum is not None
    assert request.data[0].skao.checksum.type == "adler32"


@pytest.mark.parametrize("base", ["https://w3id.org/ivoa/eb/v2/kinds", f"{KIND}/", "http://localhost"])
def test_a_known_kind_is_known_whatever_its_base(base: str) -> None:
    request = read_request(f"data: [{{kind: '{base}/data/S3-data-resource.yaml', bucket: b}}]")
    assert request.data[0].kind == "data/S3-data-resource"


def test_kinds_are_matched_by_case() -> None:
    request = read_request(f"data: [{{kind: {KIND}/data/s3-data-resource-1.0}}]")
    assert isinstance(request.data[0], OtherData)


def test_an_unknown_kind_keeps_its_uri_and_its_fields() -> None:
    uri = "https://other.example.org/kinds/executable/quantum-circuit-2.0"
    request = read_request(f"executable: {{kind: {uri}, qubits: 7, gates: [h, cx]}}")
    assert isinstance(request.executable, OtherExecutable)
    assert request.neutral() == {"executable": {"kind": uri, "qubits": 7, "gates": ["h", "cx"]}}


def test_unknown_fields_are_kept_where_they_are() -> None:
    request = read_request("data: [{location: a, meta: {name: x, colour: red}, weight: 2}]\nnovel: {a: [1]}")
    assert request.neutral()["data"] == [
        {
            "name": "x",
            "kind": "data/simple-data-resource",
            "location": "a",
            "meta": {"colour": "red"},
            "weight": 2,
        }
    ]
    assert request.neutral()["novel"] == {"a": [1]}


def test_an_unknown_phase_is_kept_as_text() -> None:
    compute = offered().compute
    assert compute is not None
    assert compute.phase == "HIBERNATING"
    assert read_session("{uuid: u, phase: PONDERING}").phase == "PONDERING"


def test_a_session_of_unknown_phase_is_not_final() -> None:
    assert not read_session("{uuid: u, phase: PONDERING}").is_final


def test_initial_of_a_component_is_initializing() -> None:
    read = read_session((DOCUMENTS / "a-session.json").read_bytes())
    assert read.executable is not None
    assert read.executable.phase is ComponentPhase.INITIALIZING
    assert read_session("{uuid: u, phase: INITIAL}").phase is Phase.INITIAL


def test_nanoseconds_are_cut_to_microseconds() -> None:
    offers = read_offer_set((DOCUMENTS / "b2-offers.yaml").read_bytes())
    assert offers.created == datetime(2026, 6, 12, 8, 15, 30, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "micros"), [("30Z", 0), ("30.2Z", 200000), ("30.81294Z", 812940), ("30.123456789Z", 123456)]
)
def test_any_number_of_digits_of_a_second_is_read(written: str, micros: int) -> None:
    read = read_session(session(created=f"2026-06-12T08:15:{written}"))
    assert read.created == datetime(2026, 6, 12, 8, 15, 30, micros, tzinfo=UTC)


def test_times_of_1970_are_unknown() -> None:
    executable = offered().executable
    assert executable is not None
    assert executable.schedule is not None
    assert executable.schedule.neutral() == {
        "preparing": {"duration": "PT10S"},
        "releasing": {"duration": "PT1S"},
    }


def test_a_bare_yes_is_text() -> None:
    assert read_offer_set("{result: YES, offers: []}").result == "YES"
    assert read_offer_set("{result: NO}").result == "NO"


def test_a_boolean_result_is_understood() -> None:
    assert read_offer_set('{"result": true}').result == "YES"
    assert read_offer_set('{"result": false}').result == "NO"


def test_numbers_in_a_command_are_text_as_they_were_written() -> None:
    request = read_request((DOCUMENTS / "b1-named-request.yaml").read_bytes())
    assert isinstance(request.executable, DockerContainer)
    assert request.executable.command == ("10", "0", "1.50", "true", "010")


def test_scalars_of_an_environment_are_text_as_they_were_written() -> None:
    request = read_request((DOCUMENTS / "a-named-request.yaml").read_bytes())
    assert isinstance(request.executable, DockerContainer)
    assert request.executable.environment == {"BEAM": "1.10", "STOKES": "I", "CLEAN": "NO"}


def test_json_numbers_become_text_as_they_were_written() -> None:
    request = read_request('{"executable": {"kind": "executable/program", "command": [1.50, 2, false, 1e3]}}')
    assert request.neutral()["executable"]["command"] == ["1.50", "2", "false", "1e3"]


def test_dates_and_times_of_day_stay_text() -> None:
    request = read_request(
        "executable: {kind: executable/program, command: [2026-11-23, 12:30, 0x1F, 1_000]}"
    )
    assert request.neutral()["executable"]["command"] == ["2026-11-23", "12:30", "0x1F", "1_000"]


def test_a_number_is_text_where_an_identifier_is_due() -> None:
    request = read_request((DOCUMENTS / "a-inline-request.json").read_bytes())
    assert request.neutral()["data"][0]["ivoa"]["obscore"]["obs_id"] == "20261123"


def test_a_boolean_is_no_number() -> None:
    with pytest.raises(InvalidRequestError, match=r"compute\.cores\.min: should be a whole number"):
        read_request("compute: {cores: {min: true}}")


def test_empty_parts_and_nulls_are_absent() -> None:
    read = read_session((DOCUMENTS / "a-session.json").read_bytes())
    assert read.neutral()["data"][0]["skao"] == {"namespace": "deep", "objectname": "frame-1"}
    assert "ivoa" not in read.neutral()["data"][0]
    assert read.messages[0].text == "no [{}]"
    assert read_session('{"uuid": "u", "phase": "FAILED", "data": null, "messages": null}').data == ()


def test_an_empty_value_of_the_environment_is_a_fault_not_an_absence() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"executable\.environment\.HOME: should be text, and is empty"
    ):
        read_request("executable: {kind: executable/program, environment: {HOME: }}")


def test_a_session_without_schedule_or_name_is_read() -> None:
    assert read_session("{uuid: u, phase: AVAILABLE}").schedule is None


def test_the_name_that_a_server_invents_is_only_a_name() -> None:
    assert offered().name == "null-offer-0"


def test_connectors_of_both_dialects_are_read() -> None:
    a = read_session((DOCUMENTS / "a-session.json").read_bytes()).connectors[0]
    b = offered().connectors[0]
    assert (a.kind, a.location) == ("urn:jupyter-notebook", "https://notebooks.example.org/7e6d")
    assert (b.kind, b.status, b.location) == ("executable/docker-container-stdout-get", "PREPARING", None)


def test_costs_keep_their_type_beside_their_kind() -> None:
    compute = offered().compute
    assert compute is not None
    assert compute.costs[0].kind == "costs/simple-minmax-float-cost"
    assert compute.costs[0].type == "urn:ivoa:calycopis:cost:energy"


def test_wrapped_and_bare_updates_are_read() -> None:
    a = read_update((DOCUMENTS / "a-update.yaml").read_bytes())
    b = read_update((DOCUMENTS / "b2-update.json").read_bytes())
    assert (a.kind, a.path, a.value) == ("uri:enum-value-update", "phase", "CANCELLED")
    assert (b.kind, b.path, b.value) == ("uri:enum-value-update", "/phase", "ACCEPTED")


def test_days_are_read_and_written_in_hours() -> None:
    request = read_request((DOCUMENTS / "a-named-request.yaml").read_bytes())
    assert request.schedule is not None
    assert request.schedule.requested is not None
    assert request.schedule.requested.duration == timedelta(days=1, minutes=30)
    assert request.neutral()["schedule"]["requested"]["duration"] == "PT24H30M"


@pytest.mark.parametrize("duration", ["P1M", "P1Y", "ten minutes", "PT", "P", "10"])
def test_a_length_that_no_broker_reads_is_a_fault(duration: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"schedule\.requested\.duration"):
        read_request(f"schedule: {{requested: {{duration: {duration}}}}}")


@pytest.mark.parametrize("start", ["2026-12-01", "2026-12-01T20:00:00Z", "2026-12-01T20:00:00/PT2H"])
def test_a_start_that_is_no_interval_with_a_zone_is_a_fault(start: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"schedule\.requested\.start"):
        read_request(f"schedule: {{requested: {{start: '{start}'}}}}")


def test_the_bytes_of_an_answer_are_kept_as_they_came() -> None:
    text = (DOCUMENTS / "a-session.json").read_bytes()
    assert read_session(text).raw == text
    assert "raw" not in read_session(text).neutral()


def test_an_error_of_a_server_is_no_session() -> None:
    with pytest.raises(InvalidDocumentError, match="is a server error, not a session"):
        read_session((DOCUMENTS / "server-error.yaml").read_bytes())
