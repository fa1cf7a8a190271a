# SPDX-License-Identifier: Apache-2.0
import base64
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.errors import InvalidConfigurationError
from eb_prefect.model.steprun import StepRun
from provenance.canonical import hex_of, ni
from provenance.capture import capture
from provenance.errors import CanNotSignError
from provenance.products.extract import extract
from provenance.products.found import DOCUMENT_LIMIT, Binding
from provenance.signing import agent as ssh_agent
from provenance.signing.allowed import Allowed, parsed
from provenance.signing.dsse import Statement, envelope, message
from provenance.signing.keys import Signer, make_key, public_key, signer
from provenance.signing.signature import MOST, checked
from provenance.signing.sshkey import PublicKey
from provenance.store import Store
from tests.provenance.sshing import agent, fingerprint, keygen, public

RunOf = Callable[..., StepRun]
RECORD = ni(b"a record")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_CONFIG", str(tmp_path / "eb" / "brokers.toml"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "eb").mkdir()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return keygen(tmp_path / "id_ed25519")


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    return keygen(tmp_path / "locked", passphrase="swordfish")


def is_good(text: str, record: str = RECORD) -> bool:
    (one,) = checked((text,), record)
    return not one.bad and not one.unchecked


def test_a_signature_is_of_one_record_by_one_key(key: Path) -> None:
    (one,) = checked((signer(key).signature(RECORD, NOON),), RECORD)
    assert (one.bad, one.unchecked, one.signed) == ("", "", NOON)
    assert one.fingerprint == fingerprint(key)


def test_a_good_signature_of_another_record_is_bad(key: Path) -> None:
    (one,) = checked((signer(key).signature(ni(b"another"), NOON),), RECORD)
    assert "another record" in one.bad


def test_a_key_with_a_passphrase_is_opened_by_it(locked: Path) -> None:
    assert is_good(signer(locked, lambda _: "swordfish").signature(RECORD))
    with pytest.raises(CanNotSignError, match="passphrase is wrong"):
        signer(locked, lambda _: "haddock")
    with pytest.raises(CanNotSignError, match="ssh-add"):
        signer(locked)


