# SPDX-License-Identifier: Apache-2.0
"""The image of a container: where it can be had, and the digest that makes it one and the same."""

import platform
import re
from collections.abc import Iterator

from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.brokers.embedded.runtime import Runtime
from eb_prefect.model.executable import Image
from eb_prefect.model.parts import Message

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_STEP = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_LOCATION = re.compile(
    rf"(?:docker://)?(?P<name>(?:{_HOST}/)?{_STEP}(?:/{_STEP})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def faults(image: Image, *, is_here: bool = True) -> Iterator[Message]:
    """Yield what is wrong with the image as it was asked for, whatever the runtime.

    Unless it ``is_here`` that it will run, its platform is not judged.
    """
    if not image.locations:
        yield refusal("missing-value", "executable.image.locations is empty; say where the image can be had")
    for location in image.locations:
        match = _LOCATION.fullmatch(location)
        if match is None:
            text = f"image location {location!r} is malformed; write it as registry.example/repository:tag"
            yield refusal("invalid-value", text, asked=location)
        elif match["digest"] and image.digest and match["digest"] != image.digest:
            text = (
                f"image location {location!r} has another digest than executable.image.digest {image.digest}"
            )
            yield refusal("image-digest-mismatch", text, asked=image.digest, found=match["digest"])
    if not image.digest:
        yield refusal(
            "missing-value", "executable.image.digest is missing; an image is run by its digest only"
        )
    elif not _DIGEST.fullmatch(image.digest):
        text = (
            f"executable.image.digest {image.digest!r} is malformed; write sha256: and 64 lower-case digits"
        )
        yield refusal("invalid-value", text, asked=image.digest)
    if is_here:
        yield from _foreign_platform(image)


def _foreign_platform(image: Image) -> Iterator[Message]:
    if image.platform is None:
        return
    here = _architecture(platform.machine())
    asked = _architecture(image.platform.architecture or here)
    system = (image.platform.os or "linux").lower()
    if (asked, system) != (here, "linux"):
        yield refusal(
            "not-supported",
            f"the image is for {system} on {asked}; this machine is linux on {here}",
            asked=f"{system}/{asked}",
        )


def _architecture(name: str) -> str:
    return _ARCHITECTURES.get(name.lower(), name.lower())


def contradictions(image: Image, runtime: Runtime) -> Iterator[Message]:
    """Yield that a local image of the first location's name is another one than the digest's."""
    if kept(image, runtime):
        return
    local = runtime.image(_tagged(image.locations[0]))
    if local is not None:
        found = ", ".join(local.digests) or local.id
        yield refusal(
            "image-digest-mismatch",
            f"the image {image.locations[0]} of this machine has digest {found}, not {image.digest};"
            " ask for that digest, or remove the local image",
            asked=image.digest,
            found=found,
        )


def kept(image: Image, runtime: Runtime) -> str | None:
    """Return the name under which an image of the digest is kept here already."""
    for name in (*references(image), str(image.digest)):
        local = runtime.image(name)
        if local and image.digest in (local.id, *local.digests):
            return name
    return None


def _tagged(location: str) -> str:
    match = _LOCATION.fullmatch(location)
    assert match is not None
    return f"{match['name']}:{match['tag'] or 'latest'}"


def references(image: Image) -> tuple[str, ...]:
    """Return each location with the digest in place of its tag, and with its registry."""
    names = (match["name"] for match in map(_LOCATION.fullmatch, image.locations) if match)
    return tuple(f"{_qualified(name)}@{image.digest}" for name in names)


def _qualified(name: str) -> str:
    """Return the name with the registry that docker means where none is named; podman would ask."""
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if set(".:") & set(first) or first == "localhost" else f"docker.io/{name}"
