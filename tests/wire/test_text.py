# SPDX-License-Identifier: Apache-2.0
"""Text that is hostile or broken gives a typed error and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.errors import UnreadableDocumentError
from eb_prefect.wire.limits import MAX_BYTES
from eb_prefect.wire.text import parse, to_text

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("null", "is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"SIMPLE  =                    T" + bytes(range(256)), "not UTF-8"),
        ("a\x00b", "no YAML"),
        ("\ud800", "not UTF-8"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1e999}', "too large"),
        ("a: 1e999", "too large"),
        ('{"a": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"a": 1, "a": 2}', "'a' twice"),
        ("a: 1\na: 2", "'a' twice"),
        ("a: {b: 1, b: 2}", "'b' twice"),
        ('{"a": "\\ud800"}', "half a character"),
        ("[" * 100 + "]" * 100, "deeper than 64"),
        ("[" * 100_000, "deeper than 64"),
        ('{"a":' * 100_000, "deeper than 64"),
        ("- " * 100_000, "deeper than 64"),
        ("a: !!python/object/apply:os.system [ls]", "has the tag"),
        ("a: !!binary aGVsbG8=", "has the tag"),
        ("a: !secret x", "has the tag"),
        ("a: &x [*x]", "which nothing before it is named"),
        ("a: *ghost", "ghost"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "merge key"),
        ("? [a, b]\n: c", "as a key"),
        ("a: &x 1\n*x : 2", "as a key"),
        ("--- {a: 1}\n--- {b: 2}", "more than one YAML document"),
        (LAUGHS, "more than 500000 values"),
        ("a: [1, 2", "line 2, column 1"),
        ('{"a": [1, 2', "line 1"),
        ("a: b: c", "line 1, column 5"),
        ("a: 1\n\tb: 2", "line 2"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6"),
    ],
)
def test_what_is_no_safe_document_is_refused_with_its_reason(text: str | bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocumentError) as refused:
        parse(text)
    assert reason in str(refused.value)


def test_a_document_larger_than_any_is_refused_unread() -> None:
    with pytest.raises(UnreadableDocumentError, match="larger than 16 MiB"):
        parse(b" " * (MAX_BYTES + 1))


def test_the_place_of_a_fault_can_be_read_from_the_error() -> None:
    with pytest.raises(UnreadableDocumentError) as refused:
        parse("a: 1\nb: [1\nc: 2\n")
    assert refused.value.line == 3
    assert refused.value.column is not None


def test_only_true_and_false_are_booleans() -> None:
    assert parse("[true, false, yes, No, ON, off, True, y]") == [
        True,
        False,
        "yes",
        "No",
        "ON",
        "off",
        "True",
        "y",
    ]


def test_only_numbers_of_json_are_numbers() -> None:
    assert parse("[1, -2, 1.5, 1e3]") == [1, -2, 1.5, 1000.0]
    plain = ["010", "0x1F", "1_000", "12:30:00", "+1", ".5", "5.", ".inf", ".nan", "2026-11-23", "1e"]
    assert parse("\n".join(f"- {text}" for text in plain)) == plain


@pytest.mark.parametrize("digest", ["3" * 64, "12e" + "4" * 61, "9" * 5000])
def test_a_digest_of_digits_only_is_text(digest: str) -> None:
    assert parse(f"value: {digest}") == {"value": digest}


def test_quoted_numbers_are_text() -> None:
    assert parse("""["1", '2', "true", 'null', !!str 3]""") == ["1", "2", "true", "null", "3"]


def test_a_key_is_the_text_that_was_written() -> None:
    assert parse("{NO: 1, 010: 2, true: 3, null: 4}") == {"NO": 1, "010": 2, "true": 3, "null": 4}


def test_an_alias_stands_for_what_it_names() -> None:
    assert parse("a: &x {b: [1]}\nc: *x\nd: &y text\ne: *y") == {
        "a": {"b": [1]},
        "c": {"b": [1]},
        "d": "text",
        "e": "text",
    }


def test_yaml_may_begin_with_a_brace() -> None:
    assert parse("{update: {type: uri:enum-value-update, value: YES}}") == {
        "update": {"type": "uri:enum-value-update", "value": "YES"}
    }


def test_a_byte_order_mark_is_no_content() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert parse(b"\xef\xbb\xbfa: 1") == {"a": 1}


WORDS = st.sampled_from(
    [
        "YES",
        "no",
        "null",
        "~",
        "",
        "true",
        "010",
        "1e5",
        "1.10",
        "12:30",
        "2026-11-23",
        "<<",
        "=",
        "- x",
        "a: b",
    ]
)
TEXTS = st.one_of(WORDS, st.text(), st.text("ab \n\t:#'\"-|>", max_size=20))
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1))
def test_what_is_written_is_read_again(document: dict[str, object]) -> None:
    assert parse(to_text(document, "json")) == document
    assert parse(to_text(document, "yaml")) == document
