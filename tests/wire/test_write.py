# SPDX-License-Identifier: Apache-2.0
"""What a dialect has no place for, and what may be done about it."""

from pathlib import Path

import pytest

from eb_prefect.errors import NotExpressibleError
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import SimpleData, SkaoData, SkaoTerms
from eb_prefect.model.executable import DockerContainer, Image, JupyterNotebook, Program
from eb_prefect.model.parts import Amount, Checksum, Update
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Outcome, Product, Session
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_request, write_offer_set, write_request, write_session
from eb_prefect.wire.gaps import OURS
from eb_prefect.wire.recognise import DocumentType
from eb_prefect.wire.write import Style, write, write_update

DOCUMENTS = Path(__file__).parent / "documents"
B2 = "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds"
SHA = Checksum(type="sha-256", value="ab" * 32)


def program(**fields: object) -> ExecutionRequest:
    return ExecutionRequest(executable=Program(command=("true",)), **fields)


def fields_lacking(request: ExecutionRequest, dialect: Dialect) -> list[str]:
    with pytest.raises(NotExpressibleError) as refused:
        write_request(request, dialect)
    return [gap.path for gap in refused.value.fields]


def mounted(*resources: str, **fields: object) -> ExecutionRequest:
    volume = VolumeMount(path="/in/", resources=resources, **fields)
    data = tuple(SimpleData(name=name, location=f"file:///{name}") for name in ("a", "b"))
    return program(compute=SimpleCompute(volumes=(volume,)), data=data)


def test_every_field_that_a_lacks_is_named_at_once() -> None:
    request = ExecutionRequest(
        executable=DockerContainer(
            image=Image(locations=("i",)), command=("x",), labels={"a": "b"}, description="d"
        ),
        data=(SimpleData(name="a", location="file:///a", checksum=SHA),),
        costs=(Amount(type="urn:cost", max=1),),
    )
    assert fields_lacking(request, Dialect.A) == [
        "costs",
        "executable.command",
        "executable.description",
        "executable.labels",
        "data[0].checksum",
    ]


def test_every_field_that_b_lacks_is_named_at_once() -> None:
    request = mounted("a", "b").model_copy(
        update={"name": "n", "volumes": (VolumeMount(path="/spare", resources=("a",)),)}
    )
    assert fields_lacking(request, Dialect.B2) == ["name", "volumes", "compute.volumes[0]"]


