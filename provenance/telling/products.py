# SPDX-License-Identifier: Apache-2.0
"""What the session made: products, the record itself, and the file that carries it.

A product is made by the session and is a special case of its content, which
is named by digest and has no maker: other sessions may make the same bytes,
and PROV lets an entity come into being only once. The file that a record was
attached to is a special case of the product, made by attaching. Its own
digest can't be told inside of it; the store has it.
"""

from typing import NamedTuple

from provenance.names import product_name
from provenance.parts import ProductEntry, Raw
from provenance.record import StepRecord
from provenance.telling.data import Used, checksum_text
from provenance.telling.request import tell_volume
from provenance.telling.statements import Exact, Name, Statements, content, thing


class Made(NamedTuple):
    """An entity, and the name of its generation."""

    entity: Name
    generation: Name


def product_of(record: StepRecord, product: str) -> Name:
    """Return the name of a product as the step of the record made it."""
    return Name("uu:" + product_name(record.digest, product))


def tell_product(
    story: Statements, record: StepRecord, product: ProductEntry, session: Name, user: Name
) -> Made:
    """Tell of a product: its content, its place, who made it and for whom."""
    name = story.entity(
        product_of(record, product.name),
        "Product",
        name=product.name,
        mediaType=product.media_type,
        size=product.size,
        checksum=checksum_text(product.checksum),
    )
    if product.volume:
        story.element("entity", name, {"prov:location": tell_volume(story, session, product.volume)})
    if product.content:
        story.specialization(name, story.entity(content(product.content), "Content"))
    story.relation("wasAttributedTo", thing("attribution", name, user), {"entity": name, "agent": user})
    return Made(name, story.generation(name, session, product.volume or product.name))


def tell_derivation(story: Statements, product: Made, data: Used, session: Name) -> None:
    """Tell that a product came of an input, by the session's use of one and making of the other."""
    args = {
        "generatedEntity": product.entity,
        "usedEntity": data.entity,
        "activity": session,
        "generation": product.generation,
        "usage": data.usage,
    }
    name = thing("derivation", product.entity, data.entity, session, data.usage)
    story.relation("wasDerivedFrom", name, args)


def tell_record(story: Statements, record: StepRecord, session: Name) -> Name:
    """Tell of the record: its text is all there is to know, and comes of what the broker sent."""
    said = {
        "prov:type": Name("eb:SessionRecord"),
        "prov:value": Exact(record.text),
        "eb:digest": record.digest,
        "eb:redacted": bool(record.redacted),
        "eb:missing": list(record.missing),
    }
    name = story.element("entity", content(record.digest), said)
    story.generation(name, session)
    for raw in (record.session_raw, record.offers_raw):
        _tell_source(story, name, raw)
    return name


def _tell_source(story: Statements, record: Name, raw: Raw | None) -> None:
    if raw is None or content(raw.digest) == record:
        return
    source = story.entity(content(raw.digest), "BrokerDocument")
    args = {"generatedEntity": record, "usedEntity": source}
    name = thing("source", record, source)
    story.relation("wasDerivedFrom", name, args, {"prov:type": Name("prov:PrimarySource")})


def tell_signature(story: Statements, signature: str, record: Name) -> None:
    """Tell a signature of the record, made from its text."""
    said = {"prov:type": Name("eb:Signature"), "prov:value": Exact(signature)}
    name = story.element("entity", thing("signature", signature), said)
    args = {"generatedEntity": name, "usedEntity": record}
    story.relation("wasDerivedFrom", thing("derivation", name, record), args)


def tell_carrier(story: Statements, record: StepRecord, product: str, text: Name) -> None:
    """Tell which product's file holds this document, and that attaching the record made it."""
    made = product_of(record, product)
    story.entity(made, "Product")
    named = Exact(product.encode("utf-8", "replace").decode())  # as the record's text has it
    name = thing("carrier", record.digest, product)
    carrier = story.entity(name, "Carrier", product=named, record=record.digest)
    attaching = story.activity(thing("attachment", record.digest, product), "Attachment")
    usage = story.use(attaching, made, Name("eb:product"))
    story.use(attaching, text, Name("eb:record"))
    story.specialization(carrier, made)
    tell_derivation(story, Made(carrier, story.generation(carrier, attaching)), Used(made, usage), attaching)
    for one in record.software[:1]:
        agent = thing("software", one.name, one.version)
        said = {"prov:type": Name("prov:SoftwareAgent"), "prov:label": one.name, "eb:version": one.version}
        story.element("agent", agent, said)
        args = {"activity": attaching, "agent": agent}
        story.relation("wasAssociatedWith", thing("association", attaching, agent, None), args)
