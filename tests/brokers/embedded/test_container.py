# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.embedded.container import launch, refusals
from eb_prefect.brokers.embedded.launch import Bind, Place
from eb_prefect.brokers.embedded.runtime import (
    CHOICE,
    NoRuntimeError,
    Runtime,
    given_runtime,
    runtime_environment,
    usable_runtime,
)
from eb_prefect.model.executable import DockerContainer, Image, Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from tests.brokers.embedded.conftest import GIVEN
from tests.brokers.embedded.steps import products, request, run, said
from tests.containers import Images

ENVIRONMENT = {"FRAMES": "/given/frames.txt", "MADE": "/made"}
needs_podman = pytest.mark.container
RUNTIMES = ("podman", "ch-run", "runc", "crun", "apptainer")
HERE = [name for name in RUNTIMES if shutil.which(name)]


@pytest.fixture(params=HERE)
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, images: Images) -> str:
    """Each runtime in turn, as the one to use."""
    monkeypatch.setenv(CHOICE, request.param)
    try:
        usable_runtime()
    except NoRuntimeError as error:
        pytest.skip(str(error))
    return str(request.param)


def shell(image: Image, text: str, **more: Any) -> DockerContainer:
    return DockerContainer(image=image, command=("sh", "-c", text), environment=ENVIRONMENT, **more)


