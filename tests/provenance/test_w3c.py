# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from prov.model import ProvDocument, ProvEntity, ProvGeneration, ProvUsage

from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import Replica, SkaoData, SkaoTerms
from eb_prefect.model.parts import AvailableWindow, Checksum, Message, Schedule
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Outcome
from eb_prefect.model.steprun import StepRun
from eb_prefect.model.storage import SimpleStorage
from provenance.canonical import ni
from provenance.errors import ContradictionError
from provenance.names import EB, name_of
from provenance.parts import Agent, Input, Link, Maker, ProductEntry
from provenance.products.envelope import opened
from provenance.products.found import DOCUMENT_LIMIT
from provenance.record import StepRecord, make_record, record_from_session
from provenance.w3c import document, merged, prov_json

pytestmark = pytest.mark.filterwarnings("error")
RunOf = Callable[..., StepRun]
Told = dict[str, dict[str, Any]]

PIXELS = ni(b"pixels")
MADE = (ProductEntry(name="out.fits", path="out.fits", volume="/out", content=PIXELS, size=2**40),)
USED = (
    Input(
        name="image",
        mount="/in",
        location="file:///a b.fits",
        checksum=Checksum(type="sha-256", value="ab" * 32),
    ),
)


def sha(digest: str | None) -> str:
    return "sha:" + str(digest).removeprefix("ni:///sha-256;")


def told(record: StepRecord, carrier: str | None = None) -> Told:
    story: Told = json.loads(prov_json(record, carrier=carrier))
    return story


def of_type(story: Told, kind: str, name: str) -> dict[str, Any]:
    """Return the elements of a kind that have the type."""
    return {key: one for key, one in story.get(kind, {}).items() if name in types(one)}


def types(one: dict[str, Any]) -> list[str]:
    given = one.get("prov:type", [])
    return [each["$"] for each in (given if isinstance(given, list) else [given])]


def role(one: dict[str, Any]) -> str:
    given = one.get("prov:role")
    return str(given["$"] if isinstance(given, dict) else given)


def without_blanks(story: Told) -> Told:
    """Return the document with relations that have no name of their own sorted by what they say."""
    return {
        kind: {name: one for name, one in all_.items() if not name.startswith("_:")}
        | {str(at): one for at, one in enumerate(sorted(blanks(all_), key=str))}
        for kind, all_ in story.items()
    }


def blanks(all_: dict[str, Any]) -> Iterable[Any]:
    return (one for name, one in all_.items() if name.startswith("_:"))


@pytest.fixture
def record(run_of: RunOf) -> StepRecord:
    return make_record(run_of(), products=MADE, inputs=USED)


def test_the_document_read_back_is_the_same(record: StepRecord) -> None:
    text = prov_json(record, carrier="out.fits")
    again = ProvDocument.deserialize(content=text.decode(), format="json")
    assert again == document(record, carrier="out.fits")


def test_importing_twice_says_nothing_twice(record: StepRecord) -> None:
    once, other = document(record, carrier="out.fits"), document(record)
    assert merged(once, other) == once


def test_what_we_write_is_what_the_library_writes(record: StepRecord) -> None:
    theirs = json.loads(document(record, carrier="out.fits").serialize(format="json"))
    assert without_blanks(theirs) == without_blanks(told(record, "out.fits"))


def test_a_name_is_a_uuid_of_version_5() -> None:
    assert name_of("usage", "\u00e9") == str(uuid5(uuid5(NAMESPACE_URL, EB), "usage\n\u00e9"))


def test_the_session_has_the_times_that_were_observed(record: StepRecord) -> None:
    (session,) = of_type(told(record), "activity", "eb:ExecutionSession").values()
    assert record.started is not None
    assert record.ended is not None
    assert session["prov:startTime"] == record.started.isoformat()
    assert session["prov:endTime"] == record.ended.isoformat()


def test_what_was_only_offered_is_no_time_of_the_session(run_of: RunOf) -> None:
    run = run_of(phase=Phase.CANCELLED)
    plan = Schedule(available=AvailableWindow(start="2026-11-23T10:00:00Z/PT1H", duration="PT1H"))  # type: ignore[arg-type] -- text as brokers write it
    session = run.session.model_copy(update={"outcome": None, "schedule": plan})
    record = make_record(run.model_copy(update={"session": session, "changes": run.changes[1:]}))
    (told_of,) = of_type(told(record), "activity", "eb:ExecutionSession").values()
    assert "prov:startTime" not in told_of
    assert told_of["prov:endTime"] == run.changes[1].seen.isoformat()
    assert told_of["eb:endUncertainty"] == "PT2S"


