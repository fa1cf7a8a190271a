# SPDX-License-Identifier: Apache-2.0
"""Whose keys are known: a file of OpenSSH's form, see ALLOWED SIGNERS in ssh-keygen(1).

It is ``allowed_signers`` beside the file of brokers. Lines with keys that are
not of Ed25519 can have signed nothing here, so a file that git uses too will
do. A line that could give more than it says here (a certificate authority,
an unknown option) makes the whole file unusable, with its number.
"""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from eb_prefect.errors import Fault, InvalidConfigurationError
from eb_prefect.home import configuration_path
from provenance.signing.sshkey import KIND, PublicKey

NAMESPACE = "eb-record"
"""What signatures of records are called in the option ``namespaces``."""

_LIMIT = 1 << 20
_KINDS = (KIND, "ssh-", "ecdsa-", "sk-", "webauthn-")
_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class Allowed(NamedTuple):
    """One line: who signs with a key, when it is valid, and for what (patterns; nothing for all)."""

    principals: str
    key: PublicKey
    after: datetime | None = None
    before: datetime | None = None
    namespaces: str | None = None

    def objection(self, signed: datetime) -> str:
        """Return why the line does not count for a record signed at that time; nothing if it does."""
        if self.namespaces is not None and not _fits(NAMESPACE, self.namespaces):
            return f"its namespaces ({self.namespaces}) are not for {NAMESPACE}"
        if self.after is not None and signed < self.after:
            return f"it was not valid before {self.after:%Y-%m-%d %H:%M:%SZ}"
        if self.before is not None and signed >= self.before:
            return f"it is no longer valid since {self.before:%Y-%m-%d %H:%M:%SZ}"
        return ""


def allowed_path() -> Path:
    """Return where the file is, or would be."""
    return configuration_path().with_name("allowed_signers")


def allowed_signers() -> tuple[Allowed, ...]:
    """Return what the file says now; nothing if there is none.

    Raises
    ------
    InvalidConfigurationError
        It can't be read, others can write it, or lines of it can't be honoured; all are told.
    """
    path = allowed_path()
    text = guarded(path)
    return () if text is None else parsed(text, path)


def guarded(path: Path) -> str | None:
    """Return the text of a file that decides who is trusted; None where there is none.

    Raises
    ------
    InvalidConfigurationError
        It can't be read, or others can write it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as reason:
        raise _unusable(path, [Fault("the file", reason.strerror or str(reason))]) from reason
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unusable(path, [Fault("the file", f"others can write it; chmod go-w {path}")])
    if len(text) > _LIMIT:
        raise _unusable(path, [Fault("the file", f"it has more than {_LIMIT} bytes")])
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _unusable(path, [Fault("the file", "it is no text")]) from None


def parsed(text: str, path: Path) -> tuple[Allowed, ...]:
    """Return the lines with Ed25519 keys.

    Raises
    ------
    InvalidConfigurationError
        Lines of it can't be honoured; all are told.
    """
    found: list[Allowed] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found += _line(line.strip())
        except ValueError as reason:
            faults.append(Fault(f"line {number}", str(reason)))
    if faults:
        raise _unusable(path, faults)
    return tuple(found)


def _line(line: str) -> Iterator[Allowed]:
    words = list(_words(line))
    if len(words) < 3:
        raise ValueError("write it as PRINCIPALS [OPTIONS] ssh-ed25519 KEY")
    principals, *rest = words
    options = [] if rest[0].startswith(_KINDS) else list(_options(rest.pop(0)))
    if len(rest) < 2 or not rest[0].startswith(_KINDS):
        raise ValueError(f"{rest[0]!r} is no kind of key")
    said = dict(_option(option) for option in options)
    if rest[0] == KIND:
        yield Allowed(
            principals.strip('"'),
            PublicKey.of_text(f"{KIND} {rest[1]}"),
            _moment(said.get("valid-after")),
            _moment(said.get("valid-before")),
            said.get("namespaces"),
        )


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    name = name.lower()
    if name == "cert-authority":
        raise ValueError("certificate authorities are not honoured here; list the keys themselves")
    if name not in {"valid-after", "valid-before", "namespaces"}:
        raise ValueError(f"the option {name!r} is not known here")
    if len(value) < 3 or not (value.startswith('"') and value.endswith('"')):
        raise ValueError(f'write the option as {name}="..."')
    return name, value[1:-1]


def _moment(text: str | None) -> datetime | None:
    """Return a time as ssh writes it: of this machine's zone, or with a Z of UTC."""
    if text is None:
        return None
    digits = text.removesuffix("Z")
    try:
        moment = datetime.strptime(digits, _FORMS.get(len(digits), ""))  # noqa: DTZ007 -- its zone comes next
    except ValueError:
        raise ValueError(f"{text!r} is no time such as 20261231 or 20261231235959Z") from None
    return moment.replace(tzinfo=UTC) if text.endswith("Z") else moment.astimezone(UTC)


def _words(line: str) -> Iterator[str]:
    """Yield the words, which spaces outside of double quotes part."""
    yield from _split(line, (" ", "\t"))


def _options(text: str) -> Iterator[str]:
    yield from _split(text, (",",))


def _split(text: str, separators: tuple[str, ...]) -> Iterator[str]:
    word, is_quoted = "", False
    for character in text:
        if character == '"':
            is_quoted = not is_quoted
        if character in separators and not is_quoted:
            if word:
                yield word
            word = ""
            continue
        word += character
    if is_quoted:
        raise ValueError("a quotation is not closed")
    if word:
        yield word


def _fits(name: str, patterns: str) -> bool:
    """Whether a pattern list of ssh_config(5) has the name and does not exclude it."""
    given = patterns.split(",")
    if any(one.startswith("!") and fnmatchcase(name, one[1:]) for one in given):
        return False
    return any(fnmatchcase(name, one) for one in given)


def _unusable(path: Path, faults: list[Fault]) -> InvalidConfigurationError:
    return InvalidConfigurationError(f"the file of keys {path}", faults)
