# SPDX-License-Identifier: Apache-2.0
"""What a rerun says of the step that it repeats, revises, or applies to other data."""

from provenance.canonical import canonical
from provenance.names import product_name, session_name
from provenance.parts import Link
from provenance.record import StepRecord
from provenance.telling.products import product_of
from provenance.telling.request import recipe
from provenance.telling.statements import Exact, Name, Statements, content, thing

_PATCH = 2048


def tell_link(story: Statements, record: StepRecord, link: Link, session: Name) -> None:
    """Tell what a record is based on.

    A product is a revision of the old one only where the data are the same.
    """
    old = story.entity(content(link.record), "SessionRecord")
    story.use(session, old, Name("eb:basedOn"))
    if link.session:
        _tell_influence(story, record, link, link.session, session)
    if link.request and record.request_digest and link.request != record.request_digest:
        _tell_request(story, record, link, content(link.request))
    if link.verb != "apply":
        for product in record.products:
            if product.name in link.products:
                before = Name("uu:" + product_name(link.record, product.name))
                _revise(story, product_of(record, product.name), before, "Product")


def _tell_influence(story: Statements, record: StepRecord, link: Link, old: str, session: Name) -> None:
    before = Name("uu:" + session_name(record.broker.name, old))
    if before == session:
        return
    story.activity(before, "ExecutionSession")
    args = {"influencee": session, "influencer": before}
    kind = Name("eb:" + link.verb.capitalize())
    story.relation("wasInfluencedBy", thing("influence", session, before), args, {"prov:type": kind})


def _tell_request(story: Statements, record: StepRecord, link: Link, old: Name) -> None:
    patch = canonical(list(link.patch)).decode()
    _revise(
        story,
        content(record.request_digest or ""),
        old,
        "ExecutionRequest",
        patch=Exact(patch) if link.patch and len(patch) <= _PATCH else None,
    )
    if record.request and not any(str(one.get("path", "")).startswith("/executable") for one in link.patch):
        # nothing of what makes the recipe was changed, so the old request had the same
        story.specialization(old, recipe(record.request))


def _revise(story: Statements, new: Name, old: Name, kind: str, *, patch: Exact | None = None) -> None:
    story.entity(old, kind)
    args = {"generatedEntity": new, "usedEntity": old}
    said = {"prov:type": Name("prov:Revision"), "eb:patch": patch}
    story.relation("wasDerivedFrom", thing("revision", new, old), args, said)
