# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import json
import os
import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.redact import REDACTED, is_secret, redacted
from eb_prefect.shapes import secrets_in
from provenance.canonical import ni


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


def test_each_secret_is_kept_by_its_pointer() -> None:
    told = redacted({"environment": {"A/B_TOKEN": "abc"}})
    assert told.taken == {"/environment/A~1B_TOKEN": "abc"}


def test_the_kind_of_a_part_survives_a_secret_of_the_same_text() -> None:
    told = redacted({"kind": "executable/program", "PASSWORD": "executable"})
    assert told.document["kind"] == "executable/program"


# put together here, so that no scanner of repositories takes them for real ones
B64 = "eyJhbGciOiJSUzI1NiJ9"
LONG = "A1b2C3d4E5" * 4
JWT = f"{B64}.eyJzdWIiOiJtZSIsImV4cCI6MX0.{LONG}"
PEM = "-----BEGIN {0}PRIVATE KEY-----\nMIIabc\n-----END {0}PRIVATE KEY-----"
SHAPES = {
    "jwt": JWT,
    "jwt without signature": f"{B64}.eyJzdWIiOiJtZSIsImV4cCI6MX0.",
    "encrypted jwt": f"{B64}..abcdefgh.ijklmnop.qrstuvwx",
    "pem": PEM.format(""),
    "rsa": PEM.format("RSA "),
    "openssh": PEM.format("OPENSSH "),
    "encrypted": PEM.format("ENCRYPTED "),
    "github": "ghp_" + LONG[:36],
    "github app": "gho_" + LONG[:36],
    "github fine": "github_pat_" + LONG,
    "gitlab": "glpat-" + LONG[:20],
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws session": "ASIA" + "IOSFODNN7EXAMPLE",
    "slack": "xoxb-" + "1234567890-abcdefgh",
    "hugging face": "hf_" + LONG[:34],
    "model": "sk-" + LONG,
    "model of a project": "sk-proj-" + LONG,
    "google": "AIza" + LONG[:35],
    "google oauth": "ya29." + LONG,
    "npm": "npm_" + LONG[:36],
    "pypi": "pypi-AgE" + LONG * 2,
    "vault": "hvs." + LONG,
    "prefect": "pnu_" + LONG[:36],
    "macaroon": base64.urlsafe_b64encode(b"001clocation Optional.empty\n0018identifier abc").decode(),
}


@pytest.mark.parametrize("secret", SHAPES.values(), ids=list(SHAPES))
@pytest.mark.parametrize("around", ["{}", "run with {} now", "echo '{}'", "a={}", "https://h.test/{}?x=1"])
def test_a_secret_is_known_by_its_looks(secret: str, around: str) -> None:
    told = redacted({"command": ["sh", "-c", around.format(secret)]})
    assert told.document == {"command": ["sh", "-c", around.format(REDACTED)]}
    assert list(told.taken) == ["/command/2"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("curl -H 'Authorization: Bearer abc123' https://h.test/x", "abc123"),
        ('curl -H "Authorization: Basic bWU6cHc=" https://h.test/x', "bWU6cHc="),
        ("X-Rucio-Auth-Token: me-/CN=me-unknown-0123456789abcdef", "me-/CN=me-unknown-0123456789abcdef"),
        ("Private-Token: abc", "abc"),
        ("Cookie: sid=abc", "sid=abc"),
        ('{"Authorization": "Bearer abc123"}', "abc123"),
        ("auth is bearer abcdefgh12345678 now", "abcdefgh12345678"),
        ("export API_TOKEN=abc; run", "abc"),
        ("env DB_PASSWORD='abc' run", "abc"),
        ("host=db user=me password=abc sslmode=require", "abc"),
        ("Server=db;Uid=me;Pwd=abc;", "abc"),
        ('{"user": "me", "password": "abc"}', "abc"),
        ("postgresql://me:p@ss@db.test/x", "p@ss"),
        ("amqp://me:abc@mq.test:5672", "abc"),
        (f"https://{LONG}@git.test/x.git", LONG),
        ("curl -u me:abc https://h.test", "abc"),
        ("https://b.s3.test/k?X-Amz-Credential=AK%2F2026&X-Amz-Date=2026", "AK%2F2026"),
        ("https://b.s3.test/k?X-Amz-Security-Token=FwoG%2Fabc&x=1", "FwoG%2Fabc"),
        ("https://b.s3.test/k?x=1&X-Amz-Signature=0123abcd", "0123abcd"),
        ("https://g.test/k?X-Goog-Signature=0123abcd", "0123abcd"),
        ("https://a.blob.test/k?sv=2024&sr=b&sig=a%2Bb%3D", "a%2Bb%3D"),
        ("davs://s.test:443/f?authz=MDAxabc", "MDAxabc"),
        ("https://h.test/callback#access_token=abc&x=1", "abc"),
    ],
)
def test_a_secret_is_known_by_what_announces_it(text: str, secret: str) -> None:
    assert redacted({"x": text}).document == {"x": text.replace(secret, REDACTED)}


