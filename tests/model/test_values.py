# SPDX-License-Identifier: Apache-2.0
"""What all values of the model promise."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.executable import DockerContainer, Program
from eb_prefect.model.kind import KNOWN, PLACEHOLDERS, short_kind
from eb_prefect.model.parts import Amount, Range
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.unknown import unknown_fields


def test_a_value_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Range(min=1).min = 2  # type: ignore[misc]  # that it can't be set is what is shown


def test_what_is_empty_is_left_out_and_what_is_false_is_not() -> None:
    container = DockerContainer(privileged=False, command=(), environment={}, name=None)
    assert container.neutral() == {"kind": "executable/docker-container", "privileged": False}


def test_zero_and_empty_text_are_content() -> None:
    assert Amount(type="", min=0.0).neutral() == {"type": "", "min": 0.0}


def test_the_fields_of_a_kind_are_not_lost_within_a_request() -> None:
    request = ExecutionRequest(executable=Program(command=("x",)), compute=SimpleCompute(cores=Range(min=1)))
    assert ExecutionRequest.model_validate(request.neutral()) == request
    assert request.neutral()["executable"]["command"] == ["x"]


def test_unknown_fields_are_kept_even_if_empty() -> None:
    request = ExecutionRequest.model_validate({"colour": None, "shape": []})
    assert request.neutral() == {"colour": None, "shape": []}


def test_no_value_holds_a_number_that_json_has_not() -> None:
    with pytest.raises(ValidationError):
        Amount(max=float("nan"))


def test_raw_bytes_are_never_written() -> None:
    session = Session(uuid="u", phase=Phase.OFFERED, raw=b"secret")
    assert "raw" not in session.neutral()
    assert "secret" not in repr(session)


@pytest.mark.parametrize("kind", sorted(KNOWN | PLACEHOLDERS))
def test_each_kind_is_known_by_the_end_of_any_uri(kind: str) -> None:
    assert short_kind(f"https://w3id.org/eb/{kind}.yaml") == kind
    assert short_kind(f"https://w3id.org/eb/{kind}-1.0") == kind
    assert short_kind(kind) == kind


@pytest.mark.parametrize(
    "uri", ["urn:x", "", "/", "https://x/executable/docker-container-2.0", "docker-container"]
)
def test_any_other_uri_stays_as_it_is(uri: str) -> None:
    assert short_kind(uri) == uri


def test_unknown_fields_are_told_with_their_path() -> None:
    request = ExecutionRequest.model_validate(
        {
            "a": 1,
            "executable": {"kind": "urn:unknown", "b": 1, "messages": [{"c": 1}]},
            "compute": {"cores": {"d": 1}, "volumes": [{"e": 1}]},
        }
    )
    assert [steps for steps, _ in unknown_fields(request)] == [
        ("a",),
        ("executable", "messages", 0, "c"),
        ("compute", "cores", "d"),
        ("compute", "volumes", 0, "e"),
    ]


@pytest.mark.parametrize(
    ("volume", "is_container"),
    [
        (VolumeMount(resources=("a",)), False),
        (VolumeMount(resources=("a", "b")), True),
        (VolumeMount(resources=("a",), cardinality="CONTAINER"), True),
        (VolumeMount(resources=(), cardinality="INSTANCE"), False),
    ],
)
def test_a_volume_of_several_is_a_directory_unless_it_says_so(
    volume: VolumeMount, *, is_container: bool
) -> None:
    assert volume.is_container is is_container


def test_a_model_first_used_by_many_threads_is_built_once_for_all() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "from eb_prefect.model.request import ExecutionRequest\n"
        "from eb_prefect.model.session import Session\n"
        "def use(n):\n"
        "    ExecutionRequest.model_validate({'data': [{'location': 'a'}]})\n"
        "    return Session(uuid=str(n), phase='RUNNING').neutral()['uuid']\n"
        "with Pool(16) as pool:\n"
        "    assert list(pool.map(use, range(200))) == [str(n) for n in range(200)]\n"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True)


def test_a_value_may_be_used_by_many_threads() -> None:
    request = ExecutionRequest(executable=Program(command=("x",)))
    with ThreadPoolExecutor(8) as pool:
        assert set(map(str, pool.map(lambda _: request.neutral(), range(100)))) == {str(request.neutral())}
