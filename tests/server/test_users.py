# SPDX-License-Identifier: Apache-2.0
"""Who may do what."""

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from eb_prefect.brokers.http.auth import Basic, Bearer
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.errors import AccessDeniedError
from eb_prefect.model.phase import NOT_ACCEPTED
from eb_prefect.server.run import serving
from eb_prefect.server.users import Users, UsersFileError, add_user
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import Asking, locations, making, uuid_of


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    path = tmp_path_factory.mktemp("users") / "users"
    return path, add_user(path, "ana"), add_user(path, "bo")


@pytest.fixture(scope="module")
def guarded(bench: EmbeddedBench, secrets: tuple[Path, str, str]) -> Iterator[str]:
    with serving(bench.broker(), home=bench.home, users=Users(secrets[0])) as url:
        yield url


@pytest.fixture(scope="module")
def half_guarded(bench: EmbeddedBench, secrets: tuple[Path, str, str]) -> Iterator[str]:
    with serving(bench.broker(), home=bench.home, users=Users(secrets[0]), public_reads=True) as url:
        yield url


@pytest.fixture
def ana(guarded: str, secrets: tuple[Path, str, str]) -> Asking:
    return Asking(guarded, Dialect.B2, ("ana", secrets[1]))


@pytest.fixture
def bo(guarded: str, secrets: tuple[Path, str, str]) -> Asking:
    return Asking(guarded, Dialect.B2, ("bo", secrets[2]))


def test_a_user_does_all_with_own_sessions(ana: Asking) -> None:
    session = ana.finished(making("echo stars > /output/x; echo said"))
    assert session["phase"] == "COMPLETED"
    for location in (*locations(session, "stdout-get"), *locations(session, "connector/product")):
        assert ana.get(location).status_code == 200


def test_a_secret_alone_is_enough_as_a_bearer(guarded: str, secrets: tuple[Path, str, str]) -> None:
    asking = Asking(guarded)
    headers = {"Authorization": f"Bearer {secrets[1]}", "Content-Type": "application/json"}
    assert asking.submit(making("true"), headers=headers).status_code == 303


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Basic",
        "Basic x",
        "Basic " + base64.b64encode(b"ana").decode(),
        "Basic " + base64.b64encode(b"ana:").decode(),
        "Basic " + base64.b64encode(b"ana:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:wrong").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer",
        "Bearer wrong",
        "Digest x",
    ],
)
def test_nothing_is_told_or_done_without_credentials(ana: Asking, given: str | None) -> None:
    headers = {"Content-Type": "application/json"} | ({} if given is None else {"Authorization": given})
    session = ana.url + f"/sessions/{ana.offered(making('true'))}"
    paths = ("", "/docker/stdout-get", "/products/output/x")
    answers = [httpx.get(session + path, headers=headers) for path in paths]
    answers.append(httpx.post(session, headers=headers, json=ana.phase_update("ACCEPTED")))
    answers.append(httpx.post(f"{ana.url}/requests", headers=headers, json={}))
    assert {answer.status_code for answer in answers} == {401}
    assert all(answer.headers["WWW-Authenticate"].startswith("Basic realm=") for answer in answers)
    assert ana.get(session).json()["phase"] == "OFFERED"


def test_the_digest_in_the_file_is_no_secret(guarded: str, secrets: tuple[Path, str, str]) -> None:
    digest = hashlib.sha256(secrets[1].encode()).hexdigest()
    assert Asking(guarded, auth=("ana", digest)).submit(making("true")).status_code == 401


def test_what_it_is_and_that_it_is_up_is_for_all(guarded: str) -> None:
    assert httpx.get(f"{guarded}/").json()["server"] == "eb-prefect"
    assert httpx.get(f"{guarded}/B2/actuator/health").status_code == 200


@pytest.mark.parametrize("value", ["ACCEPTED", "CANCELLED", "REJECTED", "FAILED"])
def test_another_user_changes_nothing(ana: Asking, bo: Asking, value: str) -> None:
    session = ana.offered(making("true"))
    assert bo.update(session, value).status_code == 403
    assert ana.session(session)["phase"] == "OFFERED"


def test_another_user_reads_nothing(ana: Asking, bo: Asking) -> None:
    offers = ana.submit(making("true"))
    session = f"/sessions/{uuid_of(offers.json()['offers'][0])}"
    for path in (
        offers.headers["Location"],
        session,
        f"{session}/docker/stdout-get",
        f"{session}/products/x",
    ):
        assert bo.get(path).status_code == 403
        assert ana.get(path).status_code in {200, 404}


def test_our_own_client_knows_how_to_say_who_it_is(guarded: str, secrets: tuple[Path, str, str]) -> None:
    with HTTPBroker(guarded, auth=Basic("ana", secrets[1])) as ana:
        offer = ana.request_offers(making("true")).offers[0].uuid
        assert ana.accept(offer).phase not in NOT_ACCEPTED
    with (
        HTTPBroker(guarded, auth=Bearer(lambda _: secrets[2])) as bo,
        pytest.raises(AccessDeniedError) as denied,
    ):
        bo.cancel(offer)
    assert denied.value.status == 403


