# SPDX-License-Identifier: Apache-2.0
"""Our own documents are valid, and no longer so once a single thing in them is wrong."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eb_prefect.model.parts import Checksum
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import StepRun
from provenance.canonical import ni
from provenance.constraints.check import violations
from provenance.constraints.violation import Violation
from provenance.documents import Syntax, parsed_document
from provenance.parts import Agent, Input, Link, Maker, ProductEntry
from provenance.record import StepRecord, make_record, record_from_session
from provenance.w3c import document, merged, prov_json

RunOf = Callable[..., StepRun]
Told = dict[str, Any]

CHECKSUM = Checksum(type="sha-256", value="ab" * 32)


def made(*names: str, content: str | None = ni(b"pixels")) -> tuple[ProductEntry, ...]:
    return tuple(ProductEntry(name=name, path=name, volume="/out", content=content) for name in names)


def used(maker: Maker | None = None) -> tuple[Input, ...]:
    return (Input(name="image", mount="/in", checksum=CHECKSUM, content=ni(b"pixels"), made_by=maker),)


def broken(told: Told) -> tuple[Violation, ...]:
    return violations(parsed_document(json.dumps(told).encode(), Syntax.JSON, "the test"))


@pytest.fixture
def record(run_of: RunOf) -> StepRecord:
    return make_record(run_of(), products=made("a.fits", "b.fits"), inputs=used())


@pytest.fixture
def told(record: StepRecord) -> Told:
    story: Told = json.loads(prov_json(record, carrier="a.fits"))
    return story


@given(
    phase=st.sampled_from([Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED, Phase.REJECTED, "ODD"]),
    products=st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=3),
    content=st.sampled_from([None, ni(b"pixels"), "no digest"]),
    maker=st.sampled_from([None, Maker(record=ni(b"r"), product="p"), Maker(record="odd", product="")]),
    verb=st.sampled_from([None, "repeat", "revise", "apply"]),
    agents=st.lists(
        st.sampled_from([Agent(kind="person", name="x"), Agent(kind="host", name="h.org")]), max_size=2
    ),
    alone=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_shape_of_record_is_valid(
    run_of: RunOf,
    phase: Any,
    products: list[str],
    content: Any,
    maker: Any,
    verb: Any,
    agents: Any,
    alone: bool,
) -> None:
    run = run_of(phase=phase)
    link = Link(record=ni(b"old"), verb=verb, session=run.chosen, products=tuple(products)) if verb else None
    whole = make_record(run, products=made(*products, content=content), inputs=used(maker), based_on=link)
    record = record_from_session(run.session, run.broker) if alone else whole
    record = record.model_copy(update={"agents": tuple(agents)})
    assert violations(document(record, carrier=products[0] if products else None, parameters=True)) == ()


def test_whole_lineages_merge_to_a_valid_document(run_of: RunOf, record: StepRecord) -> None:
    documents = [document(record, carrier="a.fits")]
    for at in range(12):
        start = datetime.fromisoformat("2026-11-24T00:00:00Z") + timedelta(hours=at)
        maker = Maker(record=record.digest, product="a.fits")
        link = Link(record=record.digest, verb="repeat", session=record.session.uuid, products=("a.fits",))
        run = run_of(at=start)
        record = make_record(
            run, products=made("a.fits"), inputs=used(maker), based_on=link if at % 2 else None
        )
        documents += [document(record), document(record, carrier="a.fits")]
    assert violations(merged(*documents)) == ()


def _relation(told: Told, kind: str) -> tuple[str, Told]:
    name, one = next(iter(told[kind].items()))
    return name, one


def swapped_times(told: Told) -> None:
    session = next(one for one in told["activity"].values() if "prov:startTime" in one)
    session["prov:startTime"], session["prov:endTime"] = session["prov:endTime"], session["prov:startTime"]


def generated_twice(told: Told) -> None:
    _, one = _relation(told, "wasGeneratedBy")
    told["wasGeneratedBy"]["uu:another"] = {**one}


def generated_at_two_times(told: Told) -> None:
    _, one = _relation(told, "wasGeneratedBy")
    told["wasGeneratedBy"]["_:b1"] = {**one, "prov:time": "2026-11-23T12:00:01Z"}
    told["wasGeneratedBy"]["_:b2"] = {**one, "prov:time": "2026-11-23T12:00:02Z"}


def used_before_generation(told: Told) -> None:
    _, one = _relation(told, "wasGeneratedBy")
    one["prov:time"] = "2026-11-23T12:00:02Z"
    entity = {"prov:entity": one["prov:entity"], "prov:activity": "uu:other"}
    told["used"]["uu:early"] = {**entity, "prov:time": "2026-11-23T12:00:01Z"}


def used_after_the_end(told: Told) -> None:
    _, one = _relation(told, "used")
    session = next(iter(told["activity"]))
    told["used"]["uu:late"] = {**one, "prov:activity": session, "prov:time": "2026-12-23T12:00:01Z"}


def generated_before_the_start(told: Told) -> None:
    session = next(iter(told["activity"]))
    one = next(one for one in told["wasGeneratedBy"].values() if one["prov:activity"] == session)
    one["prov:time"] = "2025-12-23T12:00:01Z"


def entity_is_an_activity(told: Told) -> None:
    told["activity"][next(iter(told["entity"]))] = {}


def activity_is_an_entity(told: Told) -> None:
    told["entity"][next(iter(told["activity"]))] = {}


def derived_from_itself(told: Told) -> None:
    _, one = _relation(told, "wasDerivedFrom")
    one["prov:usedEntity"] = one["prov:generatedEntity"]


def derived_both_ways(told: Told) -> None:
    _, one = _relation(told, "wasDerivedFrom")
    ends = {"prov:generatedEntity": one["prov:usedEntity"], "prov:usedEntity": one["prov:generatedEntity"]}
    told["wasDerivedFrom"]["uu:back"] = ends


def derivation_without_its_activity(told: Told) -> None:
    del _relation(told, "wasDerivedFrom")[1]["prov:activity"]


def special_case_of_itself(told: Told) -> None:
    _, one = _relation(told, "specializationOf")
    one["prov:generalEntity"] = one["prov:specificEntity"]


def special_both_ways(told: Told) -> None:
    _, one = _relation(told, "specializationOf")
    ends = {
        "prov:specificEntity": one["prov:generalEntity"],
        "prov:generalEntity": one["prov:specificEntity"],
    }
    told["specializationOf"]["_:back"] = ends


def usage_named_as_a_generation(told: Told) -> None:
    name, _ = _relation(told, "wasGeneratedBy")
    told["used"][name] = _relation(told, "used")[1]


def usage_named_as_an_entity(told: Told) -> None:
    told["used"][next(iter(told["entity"]))] = _relation(told, "used")[1]


def started_twice(told: Told) -> None:
    _, one = _relation(told, "wasStartedBy")
    for name in ("uu:s1", "uu:s2"):
        told["wasStartedBy"][name] = {**one, "prov:starter": "uu:starter"}


def started_at_another_time(told: Told) -> None:
    _relation(told, "wasStartedBy")[1]["prov:time"] = "2026-11-23T11:00:00Z"


def member_of_nothing(told: Told) -> None:
    collection = _relation(told, "hadMember")[1]["prov:collection"]
    told["entity"][collection]["prov:type"] = {"$": "prov:EmptyCollection", "type": "xsd:QName"}


def association_without_an_activity(told: Told) -> None:
    del _relation(told, "wasAssociatedWith")[1]["prov:activity"]


def two_agents_in_one_association(told: Told) -> None:
    name, one = _relation(told, "wasAssociatedWith")
    told["wasAssociatedWith"][name] = [one, {**one, "prov:agent": "uu:somebody"}]


MUTATIONS = {
    swapped_times: 30,
    generated_twice: 24,
    generated_at_two_times: 23,
    used_before_generation: 37,
    used_after_the_end: 33,
    generated_before_the_start: 34,
    entity_is_an_activity: 55,
    activity_is_an_entity: 55,
    derived_from_itself: 42,
    derived_both_ways: 42,
    derivation_without_its_activity: 51,
    special_case_of_itself: 52,
    special_both_ways: 52,
    usage_named_as_a_generation: 53,
    usage_named_as_an_entity: 54,
    started_twice: 26,
    started_at_another_time: 28,
    member_of_nothing: 56,
    association_without_an_activity: None,
    two_agents_in_one_association: 23,
}


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_a_single_thing_that_is_wrong_is_caught(told: Told, mutate: Callable[[Told], None]) -> None:
    assert broken(told) == ()
    mutate(told)
    assert MUTATIONS[mutate] in {one.constraint for one in broken(told)}
