# SPDX-License-Identifier: Apache-2.0
"""Every reason at once, each with its place."""

from typing import Any

import pytest

from eb_prefect import check
from eb_prefect.errors import InvalidRequestError
from eb_prefect.model.request import ExecutionRequest

GOOD: dict[str, Any] = {
    "executable": {"kind": "executable/program", "command": ["sort", "/in"], "environment": {"LC_ALL": "C"}},
    "compute": {
        "kind": "compute/simple-compute-resource",
        "cores": {"min": 1, "max": 2},
        "volumes": [
            {"kind": "volume/simple-volume-mount", "path": "/in", "mode": "READONLY", "resources": ["a"]}
        ],
    },
    "storage": [{"name": "room", "kind": "storage/simple-storage-resource", "size": {"min": 1}}],
    "data": [{"name": "a", "kind": "data/simple-data-resource", "location": "file:///a", "storage": "room"}],
    "schedule": {"requested": {"duration": "PT1M"}},
}
DOCKER = {
    "kind": "executable/docker-container",
    "image": {"locations": ["registry.example.org/x:1"], "digest": "sha256:" + "0" * 64},
}


def changed(**parts: Any) -> ExecutionRequest:
    return ExecutionRequest.model_validate(GOOD | parts)


def faulty(**parts: Any) -> list[str]:
    return [fault.path for fault in check.faults(changed(**parts))]


def doubtful(**parts: Any) -> list[str]:
    return [fault.path for fault in check.warnings(changed(**parts))]


def test_an_interactive_session_needs_nothing_but_is_better_with_an_end() -> None:
    server = {"kind": "urn:eb-prefect:kind/executable/jupyter-server"}
    assert faulty(executable=server) == doubtful(executable=server) == []
    assert doubtful(executable=server, schedule={}) == ["schedule.requested.duration"]
    assert doubtful(executable=server | {"environment": {"API_TOKEN": "x"}}) == [
        "executable.environment.API_TOKEN"
    ]
    pinned = {"checksum": {"type": "sha-256", "value": "0" * 64}}
    assert faulty(executable=server | pinned) == ["executable.checksum"]


def volume(**fields: Any) -> dict[str, Any]:
    return {"kind": "compute/simple-compute-resource", "volumes": [GOOD["compute"]["volumes"][0] | fields]}


def datum(**fields: Any) -> list[dict[str, Any]]:
    return [GOOD["data"][0] | fields]


def test_a_good_request_has_neither_faults_nor_warnings() -> None:
    assert (check.faults(changed()), check.warnings(changed())) == ((), ())
    check.require(changed())


def test_all_faults_are_told_at_once() -> None:
    request = changed(
        executable=DOCKER | {"image": {}},
        data=datum(location="a.fits"),
        schedule={"requested": {"duration": "PT0S"}},
    )
    with pytest.raises(InvalidRequestError) as refused:
        check.require(request)
    assert [fault.path for fault in refused.value.faults] == [
        "executable.image.locations",
        "executable.image.digest",
        "data[0].location",
        "schedule.requested.duration",
    ]


@pytest.mark.parametrize(
    ("executable", "path"),
    [
        (None, "executable"),
        ({"kind": "executable/abstract-executable"}, "executable.kind"),
        ({"command": ["x"]}, "executable.kind"),
        ({"kind": "executable/program"}, "executable.command"),
        ({"kind": "executable/program", "command": [" "]}, "executable.command"),
        ({"kind": "executable/program", "command": ["bin/x"]}, "executable.command[0]"),
        ({"kind": "executable/program", "command": ["x", "a\0b"]}, "executable.command[1]"),
        (
            {"kind": "executable/program", "command": ["x"], "environment": {"A=B": "1"}},
            "executable.environment['A=B']",
        ),
        (
            {"kind": "executable/program", "command": ["x"], "environment": {"A": "\0"}},
            "executable.environment.A",
        ),
        ({"kind": "executable/jupyter-notebook"}, "executable.location"),
        ({"kind": "executable/singularity-container", "location": "x.sif"}, "executable.location"),
        (
            DOCKER | {"image": {"locations": ["docker://x"], "digest": "0000"}},
            "executable.image.locations[0]",
        ),
        (DOCKER | {"image": {"locations": ["x"]}}, "executable.image.digest"),
        (DOCKER | {"labels": {"calycopis-broker-id": "1"}}, "executable.labels.calycopis-broker-id"),
    ],
)
def test_what_can_not_be_run_is_a_fault(executable: Any, path: str) -> None:
    assert faulty(executable=executable) == [path]


@pytest.mark.parametrize(
    ("compute", "path"),
    [
        ({"kind": "compute/abstract-compute-resource"}, "compute.kind"),
        ({"cores": {"min": 0}}, "compute.cores.min"),
        ({"cores": {"min": 3, "max": 2}}, "compute.cores.min"),
        ({"memory": {"max": -1}}, "compute.memory.max"),
        (volume(path=None), "compute.volumes[0].path"),
        (volume(path="in"), "compute.volumes[0].path"),
        (volume(path="/in/../etc"), "compute.volumes[0].path"),
        (volume(path="//"), "compute.volumes[0].path"),
        (volume(mode="WRITE"), "compute.volumes[0].mode"),
        (volume(cardinality="SINGLE"), "compute.volumes[0].cardinality"),
        (volume(resources=[]), "compute.volumes[0].resources"),
        (volume(resources=["b"]), "compute.volumes[0].resources[0]"),
        (volume(resources=["a", "room"], cardinality="INSTANCE"), "compute.volumes[0].cardinality"),
        (volume(kind="volume/abstract-volume-mount"), "compute.volumes[0].kind"),
        (
            {"volumes": GOOD["compute"]["volumes"] + [GOOD["compute"]["volumes"][0] | {"path": "/in/"}]},
            "compute.volumes[1].path",
        ),
    ],
)
def test_what_can_not_be_provided_is_a_fault(compute: Any, path: str) -> None:
    assert faulty(compute=compute) == [path]


