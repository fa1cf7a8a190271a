# SPDX-License-Identifier: Apache-2.0
"""What this user lets records out of files do, and which key signs one's own.

It is TOML, ``policy.toml`` beside the file of brokers (`eb_prefect.home`)::

    [signing]
    key = "~/.ssh/id_ed25519"         # each record is signed when it is made

    [rerun]
    trusted = "run"                   # signed by a key of allowed_signers: run, ask (without it) or forbid
    unknown = "ask"                   # signed by a key that is not there: ask or forbid
    unsigned = "ask"
    stale = "ask"                     # the file was edited since: run, ask or forbid
    tampered = "forbid"               # ask (then only with --even-tampered) or forbid
    images = ["registry.example/ska/*"]   # nothing else may run, where one of these two is given
    programs = ["python3", "/opt/ska/*"]
    hosts = ["*.skao.int"]            # data come from nowhere else
    paths = ["/data"]                 # files of this machine are read below these only

Without the file, and for what it does not say, a person is asked. Lists hold
for what comes out of the record, not for what a person changes in it.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo

from eb_prefect.brokers.configuration import faults_in
from eb_prefect.errors import Fault, InvalidConfigurationError
from eb_prefect.home import configuration_path
from provenance.signing.allowed import guarded


def _whole(path: Path, info: ValidationInfo) -> Path:
    assert isinstance(info.context, Path)  # the directory of the file
    return info.context / path.expanduser()


_Path = Annotated[Path, AfterValidator(_whole)]
_Asked = Literal["ask", "forbid"]
_Run = Literal["run", "ask", "forbid"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Signing(_Strict):
    """Which key signs the records that are made here; none without it."""

    key: _Path | None = None


class Rerun(_Strict):
    """What may run out of a file; None for a list that was not given, which allows all."""

    trusted: _Run = "ask"
    unknown: _Asked = "ask"
    unsigned: _Asked = "ask"
    stale: _Run = "ask"
    tampered: _Asked = "ask"
    images: tuple[str, ...] | None = None
    programs: tuple[str, ...] | None = None
    hosts: tuple[str, ...] | None = None
    paths: tuple[_Path, ...] | None = None


class Policy(_Strict):
    """All of the file."""

    signing: Signing = Signing()
    rerun: Rerun = Rerun()


def policy_path() -> Path:
    """Return where the file is, or would be."""
    return configuration_path().with_name("policy.toml")


def policy() -> Policy:
    """Return what the file says now; that a person is always asked, where there is none.

    Raises
    ------
    InvalidConfigurationError
        It can't be read, others can write it, or it says what means nothing;
        each fault is told with its table and key.
    """
    path = policy_path()
    text = guarded(path)
    if text is None:
        return Policy()
    try:
        return Policy.model_validate(_parsed(path, text), context=path.parent)
    except ValidationError as wrong:
        raise InvalidConfigurationError(f"the policy {path}", faults_in(wrong)) from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        fault = Fault("the file", f"is no TOML: {broken}")
        raise InvalidConfigurationError(f"the policy {path}", [fault]) from None