def test_two_clocks_that_contradict_each_other_leave_the_brokers(run_of: RunOf) -> None:
    run = run_of()
    started = run.changes[1].seen + timedelta(hours=1)
    session = run.session.model_copy(update={"outcome": Outcome(started=started)})
    (told_of,) = of_type(
        told(make_record(run.model_copy(update={"session": session}))), "activity", "eb:ExecutionSession"
    ).values()
    assert told_of["prov:startTime"] == started.isoformat()
    assert "prov:endTime" not in told_of


def test_a_product_is_generated_by_the_session_and_has_its_content(record: StepRecord) -> None:
    story = told(record)
    (product,) = [
        one["prov:specificEntity"]
        for one in story["specializationOf"].values()
        if one["prov:generalEntity"] == sha(PIXELS)
    ]
    makers = {
        one["prov:activity"] for one in story["wasGeneratedBy"].values() if one["prov:entity"] == product
    }
    assert makers == {f"uu:{record.session.uuid}"}


def test_the_file_is_a_special_case_of_its_product_made_by_attaching(record: StepRecord) -> None:
    story = told(record, "out.fits")
    ((carrier, _),) = of_type(story, "entity", "eb:Carrier").items()
    ((product, _),) = of_type(story, "entity", "eb:Product").items()
    ((attaching, _),) = of_type(story, "activity", "eb:Attachment").items()
    general = {
        one["prov:specificEntity"]: one["prov:generalEntity"] for one in story["specializationOf"].values()
    }
    made = {one["prov:entity"]: one["prov:activity"] for one in story["wasGeneratedBy"].values()}
    used = {one["prov:entity"] for one in story["used"].values() if one["prov:activity"] == attaching}
    assert (general[carrier], made[carrier], used) == (product, attaching, {product, sha(record.digest)})


def test_a_product_is_at_its_volume_and_for_its_user(record: StepRecord) -> None:
    story = told(record)
    ((name, product),) = of_type(story, "entity", "eb:Product").items()
    volume = story["entity"][product["prov:location"]["$"]]
    (attribution,) = story["wasAttributedTo"].values()
    assert (types(volume), volume["eb:path"]) == (["eb:Volume", "prov:Location"], "/out")
    assert attribution["prov:entity"] == name
    assert attribution["prov:agent"] in of_type(story, "agent", "prov:Person")


def test_an_empty_room_came_and_went_with_the_session(run_of: RunOf) -> None:
    run = run_of()
    mounts = (
        VolumeMount(path="/tmp/x", mode="READWRITE", resources=("spare",)),
        *run.request.compute.volumes,
    )  # type: ignore[union-attr] -- it has one
    request = run.request.model_copy(
        update={
            "storage": (SimpleStorage(name="spare"), SimpleStorage(name="room")),
            "compute": SimpleCompute(volumes=mounts),
        }
    )
    story = told(make_record(run.model_copy(update={"request": request}), products=MADE))
    rooms = of_type(story, "entity", "eb:Storage")
    (gone,) = story["wasInvalidatedBy"].values()
    assert {one["eb:name"] for one in rooms.values()} == {"spare", "room"}
    assert rooms[gone["prov:entity"]]["eb:name"] == "spare"
    assert set(gone) == {"prov:entity", "prov:activity"}


def test_data_are_used_in_the_role_of_their_mount_and_named_by_digest(record: StepRecord) -> None:
    roles = {
        str(role): use.args[1].uri
        for use in document(record).get_records(ProvUsage)
        for role in use.get_attribute("prov:role")
    }
    assert roles["/in"] == "ni:///sha-256;" + "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"


def test_the_broker_acts_for_the_user_by_the_plans_of_request_and_executable(record: StepRecord) -> None:
    story = told(record)
    (delegation,) = story["actedOnBehalfOf"].values()
    session = f"uu:{record.session.uuid}"
    ours = [one for one in story["wasAssociatedWith"].values() if one["prov:activity"] == session]
    ((executable, _),) = of_type(story, "entity", "eb:Executable").items()
    assert {one["prov:plan"] for one in ours} == {sha(record.request_digest), executable}
    assert {one["prov:agent"] for one in ours} == {delegation["prov:delegate"]}
    assert delegation["prov:activity"] == session


