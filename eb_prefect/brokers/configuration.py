# SPDX-License-Identifier: Apache-2.0
"""The file in which a person gives brokers names.

It is TOML, at ``$EB_CONFIG`` or at ``eb/brokers.toml`` in the XDG
configuration directory::

    [brokers.spsrc]
    url = "https://broker.spsrc.example/eb"
    dialect = "B2"                    # found out where it is not given
    site = "SPSRC"                    # or rses = ["SPSRC_STORM"]: to know how near data are
    user = "me"                       # with password_env, password_file or password_command
    password_env = "SPSRC_PASSWORD"   # or token_env, token_file or token_command
    ca = "~/spsrc.pem"

    [brokers.cluster]
    kind = "slurm"
    ssh = "login.cluster.example"     # a host, or an alias of ~/.ssh/config; this machine without it
    queues = ["short", "long"]        # partitions, in the order of preference; all without it
    options = ["--account=ska"]       # added to each submission
    setup = ["module load podman"]    # lines of shell that a node runs first
    url = "https://rest.cluster.example:6820"   # slurmrestd in place of the command line,
    token_command = "scontrol token"            # with user where that is another's name
    directory = "/scratch/me/eb"      # on a file system that the nodes share

    [brokers.grid]
    kind = "panda"
    url = "https://pandaserver.example:25443"
    vo = "ska"
    token_file = "~/.panda/.token"    # or token_env, token_command
    mode = "jobs"                     # of the one queue; tasks without it
    queues = ["CERN"]

    [defaults]
    broker = "spsrc"
"""

import os
import shlex
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from eb_prefect.errors import Fault, InvalidConfigurationError
from eb_prefect.home import CHOICE, configuration_path
from eb_prefect.wire.faults import path_text

EMBEDDED = "embedded"
BLOCKS = "execution-broker"
"""The slug of Prefect blocks that say the same of a broker as an entry here, see `eb_prefect.blocks`."""

_PASSWORDS = ("password", "password_env", "password_file", "password_command")
_TOKENS = ("token", "token_env", "token_file", "token_command")
_WEB = ("url", "dialect", "user", "ca", *_PASSWORDS, *_TOKENS)
_BATCH = ("ssh", "queues", "options", "setup", "directory", "python", "runtime", "interval")
_PANDA = ("vo", "mode", "working_group", "transformation", "destination", "outputs")
_WITHOUT = {
    "http": (*_BATCH, *_PANDA),
    "embedded": (*_WEB, *_BATCH, *_PANDA),
    "slurm": ("dialect", *_PASSWORDS, *_PANDA),
    "panda": ("dialect", *_PASSWORDS, *(key for key in _BATCH if key != "queues")),
    "pbs": (*_WEB, "ssh", *_PANDA),
    "lsf": (*_WEB, "ssh", *_PANDA),
    "condor": (*_WEB, "ssh", "queues", *_PANDA),
}


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return url
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("should be a URL such as https://broker.example/eb")
    if parts.username or parts.password:
        raise ValueError("should have no user and password in it; give them as user and password_env")
    return url


def _beside(path: Path, info: ValidationInfo) -> Path:
    # what is not in a file may be used on another machine, by someone with another home
    return path if info.context is None else info.context / path.expanduser()


def _words(given: Any) -> Any:
    return shlex.split(given) if isinstance(given, str) else given


_Url = Annotated[str, AfterValidator(_web_address)]
_Path = Annotated[Path, AfterValidator(_beside)]
_Words = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_words)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _title(name: str, _: object) -> str:
    short = {"url": "URL", "rses": "RSEs", "ca": "CA", "ssh": "SSH", "vo": "VO"}
    return short.get(name, name.replace("_", " ").capitalize())


