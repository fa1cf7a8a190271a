# SPDX-License-Identifier: Apache-2.0
import platform

import pytest

from eb_prefect.brokers.embedded.image import faults, references
from eb_prefect.model.executable import Image, Platform

DIGEST = "sha256:" + "ab" * 32


def reasons(**fields: object) -> list[str]:
    return [message.text for message in faults(Image.model_validate(fields))]


@pytest.mark.parametrize(
    "location",
    [
        "busybox",
        "busybox:1.36",
        "ska/tools:2026.11",
        "registry.example:5000/a/b-c__d.e:v1",
        "docker://registry.example/a",
        f"registry.example/a:1@{DIGEST}",
        "[::1]:5000/a",
    ],
)
def test_a_location_may_be_written_as_docker_does(location: str) -> None:
    assert reasons(locations=[location], digest=DIGEST) == []


@pytest.mark.parametrize(
    "location", ["", "Upper/Case", "a b", "a:b:c", "https://registry.example/a", "-a", "a/", "a:tag;rm"]
)
def test_a_malformed_location_is_named(location: str) -> None:
    [reason] = reasons(locations=["good", location], digest=DIGEST)
    assert repr(location) in reason


@pytest.mark.parametrize("digest", ["0000", "ab" * 32, DIGEST.upper(), DIGEST[:-1], "sha512:" + "ab" * 64])
def test_a_malformed_digest_is_named(digest: str) -> None:
    [reason] = reasons(locations=["a"], digest=digest)
    assert digest in reason


def test_every_fault_is_told_at_once() -> None:
    told = " ".join(reasons(locations=["A"], platform={"architecture": "s390x"}))
    assert "malformed" in told
    assert "digest is missing" in told
    assert "s390x" in told


def test_a_location_with_another_digest_is_refused_with_both() -> None:
    other = "sha256:" + "cd" * 32
    [reason] = reasons(locations=[f"a@{other}"], digest=DIGEST)
    assert other in reason
    assert DIGEST in reason


def test_the_platform_of_this_machine_is_known_by_both_of_its_names() -> None:
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    for name in {platform.machine(), names.get(platform.machine(), platform.machine())}:
        image = Image(locations=("a",), digest=DIGEST, platform=Platform(architecture=name, os="linux"))
        assert list(faults(image)) == []


@pytest.mark.parametrize(
    ("location", "reference"),
    [
        ("busybox:1", "docker.io/library/busybox"),
        ("ska/tools", "docker.io/ska/tools"),
        ("localhost/a:1", "localhost/a"),
        ("docker://registry.example/a/b:1", "registry.example/a/b"),
    ],
)
def test_an_image_is_run_by_its_digest_and_not_by_its_tag(location: str, reference: str) -> None:
    assert references(Image(locations=(location,), digest=DIGEST)) == (f"{reference}@{DIGEST}",)