def test_labels_and_costs_are_of_b2_only() -> None:
    executable = DockerContainer(image=Image(locations=("i",)), labels={"a": "b"})
    request = ExecutionRequest(executable=executable, costs=(Amount(type="urn:cost"),))
    assert fields_lacking(request, Dialect.B1) == ["costs", "executable.labels"]
    assert write_request(request, Dialect.B2)["executable"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
def test_parameters_of_a_notebook_are_ours_alone(dialect: Dialect) -> None:
    request = ExecutionRequest(executable=JupyterNotebook(location="file:///n.ipynb", parameters={"a": 1}))
    assert fields_lacking(request, dialect) == ["executable.parameters"]


@pytest.mark.parametrize("dialect", list(Dialect))
def test_our_program_has_the_same_kind_in_every_dialect_that_is_written(dialect: Dialect) -> None:
    if dialect is Dialect.A0:
        assert fields_lacking(program(), dialect) == [""]
        return
    executable = write_request(program(), dialect)["executable"]
    kind = executable.get("kind", executable.get("type"))
    assert kind in ("urn:eb-prefect:kind/executable/program", "executable/program")


def test_unknown_fields_are_named_and_kept_only_on_request() -> None:
    request = read_request("executable: {kind: executable/program, command: [x], colour: red}")
    assert fields_lacking(request, Dialect.B2) == ["executable.colour"]
    written = write_request(request, Dialect.B2, Style(keep_unknown=True))
    assert written["executable"]["colour"] == "red"


def test_unknown_kinds_are_written_as_they_came() -> None:
    uri = "https://other.example.org/kinds/executable/quantum-circuit-2.0"
    request = read_request(f"executable: {{kind: {uri}, qubits: 7}}")
    assert write_request(request, Dialect.B2)["executable"] == {"kind": uri, "qubits": 7}
    assert write_request(request, Dialect.A)["executable"] == {"type": uri, "qubits": 7}


def test_placeholders_are_of_b2_only() -> None:
    request = read_request(f"data: [{{kind: {B2}/data/abstract-data-resource.yaml, meta: {{name: x}}}}]")
    assert fields_lacking(request, Dialect.B1) == ["data[0].kind"]
    assert write_request(request, Dialect.B2)["data"][0]["kind"] == f"{B2}/data/abstract-data-resource.yaml"


def test_a_container_volume_becomes_mounts_only_when_that_is_allowed() -> None:
    request = mounted("a", "b", name="inputs", mode="READONLY")
    assert fields_lacking(request, Dialect.B2) == ["compute.volumes[0]"]
    written = write(request, DocumentType.REQUEST, Dialect.B2, Style(lossy=True))
    assert [(v["path"], v["resource"], v["mode"]) for v in written.document["compute"]["volumes"]] == [
        ("/in/a", "a", "READONLY"),
        ("/in/b", "b", "READONLY"),
    ]
    assert written.notes == ("compute.volumes[0]: one volume became 2 mounts below its path",)


def test_a_container_of_one_is_not_taken_for_an_instance() -> None:
    request = mounted("a", cardinality="CONTAINER")
    assert fields_lacking(request, Dialect.B1) == ["compute.volumes[0]"]
    written = write_request(request, Dialect.B1, Style(lossy=True))
    assert written["compute"]["volumes"][0]["path"] == "/in/a"


@pytest.mark.parametrize("fields", [{"cardinality": "INSTANCE"}, {"cardinality": "HEAP"}])
def test_a_volume_that_means_nothing_in_b_is_refused_even_lossy(fields: dict[str, str]) -> None:
    with pytest.raises(NotExpressibleError, match=r"compute\.volumes\[0\]"):
        write_request(mounted("a", "b", **fields), Dialect.B2, Style(lossy=True))


def test_mounts_of_b_become_volumes_of_one_in_a() -> None:
    request = read_request((DOCUMENTS / "b1-named-request.yaml").read_bytes())
    style = Style(drop=frozenset({"executable.command"}))
    written = write_request(request, Dialect.A, style)
    assert written["compute"]["volumes"] == ["samples"]
    assert (written["volumes"][0]["cardinality"], written["volumes"][0]["resources"]) == (
        "INSTANCE",
        ["sample"],
    )


def test_a_volume_without_name_gets_one_in_a_and_that_is_told() -> None:
    written = write(mounted("a"), DocumentType.REQUEST, Dialect.A)
    assert written.document["compute"]["volumes"] == ["volume-1"]
    assert "'volume-1'" in written.notes[0]


def test_two_volumes_of_one_name_can_not_be_named_in_a() -> None:
    volume = VolumeMount(name="in", path="/in", resources=("a",))
    request = program(compute=SimpleCompute(volumes=(volume, volume.model_copy(update={"path": "/b"}))))
    assert fields_lacking(request, Dialect.A) == ["compute.volumes[0]", "compute.volumes[1]"]
    assert len(write_request(request, Dialect.A, Style(inline_volumes=True))["compute"]["volumes"]) == 2


def test_a_requests_name_is_given_to_its_executable_where_lossy() -> None:
    written = write(program(name="n"), DocumentType.REQUEST, Dialect.B2, Style(lossy=True))
    assert written.document["executable"]["meta"] == {"name": "n"}
    assert written.notes == ("name: given to the executable; requests of B2 have none",)


def test_an_executable_keeps_its_own_name_where_lossy() -> None:
    request = ExecutionRequest(name="n", executable=Program(name="own", command=("true",)))
    written = write(request, DocumentType.REQUEST, Dialect.B2, Style(lossy=True))
    assert written.document["executable"]["meta"] == {"name": "own"}
    assert written.notes == ("name: left out; requests of B2 have none",)


def test_the_checksum_of_an_skao_resource_goes_where_skao_has_it() -> None:
    terms = SkaoTerms(namespace="n", objectname="o")
    written = write_request(program(data=(SkaoData(name="a", skao=terms, checksum=SHA),)), Dialect.A)
    assert written["data"][0]["skao"]["checksum"] == SHA.neutral()


def test_two_checksums_of_an_skao_resource_are_not_made_one() -> None:
    terms = SkaoTerms(namespace="n", objectname="o", checksum=Checksum(type="adler32", value="0"))
    request = program(data=(SkaoData(name="a", skao=terms, checksum=SHA),))
    assert fields_lacking(request, Dialect.B2) == ["data[0].checksum"]


def finished() -> Session:
    return Session(
        uuid="u-1",
        phase=Phase.COMPLETED,
        executable=Program(command=("true",), phase="COMPLETED"),
        data=(SimpleData(name="a", location="file:///a", checksum=SHA),),
        outcome=Outcome(exit_code=0),
        products=(Product(name="b", location="file:///b"),),
    )


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
def test_a_server_names_what_it_keeps_to_itself(dialect: Dialect) -> None:
    with pytest.raises(NotExpressibleError) as refused:
        write_session(finished(), dialect)
    assert [gap.path for gap in refused.value.fields] == ["outcome", "products", "data[0].checksum"]
    written = write(finished(), DocumentType.SESSION, dialect, Style(drop=OURS))
    assert not {"outcome", "products"} & written.document.keys()
    assert len(written.notes) == 3


def test_a_session_is_dropped_from_within_an_offer_set_by_the_same_names() -> None:
    offers = OfferSet(result="YES", offers=(finished(),))
    with pytest.raises(NotExpressibleError, match=r"offers\[0\]\.outcome"):
        write_offer_set(offers, Dialect.B2)
    written = write_offer_set(offers, Dialect.B2, Style(drop=OURS))
    assert written["offers"][0]["meta"] == {"uuid": "u-1"}


def test_dropping_takes_nothing_that_the_dialect_has() -> None:
    written = write_request(
        program(name="n"), Dialect.A, Style(drop=frozenset({"name", "executable.command"}))
    )
    assert written["name"] == "n"
    assert written["executable"]["command"] == ["true"]


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [
        (Dialect.A, "https://www.purl.org/ivoa.net/EB/schema/types/session/execution-session-response-1.0"),
        (
            Dialect.B1,
            "https://www.purl.org/ivoa.net/EB/schema/v1.0/types/session/scheduled-execution-session-1.0",
        ),
        (Dialect.B2, f"{B2}/session/scheduled-execution-session.yaml"),
    ],
)
def test_a_session_has_the_kind_of_its_dialect(dialect: Dialect, kind: str) -> None:
    written = write_session(Session(uuid="u", phase=Phase.OFFERED), dialect)
    assert written.get("kind", written.get("type")) == kind


def test_updates_are_wrapped_in_a_and_bare_in_b() -> None:
    update = Update(kind="uri:enum-value-update", path="phase", value="ACCEPTED")
    bare = {"path": "phase", "value": "ACCEPTED"}
    assert write_update(update, Dialect.A) == {"update": {"type": "uri:enum-value-update"} | bare}
    assert write_update(update, Dialect.B2) == {"kind": "uri:enum-value-update"} | bare


def test_an_integer_update_is_a_number_on_the_wire() -> None:
    update = Update(kind="uri:integer-value-update", path="cores", value="4", units="cores")
    assert write_update(update, Dialect.B2)["value"] == 4


def test_writing_changes_nothing_of_what_is_written() -> None:
    request = mounted("a", "b", name="in")
    before = request.neutral()
    write_request(request, Dialect.B2, Style(lossy=True))
    assert request.neutral() == before
