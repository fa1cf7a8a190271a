# SPDX-License-Identifier: Apache-2.0
"""Write a record in a form that others read.

Nothing but the record decides what is written: the same one gives the same
bytes, whenever and wherever that is. What was taken out of a record as a
secret is not in what is written of it.
"""

import importlib
from typing import NamedTuple, Protocol, cast

from provenance.errors import CanNotExportError
from provenance.exports.story import Story
from provenance.record import StepRecord


class Exporter(Protocol):
    """What a module does for its format. A module is one."""

    def written(self, story: Story, syntax: str) -> bytes:
        """Return the story in the format.

        Raises
        ------
        CanNotExportError
            The format has no way to say it.
        NeedsExtraError
            A library is not installed.
        """
        ...


class Form(NamedTuple):
    """A format: its module, which of the module's syntaxes, and whether it holds a whole ancestry."""

    module: str
    syntax: str
    ancestry: bool
    about: str


FORMATS = {
    "prov-json": Form("prov_text", "json", True, "W3C PROV-JSON"),
    "prov-n": Form("prov_text", "provn", True, "W3C PROV-N"),
    "prov-xml": Form("prov_text", "xml", True, "W3C PROV-XML"),
    "prov-jsonld": Form("prov_text", "jsonld", True, "W3C PROV-JSONLD"),
    "turtle": Form("prov_text", "turtle", True, "W3C PROV-O as Turtle"),
    "trig": Form("prov_text", "trig", True, "W3C PROV-O as TriG"),
    "ro-crate": Form("ro_crate", "", True, "Process Run Crate 0.5, a profile of RO-Crate 1.1"),
    "ivoa-prov": Form("ivoa_prov", "json", True, "IVOA ProvenanceDM in W3C terms, PROV-JSON"),
    "ivoa-prov-n": Form("ivoa_prov", "provn", True, "the same in PROV-N"),
    "ivoa-prov-xml": Form("ivoa_prov", "xml", True, "the same in PROV-XML"),
    "ivoa-votable": Form(
        "ivoa_votable", "", True, "IVOA ProvenanceDM as tables, as a draft of ProvTAP has it"
    ),
    "caom": Form("caom", "", False, "CAOM 2.4, an observation with Provenance"),
    "in-toto": Form("in_toto", "", False, "in-toto Statement v1 with SLSA Provenance v1"),
}
"""All formats by name."""


def export(
    record: StepRecord, form: str, *, before: tuple[StepRecord, ...] = (), carrier: str | None = None
) -> bytes:
    """Return the record in one of `FORMATS`.

    ``before`` are records of the steps that it comes from, which some
    formats can hold in the same document. ``carrier`` is the name of the
    product that it is told of. An ``ro-crate`` is its metadata alone here;
    `provenance.exports.crate.pack` writes one with its files.

    Raises
    ------
    CanNotExportError
        There is no such format, it has no way to say this, or it has no
        place for ``before``.
    NeedsExtraError
        A library is not installed.
    """
    return exported(Story(record, before, carrier), form)


def exported(story: Story, form: str) -> bytes:
    """Return the story in one of `FORMATS`; see `export`."""
    wanted = FORMATS.get(form)
    if wanted is None:
        raise CanNotExportError(form, f"there is no such format, but {', '.join(FORMATS)}")
    if story.before and not wanted.ancestry:
        raise CanNotExportError(form, "the format holds one step, not its ancestry")
    module = importlib.import_module(f"provenance.exports.{wanted.module}")
    return cast(Exporter, module).written(story, wanted.syntax)
