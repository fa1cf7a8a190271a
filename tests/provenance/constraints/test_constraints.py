# SPDX-License-Identifier: Apache-2.0
"""Each constraint broken by the shortest document that breaks it."""

import time

import pytest
from prov.model import ProvDocument

from provenance.constraints.check import violations
from provenance.constraints.components import components
from provenance.constraints.violation import MANDATORY, NAMES, UNIQUE_MENTION
from provenance.documents import Syntax, parsed_document

T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"

BROKEN = {
    22: f"activity(ex:a, {T1}, -) activity(ex:a, {T2}, -)",
    23: "wasGeneratedBy(ex:g; ex:e1, ex:a, -) wasGeneratedBy(ex:g; ex:e2, ex:a, -)",
    24: "wasGeneratedBy(ex:g; ex:e, ex:a, -) wasGeneratedBy(ex:h; ex:e, ex:a, -)",
    25: "wasInvalidatedBy(ex:g; ex:e, ex:a, -) wasInvalidatedBy(ex:h; ex:e, ex:a, -)",
    26: "wasStartedBy(ex:g; ex:a, -, ex:b, -) wasStartedBy(ex:h; ex:a, -, ex:b, -)",
    27: "wasEndedBy(ex:g; ex:a, -, ex:b, -) wasEndedBy(ex:h; ex:a, -, ex:b, -)",
    28: f"activity(ex:a, {T1}, -) wasStartedBy(ex:a, -, -, {T2})",
    29: f"activity(ex:a, -, {T1}) wasEndedBy(ex:a, -, -, {T2})",
    42: "wasDerivedFrom(ex:e2, ex:e1) wasDerivedFrom(ex:e1, ex:e2)",
    51: "wasDerivedFrom(ex:d; ex:e2, ex:e1, -, ex:g, -)",
    52: "specializationOf(ex:e, ex:f) specializationOf(ex:f, ex:e)",
    53: "used(ex:x; ex:a, ex:e, -) wasGeneratedBy(ex:x; ex:f, ex:b, -)",
    54: "entity(ex:x) wasGeneratedBy(ex:x; ex:e, ex:a, -)",
    55: "entity(ex:e) used(ex:e, ex:f, -)",
    56: "entity(ex:c, [prov:type='prov:EmptyCollection']) hadMember(ex:c, ex:e)",
}

LATE = {
    30: f"activity(ex:a, {T2}, {T1})",
    31: f"wasStartedBy(ex:a, -, ex:b, {T1}) wasStartedBy(ex:a, -, ex:c, {T2})",
    32: f"wasEndedBy(ex:a, -, ex:b, {T1}) wasEndedBy(ex:a, -, ex:c, {T2})",
    33: f"activity(ex:a, {T2}, -) used(ex:a, ex:e, {T1})",
    34: f"activity(ex:a, -, {T1}) wasGeneratedBy(ex:e, ex:a, {T2})",
    35: f"activity(ex:a, {T2}, -) activity(ex:b, -, {T1}) wasInformedBy(ex:b, ex:a)",
    36: f"wasGeneratedBy(ex:e, -, {T2}) wasInvalidatedBy(ex:e, -, {T1})",
    37: f"wasGeneratedBy(ex:e, -, {T2}) used(ex:a, ex:e, {T1})",
    38: f"used(ex:a, ex:e, {T2}) wasInvalidatedBy(ex:e, -, {T1})",
    39: f"wasGeneratedBy(ex:e, ex:a, {T1}) wasGeneratedBy(ex:e, ex:b, {T2})",
    40: f"wasInvalidatedBy(ex:e, ex:a, {T1}) wasInvalidatedBy(ex:e, ex:b, {T2})",
    41: (
        f"used(ex:u; ex:a, ex:f, {T2}) wasGeneratedBy(ex:e, -, {T1}) "
        "wasDerivedFrom(ex:e, ex:f, ex:a, -, ex:u)"
    ),
    42: f"wasGeneratedBy(ex:f, -, {T2}) wasGeneratedBy(ex:e, -, {T1}) wasDerivedFrom(ex:e, ex:f)",
    43: f"wasGeneratedBy(ex:e, -, {T2}) wasStartedBy(ex:a, ex:e, -, {T1})",
    44: f"wasEndedBy(ex:a, ex:e, -, {T2}) wasInvalidatedBy(ex:e, -, {T1})",
    45: f"wasGeneratedBy(ex:f, -, {T2}) wasGeneratedBy(ex:e, -, {T1}) specializationOf(ex:e, ex:f)",
    46: f"wasInvalidatedBy(ex:e, -, {T2}) wasInvalidatedBy(ex:f, -, {T1}) specializationOf(ex:e, ex:f)",
    47: f"activity(ex:a, {T2}, -) wasInvalidatedBy(ex:ag, -, {T1}) wasAssociatedWith(ex:a, ex:ag, -)",
    48: f"wasGeneratedBy(ex:ag, -, {T2}) wasGeneratedBy(ex:e, -, {T1}) wasAttributedTo(ex:e, ex:ag)",
    49: f"wasGeneratedBy(ex:ag, -, {T2}) wasInvalidatedBy(ex:dg, -, {T1}) actedOnBehalfOf(ex:dg, ex:ag, -)",
}