def containers_of(session: str, home: Path) -> list[str]:
    """Containers that podman has, or bundles and processes of a runtime that has no list of them."""
    bundles = [path.name for path in (home / "sessions" / session).glob("bundle")]
    command = ["podman", "ps", "--all", "--quiet", "--filter", f"name=eb-{session}"]
    if os.environ[CHOICE] != "podman":
        return [*bundles, *processes_of(session)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def processes_of(session: str) -> list[str]:
    mark = f"EB_SESSION={session}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found += [entry.name] if mark in (entry / "environ").read_bytes() else []
    return found


def refused(container: DockerContainer, runtime: Runtime | None = None) -> str:
    return "\n".join(message.text for message in refusals(container, runtime))


@pytest.mark.parametrize("name", [name for name in RUNTIMES if name not in HERE])
def test_each_runtime_passes_what_follows(name: str) -> None:
    pytest.skip(f"{name} is not installed")


@needs_podman
def test_one_request_serves_a_process_and_a_container(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    text = 'tr a-z A-Z <"$FRAMES" >"$MADE/upper"; mkdir "$MADE/sub"; wc -l <"$FRAMES" >"$MADE/sub/count"'
    as_program = Program(command=("sh", "-c", text), environment=ENVIRONMENT)
    process = run(tmp_path / "process", request(as_program, given))
    container = run(tmp_path / "container", request(shell(images.plain, text), given))
    assert products(process) == {"upper": GIVEN.upper().encode(), "sub/count": b"3\n"}
    assert products(container) == products(process)
    assert [made.checksum for made in container.products] == [made.checksum for made in process.products]


@needs_podman
def test_a_session_tells_exit_code_streams_and_image(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    session = run(tmp_path, request(shell(images.plain, "echo out; echo err >&2; exit 9"), given))
    streams = [Path(at.location.removeprefix("file://")).read_text() for at in session.connectors]
    assert session.phase == "FAILED"
    assert session.outcome.exit_code == 9
    assert streams == ["out\n", "err\n"]
    assert session.executable.image.digest == images.plain.digest
    assert containers_of(session.uuid, tmp_path) == []


@needs_podman
def test_the_time_and_memory_of_a_container_are_measured(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    text = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/dev/null bs=200M count=9"
    session = run(tmp_path, request(shell(images.plain, text), given))
    assert session.phase == "COMPLETED", said(session)
    assert session.outcome.cpu_seconds > 0.3
    assert 200 * 2**20 < session.outcome.peak_memory < 220 * 2**20


@needs_podman
def test_the_memory_of_the_runtime_is_not_that_of_the_container(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    session = run(tmp_path, request(shell(images.plain, "sleep 0.5"), given))
    assert 0 < session.outcome.peak_memory < 20 * 2**20


@needs_podman
def test_what_is_read_only_can_not_be_written(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    session = run(tmp_path, request(shell(images.plain, 'echo more >>"$FRAMES"'), given))
    assert session.phase == "FAILED"
    assert given.read_text() == GIVEN


@needs_podman
def test_another_user_of_the_image_can_write_products(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    text = 'umask 077; id -u >"$MADE/who"; mkdir "$MADE/own"; echo "$0" >"$MADE/own/what"'
    container = DockerContainer(image=images.other, command=(text, "argument"), environment=ENVIRONMENT)
    session = run(tmp_path, request(container, given))
    who = b"0\n" if is_root_inside(runtime) else b"1234\n"
    assert products(session) == {"who": who, "own/what": b"argument\n"}, said(session)


@needs_podman
def test_what_the_image_says_of_its_program_holds(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    text = 'echo "$FILTER $(pwd) $(id -u) $(id -g) $(ls -a)"'
    silent = run(tmp_path, request(DockerContainer(image=images.named), given))
    session = run(tmp_path / "2", request(DockerContainer(image=images.named, command=("-c", text)), given))
    who = "0 0" if is_root_inside(runtime) else "1234 5678"
    assert stdout_of(silent) == "nothing\n", said(silent)
    assert stdout_of(session).split("\n")[0] == f"R band /srv/data {who} .", said(session)


def is_root_inside(runtime: str) -> bool:
    """Whether the only user that there is inside is root, whatever the image says."""
    return runtime in ("runc", "crun") and os.geteuid() != 0


def stdout_of(session: Session) -> str:
    return Path(session.connectors[0].location.removeprefix("file://")).read_text()


@needs_podman
def test_entrypoint_environment_and_working_text_reach_the_program(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    awkward = "a b,c=\"d\"\n$HOME 'é'"
    container = DockerContainer(
        image=images.plain,
        entrypoint="/bin/sh",
        command=("-c", 'printf %s "$AWKWARD$1" >"$MADE/text"', "sh", awkward),
        environment={"AWKWARD": awkward, "MADE": "/made"},
        labels={"of": "a=b"},
    )
    assert products(run(tmp_path, request(container, given))) == {"text": (awkward * 2).encode()}


@needs_podman
def test_what_needs_more_than_its_memory_fails_and_says_so(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    greedy = DockerContainer(image=images.plain, command=("dd", "if=/dev/zero", "of=/dev/null", "bs=1200M"))
    session = run(tmp_path, request(greedy, given))
    assert session.phase == "FAILED"
    assert "memory" in said(session)


@needs_podman
def test_a_session_that_takes_too_long_leaves_no_container(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    session = run(
        tmp_path, request(shell(images.plain, "trap exit TERM; sleep 30 & wait"), given, lasts="PT1S")
    )
    assert session.phase == "FAILED"
    assert containers_of(session.uuid, tmp_path) == []


@needs_podman
def test_a_program_that_the_image_lacks_fails_and_is_named(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    session = run(tmp_path, request(DockerContainer(image=images.plain, command=("nosuch",)), given))
    assert session.phase == "FAILED"
    assert "could not start" in said(session)


@needs_podman
def test_an_image_is_looked_for_at_each_location(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    if runtime == "podman":
        subprocess.run(["podman", "rmi", "--all", "--force"], check=True, capture_output=True)
    nowhere = Image(locations=("127.0.0.1:1/none", *images.plain.locations), digest=images.plain.digest)
    assert run(tmp_path, request(shell(nowhere, "true"), given)).phase == "COMPLETED"


@needs_podman
def test_an_image_that_was_got_once_is_not_asked_for_again(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    assert run(tmp_path, request(shell(images.plain, "true"), given)).phase == "COMPLETED"
    nowhere = Image(locations=("127.0.0.1:1/none",), digest=images.plain.digest)
    session = run(tmp_path, request(shell(nowhere, "true"), given))
    assert session.phase == "COMPLETED", said(session)


@needs_podman
def test_a_digest_that_no_location_has_fails_while_preparing(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    other = Image(locations=images.plain.locations, digest="sha256:" + "0" * 64)
    session = run(tmp_path, request(shell(other, "true"), given))
    assert session.phase == "FAILED"
    assert "manifest unknown" in said(session)
    assert session.outcome is None or session.outcome.started is None


@needs_podman
def test_a_local_image_of_another_digest_is_refused_with_both(images: Images) -> None:
    [location] = images.plain.locations
    subprocess.run(["podman", "pull", "--quiet", location], check=True, capture_output=True)
    other = Image(locations=(location,), digest="sha256:" + "0" * 64)
    text = refused(shell(other, "true"))
    subprocess.run(["podman", "rmi", location], check=True, capture_output=True)
    assert str(images.plain.digest) in text
    assert str(other.digest) in text


@needs_podman
def test_a_local_image_may_be_named_by_its_id(images: Images, given: Path, tmp_path: Path) -> None:
    [location] = images.plain.locations
    subprocess.run(["podman", "pull", "--quiet", location], check=True, capture_output=True)
    told = subprocess.run(
        ["podman", "image", "inspect", "--format", "{{.Id}}", location],
        check=True,
        capture_output=True,
        text=True,
    )
    by_id = Image(locations=(location,), digest=f"sha256:{told.stdout.strip()}")
    assert run(tmp_path, request(shell(by_id, "true"), given)).phase == "COMPLETED"


@needs_podman
def test_privileges_and_mapped_ports_are_refused_and_open_ones_are_not(images: Images) -> None:
    ports = [{"internal": {"port": 8080}, "external": {"port": 80}}]
    assert "privileged" in refused(shell(images.plain, "true", privileged=True))
    assert "ports" in refused(shell(images.plain, "true", network={"ports": ports}))
    assert refused(shell(images.plain, "true", network={"ports": [{"internal": {"port": 8080}}]})) == ""


def started(home: Path, wanted: ExecutionRequest, mark: Path) -> tuple[EmbeddedBroker, str]:
    """Start a session and return when its program has made ``mark``."""
    broker = EmbeddedBroker(home)
    session = broker.accept(broker.request_offers(wanted).offers[0].uuid).uuid
    until(lambda: bool(list(home.rglob(mark.name))))
    return broker, session


def until(claim: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < ends
        time.sleep(0.05)


@needs_podman
def test_a_cancelled_session_leaves_no_container(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    endless = shell(images.plain, 'trap exit TERM; echo 1 >"$MADE/mark"; sleep 60 & wait')
    broker, session = started(tmp_path, request(endless, given), Path("mark"))
    assert containers_of(session, tmp_path)
    broker.cancel(session)
    until(lambda: broker.session(session).is_final)
    assert broker.session(session).phase == "CANCELLED"
    assert containers_of(session, tmp_path) == []


@needs_podman
def test_a_container_is_removed_though_its_supervisor_was_killed(
    images: Images, runtime: str, given: Path, tmp_path: Path
) -> None:
    endless = shell(images.plain, 'echo 1 >"$MADE/mark"; sleep 60')
    broker, session = started(tmp_path, request(endless, given), Path("mark"))
    os.kill(supervisor_of(session), signal.SIGKILL)
    until(lambda: broker.session(session).is_final)
    assert broker.session(session).phase == "FAILED"
    until(lambda: containers_of(session, tmp_path) == [])


def words_of(process: Path) -> list[bytes]:
    with contextlib.suppress(OSError):  # it has ended since
        return (process / "cmdline").read_bytes().split(b"\0")
    return [b""]


def supervisor_of(session: str) -> int:
    """The Python process whose command line names the directory of the session."""
    for entry in Path("/proc").iterdir():
        words = words_of(entry) if entry.name.isdigit() else [b""]
        if b"python" in words[0] and any(word.endswith(session.encode()) for word in words):
            return int(entry.name)
    raise AssertionError(f"no supervisor of {session}")


@needs_podman
def test_what_can_not_be_mounted_read_only_is_not_mounted_at_all(
    images: Images, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOICE, "ch-run")
    broker = EmbeddedBroker(tmp_path, may_mount=False)
    answer = broker.request_offers(request(shell(images.plain, "true"), given))
    if answer.result == "NO":
        pytest.skip(answer.messages[0].text)
    session = broker.accept(answer.offers[0].uuid).uuid
    until(lambda: broker.session(session).is_final)
    assert "can't mount the volumes" in said(broker.session(session))


@needs_podman
@pytest.mark.parametrize("name", ["ch-run", "runc"])
def test_a_volume_behind_a_link_of_the_image_is_refused(
    images: Images, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setenv(CHOICE, name)
    wanted = request(shell(images.plain, "true"), given)
    [frames, room] = wanted.compute.volumes
    behind = frames.model_copy(update={"path": "/data/frames.txt"})
    compute = wanted.compute.model_copy(update={"volumes": (behind, room)})
    session = run(tmp_path, wanted.model_copy(update={"compute": compute}))
    assert "/data/frames.txt is behind a symbolic link" in said(session)


@needs_podman
@pytest.mark.parametrize("name", ["podman", "ch-run", "runc"])
def test_a_given_runtime_runs_where_nothing_of_this_package_is(
    images: Images, given: Path, tmp_path: Path, name: str
) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    directory = tmp_path / "sessions" / "it"
    directory.mkdir(parents=True)
    place = Place(
        session=f"given-{name}",
        directory=str(directory),
        cores=1,
        memory=1,
        binds=(),
        environment={**runtime_environment()},
        runtime=given_runtime(name, "/usr/bin/python3"),
    )
    container = shell(images.plain, 'echo "$FRAMES"')
    told = launch(container, place)
    assert refused(container, given_runtime(name)) == ""
    assert str(Path(launch.__code__.co_filename).parent) not in str(told.prepare)
    for path, content in told.files.items():
        Path(path).write_text(content)
    for command in (*told.prepare, told.argv):
        done = subprocess.run(command, env=told.environment, capture_output=True, text=True, check=True)
    assert done.stdout == "/given/frames.txt\n"
    for command in told.cleanup:
        subprocess.run(command, env=told.environment, check=True)
    assert not (directory / "bundle").exists()


def test_without_a_runtime_there_is_no_offer(
    monkeypatch: pytest.MonkeyPatch, given: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv(CHOICE, str(tmp_path / "podman"))
    image = Image(locations=("registry.example/tools:1",), digest="sha256:" + "ab" * 32)
    answer = EmbeddedBroker(tmp_path).request_offers(request(shell(image, "true"), given))
    assert answer.result == "NO"
    assert "podman is not installed" in " ".join(message.text for message in answer.messages)


def test_apptainer_gets_the_same_container_as_arguments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Apptainer can't be had from Debian: only what it would be told is tested here."""
    stand_in = tmp_path / "apptainer"
    stand_in.write_text("#!/bin/sh\necho 1.4.0\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv(CHOICE, str(stand_in))
    digest = "sha256:" + "ab" * 32
    container = DockerContainer(
        image=Image(locations=("registry.example/tools:1",), digest=digest),
        command=("--in", "/given/a, b"),
        environment={"SIGMA": "3"},
        entrypoint="detect",
    )
    binds = (Bind("/s/a", "/given/a, b", read_only=True), Bind("/s/out", "/made", read_only=False))
    place = Place("uuid", "/s", cores=1, memory=1, binds=binds, environment={})
    told = launch(container, place)
    image = "/s/image.sif"
    assert refused(container) == ""
    assert told.prepare == (
        (str(stand_in), "pull", "--force", image, f"docker://registry.example/tools@{digest}"),
    )
    assert told.argv == (
        *(str(stand_in), "exec", "--compat"),
        *("--mount", 'type=bind,source=/s/a,"destination=/given/a, b",ro'),
        *("--mount", "type=bind,source=/s/out,destination=/made"),
        *(image, "detect", "--in", "/given/a, b"),
    )
    assert told.environment["APPTAINERENV_SIGMA"] == "3"
