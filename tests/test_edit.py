# SPDX-License-Identifier: Apache-2.0
"""Requests changed by path."""

from pathlib import Path
from typing import Any

import pytest

from eb_prefect.edit import patch_of, patched
from eb_prefect.errors import EBError, InvalidEditError, InvalidRequestError
from eb_prefect.model.request import ExecutionRequest

REQUEST = ExecutionRequest.model_validate(
    {
        "name": "smooth",
        "executable": {
            "kind": "executable/program",
            "command": ["smooth", "-s", "3"],
            "environment": {"SIGMA": "2"},
        },
        "compute": {"volumes": [{"name": "Input data", "path": "/in", "resources": ["image", "lake"]}]},
        "data": [
            {"name": "image", "location": "file:///a", "checksum": {"type": "sha-256", "value": "ab" * 32}},
            {
                "name": "lake",
                "description": "from the lake",
                "kind": "data/skao-data-resource",
                "skao": {"namespace": "n", "objectname": "o"},
            },
        ],
    }
)


def changed(*settings: str, **inputs: str) -> dict[str, Any]:
    patch = patch_of(REQUEST, settings, inputs)
    return patched(REQUEST, patch).neutral()


def refusal(*settings: str, **inputs: str) -> dict[str, str]:
    with pytest.raises(InvalidEditError) as refused:
        patch_of(REQUEST, settings, inputs)
    return {fault.path: fault.reason for fault in refused.value.faults}


def test_a_setting_is_a_patch_of_one_operation() -> None:
    assert patch_of(REQUEST, ["executable.environment.SIGMA=3"], {}) == [
        {"op": "replace", "path": "/executable/environment/SIGMA", "value": "3"}
    ]


@pytest.mark.parametrize("written", ["3.10", "YES", "010", "true", "{a: 1}", "", " x ", "a=b", "null"])
def test_text_stays_as_it_is_typed(written: str) -> None:
    assert changed(f"executable.environment.SIGMA={written}")["executable"]["environment"]["SIGMA"] == written


def test_numbers_are_numbers_where_the_model_has_numbers() -> None:
    assert changed("compute.cores.min=2", "compute.cores.max=4")["compute"]["cores"] == {"min": 2, "max": 4}


def test_lists_and_mappings_are_yaml_with_text_in_them() -> None:
    assert changed("executable.command=[smooth, 1.10, true]")["executable"]["command"] == [
        "smooth",
        "1.10",
        "true",
    ]
    assert changed("executable.environment={A: 010}")["executable"]["environment"] == {"A": "010"}


@pytest.mark.parametrize("path", ["executable.command[2]", "/executable/command/2", "executable.command.2"])
def test_an_item_is_found_by_its_number(path: str) -> None:
    assert changed(f"{path}=5")["executable"]["command"] == ["smooth", "-s", "5"]


@pytest.mark.parametrize("path", ["executable.command[3]", "executable.command[-]", "/executable/command/-"])
def test_an_item_is_added_behind_the_last(path: str) -> None:
    assert changed(f"{path}=x")["executable"]["command"] == ["smooth", "-s", "3", "x"]


def test_a_part_is_found_by_its_name() -> None:
    assert changed("compute.volumes[Input data].mode=READONLY")["compute"]["volumes"][0]["mode"] == "READONLY"


def test_a_key_with_dots_stands_in_brackets_or_in_a_pointer() -> None:
    by_bracket = patch_of(REQUEST, ["executable.environment[a.b]=1"], {})
    by_pointer = patch_of(REQUEST, ["/executable/environment/a.b=1"], {})
    assert by_bracket == by_pointer
    assert by_pointer[0]["path"] == "/executable/environment/a.b"


def test_a_pointer_knows_its_escapes() -> None:
    patch = patch_of(REQUEST, ["/executable/environment/a~1b~0c=1"], {})
    assert patched(REQUEST, patch).neutral()["executable"]["environment"]["a/b~c"] == "1"


def test_what_is_missing_on_the_way_is_added() -> None:
    assert patch_of(REQUEST, ["schedule.requested.duration=PT5M"], {}) == [
        {"op": "add", "path": "/schedule", "value": {"requested": {"duration": "PT5M"}}}
    ]


def test_a_missing_part_is_added_with_its_plain_kind() -> None:
    bare = ExecutionRequest.model_validate({"executable": {"kind": "executable/program", "command": ["x"]}})
    after = patched(bare, patch_of(bare, ["compute.cores.min=2", "data[0].location=file:///a"], {})).neutral()
    assert after["compute"] == {"kind": "compute/simple-compute-resource", "cores": {"min": 2}}
    assert after["data"] == [{"kind": "data/simple-data-resource", "location": "file:///a"}]


def test_null_takes_away_what_is_no_text() -> None:
    assert "volumes" not in changed("compute.volumes=null")["compute"]
    assert patch_of(REQUEST, ["compute.memory=null"], {}) == []