SOUND = [
    "",
    f"activity(ex:a, {T1}, {T2}) used(ex:a, ex:e, {T1}) used(ex:a, ex:e, {T2})",
    "wasGeneratedBy(ex:g; ex:e, ex:a, -) wasGeneratedBy(ex:h; ex:e, ex:b, -)",
    "wasGeneratedBy(ex:g; ex:e, -, -) wasGeneratedBy(ex:g; ex:e, ex:a, -) wasGeneratedBy(ex:e, ex:a, -)",
    "used(ex:a, ex:e, -) wasGeneratedBy(ex:e, ex:a, -)",
    "agent(ex:x) entity(ex:x)",
    "agent(ex:x) activity(ex:x)",
    "wasInfluencedBy(ex:d; ex:e, ex:f) wasDerivedFrom(ex:d; ex:e, ex:f)",
    "alternateOf(ex:e, ex:f) alternateOf(ex:f, ex:e) alternateOf(ex:e, ex:e)",
    "specializationOf(ex:e, ex:f) specializationOf(ex:f, ex:g) specializationOf(ex:e, ex:g)",
    f"wasGeneratedBy(ex:e, -, {T1}) used(ex:a, ex:e, 2026-01-01T03:00:00+02:00)",
]


def document(statements: str) -> ProvDocument:
    text = f"document\nprefix ex <http://example.org/>\n{statements}\nendDocument\n"
    return parsed_document(text.encode(), Syntax.PROVN, "the test")


@pytest.mark.parametrize("number", BROKEN)
def test_what_breaks_a_constraint_is_said_to(number: int) -> None:
    found = violations(document(BROKEN[number]), clocks=False)
    assert {(one.constraint, one.name) for one in found} == {(number, NAMES[number])}


@pytest.mark.parametrize("number", LATE)
def test_times_that_break_an_order_are_told_by_the_clock_and_only_then(number: int) -> None:
    found = violations(document(LATE[number]))
    assert {(one.constraint, one.by_clock) for one in found} == {(number, True)}
    assert violations(document(LATE[number]), clocks=False) == ()


def test_every_constraint_that_can_be_broken_is_tested() -> None:
    assert set(NAMES) - {50} == set(BROKEN) | set(LATE)


@pytest.mark.parametrize("statements", SOUND)
def test_what_is_sound_is_left_alone(statements: str) -> None:
    assert violations(document(statements)) == ()