def test_the_machine_that_asked_acted_for_the_user_too(record: StepRecord) -> None:
    agents = (*record.agents, Agent(kind="host", name="login.example.org"))
    story = told(record.model_copy(update={"agents": agents}))
    ((client, _),) = of_type(story, "agent", "eb:Client").items()
    assert client in {one["prov:delegate"] for one in story["actedOnBehalfOf"].values()}


def test_the_accepted_offer_started_the_session_and_the_acceptance_informed_it(record: StepRecord) -> None:
    story = told(record)
    ((acceptance, _),) = of_type(story, "activity", "eb:Acceptance").items()
    ((offer, _),) = of_type(story, "entity", "eb:Offer").items()
    (start,) = story["wasStartedBy"].values()
    (informed,) = story["wasInformedBy"].values()
    session = f"uu:{record.session.uuid}"
    assert start == {"prov:activity": session, "prov:trigger": offer}
    assert informed == {"prov:informed": session, "prov:informant": acceptance}
    assert [one["prov:activity"] for one in story["used"].values() if one["prov:entity"] == offer] == [
        acceptance
    ]


def test_replicas_are_alternates_at_their_places(run_of: RunOf) -> None:
    run = run_of()
    copies = (Replica(rsename="SE-1", dataurl="https://se.example.org/a"),)
    data = (SkaoData(name="image", skao=SkaoTerms(replicas=copies)),)
    session = run.session.model_copy(update={"data": data})
    story = told(make_record(run.model_copy(update={"session": session}), inputs=USED))
    ((name, copy),) = of_type(story, "entity", "eb:Replica").items()
    ((data_name, _),) = of_type(story, "entity", "eb:Data").items()
    assert copy["prov:location"] == {"$": "https://se.example.org/a", "type": "xsd:anyURI"}
    assert list(story["alternateOf"].values()) == [{"prov:alternate1": name, "prov:alternate2": data_name}]


def test_the_record_comes_of_what_the_broker_sent(run_of: RunOf) -> None:
    run = run_of()
    session = run.session.model_copy(update={"raw": b"{}"})
    record = make_record(run.model_copy(update={"session": session}))
    (source,) = told(record)["wasDerivedFrom"].values()
    assert (source["prov:generatedEntity"], source["prov:usedEntity"]) == (sha(record.digest), sha(ni(b"{}")))
    assert source["prov:type"]["$"] == "prov:PrimarySource"


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
    revisions = [one for one in told(again)["wasDerivedFrom"].values() if one.get("prov:type")]
    assert len(revisions) == 1
    assert revisions[0]["prov:generatedEntity"] != revisions[0]["prov:usedEntity"]
    both = merged(document(record), document(again))
    assert both.unified() == both


def test_a_changed_request_is_a_revision_by_a_patch_of_the_same_recipe(
    record: StepRecord, run_of: RunOf
) -> None:
    patch = ({"op": "replace", "path": "/compute/cores/min", "value": 2},)
    link = Link(record=record.digest, verb="revise", request=record.request_digest, patch=patch)
    again = make_record(run_of(environment={"SIGMA": "4"}), based_on=link)
    story = told(again)
    ((recipe, _),) = of_type(story, "entity", "eb:Recipe").items()
    (revision,) = [one for one in story["wasDerivedFrom"].values() if "eb:patch" in one]
    special = {
        one["prov:specificEntity"]
        for one in story["specializationOf"].values()
        if one["prov:generalEntity"] == recipe
    }
    assert json.loads(revision["eb:patch"]) == list(patch)
    assert special == {sha(again.request_digest), sha(record.request_digest)}
    assert recipe in told(record)["entity"]


