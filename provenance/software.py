# SPDX-License-Identifier: Apache-2.0
"""Which code ran and who ran it, as far as that can be told cheaply and told to others."""

import getpass
import hashlib
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from eb_prefect.brokers.embedded.machine import search_path
from eb_prefect.model.executable import Program
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from provenance.canonical import ni_of_hex
from provenance.parts import Agent, Software

_CODE_LIMIT = 32 << 20
_NOT_PUBLIC = ("localhost", "localdomain", "local", "lan", "internal", "intranet", "home", "corp", "test")
_ON_THIS_MACHINE = frozenset(("embedded",))


def software(run: StepRun) -> tuple[Software, ...]:
    """Return the versions of what asked, and the digests of the program's own files here.

    Of a program on this machine these are the words of its command that are
    files outside its volumes: the program, and scripts it is given.
    """
    own = (
        Software(name="eb-prefect", version=_version("eb-prefect")),
        Software(name="Python", version=platform.python_version()),
    )
    return (*own, *_code(run.broker, run))


def agents() -> tuple[Agent, ...]:
    """Return the user, and this host where its name is public anyway.

    ``EB_USER`` says who it is (a name, or an ORCID or other URL); without
    it, it is the name of the account.
    """
    user = os.environ.get("EB_USER") or _account()
    person = Agent(kind="person", name=user, url=user if "://" in user else None)
    host = socket.gethostname()
    return (person, Agent(kind="host", name=host)) if _is_public(host) else (person,)


def _account() -> str:
    # in a container an account need not have a name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _is_public(host: str) -> bool:
    _, dot, domain = host.rpartition(".")
    return bool(dot) and not domain.isdigit() and domain not in _NOT_PUBLIC


@lru_cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return None


def _code(broker: BrokerIdentity, run: StepRun) -> Iterator[Software]:
    program = run.request.executable
    if broker.kind not in _ON_THIS_MACHINE or not isinstance(program, Program) or not program.command:
        return
    compute = run.request.compute
    mounts = [
        path for volume in (compute.volumes if compute else ()) if (path := getattr(volume, "path", None))
    ]
    first, *words = program.command
    located = shutil.which(first, path=program.environment.get("PATH") or search_path())
    for word in (*((located,) if located else ()), *words):
        if word.startswith("/") and not any(Path(word).is_relative_to(mount) for mount in mounts):
            yield from _file(Path(word))


def _file(path: Path) -> Iterator[Software]:
    if os.access(path, os.R_OK) and path.is_file() and (stat := path.stat()).st_size <= _CODE_LIMIT:
        digest = _digest(path, stat.st_mtime_ns, stat.st_size)
        yield Software(name=path.name, location=path.as_uri(), digest=digest)


@lru_cache(maxsize=256)
def _digest(path: Path, modified: int, size: int) -> str:  # noqa: ARG001 -- a changed file is another file
    return ni_of_hex(hashlib.sha256(path.read_bytes()).hexdigest())