@pytest.mark.parametrize(
    ("statements", "rule"),
    [
        ("mentionOf(ex:e, ex:f, ex:b) mentionOf(ex:e, ex:g, ex:b)", UNIQUE_MENTION),
        ("mentionOf(ex:e, ex:f, ex:b) mentionOf(ex:e, ex:f, ex:c)", UNIQUE_MENTION),
    ],
)
def test_an_entity_is_a_mention_of_one_thing(statements: str, rule: str) -> None:
    (found,) = violations(document(statements))
    assert (found.constraint, found.name) == (None, rule)


def test_a_mention_is_a_special_case() -> None:
    (found,) = violations(document("mentionOf(ex:e, ex:f, ex:b) specializationOf(ex:f, ex:e)"))
    assert found.constraint == 52


def test_an_argument_that_is_needed_is_missed() -> None:
    broken = ProvDocument(namespaces={"ex": "http://example.org/"})
    broken.new_record(
        document("wasInformedBy(ex:a, ex:b)").get_records()[0].get_type(), None, {"prov:informed": "ex:a"}
    )
    assert [one.name for one in violations(broken)] == [MANDATORY]


def test_what_follows_from_a_derivation_counts() -> None:
    told = "used(ex:u; ex:b, ex:f, -) wasDerivedFrom(ex:e, ex:f, ex:a, ex:g, ex:u)"
    assert [one.constraint for one in violations(document(told))] == [23]


def test_emptiness_is_inherited_by_special_cases() -> None:
    told = (
        "entity(ex:c, [prov:type='prov:EmptyCollection']) specializationOf(ex:d, ex:c) hadMember(ex:d, ex:e)"
    )
    assert [one.constraint for one in violations(document(told))] == [56]


def test_a_long_way_round_is_a_circle_all_the_same() -> None:
    chain = " ".join(f"wasDerivedFrom(ex:e{at + 1}, ex:e{at})" for at in range(50))
    (found,) = violations(document(f"{chain} specializationOf(ex:e0, ex:e50)"))
    assert (found.constraint, len(found.records)) == (42, 51)


def test_bundles_are_checked_each_by_itself() -> None:
    sound, broken = "activity(ex:x)", "entity(ex:x) used(ex:x, ex:y, -)"
    told = document(f"entity(ex:x) bundle ex:b {sound} endBundle bundle ex:c {broken} endBundle")
    assert [(one.constraint, one.bundle) for one in violations(told)] == [(55, "ex:c")]


def test_a_violation_tells_its_statements_in_short() -> None:
    (found,) = violations(document("wasGeneratedBy(ex:g; ex:e, ex:a, -) wasGeneratedBy(ex:h; ex:e, ex:a, -)"))
    assert found.records == ("wasGeneratedBy(ex:g; ex:e, ex:a, -)", "wasGeneratedBy(ex:h; ex:e, ex:a, -)")
    assert found.sentence == "ex:e is generated by ex:a more than once, as ex:g and ex:h"


def test_components_are_numbered_against_the_edges() -> None:
    edges = [(0, 1), (1, 2), (2, 1), (2, 3), (0, 4)]
    found = components(5, edges)
    assert found[1] == found[2]
    assert all(found[here] >= found[there] for here, there in edges)
    assert len(set(found)) == 4


def lineage(steps: int) -> ProvDocument:
    told = ProvDocument(namespaces={"ex": "http://example.org/"})
    for at in range(steps):
        told.activity(f"ex:a{at}", T1, T2)
        told.generation(f"ex:e{at}", f"ex:a{at}", identifier=f"ex:g{at}")
        told.usage(f"ex:a{at}", f"ex:e{at - 1}", identifier=f"ex:u{at}")
        told.derivation(f"ex:e{at}", f"ex:e{at - 1}", f"ex:a{at}", f"ex:g{at}", f"ex:u{at}", f"ex:d{at}")
    return told


def seconds(document: ProvDocument) -> float:
    start = time.process_time()
    assert violations(document) == ()
    return time.process_time() - start


def test_the_time_it_takes_grows_with_the_document_and_not_with_its_square() -> None:
    small, large = lineage(250), lineage(2500)
    assert min(seconds(large) for _ in range(2)) < 40 * min(seconds(small) for _ in range(3))