@pytest.mark.parametrize("verb", ["repeat", "revise", "apply"])
def test_a_rerun_used_the_old_record_and_is_influenced_by_its_session(
    record: StepRecord, run_of: RunOf, verb: Any
) -> None:
    link = Link(record=record.digest, verb=verb, session=record.session.uuid, products=("out.fits",))
    story = told(make_record(run_of(), products=MADE, based_on=link))
    (influence,) = story["wasInfluencedBy"].values()
    used = {role(one): one["prov:entity"] for one in story["used"].values()}
    revised = (
        [one for one in story["wasDerivedFrom"].values() if "prov:type" in one]
        if "wasDerivedFrom" in story
        else []
    )
    assert influence["prov:influencer"] == f"uu:{record.session.uuid}"
    assert influence["prov:type"]["$"] == f"eb:{verb.capitalize()}"
    assert used["eb:basedOn"] == sha(record.digest)
    assert len(revised) == (0 if verb == "apply" else 1)


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
def test_a_session_that_did_not_complete_says_its_phase_and_why(run_of: RunOf, phase: Phase) -> None:
    run = run_of(phase=phase)
    why = (Message(level="ERROR", message="out of\x00memory"), Message(level="INFO", message="fine"))
    session = run.session.model_copy(update={"messages": why})
    story = told(make_record(run.model_copy(update={"session": session})))
    (told_of,) = of_type(story, "activity", "eb:ExecutionSession").values()
    assert (told_of["eb:phase"], told_of["eb:message"]) == (phase, "out of\ufffdmemory")


def test_a_session_alone_has_no_plan_and_says_what_is_missing(record: StepRecord) -> None:
    alone = record_from_session(record.session, record.broker)
    story = told(alone)
    ((_, about),) = of_type(story, "entity", "eb:SessionRecord").items()
    assert "request" in about["eb:missing"]
    assert all("prov:plan" not in one for one in story["wasAssociatedWith"].values())
    assert "wasStartedBy" not in story


def test_everything_that_is_spoken_of_is_declared(record: StepRecord) -> None:
    story = told(record, "out.fits")
    known = {name for kind in ("entity", "activity", "agent") for name in story[kind]}
    relations = [
        one
        for kind, all_ in story.items()
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


def test_parameters_are_entities_only_where_they_are_asked_for(record: StepRecord) -> None:
    with_, without = document(record, parameters=True), document(record)
    names = {
        value
        for entity in with_.get_records(ProvEntity)
        if any(kind.uri == EB + "Parameter" for kind in entity.get_asserted_types())
        for value in entity.get_attribute(EB + "name")
    }
    assert names == {"SIGMA"}
    assert len(list(without.get_records())) == len(list(with_.get_records())) - 2


@pytest.mark.parametrize(("products", "inputs"), [(1, 0), (12, 5), (1, 60), (60, 1), (100, 20), (20, 60)])
def test_a_document_that_travels_is_small_and_counts_what_it_leaves_out(
    run_of: RunOf, products: int, inputs: int
) -> None:
    made = tuple(MADE[0].model_copy(update={"name": f"out-{at}.fits"}) for at in range(products))
    used = tuple(USED[0].model_copy(update={"name": f"in-{at}", "mount": None}) for at in range(inputs))
    record = make_record(run_of(), products=made, inputs=used)
    text = prov_json(record, carrier="out-0.fits")
    story = json.loads(text)
    (session,) = of_type(story, "activity", "eb:ExecutionSession").values()
    untold = int(session.get("eb:untoldProducts", {"$": 0})["$"])
    assert len(text) <= DOCUMENT_LIMIT
    assert len(of_type(story, "entity", "eb:Product")) == products - untold


def test_what_a_stranger_calls_a_digest_is_no_broken_name(record: StepRecord) -> None:
    odd = record.model_copy(update={"products": (MADE[0].model_copy(update={"content": 'no "digest" <>'}),)})
    names = told(odd, "out.fits")["entity"]
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-")
        for name in names
    )


def test_a_product_is_found_by_its_own_name_however_odd(run_of: RunOf) -> None:
    name = "a\x01\ufffe\udc80 b.fits"
    record = make_record(run_of(), products=(MADE[0].model_copy(update={"name": name}),))
    found = opened(prov_json(record, carrier=name).decode(), "here")
    assert found.product == found.record["products"][0]["name"] == "a\x01\ufffe? b.fits"


def test_what_contradicts_itself_is_not_merged(record: StepRecord) -> None:
    later = record.session.outcome.model_copy(update={"ended": record.changes[-1].seen + timedelta(days=1)})  # type: ignore[union-attr] -- it has one
    other = record.model_copy(update={"session": record.session.model_copy(update={"outcome": later})})
    with pytest.raises(ContradictionError, match="endTime"):
        merged(document(record), document(other))


def test_no_prefix_is_the_scheme_of_a_uri(record: StepRecord) -> None:
    prefixes = json.loads(prov_json(record))["prefix"]
    assert set(prefixes) == {"eb", "uu", "sha"}
    assert prefixes["eb"] == EB