def test_each_operation_holds_only_its_own_change() -> None:
    patch = patch_of(REQUEST, ["compute.cores.min=2", "compute.cores.max=4"], {})
    assert [operation["value"] for operation in patch] == [{"min": 2}, 4]


def test_parameters_of_a_notebook_keep_their_types() -> None:
    notebook = ExecutionRequest.model_validate(
        {"executable": {"kind": "executable/jupyter-notebook", "location": "file:///n"}}
    )
    settings = ["executable.parameters.sigma=3.5", "executable.parameters.deep={a: [1, yes]}"]
    parameters = patched(notebook, patch_of(notebook, settings, {})).neutral()["executable"]["parameters"]
    assert parameters == {"sigma": 3.5, "deep": {"a": [1, "yes"]}}


def test_every_wrong_path_is_told_with_what_there_is() -> None:
    told = refusal(
        "executable.environments.A=1",
        "data[imag].location=x",
        "data[nobody].location=x",
        "executable.command[9]=x",
        "name.first=x",
        "colour=red",
        "no equals sign",
        "a..b=1",
        "compute.cores.min=two",
    )
    assert told["executable.environments"] == "is no field; did you mean 'environment'?"
    assert told["data[imag]"] == "names nothing here; did you mean 'image'?"
    assert told["data[nobody]"] == "names nothing here; there is image, lake"
    assert told["executable.command[9]"] == "is too far: the next item is [3]"
    assert told["name.first"] == "is no place: what is above it is a plain value"
    assert told["colour"].startswith("is no field; there is name, description, executable")
    assert "PATH=VALUE" in told["no equals sign"]
    assert "PATH=VALUE" in told["a..b=1"]
    assert told["compute.cores.min"] == "should be a whole number, and is 'two'"


def test_a_value_that_the_model_refuses_is_told_with_its_path() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        patch_of(REQUEST, ["compute.cores.min=two", "schedule.requested.duration=P1M"], {})
    assert [fault.path for fault in refused.value.faults] == [
        "compute.cores.min",
        "schedule.requested.duration",
    ]


def test_a_value_that_is_no_yaml_is_told() -> None:
    assert "can't be set to '[1'" in refusal("compute.cores=[1")["compute.cores"]


def test_an_input_replaces_the_location_and_drops_the_stale_checksum() -> None:
    data = changed(image="https://example.org/b.fits")["data"][0]
    assert data == {
        "name": "image",
        "kind": "data/simple-data-resource",
        "location": "https://example.org/b.fits",
    }


def test_a_local_input_becomes_an_absolute_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert changed(image="sub dir/b.fits")["data"][0]["location"] == f"file://{tmp_path}/sub%20dir/b.fits"


def test_an_input_of_another_kind_becomes_simple_data() -> None:
    assert changed(lake="/b.fits")["data"][1] == {
        "kind": "data/simple-data-resource",
        "name": "lake",
        "description": "from the lake",
        "location": "file:///b.fits",
    }


def test_settings_see_the_inputs() -> None:
    after = changed("data[lake].checksum.type=sha-256", lake="/b.fits")
    assert after["data"][1]["checksum"] == {"type": "sha-256"}


def test_an_unknown_input_is_told_with_what_there_is() -> None:
    assert refusal(imge="/b")["data[imge]"] == "is no data of the request; did you mean 'image'?"
    assert refusal(x="/b")["data[x]"] == "is no data of the request; there is image, lake"


def test_the_request_that_was_given_stays_as_it_is() -> None:
    before = REQUEST.neutral()
    changed("executable.command[0]=x", image="/b")
    assert REQUEST.neutral() == before


@pytest.mark.parametrize(
    "patch",
    [
        "text",
        [5],
        [{}],
        [{"op": "stir", "path": "/name"}],
        [{"op": "add", "path": "/name"}],
        [{"op": "add", "path": 3, "value": 1}],
        [{"op": "add", "path": "name", "value": 1}],
        [{"op": "replace", "path": "/colour", "value": 1}],
        [{"op": "replace", "path": "", "value": 1}],
        [{"op": "remove", "path": ""}],
        [{"op": "remove", "path": "/executable/command/-"}],
        [{"op": "remove", "path": "/executable/command/7"}],
        [{"op": "move", "from": "", "path": "/a"}],
        [{"op": "copy", "from": 5, "path": "/a"}],
        [{"op": "test", "path": "/name", "value": "other"}],
        [{"op": "add", "path": "/name/first", "value": 1}],
        [{"op": "replace", "path": "/data", "value": {"a": 1}}],
    ],
)
def test_a_patch_that_does_not_fit_is_a_typed_error(patch: Any) -> None:
    with pytest.raises(EBError):
        patched(REQUEST, patch)