def test_of_a_private_key_that_is_cut_nothing_is_left() -> None:
    assert redacted({"x": "a\n" + PEM.format("EC ")[:50]}).document == {"x": f"a\n{REDACTED}"}


HARMLESS = {
    "sha": hashlib.sha256(b"x").hexdigest(),
    "sha-512": hashlib.sha512(b"x").hexdigest(),
    "digest": "sha256:" + "a" * 64,
    "ni": ni(b"x"),
    "uuid": str(uuid.UUID(int=7)),
    "git": hashlib.sha1(b"x", usedforsecurity=False).hexdigest(),
    "image": "registry.test:5000/ska/sk-learn-classifier-for-images:2026.11",
    "module": "from sklearn import sk-learn-some-very-long-package-name",
    "public key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICTJhmUxZLnscOmgMnDfYzLRMan6VoNsmhxEcfvbHm1T me",
    "certificate": "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
    "ivoid": "ivo://skao.int/~?obs/2026#x",
    "user": "ssh://git@host.test/x.git",
    "port": "http://host.test:8080/a@b",
    "time": "2026-11-24T16:00:00Z=2026",
    "variable": "env TOKEN=$OTHER_TOKEN run",
    "sigma": "N_SIG=5 SIG=3.0 sort by flux",
    "author": "author=me authors: a, b",
    "query": "SELECT ra, dec FROM gaia WHERE key_object = 'x' AND id=3",
    "bearer": "the bearer instrumentation of the telescope",
    "patch": "path=/data/patterns compat=1",
    "coordinates": "sky-12345678901234567890123456789012",
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=list(HARMLESS))
def test_what_science_writes_is_no_secret(text: str) -> None:
    assert redacted({"x": text, "y": ["--option", text]}).taken == {}


def test_bytes_of_an_image_are_no_secret() -> None:
    found = [list(secrets_in(base64.b64encode(os.urandom(3 << 10)).decode())) for _ in range(200)]
    assert [one for one in found if one] == []


@pytest.mark.parametrize(
    "text",
    ["curl " * 20_000, "a." * 50_000, "eyJ" * 30_000, "-----BEGIN PRIVATE KEY-----" * 4_000, "://a:b" * 9_000,
     '"token' * 20_000, "token_" * 20_000, "bearer " * 20_000, "x-" * 50_000, "sk-" * 40_000],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    redacted({"x": text})
    assert time.process_time() - began < 2


PIECES = [
    *SHAPES.values(),
    REDACTED,
    "Authorization: ",
    "Bearer ",
    "token=",
    "://",
    ":",
    "@",
    "?sig=",
    "&",
    " ",
    "a1",
    '"',
]


@given(
    st.recursive(
        st.text() | st.integers() | st.lists(st.sampled_from(PIECES)).map("".join),
        lambda below: (
            st.lists(below) | st.dictionaries(st.sampled_from(["token", "a", "path", "op", "value"]), below)
        ),
    )
)
def test_taking_out_twice_is_as_once(document: Any) -> None:
    once = redacted(document).document
    assert redacted(once).document == once


def test_a_path_in_a_document_is_no_secret() -> None:
    document = {"raw": json.dumps({"path": "/input/frame.fits", "patch": "abcdefgh", "cpwd": "abcdefgh"})}
    assert redacted(document).document == document


@pytest.mark.parametrize("name", ["pat", "my_pat", "gitlab.pat.token", "pwd", "db-pwd"])
def test_a_short_word_alone_announces_a_secret(name: str) -> None:
    assert "abcdefgh" not in str(redacted({"raw": json.dumps({name: "abcdefgh"})}).document)
