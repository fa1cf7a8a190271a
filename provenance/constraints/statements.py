# SPDX-License-Identifier: Apache-2.0
"""The statements of a bundle: what is written, and what follows from derivations.

An argument is a `Name`, a time, or None where it is left out. What is left
out is either not known (an existential variable) or not there at all (the
placeholder); `NONE` tells where it is the latter, by Table 3 of the
Recommendation.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from prov.constants import PROV_ATTR_ENTITY, PROV_N_MAP
from prov.identifier import QualifiedName
from prov.model import ProvBundle, ProvRecord

RELATIONS = (
    "used", "wasGeneratedBy", "wasInvalidatedBy", "wasStartedBy", "wasEndedBy", "wasInformedBy",
    "wasAttributedTo", "wasAssociatedWith", "actedOnBehalfOf",
)  # fmt: skip
"""The relations that never share a name with one of another kind (constraint 53)."""
NAMED = (*RELATIONS, "wasDerivedFrom", "wasInfluencedBy")
"""The relations that can have a name."""

TYPES = {
    "entity": (),
    "activity": (),
    "agent": (),
    "used": ("activity", "entity"),
    "wasGeneratedBy": ("entity", "activity"),
    "wasInvalidatedBy": ("entity", "activity"),
    "wasStartedBy": ("activity", "entity", "activity"),
    "wasEndedBy": ("activity", "entity", "activity"),
    "wasInformedBy": ("activity", "activity"),
    "wasAttributedTo": ("entity", "agent"),
    "wasAssociatedWith": ("activity", "agent", "entity"),
    "actedOnBehalfOf": ("agent", "agent", "activity"),
    "wasDerivedFrom": ("entity", "entity", "activity"),
    "wasInfluencedBy": (),
    "alternateOf": ("entity", "entity"),
    "specializationOf": ("entity", "entity"),
    "mentionOf": ("entity", "entity", "entity"),
    "hadMember": ("entity", "entity"),
}
"""What the arguments of each kind are, by constraint 50."""

NEEDED = {
    "used": (0,),
    "wasGeneratedBy": (0,),
    "wasInvalidatedBy": (0,),
    "wasStartedBy": (0,),
    "wasEndedBy": (0,),
    "wasAssociatedWith": (0,),
    "mentionOf": (0, 1, 2),
    **dict.fromkeys(
        (
            "wasInformedBy", "wasAttributedTo", "actedOnBehalfOf", "wasDerivedFrom", "wasInfluencedBy",
            "alternateOf", "specializationOf", "hadMember",
        ),
        (0, 1),
    ),
}  # fmt: skip
"""The arguments that PROV-DM lets nobody leave out."""

_PLAN = 2
_ACTIVITY = 2


class Name(str):
    """A URI that knows how it was written."""

    __slots__ = ("label",)
    label: str


class Statement(NamedTuple):
    """One statement; ``told`` are the records that say it, or that it follows from."""

    kind: str
    name: Name | None
    args: tuple[Any, ...]
    told: tuple[ProvRecord, ...]
    types: tuple[Any, ...] = ()

    @property
    def records(self) -> tuple[str, ...]:
        """The records in short PROV-N, each once."""
        return tuple(dict.fromkeys(shown(record) for record in self.told))


def none_at(statement: Statement) -> tuple[int, ...]:
    """Return the positions at which an argument that is left out means that there is none."""
    if statement.kind == "wasAssociatedWith":
        return (_PLAN,)
    if statement.kind == "wasDerivedFrom":
        return (_ACTIVITY,) if statement.args[_ACTIVITY] is not None else (_ACTIVITY, 3, 4)
    return ()


def statements(bundle: ProvBundle) -> list[Statement]:
    """Return what the bundle says, and the uses and generations that follow (inference 11)."""
    names: dict[str, Name] = {}
    told: list[Statement] = []
    for record in bundle.get_records():
        kind = PROV_N_MAP.get(record.get_type())
        if kind not in TYPES:
            continue
        for args in _args(record, kind):
            stated = tuple(_named(arg, names) if isinstance(arg, QualifiedName) else arg for arg in args)
            name = _named(record.identifier, names) if record.identifier is not None else None
            types = tuple(record.get_asserted_types()) if kind == "entity" else ()
            told.append(Statement(kind, name, stated, (record,), types))
            if kind == "wasDerivedFrom":
                told += _followed(told[-1])
    return told


def _args(record: ProvRecord, kind: str) -> Iterator[tuple[Any, ...]]:
    args = record.args
    if kind != "hadMember":
        yield args
        return
    # one record of the library may name several members
    members = [value for name, value in record.attributes if name == PROV_ATTR_ENTITY]
    yield from ((args[0], member) for member in members or [None])


def _named(name: QualifiedName, names: dict[str, Name]) -> Name:
    known = names.get(name.uri)
    if known is None:
        known = names[name.uri] = Name(name.uri)
        known.label = str(name)
    return known


def _followed(derivation: Statement) -> Iterator[Statement]:
    new, old, activity, generation, usage = derivation.args
    if activity is not None and new is not None and old is not None:
        yield Statement("wasGeneratedBy", generation, (new, activity, None), derivation.told)
        yield Statement("used", usage, (activity, old, None), derivation.told)


def shown(record: ProvRecord) -> str:
    """Return a record in short PROV-N: without the attributes, which may be long."""
    kind = PROV_N_MAP.get(record.get_type(), "record")
    args = ", ".join("-" if arg is None else str(arg) for arg in record.args)
    if kind in ("entity", "agent", "activity"):
        return f"{kind}({record.identifier}{', ' if args else ''}{args})"
    name = f"{record.identifier}; " if record.identifier is not None else ""
    return f"{kind}({name}{args})"
