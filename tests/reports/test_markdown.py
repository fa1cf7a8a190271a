# SPDX-License-Identifier: Apache-2.0
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.reports.markdown import block, cell, code, link, picture, public_url, table, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m31 smoothed", "m31 smoothed"),
        ("<img src=x>", r"\<img src=x\>"),
        ("[here](http://x)", r"\[here\](http://x)"),
        ("a | b", r"a \| b"),
        ("**b** `c` #1 &lt;", r"\*\*b\*\* \`c\` \#1 \&lt;"),
        ("two\nlines", r"two\\nlines"),
        ("right\u202eleft", r"right\\u202eleft"),
    ],
)
def test_text_of_strangers_means_nothing(text: str, expected: str) -> None:
    assert words(text) == expected


@given(st.text())
def test_words_stay_in_their_line_and_cell(text: str) -> None:
    shown = words(text)
    assert "\n" not in shown
    assert shown.replace("\\\\", "").count("|") == shown.replace("\\\\", "").count(r"\|")


def test_very_long_text_is_cut() -> None:
    assert len(words("x" * 10_000)) < 320


def test_code_may_have_ticks_and_bars() -> None:
    assert code("a`b") == "`` a`b ``"
    assert code("a|b") == r"`a\|b`"
    assert code("  ") == ""


def test_a_block_can_not_be_left() -> None:
    assert block(["x", "```", "<b>"]).startswith("````\nx\n```\n<b>\n````")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hub.example/user/a/lab?token=abc#x", "https://hub.example/user/a/lab"),
        ("http://me:secret@127.0.0.1:8888/lab", "http://127.0.0.1:8888/lab"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("https://hub.example/ghp_" + "a" * 36, None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("http://[bad", None),
        (None, None),
    ],
)
def test_an_address_keeps_nothing_that_lets_somebody_in(url: str | None, expected: str | None) -> None:
    assert public_url(url) == expected


def test_a_link_can_not_be_left() -> None:
    assert link("https://x.example/a)b<c", "t](x") == r"[t\](x](https://x.example/a%29b%3Cc)"
    assert link("file:///x", "t") == "t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start <= PT1H", "start <= PT1H"),
        ("<a href=x>", "< a href=x>"),
        ("![p](http://x)", "![p] (http://x)"),
        ("[a]: http://x", "[a] : http://x"),
    ],
)
def test_a_cell_is_no_markup_and_can_be_read_as_it_is(text: str, expected: str) -> None:
    assert cell(text) == expected


def test_a_picture_is_part_of_the_text() -> None:
    shown = picture("<svg/>", "a ] b")
    assert shown.startswith(r"![a \] b](data:image/svg+xml;base64,")
    assert base64.b64decode(shown.partition("base64,")[2][:-1]) == b"<svg/>"


def test_a_table_has_its_head() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
