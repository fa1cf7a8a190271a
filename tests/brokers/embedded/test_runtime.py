# SPDX-License-Identifier: Apache-2.0
import shutil
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.runtime import (
    CHOICE,
    NoRuntimeError,
    given_runtime,
    runtime_environment,
    usable_runtime,
)


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_without_any_runtime_each_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(CHOICE, raising=False)
    with pytest.raises(
        NoRuntimeError, match=r"podman is not installed; docker .*; apptainer is not installed"
    ):
        usable_runtime()


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker command here")
def test_docker_without_its_daemon_is_not_usable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CHOICE, "docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(NoRuntimeError, match=r"docker can't be used .*nothing\.sock"):
        usable_runtime()


def test_a_daemon_on_another_machine_is_not_usable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CHOICE, program(tmp_path / "docker", "echo 28"))
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(NoRuntimeError, match="does not see this machine's files"):
        usable_runtime()


def test_the_first_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.delenv(CHOICE, raising=False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    program(tmp_path / "podman", "echo no >&2; exit 1")
    docker = program(tmp_path / "docker", "echo 28")
    program(tmp_path / "apptainer", "echo 1.4")
    assert usable_runtime().path == docker


def test_the_environment_names_the_only_one_to_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CHOICE, program(tmp_path / "apptainer", "echo 1.4"))
    assert usable_runtime().name == "apptainer"
    monkeypatch.setenv(CHOICE, "chroot")
    with pytest.raises(NoRuntimeError, match="chroot is none of podman, docker, apptainer"):
        usable_runtime()


def test_charliecloud_is_used_where_it_is_named_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("ch-run", "skopeo", "umoci"):
        program(tmp_path / name, "echo 0.31")
    monkeypatch.setenv(CHOICE, "charliecloud")
    assert usable_runtime().path == str(tmp_path / "ch-run")
    monkeypatch.delenv(CHOICE)
    with pytest.raises(NoRuntimeError, match="podman is not installed"):
        usable_runtime()


def test_what_gets_images_must_be_there_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(CHOICE, program(tmp_path / "runc", "echo 1.1"))
    with pytest.raises(NoRuntimeError, match="needs skopeo and umoci"):
        usable_runtime()


def test_a_given_runtime_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime = given_runtime("/opt/site/bin/podman")
    assert (runtime.name, runtime.path) == ("podman", "/opt/site/bin/podman")
    assert given_runtime("charliecloud").path == "ch-run"
    assert runtime.environment({}) == {}
    with pytest.raises(
        NoRuntimeError, match="chroot is none of podman, docker, apptainer, ch-run, runc, crun"
    ):
        given_runtime("chroot")


def test_a_runtime_learns_neither_secrets_nor_of_a_remote_podman(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "ssh://elsewhere")
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    told = runtime_environment()
    assert told["https_proxy"] == "http://127.0.0.1:3128"
    assert not {"CONTAINER_HOST", "MY_TOKEN"} & set(told)
