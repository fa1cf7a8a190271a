# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable

import pytest
from prov.model import ProvActivity, ProvDocument, ProvEntity, ProvGeneration, ProvUsage

from eb_prefect.model.parts import Checksum
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import StepRun
from provenance.canonical import ni
from provenance.names import EB
from provenance.parts import Input, Link, Maker, ProductEntry
from provenance.record import StepRecord, make_record
from provenance.w3c import document, merged, prov_json

pytestmark = pytest.mark.filterwarnings("error")
RunOf = Callable[..., StepRun]

MADE = (ProductEntry(name="out.fits", path="out.fits", volume="/out", content=ni(b"pixels"), size=2**40),)
USED = (
    Input(
        name="image",
        mount="/in",
        location="file:///a b.fits",
        checksum=Checksum(type="sha-256", value="ab" * 32),
    ),
)


@pytest.fixture
def record(run_of: RunOf) -> StepRecord:
    return make_record(run_of(), products=MADE, inputs=USED)


def test_the_document_read_back_is_the_same(record: StepRecord) -> None:
    text = prov_json(record, carrier="out.fits")
    again = ProvDocument.deserialize(content=text.decode(), format="json")
    assert again == document(record, carrier="out.fits")


@pytest.mark.parametrize("format_", ["json", "jsonld", "provn"])
def test_every_form_holds_the_records_text_byte_for_byte(record: StepRecord, format_: str) -> None:
    text = document(record).serialize(format=format_)
    again = ProvDocument.deserialize(content=text, format=format_)
    values = [value for entity in again.get_records(ProvEntity) for value in entity.value]
    assert values == [record.text]


def test_importing_twice_says_nothing_twice(record: StepRecord) -> None:
    once, other = document(record, carrier="out.fits"), document(record)
    assert merged(once, other) == once


def test_the_session_has_the_times_that_were_observed(record: StepRecord) -> None:
    (session,) = document(record).get_records(ProvActivity)
    assert isinstance(session, ProvActivity)
    assert (session.get_startTime(), session.get_endTime()) == (record.started, record.ended)


def test_a_product_is_generated_by_the_session_and_has_its_content(record: StepRecord) -> None:
    told = json.loads(prov_json(record))
    content = "sha:" + ni(b"pixels").removeprefix("ni:///sha-256;")
    (product,) = [
        one["prov:specificEntity"]
        for one in told["specializationOf"].values()
        if one["prov:generalEntity"] == content
    ]
    makers = {
        one["prov:activity"] for one in told["wasGeneratedBy"].values() if one["prov:entity"] == product
    }
    assert makers == {f"uu:{record.session.uuid}"}


def test_data_are_used_in_the_role_of_their_mount_and_named_by_digest(record: StepRecord) -> None:
    roles = {
        str(role): use.args[1].uri
        for use in document(record).get_records(ProvUsage)
        for role in use.get_attribute("prov:role")
    }
    assert roles["/in"] == "ni:///sha-256;" + "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"


def test_the_broker_acts_for_the_user_by_the_plan_of_the_request(record: StepRecord) -> None:
    told = json.loads(prov_json(record))
    (association,) = told["wasAssociatedWith"].values()
    (delegation,) = told["actedOnBehalfOf"].values()
    assert association["prov:plan"] == "sha:" + str(record.request_digest).removeprefix("ni:///sha-256;")
    assert delegation["prov:delegate"] == association["prov:agent"]


def test_a_product_has_the_same_name_where_it_is_made_and_where_it_is_used(
    record: StepRecord, run_of: RunOf
) -> None:
    maker = Maker(record=record.digest, product="out.fits")
    later = make_record(run_of(), inputs=(Input(name="image", made_by=maker, content=ni(b"pixels")),))
    made = {one.args[0] for one in document(record).get_records(ProvGeneration)}
    used = {one.args[1] for one in document(later).get_records(ProvUsage)}
    assert len(made & used) == 1


def test_a_repeat_with_the_same_bytes_is_a_revision_and_not_of_itself(
    record: StepRecord, run_of: RunOf
) -> None:
    link = Link(record=record.digest, verb="repeat", session=record.session.uuid, products=("out.fits",))
    again = make_record(run_of(), products=MADE, inputs=USED, based_on=link)
    told = json.loads(prov_json(again))
    revisions = [one for one in told["wasDerivedFrom"].values() if one.get("prov:type")]
    assert len(revisions) == 1
    assert revisions[0]["prov:generatedEntity"] != revisions[0]["prov:usedEntity"]
    both = merged(document(record), document(again))
    assert both.unified() == both


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
def test_a_session_that_did_not_complete_says_its_phase(run_of: RunOf, phase: Phase) -> None:
    (session,) = document(make_record(run_of(phase=phase))).get_records(ProvActivity)
    assert {str(value) for name, value in session.attributes if name.uri == EB + "phase"} == {phase}


def test_everything_that_is_spoken_of_is_declared(record: StepRecord) -> None:
    told = json.loads(prov_json(record, carrier="out.fits"))
    known = {name for kind in ("entity", "activity", "agent") for name in told[kind]}
    relations = [
        one
        for kind, all_ in told.items()
        if kind not in ("prefix", "entity", "activity", "agent")
        for one in all_.values()
    ]
    spoken = {
        value
        for one in relations
        for key, value in one.items()
        if key not in ("prov:role", "prov:type", "prov:generation", "prov:usage")
    }
    assert spoken <= known


def test_no_prefix_is_the_scheme_of_a_uri(record: StepRecord) -> None:
    prefixes = json.loads(prov_json(record))["prefix"]
    assert set(prefixes) == {"eb", "uu", "sha"}
    assert prefixes["eb"] == EB