def test_what_is_unknown_is_404_to_all(ana: Asking) -> None:
    assert ana.get(f"/sessions/{uuid4()}").status_code == 404
    assert ana.update(str(uuid4()), "ACCEPTED").status_code == 404


def test_a_session_that_nobody_asked_this_server_for_is_nobody_s(ana: Asking, bench: EmbeddedBench) -> None:
    offer = bench.broker().request_offers(bench.succeeding()).offers[0].uuid
    assert ana.get(f"/sessions/{offer}").status_code == 403
    assert ana.update(offer, "ACCEPTED").status_code == 403


def test_with_public_reads_all_read_and_only_the_owner_changes(
    half_guarded: str, secrets: tuple[Path, str, str]
) -> None:
    ana, bo = (Asking(half_guarded, auth=(name, secrets[n])) for n, name in ((1, "ana"), (2, "bo")))
    session = ana.offered(making("true"))
    anyone = Asking(half_guarded)
    assert [each.get(f"/sessions/{session}").status_code for each in (ana, bo, anyone)] == [200, 200, 200]
    changes = [each.update(session, "REJECTED").status_code for each in (anyone, bo, ana)]
    assert changes == [401, 403, 200]
    assert Asking(half_guarded, auth=("ana", "wrong")).get(f"/sessions/{session}").status_code == 401


def test_owners_survive_a_restart(bench: EmbeddedBench, secrets: tuple[Path, str, str]) -> None:
    def client(root: str, n: int, name: str) -> Asking:
        return Asking(root, auth=(name, secrets[n]))

    with serving(bench.broker(), home=bench.home, users=Users(secrets[0])) as root:
        answer = client(root, 1, "ana").submit(making("true"))
    session = uuid_of(answer.json()["offers"][0])
    with serving(bench.broker(), home=bench.home, users=Users(secrets[0])) as root:
        assert client(root, 2, "bo").update(session, "ACCEPTED").status_code == 403
        assert client(root, 1, "ana").update(session, "ACCEPTED").status_code == 200
        path = f"/offersets/{uuid_of(answer.json())}"
        assert uuid_of(client(root, 1, "ana").get(path).json()["offers"][0]) == session


def test_users_are_added_and_removed_while_it_runs(bench: EmbeddedBench, users_file: Path) -> None:
    first = add_user(users_file, "ana")
    with serving(bench.broker(), home=bench.home, users=Users(users_file)) as root:
        second = add_user(users_file, "bo")
        assert Asking(root, auth=("bo", second)).submit(making("true")).status_code == 303
        users_file.write_text("".join(users_file.read_text().splitlines(keepends=True)[1:]))
        assert Asking(root, auth=("ana", first)).submit(making("true")).status_code == 401


def test_nobody_comes_in_when_the_file_went_bad(bench: EmbeddedBench, users_file: Path) -> None:
    secret = add_user(users_file, "ana")
    with serving(bench.broker(), home=bench.home, users=Users(users_file)) as root:
        users_file.chmod(0o644)
        assert Asking(root, auth=("ana", secret)).submit(making("true")).status_code == 503
        users_file.unlink()
        assert Asking(root, auth=("ana", secret)).submit(making("true")).status_code == 503


def test_a_secret_is_not_in_the_file(users_file: Path) -> None:
    secret = add_user(users_file, "ana")
    assert len(base64.urlsafe_b64decode(f"{secret}=")) == 32
    assert users_file.read_text() == f"ana:{hashlib.sha256(secret.encode()).hexdigest()}\n"
    assert users_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_use_is_refused(users_file: Path, mode: int) -> None:
    add_user(users_file, "ana")
    users_file.chmod(mode)
    with pytest.raises(UsersFileError, match="chmod 600"):
        Users(users_file)
    with pytest.raises(UsersFileError, match="chmod 600"):
        add_user(users_file, "bo")


@pytest.mark.parametrize(
    "text", ["", "# nobody\n", "ana\n", "ana:secret\n", f"a:{'0' * 64}\na:{'1' * 64}\n", "\xff"]
)
def test_a_file_without_users_or_with_other_lines_is_refused(users_file: Path, text: str) -> None:
    users_file.write_bytes(text.encode("latin-1"))
    users_file.chmod(0o600)
    with pytest.raises(UsersFileError):
        Users(users_file)


def test_a_directory_or_pipe_is_no_users_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        with pytest.raises(UsersFileError):
            Users(path)


@pytest.mark.parametrize("name", ["", "a:b", "a b", "#a", "a\n", "a\x1b"])
def test_what_basic_can_not_say_is_no_name(users_file: Path, name: str) -> None:
    with pytest.raises(UsersFileError, match="can't be a user"):
        add_user(users_file, name)


def test_a_user_is_not_added_twice_and_lines_stay_apart(users_file: Path) -> None:
    add_user(users_file, "ana")
    users_file.write_text(users_file.read_text().rstrip("\n"))
    add_user(users_file, "bo")
    with pytest.raises(UsersFileError, match="already"):
        add_user(users_file, "ana")
    assert len(users_file.read_text().splitlines()) == 2
