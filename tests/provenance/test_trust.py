# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eb_prefect.errors import InvalidConfigurationError
from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import DockerContainer, Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from provenance.capture import capture
from provenance.errors import CanNotRerunError, ConsentError
from provenance.exposure import exposure
from provenance.policy import Policy, policy, policy_path
from provenance.products.extract import extract
from provenance.products.found import Binding, Found
from provenance.record import make_record, read_record
from provenance.rerun import Plan, plan
from provenance.signing.allowed import allowed_path, parsed
from provenance.signing.keys import signer
from provenance.signing.signature import Signature, checked
from provenance.store import Store
from provenance.trust import Decision, judged, released
from provenance.witness import Trust, Witness, weighed, witness
from tests.provenance.sshing import fingerprint, keygen, public

RunOf = Callable[..., StepRun]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TRUSTED = Witness(Trust.TRUSTED, "anna", "SHA256:x", NOON)


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_CONFIG", str(tmp_path / "eb" / "brokers.toml"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "eb").mkdir()


def rules(text: str) -> Policy:
    policy_path().write_text(text)
    return policy()


@pytest.fixture
def found(run_of: RunOf, image: Path, store: Store) -> Found:
    capture(run_of(image), store)
    return extract(image)


def planned(found: Found, *settings: str, **inputs: str) -> Plan:
    return plan(read_record(found.text), settings=settings, inputs=inputs)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return keygen(tmp_path / "id_ed25519")


def signed(key: Path, record: str, at: datetime = NOON) -> tuple[Signature, ...]:
    return checked((signer(key).signature(record, at),), record)


def test_a_key_of_allowed_signers_is_trusted_by_its_principal(found: Found, key: Path) -> None:
    allowed_path().write_text(f"anna@x.test {public(key)} note\n")
    who = witness(found._replace(signatures=signed(key, found.digest)))
    assert str(who) == f"signed by anna@x.test (key {fingerprint(key)}), trusted"
    assert who.neutral()["key"] == fingerprint(key)


def test_without_the_key_it_is_unknown_and_without_signature_unsigned(found: Found, key: Path) -> None:
    who = witness(found._replace(signatures=signed(key, found.digest)))
    assert (who.trust, who.fingerprint) == (Trust.UNKNOWN, fingerprint(key))
    assert witness(found) == Witness(Trust.UNSIGNED)


@pytest.mark.parametrize(
    ("options", "at", "trust"),
    [
        ('valid-before="20261124Z"', NOON, Trust.UNKNOWN),
        ('valid-before="20261124Z"', NOON - timedelta(days=1), Trust.TRUSTED),
        ('namespaces="git"', NOON, Trust.UNKNOWN),
        ("", NOON + timedelta(days=2), Trust.UNKNOWN),
    ],
)
def test_an_entry_counts_when_and_for_what_it_says(
    found: Found, key: Path, options: str, at: datetime, trust: Trust
) -> None:
    lines = parsed(f"anna {options} {public(key)}", Path("x"))
    assert weighed(signed(key, found.digest, at), lines, NOON).trust is trust


def test_one_bad_signature_spoils_a_good_one(found: Found, key: Path) -> None:
    lines = parsed(f"anna {public(key)}", Path("x"))
    good = signed(key, found.digest)
    assert weighed((*good, Signature("", bad="no JSON")), lines, NOON).trust is Trust.BAD


def test_one_trusted_signature_of_several_is_enough(found: Found, key: Path, tmp_path: Path) -> None:
    other = signed(keygen(tmp_path / "other"), found.digest)
    lines = parsed(f"anna {public(key)}", Path("x"))
    assert weighed((*other, *signed(key, found.digest)), lines, NOON).principal == "anna"


def test_a_file_of_keys_that_others_can_write_trusts_nobody(found: Found, key: Path) -> None:
    allowed_path().write_text(f"anna {public(key)}\n")
    allowed_path().chmod(0o666)
    who = witness(found._replace(signatures=signed(key, found.digest)))
    assert who.trust is Trust.UNKNOWN
    assert "chmod" in who.reason


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[rerun]\ntrusted = 'always'", "rerun.trusted"),
        ("[rerun]\nunsigned = 'run'", "rerun.unsigned"),
        ("[rerun]\nunknown = 'run'", "rerun.unknown"),
        ("[rerun]\ntampered = 'run'", "rerun.tampered"),
        ("[rerun]\nimages = 'x'", "rerun.images"),
        ("[reruns]\n", "reruns"),
        ("[signing]\nkeys = 'x'", "signing.keys"),
        ("x", "no TOML"),
    ],
)
def test_a_policy_that_means_nothing_is_an_error_with_the_path_of_the_fault(text: str, says: str) -> None:
    with pytest.raises(InvalidConfigurationError, match=says):
        rules(text)


