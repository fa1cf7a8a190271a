# SPDX-License-Identifier: Apache-2.0
"""What a document does that PROV forbids."""

from typing import NamedTuple

NAMES = {
    22: "key-object",
    23: "key-properties",
    24: "unique-generation",
    25: "unique-invalidation",
    26: "unique-wasStartedBy",
    27: "unique-wasEndedBy",
    28: "unique-startTime",
    29: "unique-endTime",
    30: "start-precedes-end",
    31: "start-start-ordering",
    32: "end-end-ordering",
    33: "usage-within-activity",
    34: "generation-within-activity",
    35: "wasInformedBy-ordering",
    36: "generation-precedes-invalidation",
    37: "generation-precedes-usage",
    38: "usage-precedes-invalidation",
    39: "generation-generation-ordering",
    40: "invalidation-invalidation-ordering",
    41: "derivation-usage-generation-ordering",
    42: "derivation-generation-generation-ordering",
    43: "wasStartedBy-ordering",
    44: "wasEndedBy-ordering",
    45: "specialization-generation-ordering",
    46: "specialization-invalidation-ordering",
    47: "wasAssociatedWith-ordering",
    48: "wasAttributedTo-ordering",
    49: "actedOnBehalfOf-ordering",
    50: "typing",
    51: "impossible-unspecified-derivation-generation-use",
    52: "impossible-specialization-reflexive",
    53: "impossible-property-overlap",
    54: "impossible-object-property-overlap",
    55: "entity-activity-disjoint",
    56: "membership-empty-collection",
}
"""The constraints of the Recommendation by their numbers; 50 alone is never violated, it feeds 55 and 56."""

MANDATORY = "mandatory-argument"
"""The name of the rule of PROV-DM that some arguments can't be left out."""
UNIQUE_MENTION = "unique-mention"
"""The name of the rule of PROV-LINKS that an entity is a mention of one entity in one bundle."""


class Violation(NamedTuple):
    """One thing that a document says and can't be so.

    ``constraint`` is its number in PROV-CONSTRAINTS; None for a rule of
    PROV-DM or PROV-LINKS. ``records`` are the statements concerned, in short
    PROV-N. ``bundle`` is where they stand; None is outside of all bundles.
    With ``by_clock`` the statements agree with each other, but not with the
    times they tell.
    """

    constraint: int | None
    name: str
    records: tuple[str, ...]
    sentence: str
    bundle: str | None = None
    by_clock: bool = False


def violation(number: int, records: tuple[str, ...], sentence: str, *, by_clock: bool = False) -> Violation:
    """Return a violation of the constraint of that number."""
    return Violation(number, NAMES[number], records, sentence, by_clock=by_clock)
