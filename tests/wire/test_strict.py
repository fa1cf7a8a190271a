# SPDX-License-Identifier: Apache-2.0
"""What is written has only what a strict server of the dialect knows: an unknown field in YAML is a 400."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eb_prefect.wire.dialect import Dialect, dialect_of
from eb_prefect.wire.document import write_request
from eb_prefect.wire.write import Style
from tests.wire.generated import requests

REQUEST = {
    Dialect.A: {"name", "description", "executable", "compute", "storage", "volumes", "data", "schedule"},
    Dialect.B1: {"executable", "compute", "storage", "data", "schedule"},
    Dialect.B2: {"executable", "compute", "storage", "data", "schedule", "costs", "metrics"},
}
SHARED = {Dialect.A: {"type", "name"}, Dialect.B1: {"kind", "meta"}, Dialect.B2: {"kind", "meta"}}
DOCKER = {"image", "privileged", "entrypoint", "environment", "network"}
OWN = {
    (Dialect.A, "docker-container"): DOCKER,
    (Dialect.B1, "docker-container"): DOCKER | {"command"},
    (Dialect.B2, "docker-container"): DOCKER | {"command", "labels"},
    (Dialect.A, "simple-volume-mount"): {"path", "mode", "cardinality", "resources"},
    (Dialect.B1, "simple-volume-mount"): {"path", "mode", "resource"},
    (Dialect.B2, "simple-volume-mount"): {"path", "mode", "resource"},
}
ANYWHERE = {
    "singularity-container": {"location"},
    "jupyter-notebook": {"location"},
    "urn:eb-prefect:kind/executable/program": {"command", "environment"},
    "urn:eb-prefect:kind/executable/jupyter-server": {"location", "environment"},
    "simple-compute-resource": {"cores", "memory", "volumes"},
    "simple-storage-resource": {"size", "data"},
    "simple-data-resource": {"location", "storage"},
    "S3-data-resource": {"endpoint", "template", "bucket", "object", "storage"},
    "rucio-data-resource": {"rucio", "storage"},
    "ivoa-data-resource": {"ivoa", "storage"},
    "skao-data-resource": {"ivoa", "skao", "storage"},
}


def check_component(component: dict[str, Any], dialect: Dialect) -> None:
    kind = component["type" if dialect is Dialect.A else "kind"]
    assert kind.startswith("urn:eb-prefect:") or dialect_of(kind) is dialect
    name = (
        kind
        if kind.startswith("urn:")
        else kind.rpartition("/")[2].removesuffix("-1.0").removesuffix(".yaml")
    )
    own = OWN.get((dialect, name)) or ANYWHERE[name]
    assert component.keys() <= SHARED[dialect] | own
    assert component.get("meta", {"name": ""}).keys() == {"name"}


def check_request(document: dict[str, Any], dialect: Dialect) -> None:
    assert document.keys() <= REQUEST[dialect]
    check_component(document["executable"], dialect)
    check_component(document["compute"], dialect)
    in_place = [v for v in document["compute"].get("volumes", ()) if isinstance(v, dict)]
    for component in (*in_place, *(document.get("volumes", ()))):
        check_component(component, dialect)
    for component in (*document.get("storage", ()), *document.get("data", ())):
        check_component(component, dialect)


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.data(), inline=st.booleans())
def test_a_request_has_only_what_its_dialect_has(
    dialect: Dialect, content: st.DataObject, *, inline: bool
) -> None:
    request = content.draw(requests(dialect))
    check_request(write_request(request, dialect, Style(inline_volumes=inline)), dialect)


def has_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item in (None, [], {}) or has_empty(item) for item in value.values())
    return isinstance(value, list) and any(map(has_empty, value))


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.data())
def test_a_request_has_nothing_empty(dialect: Dialect, content: st.DataObject) -> None:
    assert not has_empty(write_request(content.draw(requests(dialect)), dialect))
