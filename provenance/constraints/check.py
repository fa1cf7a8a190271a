# SPDX-License-Identifier: Apache-2.0
"""Check a PROV document against PROV-CONSTRAINTS."""

from collections.abc import Iterator

from prov.model import ProvBundle, ProvDocument

from provenance.constraints.events import events
from provenance.constraints.kinds import impossible, incomplete
from provenance.constraints.merging import merged
from provenance.constraints.ordering import Order
from provenance.constraints.statements import statements
from provenance.constraints.violation import Violation


def violations(document: ProvDocument, *, clocks: bool = True) -> tuple[Violation, ...]:
    """Return what the document says and can't be so; nothing for a valid one.

    Each bundle is checked by itself, as section 7.2 of the Recommendation
    has it. With ``clocks`` the times that are told are held against the order
    of events too, which the Recommendation does not ask for; those of
    different zones are compared, and one without a zone only with others
    without. The time it takes is linear in the number of records.
    """
    found = list(_checked(document, clocks=clocks))
    for bundle in document.bundles:
        name = str(bundle.identifier)
        found += [one._replace(bundle=name) for one in _checked(bundle, clocks=clocks)]
    return tuple(found)


def _checked(bundle: ProvBundle, *, clocks: bool) -> Iterator[Violation]:
    told = statements(bundle)
    yield from incomplete(told)
    one, wrong = merged(told)
    yield from wrong
    yield from impossible(one)
    order = Order(events(one))
    yield from order.circles()
    if clocks:
        yield from order.late()