def test_the_agent_signs_with_what_it_holds(
    locked: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(tmp_path, key) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", place)
        key.rename(tmp_path / "away")
        assert is_good(signer(key.with_name(f"{key.name}.pub")).signature(RECORD))
        with pytest.raises(CanNotSignError, match="locked"):
            signer(locked)


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\1\5", b"\xff\xff\xff\xff", b"\0\0\0\5\x0c\0\0\0\2"])
def test_an_agent_that_misbehaves_is_an_error(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "bad")
    monkeypatch.setenv("SSH_AUTH_SOCK", place)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()

        def speak() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        if answer.endswith(b"\2"):
            assert ssh_agent.held_keys() == ()
        else:
            with pytest.raises(ssh_agent.AgentError):
                ssh_agent.held_keys()
        thread.join()


def test_an_agent_that_is_gone_leaves_the_file(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere/agent")
    assert is_good(signer(key).signature(RECORD))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_private_key_that_others_can_use_is_refused(key: Path, mode: int) -> None:
    key.chmod(mode)
    with pytest.raises(CanNotSignError, match="chmod 600"):
        signer(key)


def test_keys_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CanNotSignError, match="no ssh-ed25519 key"):
        signer(keygen(tmp_path / "ecdsa", kind="ecdsa"))
    (tmp_path / "text").write_text("no key")
    (tmp_path / "text").chmod(0o600)
    with pytest.raises(CanNotSignError, match="no OpenSSH private key"):
        signer(tmp_path / "text")


@pytest.mark.parametrize("passphrase", [None, "swordfish"])
def test_a_key_of_ours_is_one_of_ssh(tmp_path: Path, passphrase: str | None) -> None:
    made = make_key(tmp_path / "new" / "key", comment="me", passphrase=passphrase)
    path = tmp_path / "new" / "key"
    assert made.fingerprint == fingerprint(path) == fingerprint(path.with_name("key.pub"))
    words = ["ssh-keygen", "-y", "-P", passphrase or "", "-f", str(path)]
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout.startswith(made.text)
    assert (path.stat().st_mode & 0o777, public_key(path)) == (0o600, made)
    with pytest.raises(CanNotSignError, match="exists"):
        make_key(path, comment="me", passphrase=None)


def changed(text: str, **parts: Any) -> str:
    return json.dumps({**json.loads(text), **parts})


def sealed(signing: Signer, payload: bytes) -> str:
    """Return an envelope of any payload, rightly signed."""
    seal = {
        "keyid": signing.key.fingerprint,
        "sig": base64.b64encode(signing.sign(message(payload))).decode(),
    }
    told = {"payload": base64.b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json"}
    return json.dumps({**told, "signatures": [seal]})


def hostile(signing: Signer, other: Signer) -> Iterator[tuple[str, str]]:
    good = signing.signature(RECORD, NOON)
    parts = json.loads(good)
    (seal,) = parts["signatures"]
    theirs = json.loads(other.signature(RECORD, NOON))["signatures"][0]
    said = json.loads(base64.b64decode(parts["payload"]))
    yield "no JSON", good[:-1]
    yield "no JSON", "[" * 4000
    yield "NaN", '{"payload": NaN}'
    yield "an object", "[]"
    yield "an object", "null"
    yield "more than", good + " " * 5000
    yield "another type", changed(good, payloadType="text/plain")
    yield "text should", changed(good, payload=7)
    yield "not one signature", changed(good, signatures=[])
    yield "not one signature", changed(good, signatures="x")
    yield "not one signature", changed(good, signatures=[seal, theirs])
    yield "not one signature", changed(good, signatures=[seal, {**seal, "sig": theirs["sig"]}])
    yield "an object", changed(good, signatures=[7])
    yield "an object", changed(good, extra=1)
    yield "another key", changed(good, signatures=[{**seal, "keyid": theirs["keyid"]}])
    yield "not signed this", changed(good, signatures=[{**seal, "sig": theirs["sig"]}])
    yield "no base64", changed(good, signatures=[{**seal, "sig": "?" * 88}])
    yield "not as an encoder", changed(good, signatures=[{**seal, "sig": seal["sig"][:-3] + "x=="}])
    yield "no base64", changed(good, payload=parts["payload"] + "\n")
    yield "not 64 bytes", changed(good, signatures=[{**seal, "sig": "AAAA"}])
    yield "utf-8", sealed(signing, b"\xff")
    yield "something else", sealed(signing, json.dumps({**said, "predicateType": "x"}).encode())
    yield "about one record", sealed(signing, json.dumps({**said, "subject": said["subject"] * 2}).encode())
    yield "text should", sealed(signing, json.dumps({**said, "predicate": {"key": 1, "signed": ""}}).encode())
    yield "time data", sealed(signing, json.dumps({**said, "predicate": {**said["predicate"], "signed": "now"}}).encode())  # fmt: skip # noqa: E501 -- a case a line
    yield "another key", changed(good, payload=base64.b64encode(Statement(hex_of(RECORD), other.key, NOON).payload).decode())  # fmt: skip # noqa: E501 -- a case a line
    yield "not signed this", changed(good, payload=base64.b64encode(json.dumps(said).encode()).decode())


def test_a_hostile_envelope_is_a_bad_signature_and_nothing_worse(tmp_path: Path) -> None:
    one, other = signer(keygen(tmp_path / "one")), signer(keygen(tmp_path / "other"))
    told = [(why, checked((text,), RECORD)[0].bad) for why, text in hostile(one, other)]
    assert [(why, bad) for why, bad in told if why not in bad] == []


def test_what_many_signatures_cost_is_bounded(key: Path) -> None:
    told = checked((signer(key).signature(RECORD),) * 1000, RECORD)
    assert len(told) == MOST + 1
    assert "more than" in told[-1].bad


def test_any_json_in_place_of_a_key_is_bad() -> None:
    for text in ("ssh-ed25519 AAAA", "ssh-rsa AAAAB3NzaC1yc2EAAA==", "", "ssh-ed25519"):
        with pytest.raises(ValueError, match=r"no |early"):
            PublicKey.of_text(text)


def signing_with(key: Path, folder: Path) -> None:
    (folder / "eb" / "policy.toml").write_text(f'[signing]\nkey = "{key}"\n')


def test_a_captured_record_is_signed_if_the_policy_says_so(
    run_of: RunOf, product: Path, store: Store, key: Path, tmp_path: Path
) -> None:
    signing_with(key, tmp_path)
    captured = capture(run_of(product), store)
    found = extract(product)
    assert (captured.unsigned, found.binding) == ("", Binding.BOUND)
    assert [one.fingerprint for one in found.signatures] == [fingerprint(key)]
    assert store.signatures(found.digest) == (found.signatures[0].text,)


def test_capturing_again_signs_the_same(
    run_of: RunOf, image: Path, store: Store, key: Path, tmp_path: Path
) -> None:
    signing_with(key, tmp_path)
    run = run_of(image)
    capture(run, store)
    before = image.read_bytes()
    capture(run, store)
    assert image.read_bytes() == before


def test_a_signature_costs_less_than_two_kilobytes(
    run_of: RunOf, image: Path, store: Store, key: Path, tmp_path: Path
) -> None:
    run = run_of()
    bare = len(capture(run, store).record.text)
    assert bare < DOCUMENT_LIMIT
    assert len(json.dumps(signer(key).signature(RECORD))) < 1024


@pytest.mark.parametrize("spoil", ["missing", "locked", "open", "agent", "policy"])
def test_what_stands_in_the_way_of_signing_ends_nothing(
    spoil: str, run_of: RunOf, image: Path, store: Store, key: Path, locked: Path, tmp_path: Path
) -> None:
    signing_with({"locked": locked, "agent": locked.with_name("locked.pub")}.get(spoil, key), tmp_path)
    if spoil == "missing":
        key.unlink()
    if spoil == "open":
        key.chmod(0o644)
    if spoil == "policy":
        (tmp_path / "eb" / "policy.toml").write_text("[signing]\nkeys = 1\n")
    captured = capture(run_of(image), store)
    assert captured.unsigned.startswith("the record is not signed: ")
    found = extract(image)
    assert (found.binding, found.signatures) == (Binding.BOUND, ())


def test_a_bad_signature_is_a_fault_of_the_record(
    run_of: RunOf, tmp_path: Path, store: Store, key: Path
) -> None:
    product = tmp_path / "note.txt"
    product.write_text("text")
    signing_with(key, tmp_path)
    capture(run_of(product), store)
    beside = tmp_path / "note.txt.prov.json"
    document = json.loads(beside.read_text())
    (entity,) = [one for one in document["entity"].values() if "payloadType" in str(one.get("prov:value"))]
    entity["prov:value"] = signer(key).signature(ni(b"another"), NOON)
    beside.write_text(json.dumps(document))
    found = extract(product)
    assert found.binding is Binding.TAMPERED
    assert [fault.reason for fault in found.faults] == [
        "BAD signature: it is the signature of another record"
    ]


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICTJhmUxZLnscOmgMnDfYzLRMan6VoNsmhxEcfvbHm1T"


def entry(options: str = "") -> Allowed:
    (one,) = parsed(f"anna@x.test {options} {KEY} a comment", Path("allowed_signers"))
    return one


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ("", True),
        ('namespaces="eb-record"', True),
        ('namespaces="git,eb-*"', True),
        ('namespaces="git"', False),
        ('namespaces="*,!eb-record"', False),
        ('valid-after="20261124Z"', True),
        ('valid-after="20261125Z"', False),
        ('valid-before="202611241200Z"', False),
        ('valid-before="20261124120001Z"', True),
        ('VALID-AFTER="20200101",valid-before="20990101",namespaces="eb-record"', True),
    ],
)
def test_the_options_of_an_allowed_signer_are_honoured(options: str, counts: bool) -> None:
    assert (entry(options).objection(NOON) == "") == counts