def test_a_resource_may_be_named_by_its_uuid() -> None:
    assert faulty(compute=volume(resources=["u-1"]), data=datum(uuid="u-1")) == []


@pytest.mark.parametrize("name", ["../a", "a/b", ".."])
def test_a_name_that_would_leave_its_volume_is_a_fault(name: str) -> None:
    compute = volume(resources=[name], cardinality="CONTAINER")
    assert faulty(compute=compute, data=datum(name=name)) == ["compute.volumes[0].resources[0]"]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (datum(kind="data/abstract-data-resource"), "data[0].kind"),
        (datum(location=None), "data[0].location"),
        (datum(location="a.fits"), "data[0].location"),
        (datum(location="file://data/a.fits"), "data[0].location"),
        (datum(location="file:a.fits"), "data[0].location"),
        (datum(location="file://[a"), "data[0].location"),
        (datum(storage="loft"), "data[0].storage"),
        (datum(checksum={"type": "sha-256", "value": "AB"}), "data[0].checksum.value"),
        (datum(checksum={"value": "ab"}), "data[0].checksum.type"),
        (datum(kind="data/ivoa-data-resource"), "data[0].ivoa"),
        (datum(kind="data/S3-data-resource", bucket="b"), "data[0].object"),
        (datum(kind="data/rucio-data-resource", rucio={"scope": "s"}), "data[0].rucio.object"),
        (
            datum(kind="data/rucio-data-resource", rucio={"scope": "s", "object": "o", "type": "X"}),
            "data[0].rucio.type",
        ),
        (datum(kind="data/skao-data-resource", skao={"namespace": "n"}), "data[0].skao.objectname"),
    ],
)
def test_what_can_not_be_found_is_a_fault(data: Any, path: str) -> None:
    assert faulty(data=data) == [path]


def test_names_are_unique_over_data_and_storage() -> None:
    room = GOOD["storage"][0]
    assert faulty(storage=[room, room | {"name": "a"}]) == ["storage[1].name"]


@pytest.mark.parametrize(
    ("storage", "path"),
    [({"size": {"min": 0}}, "storage[0].size.min"), ({"data": ["b"]}, "storage[0].data[0]")],
)
def test_what_has_no_room_is_a_fault(storage: dict[str, Any], path: str) -> None:
    assert faulty(storage=[GOOD["storage"][0] | storage]) == [path]


def test_a_name_that_was_nearly_right_is_told() -> None:
    (fault,) = check.faults(changed(data=datum(storage="rom")))
    assert "did you mean 'room'?" in fault.reason


def test_costs_have_an_order() -> None:
    assert faulty(costs=[{"type": "urn:c", "min": 2.0, "max": 1.0}]) == ["costs[0].min"]


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (
            {"executable": DOCKER | {"image": {"locations": ["x"], "digest": "0000"}}},
            "executable.image.digest",
        ),
        (
            {"executable": DOCKER | {"environment": {"DB_PASSWORD": "x"}}},
            "executable.environment.DB_PASSWORD",
        ),
        ({"executable": DOCKER | {"environment": {"aws_secret": "x"}}}, "executable.environment.aws_secret"),
        ({"executable": DOCKER | {"environments": {"A": "x"}}}, "executable.environments"),
        ({"executable": {"kind": "https://x.example.org/executable/quantum"}}, "executable.kind"),
        ({"data": datum(location="https://me:word@example.org/a")}, "data[0].location"),
        ({"volumes": [{"name": "spare", "path": "/s", "resources": ["a"]}]}, "volumes[0]"),
        ({"names": "x"}, "names"),
    ],
)
def test_what_is_allowed_and_odd_is_a_warning_only(parts: dict[str, Any], path: str) -> None:
    assert (faulty(**parts), doubtful(**parts)) == ([], [path])


@pytest.mark.parametrize("name", ["MONKEY", "KEYWORD", "AUTHOR", "SIGMA", "TOKENS_PER_LINE"[7:]])
def test_a_harmless_name_is_no_secret(name: str) -> None:
    assert doubtful(executable=DOCKER | {"environment": {name: "1"}}) == []


def test_a_misspelt_field_is_told_the_right_one() -> None:
    (warning,) = check.warnings(changed(executable=GOOD["executable"] | {"commands": ["x"]}))
    assert "did you mean 'command'?" in warning.reason


def test_what_is_in_an_unknown_kind_is_nobodys_to_judge() -> None:
    (warning,) = check.warnings(changed(executable={"kind": "urn:x:quantum", "qubits": 7}))
    assert warning.path == "executable.kind"


@pytest.mark.timeout(10)
def test_ten_thousand_faults_are_told_in_seconds() -> None:
    data = [GOOD["data"][0] | {"name": f"a{n}"} for n in range(10_000)]
    compute = volume(resources=[f"b{n}" for n in range(10_000)])
    assert len(faulty(data=data, compute=compute)) == 10_000