def test_a_policy_that_others_can_write_is_none() -> None:
    policy_path().write_text("")
    policy_path().chmod(0o664)
    with pytest.raises(InvalidConfigurationError, match="chmod"):
        policy()


def test_without_a_policy_a_person_is_asked_whoever_signed(found: Found) -> None:
    for who in (TRUSTED, Witness(Trust.UNKNOWN), Witness(Trust.UNSIGNED)):
        assert judged(found, planned(found), policy(), who).decision is Decision.ASK


@pytest.mark.parametrize(
    ("text", "trust", "decision"),
    [
        ("trusted = 'run'", Trust.TRUSTED, Decision.RUN),
        ("trusted = 'run'", Trust.UNKNOWN, Decision.ASK),
        ("trusted = 'run'", Trust.UNSIGNED, Decision.ASK),
        ("trusted = 'forbid'", Trust.TRUSTED, Decision.FORBID),
        ("unknown = 'forbid'", Trust.UNKNOWN, Decision.FORBID),
        ("unsigned = 'forbid'", Trust.UNSIGNED, Decision.FORBID),
        ("tampered = 'forbid'", Trust.BAD, Decision.FORBID),
        ("trusted = 'run'\nstale = 'run'", Trust.BAD, Decision.ASK),
    ],
)
def test_the_policy_says_what_runs(found: Found, text: str, trust: Trust, decision: Decision) -> None:
    assert judged(found, planned(found), rules(f"[rerun]\n{text}"), Witness(trust)).decision is decision


def bound(found: Found, binding: Binding) -> Found:
    return found._replace(parts=(found.parts[0]._replace(binding=binding),))


@pytest.mark.parametrize(
    ("binding", "decision"),
    [
        (Binding.BOUND, Decision.RUN),
        (Binding.UNCHECKED, Decision.ASK),
        (Binding.STALE, Decision.ASK),
        (Binding.TAMPERED, Decision.ASK),
    ],
)
def test_a_trusted_signature_does_not_cover_an_edited_file(
    found: Found, binding: Binding, decision: Decision
) -> None:
    mild = rules("[rerun]\ntrusted = 'run'")
    assert judged(bound(found, binding), planned(found), mild, TRUSTED).decision is decision


def test_what_is_tampered_needs_a_consent_of_its_own(found: Found) -> None:
    verdict = judged(bound(found, Binding.TAMPERED), planned(found), policy(), TRUSTED)
    with pytest.raises(ConsentError, match="TAMPERED"):
        released(verdict, planned(found), agree=lambda: True)
    assert released(verdict, planned(found), agree=lambda: True, even_tampered=True)
    with pytest.raises(ConsentError, match="agreed"):
        released(verdict, planned(found), agree=lambda: False, even_tampered=True)


def test_nobody_is_asked_about_what_is_forbidden(found: Found) -> None:
    verdict = judged(found, planned(found), rules("[rerun]\nunsigned = 'forbid'"))
    with pytest.raises(ConsentError, match="unsigned"):
        released(verdict, planned(found), agree=lambda: pytest.fail("asked"), even_tampered=True)


def test_nobody_is_asked_about_what_lacks_something(run_of: RunOf, found: Found) -> None:
    lacking = plan(make_record(run_of(environment={"API_TOKEN": "abcdefgh"})))
    with pytest.raises(CanNotRerunError):
        released(judged(found, lacking, policy()), lacking, agree=lambda: pytest.fail("asked"))


def asking(found: Found, **parts: object) -> Plan:
    """Return a plan to repeat another request, whatever the record asked for."""
    request = ExecutionRequest.model_validate({**planned(found).request.neutral(), **parts})
    return planned(found)._replace(request=request, recorded=request)


def data(*places: str) -> list[dict[str, str]]:
    return [{"name": f"d{n}", "location": place} for n, place in enumerate(places)]