class BrokerFields(BaseModel):
    """What a person says of a broker, in the file or elsewhere."""

    model_config = ConfigDict(
        hide_input_in_errors=True, use_attribute_docstrings=True, field_title_generator=_title
    )

    kind: Literal["http", "embedded", "slurm", "panda", "pbs", "lsf", "condor"] = "http"
    """Another's server, the broker of this machine, or a batch system."""
    url: _Url | None = None
    """The address of a server, such as https://broker.example/eb."""
    dialect: Literal["A", "B1", "B2", "neutral"] | None = None
    """The dialect a server speaks; found out where it is not given."""
    site: str | None = None
    """The site it runs at, to know how near data are."""
    rses: tuple[str, ...] = ()
    """The storage elements that are near to it, in place of a site."""
    user: str | None = None
    """The user's name at a server, with one of the passwords."""
    password: SecretStr | None = None
    """The password itself."""
    password_env: str | None = None
    """The environment variable that has the password."""
    password_file: _Path | None = None
    """The file that has the password."""
    password_command: _Words | None = None
    """The command that prints the password."""
    token: SecretStr | None = None
    """The bearer token itself."""
    token_env: str | None = None
    """The environment variable that has the bearer token."""
    token_file: _Path | None = None
    """The file that has the bearer token."""
    token_command: _Words | None = None
    """The command that prints the bearer token, asked again when a server refuses the last one."""
    ca: _Path | None = None
    """The file of certificates that a server's is checked against, in place of the usual ones."""
    ssh: str | None = None
    """The host to reach a cluster from, or an alias in the ssh configuration; this machine without it."""
    queues: tuple[str, ...] = ()
    """The queues (partitions) to use, in the order of preference; all without it."""
    options: tuple[str, ...] = ()
    """What is added to each submission, such as --account=ska."""
    setup: tuple[str, ...] = ()
    """Lines of shell that a node runs first, such as module load podman."""
    directory: str | None = None
    """Where sessions are, on a file system that the nodes share."""
    python: str | None = None
    """The Python of the nodes, 3.10 or later."""
    runtime: str | None = None
    """The container runtime of the nodes, by name or path."""
    interval: float | None = Field(default=None, ge=0.1)
    """The seconds between two questions to a batch system about all sessions."""
    vo: str | None = None
    """The collaboration whose user one is at PanDA."""
    mode: Literal["tasks", "jobs"] | None = None
    """What sessions are at PanDA: tasks, which JEDI gives to sites, or jobs of the one queue."""
    working_group: str | None = None
    """The group of PanDA that is charged."""
    transformation: str | None = None
    """What starts a command on a node of PanDA."""
    destination: str | None = None
    """Where a task of PanDA leaves its log and outputs, such as a storage element."""
    outputs: tuple[str, ...] = ()
    """Names or patterns of the files that a task of PanDA may leave in its working directory."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        passwords, tokens = self.given(_PASSWORDS), self.given(_TOKENS)
        if foreign := self.given(tuple(_WITHOUT[self.kind])):
            raise ValueError(f"the {self.kind} broker has no {foreign[0]}")
        if self.kind == "panda" and not (self.url and self.vo):
            raise ValueError("url is missing" if self.url is None else "vo is missing")
        if self.mode == "jobs" and len(self.queues) != 1:
            raise ValueError("jobs of PanDA need one queue, as queues")
        if self.kind == "http" and (self.url is None or self.url.startswith("unix:")):
            raise ValueError("url is missing" if self.url is None else "url should be http:// or https://")
        if len(passwords) + len(tokens) > 1:
            raise ValueError(f"{' and '.join([*passwords, *tokens])} are too many; give one of them")
        if self.kind == "http" and bool(self.user) != bool(passwords):
            raise ValueError("user belongs with one of password_env, password_file and password_command")
        return self

    def given(self, names: tuple[str, ...]) -> list[str]:
        """Return those of the keys that have a value."""
        return [name for name in names if getattr(self, name) not in (None, ())]


class BrokerEntry(BrokerFields, _Strict):
    """One broker of the file; the path of a file is relative to it."""


class Defaults(_Strict):
    """What counts where a person says nothing."""

    broker: str = EMBEDDED


class Configuration(_Strict):
    """All of the file."""

    brokers: dict[str, BrokerEntry] = Field(default_factory=dict)
    defaults: Defaults = Defaults()

    @field_validator("brokers")
    @classmethod
    def _names(cls, brokers: dict[str, BrokerEntry]) -> dict[str, BrokerEntry]:
        for name in brokers:
            if name == EMBEDDED:
                raise ValueError(f"{EMBEDDED} is the broker of this machine; choose another name")
            if not name.isprintable() or "," in name or "://" in name or name != name.strip() or not name:
                raise ValueError(f"{name!r} is no name: commas, :// and what can't be seen are not in one")
        return brokers


def configuration() -> Configuration:
    """Return what the file says now; nothing if there is none and none was named.

    Raises
    ------
    InvalidConfigurationError
        It can't be read, says what means nothing, or holds a secret that
        others can read. What is wrong is told with its table and key, and
        never with its value.
    """
    path = configuration_path()
    try:
        with path.open("rb") as file:
            open_to_others = bool(os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO))
            text = file.read()
    except OSError as reason:
        if isinstance(reason, FileNotFoundError | NotADirectoryError) and CHOICE not in os.environ:
            return Configuration()
        raise _unusable(path, [Fault("the file", reason.strerror or str(reason))]) from reason
    found = _validated(path, _parsed(path, text))
    if open_to_others and (faults := list(_secrets(found))):
        raise _unusable(path, faults)
    return found


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise _unusable(path, [Fault("the file", f"is no TOML: {broken}")]) from None


def _validated(path: Path, document: dict[str, Any]) -> Configuration:
    try:
        return Configuration.model_validate(document, context=path.parent)
    except ValidationError as wrong:
        raise _unusable(path, faults_in(wrong)) from None


def faults_in(wrong: ValidationError) -> list[Fault]:
    """Return what is wrong with what a person said of brokers, without saying it again."""
    errors = wrong.errors(include_url=False, include_input=False)
    return [Fault(path_text(error["loc"]), _reason(error)) for error in errors]


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "is no key that is known here"
    text: str = error["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _secrets(found: Configuration) -> Iterator[Fault]:
    for name, entry in found.brokers.items():
        for key in entry.given(("password", "token")):
            reason = f"is in a file that others can read; chmod 600 it, or give {key}_env or {key}_command"
            yield Fault(path_text(("brokers", name, key)), reason)


def _unusable(path: Path, faults: list[Fault]) -> InvalidConfigurationError:
    return InvalidConfigurationError(f"the configuration {path}", faults)