def test_a_time_without_a_zone_is_of_this_machine() -> None:
    assert entry('valid-after="20260101"').after == datetime(2026, 1, 1).astimezone(UTC)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"anna cert-authority {KEY}", "certificate authorities"),
        (f'anna cert-authority,namespaces="x" {KEY}', "certificate authorities"),
        (f"anna touch-required {KEY}", "touch-required"),
        (f'anna valid-after="tomorrow" {KEY}', "no time"),
        (f'anna valid-after="20261399" {KEY}', "20261399"),
        (f'anna namespaces="x {KEY}', "quotation"),
        (f"anna namespaces=x {KEY}", "namespaces="),
        ("anna ssh-ed25519", "write it as"),
        ("anna ssh-ed25519 AAAA", "early"),
    ],
)
def test_a_line_that_can_not_be_honoured_is_refused_with_its_number(line: str, says: str) -> None:
    with pytest.raises(InvalidConfigurationError, match="line 3") as told:
        parsed(f"# keys\nben {KEY}\n{line}\n", Path("allowed_signers"))
    assert says in str(told.value)


def test_a_file_that_git_uses_too_is_read(tmp_path: Path) -> None:
    lines = [f"{kind} {public(keygen(tmp_path / kind, kind=kind))}" for kind in ("ecdsa", "ed25519")]
    found = parsed("\n".join(["", "# ours", *lines]), Path("allowed_signers"))
    assert [(one.principals, one.key.fingerprint) for one in found] == [
        ("ed25519", fingerprint(tmp_path / "ed25519"))
    ]


def test_ssh_keygen_reads_what_we_write(tmp_path: Path, key: Path) -> None:
    told = tmp_path / "signed"
    told.write_text("text")
    (tmp_path / "allowed").write_text(f'anna@x.test namespaces="eb-record" {public(key)}\n')
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "eb-record", "-f", key, told],
        check=True,
        capture_output=True,
    )
    words = ["ssh-keygen", "-Y", "verify", "-n", "eb-record", "-I", "anna@x.test", "-f", tmp_path / "allowed"]
    words += ["-s", tmp_path / "signed.sig"]
    with told.open() as given:
        done = subprocess.run(words, stdin=given, check=True, capture_output=True, text=True)
    assert fingerprint(key) in done.stdout


def test_an_envelope_is_canonical(key: Path) -> None:
    signing = signer(key)
    statement = Statement(hex_of(RECORD), signing.key, NOON)
    text = envelope(statement, signing.sign(message(statement.payload)))
    assert text == signing.signature(RECORD, NOON)
    assert statement.payload.decode() in base64.b64decode(json.loads(text)["payload"]).decode()
