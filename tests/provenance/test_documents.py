# SPDX-License-Identifier: Apache-2.0
import random
import subprocess
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from provenance.constraints.check import violations
from provenance.documents import Syntax, parsed_document, read_document, syntax_of
from provenance.errors import NotProvError

XML = '<prov:document xmlns:prov="http://www.w3.org/ns/prov#" xmlns:ex="http://e/">{}</prov:document>'


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ('{"prefix": {}, "entity": {}}', Syntax.JSON),
        ("\ufeff{}", Syntax.JSON),
        ('{"type": "FeatureCollection"}', None),
        ("// mine\n/* all */ document\nendDocument", Syntax.PROVN),
        ("documents of mine", None),
        (f'<?xml version="1.0"?>{XML}', Syntax.XML),
        ('<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3"/>', None),
        ("SIMPLE  =                    T", None),
        ("", None),
    ],
)
def test_a_document_is_told_from_a_product_by_its_content(
    tmp_path: Path, text: str, syntax: Syntax | None
) -> None:
    assert syntax_of(write(tmp_path / "file", text)) is syntax


def test_comments_in_xml_do_not_matter() -> None:
    entity = '<prov:entity prov:id="ex:e"><!-- it --></prov:entity>'
    text = f"<!-- mine -->{XML.format(entity)}"
    assert len(list(parsed_document(text.encode(), Syntax.XML, "x").get_records())) == 1


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ('<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + XML.format("&b;"), Syntax.XML),
        ('<!DOCTYPE d SYSTEM "http://127.0.0.1:9/">' + XML.format(""), Syntax.XML),
        (XML.format("<prov:a>" * 2000 + "</prov:a>" * 2000), Syntax.XML),
        ('{"entity": ' * 100_000, Syntax.JSON),
        ('{"entity": {"ex:e": ' + "[" * 100_000, Syntax.JSON),
        ("document\nentity(" + "(" * 100_000, Syntax.PROVN),
        ("[]", Syntax.JSON),
        ("\x00", Syntax.PROVN),
    ],
)
def test_a_hostile_document_is_refused(text: str, syntax: Syntax) -> None:
    with pytest.raises(NotProvError):
        parsed_document(text.encode(), syntax, "x")


@pytest.mark.parametrize(
    "text",
    [
        '{"entity": {' + ",".join(f'"ex:{at}":{{}}' for at in range(60_000)) + "}}",
        '{"entity": {"ex:e": {"prov:label": "' + "x" * (9 << 20) + '"}}}',
    ],
    ids=["many", "long"],
)
def test_a_document_of_a_stranger_has_a_limit(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotProvError, match="--large"):
        read_document(write(tmp_path / "large.json", text), Syntax.JSON)


_READER = """
import resource, sys
from pathlib import Path
from provenance.documents import Syntax, read_document
import lxml.etree
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_document(Path(sys.argv[1]), Syntax(sys.argv[2]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_the_largest_that_is_read_takes_at_most_64_mb(tmp_path: Path) -> None:
    entities = ",".join(f'"ex:{at}":{{}}' for at in range(29_000))
    path = write(tmp_path / "most", f'{{"prefix": {{"ex": "http://e/"}}, "entity": {{{entities}}}}}')
    told = subprocess.run(
        [sys.executable, "-c", _READER, path, Syntax.JSON], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) <= 64


_WORDS = (
    b"null",
    b"[]",
    b"{}",
    b"1e999",
    b'"x"',
    b"-",
    b"ex:",
    b"&x;",
    b"prov:type",
    b'"$":5,',
    b"xsd:dateTime",
)


def spoilt(data: bytes, dice: random.Random) -> bytes:
    """Return the data with a few places changed."""
    text = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at = dice.randrange(len(text)) if text else 0
        text[at : at + dice.choice((0, 0, 1, 30))] = dice.choice((*_WORDS, bytes([dice.randrange(256)]), b""))
    return bytes(text)


def test_a_spoilt_document_is_read_or_refused(tmp_path: Path) -> None:
    dice = random.Random(5)
    tests = files("prov.tests")
    folders = ("json", "unification/constraints", "provn/provtoolbox-corpus", "malformed")
    kinds = (".json", ".xml", ".provn", ".provx")
    documents: list[Traversable] = [
        one for folder in folders for one in (tests / folder).iterdir() if one.name.endswith(kinds)
    ]
    read = 0
    for _ in range(400):
        path = tmp_path / "spoilt"
        path.write_bytes(spoilt(dice.choice(documents).read_bytes(), dice))
        syntax = syntax_of(path)
        try:
            document = read_document(path, syntax) if syntax else None
        except NotProvError:
            continue
        if document is not None:
            violations(document)
            read += 1
    assert read > 40
