# SPDX-License-Identifier: Apache-2.0
"""What can't be: typing and impossibility (constraints 50 to 56), and arguments left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from provenance.constraints.components import components
from provenance.constraints.statements import NAMED, NEEDED, RELATIONS, TYPES, Name, Statement
from provenance.constraints.violation import MANDATORY, UNIQUE_MENTION, Violation, violation

_EMPTY = "http://www.w3.org/ns/prov#EmptyCollection"
_ELEMENTS = ("entity", "activity", "agent")


def incomplete(told: Iterable[Statement]) -> Iterator[Violation]:
    """Yield the statements as written that lack what PROV-DM makes them have."""
    for one in told:
        if any(one.args[at] is None for at in NEEDED.get(one.kind, ())):
            yield Violation(None, MANDATORY, one.records, f"{one.kind} leaves out an argument that it needs")
        if one.kind == "wasDerivedFrom" and one.args[2] is None and one.args[3:] != (None, None):
            sentence = "a derivation names a generation or usage, and no activity that did them"
            yield violation(51, one.records, sentence)


def impossible(told: tuple[Statement, ...]) -> Iterator[Violation]:
    """Yield what the merged statements make of one thing that it can't be."""
    yield from _disjoint(told)
    yield from _overlaps(told)
    yield from _circles(told)
    yield from _members(told)
    yield from _mentions(told)


def _disjoint(told: tuple[Statement, ...]) -> Iterator[Violation]:
    known: dict[Name, dict[str, Statement]] = defaultdict(dict)
    for one in told:
        if one.kind in ("entity", "activity") and one.name is not None:
            known[one.name].setdefault(one.kind, one)
        for arg, kind in zip(one.args, TYPES[one.kind], strict=False):
            if isinstance(arg, Name):
                known[arg].setdefault(kind, one)
    for name, kinds in known.items():
        if "entity" in kinds and "activity" in kinds:
            records = (*kinds["entity"].records, *kinds["activity"].records)
            yield violation(55, records, f"{name.label} is both an entity and an activity")


def _overlaps(told: tuple[Statement, ...]) -> Iterator[Violation]:
    known: dict[Name, dict[str, Statement]] = defaultdict(dict)
    for one in told:
        if one.name is not None and (one.kind in NAMED or one.kind in _ELEMENTS):
            known[one.name].setdefault(one.kind, one)
    for name, kinds in known.items():
        if len(kinds) < 2:
            continue
        records = tuple(record for one in kinds.values() for record in one.records)
        if len([kind for kind in kinds if kind in RELATIONS]) > 1:
            yield violation(53, records, f"{name.label} names relations of two kinds: {', '.join(kinds)}")
        if any(kind in NAMED for kind in kinds) and any(kind in _ELEMENTS for kind in kinds):
            yield violation(54, records, f"{name.label} names a relation and a thing: {', '.join(kinds)}")


def _special(told: Iterable[Statement]) -> list[Statement]:
    """Return the specializations; a mention is one (PROV-LINKS)."""
    return [one for one in told if one.kind in ("specializationOf", "mentionOf") and None not in one.args[:2]]


def _circles(told: tuple[Statement, ...]) -> Iterator[Violation]:
    special = _special(told)
    number: dict[Name, int] = {}
    edges = [
        (number.setdefault(one.args[0], len(number)), number.setdefault(one.args[1], len(number)))
        for one in special
    ]
    of = components(len(number), edges)
    sizes: dict[int, int] = defaultdict(int)
    for component in of:
        sizes[component] += 1
    circles: dict[int, list[Statement]] = defaultdict(list)
    for one, (here, there) in zip(special, edges, strict=True):
        if of[here] == of[there] and (here == there or sizes[of[here]] > 1):
            circles[of[here]].append(one)
    for circle in circles.values():
        records = tuple(record for one in circle for record in one.records)
        yield violation(52, records, f"{circle[0].args[0].label} is a special case of itself")


def _members(told: tuple[Statement, ...]) -> Iterator[Violation]:
    """Yield members of what is empty; a special case is what its general one is (inference 21)."""
    empty = {
        one.name: one
        for one in told
        if one.kind == "entity" and any(getattr(kind, "uri", None) == _EMPTY for kind in one.types)
    }
    if not empty:
        return
    below: dict[Name, list[Name]] = defaultdict(list)
    for one in _special(told):
        below[one.args[1]].append(one.args[0])
    waiting = list(empty)
    while waiting:
        general = waiting.pop()
        for special in below.get(general, ()) if general is not None else ():
            if special not in empty:
                empty[special] = empty[general]
                waiting.append(special)
    for one in told:
        if one.kind == "hadMember" and one.args[0] in empty:
            records = (*empty[one.args[0]].records, *one.records)
            yield violation(56, records, f"{one.args[0].label} is an empty collection, and has a member")


def _mentions(told: Iterable[Statement]) -> Iterator[Violation]:
    seen: dict[Name, Statement] = {}
    for one in told:
        if one.kind == "mentionOf" and one.args[0] is not None:
            other = seen.setdefault(one.args[0], one)
            if any(a != b and None not in (a, b) for a, b in zip(one.args, other.args, strict=True)):
                sentence = f"{one.args[0].label} is a mention of two entities, or in two bundles"
                yield Violation(None, UNIQUE_MENTION, (*other.records, *one.records), sentence)