@pytest.mark.parametrize(
    ("listed", "parts", "says"),
    [
        ("paths = ['/data']", {"data": data("file:///home/me/.ssh/id_rsa")}, "/home/me/.ssh/id_rsa"),
        ("paths = ['/data']", {"data": data("file:///data/../etc/passwd")}, "/data/../etc/passwd"),
        ("paths = ['/data']", {"data": data("FILE:/etc/passwd")}, "/etc/passwd"),
        ("paths = ['/data']", {"data": data("file://evil.test/etc/passwd")}, "/etc/passwd"),
        ("paths = ['/data']", {"data": data("file:///%65tc/passwd")}, "/etc/passwd"),
        ("paths = ['/data']", {"data": data("file:///database/x")}, "/database/x"),
        ("paths = ['/data']", {"data": data("/etc/passwd")}, "/etc/passwd"),
        ("hosts = ['*.ska.test']", {"data": data("https://evil.test/x")}, "evil.test"),
        ("hosts = ['*.ska.test']", {"data": data("https://a.ska.test@evil.test/x")}, "evil.test"),
        ("hosts = ['*.ska.test']", {"data": data("https://evil.test\\@a.ska.test/x")}, "evil.test"),
        ("hosts = ['*.ska.test']", {"data": data("http://[::1/x")}, "::1"),
        ("hosts = ['*.ska.test']", {"data": data("http://169.254.169.254/")}, "169.254"),
        ("hosts = ['*.ska.test']", {"data": data("ftp:odd")}, "ftp:odd"),
        (
            "hosts = ['*.ska.test']",
            {
                "data": [
                    {"name": "s", "kind": "data/S3-data-resource", "endpoint": "evil.test", "bucket": "b"}
                ]
            },
            "evil.test",
        ),
        (
            "hosts = ['*.ska.test']",
            {"data": [{"name": "s", "kind": "data/other", "where": "evil.test"}]},
            "data/other",
        ),
        ("programs = ['python3']", {}, "sh is none of the programs"),
        ("programs = ['/opt/*']", {"executable": Program(command=("/opt/../bin/sh",))}, "/bin/sh"),
        (
            "programs = ['python3']",
            {"executable": Program(command=("python3",), environment={"PATH": "/tmp/evil"})},
            "PATH",
        ),
        (
            "programs = ['python3']",
            {"executable": Program(command=("python3",), environment={"LD_PRELOAD": "/tmp/evil.so"})},
            "LD_PRELOAD",
        ),
        ("images = ['r.test/ska/*']", {}, "sh is none of the programs"),
        ("images = ['r.test/ska/*']", {"executable": {"kind": "executable/odd"}}, "executable/odd"),
        (
            "images = ['r.test/ska/*']",
            {
                "executable": DockerContainer.model_validate(
                    {"image": {"locations": ["r.test/ska/a", "evil/b"]}}
                )
            },
            "evil/b",
        ),
    ],
)
def test_what_is_outside_of_the_lists_of_the_policy_is_forbidden(
    found: Found, listed: str, parts: dict[str, object], says: str
) -> None:
    given = {name: part.neutral() if isinstance(part, Program | DockerContainer) else part for name, part in parts.items()}  # fmt: skip # noqa: E501 -- plain JSON
    verdict = judged(found, asking(found, **given), rules(f"[rerun]\ntrusted = 'run'\n{listed}"), TRUSTED)
    assert verdict.decision is Decision.FORBID
    assert says in " ".join(verdict.objections)


def test_a_link_out_of_an_allowed_directory_leads_out_of_it(found: Found, tmp_path: Path) -> None:
    allowed = tmp_path / "data"
    allowed.mkdir()
    (allowed / "inside").write_text("")
    (allowed / "link").symlink_to("/etc/passwd")
    own = rules(f"[rerun]\ntrusted = 'run'\npaths = ['{allowed}']")
    fine = asking(found, data=data((allowed / "inside").as_uri()))
    assert judged(found, fine, own, TRUSTED).decision is Decision.RUN
    leading = asking(found, data=data((allowed / "link").as_uri()))
    assert judged(found, leading, own, TRUSTED).decision is Decision.FORBID


def test_what_a_person_gives_is_not_the_record_s(found: Found, image: Path) -> None:
    own = rules("[rerun]\npaths = ['/data']\nprograms = ['sh']")
    assert judged(found, planned(found), own, TRUSTED).decision is Decision.FORBID
    given = planned(found, image=str(image))
    assert judged(found, given, own, TRUSTED).decision is Decision.ASK


def test_an_exposure_names_all_places_that_are_read() -> None:
    request = ExecutionRequest(
        executable=Program(command=("true",)),
        data=(
            SimpleData(name="a", location="file:///a"),
            SimpleData(name="b", location="https://B.test:1/b"),
        ),
    )
    assert (exposure(request).files, exposure(request).hosts) == (frozenset({"/a"}), frozenset({"b.test"}))
