# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.canonical import ni
from provenance.redact import REDACTED, is_secret, redacted


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN",
        "token",
        "DB_PASSWORD",
        "SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_KEY",
        "apikey",
        "X-Amz-Signature",
    ],
)
def test_a_name_tells_a_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "SIGMA",
        "N_SIG",
        "PASSBAND",
        "HEADER_KEYS",
        "KEYWORDS",
        "PATH",
        "AUTHOR",
        "PUBLIC_KEY",
        "COMPASS",
        "name",
    ],
)
def test_other_names_tell_none(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"API_TOKEN": "abc"}, {"API_TOKEN": REDACTED}),
        (["--token=abc", "--sigma=3"], [f"--token={REDACTED}", "--sigma=3"]),
        (["--password", "abc", "x"], ["--password", REDACTED, "x"]),
        ("https://me:abc@host/x", f"https://me:{REDACTED}@host/x"),
        ("https://host/x?a=1&sig=abc&b=2", f"https://host/x?a=1&sig={REDACTED}&b=2"),
        (
            [{"op": "add", "path": "/executable/environment/API_TOKEN", "value": "abc"}],
            [{"op": "add", "path": "/executable/environment/API_TOKEN", "value": REDACTED}],
        ),
        (
            {"TOKEN": "abcdefgh", "note": "used abcdefgh twice"},
            {"TOKEN": REDACTED, "note": f"used {REDACTED} twice"},
        ),
        ({"SIGMA": "3", "n": 1}, {"SIGMA": "3", "n": 1}),
    ],
)
def test_a_secret_is_taken_out_and_nothing_else(given: Any, expected: Any) -> None:
    assert redacted(given).document == expected


def test_the_digest_of_each_secret_is_kept_by_its_pointer() -> None:
    told = redacted({"environment": {"A/B_TOKEN": "abc"}})
    assert told.digests == {"/environment/A~1B_TOKEN": ni(b"abc")}


def test_the_kind_of_a_part_survives_a_secret_of_the_same_text() -> None:
    told = redacted({"kind": "executable/program", "PASSWORD": "executable"})
    assert told.document["kind"] == "executable/program"


@given(
    st.recursive(
        st.text() | st.integers(),
        lambda below: (
            st.lists(below) | st.dictionaries(st.sampled_from(["token", "a", "path", "op", "value"]), below)
        ),
    )
)
def test_taking_out_twice_is_as_once(document: Any) -> None:
    once = redacted(document).document
    assert redacted(once).document == once
