# SPDX-License-Identifier: Apache-2.0
"""Passwords and tokens from where a person keeps them, read anew each time they are asked for."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from eb_prefect.brokers.configuration import BrokerEntry
from eb_prefect.errors import Fault, InvalidConfigurationError

_PATIENCE = 120.0  # a person may have to type into what the command opens


@dataclass(frozen=True)
class Secret:
    """What ``read`` returns when it is called; it is not in the text of this object."""

    key: str
    read: Callable[[], str] = field(repr=False)

    def __call__(self, renew: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002 -- see `Bearer`
        """Return the secret as it is now, whether a new one is asked for or not.

        Raises
        ------
        InvalidConfigurationError
            It is not where the configuration says.
        """
        if not (found := self.read()):
            raise _missing(self.key, "gives nothing")
        return found


def secret(name: str, entry: BrokerEntry, kind: str) -> Secret | None:
    """Return the password or the token of a broker, None if it has none.

    ``kind`` is ``password`` or ``token``.
    """
    where = f"brokers.{name}.{kind}"
    if (given := getattr(entry, kind)) is not None:
        return Secret(where, given.get_secret_value)
    if (variable := getattr(entry, f"{kind}_env")) is not None:
        return Secret(f"{where}_env", partial(_of_environment, f"{where}_env", variable))
    if (path := getattr(entry, f"{kind}_file")) is not None:
        return Secret(f"{where}_file", partial(of_file, f"{where}_file", path))
    if (command := getattr(entry, f"{kind}_command")) is not None:
        return Secret(f"{where}_command", partial(of_command, f"{where}_command", command))
    return None


def _of_environment(key: str, variable: str) -> str:
    if variable not in os.environ:
        raise _missing(key, f"{variable} is not in the environment")
    return os.environ[variable]


def of_file(key: str, path: Path) -> str:
    """Return the text of a file, without the space around it; ``key`` is what the error names.

    Raises
    ------
    InvalidConfigurationError
        It can't be read.
    """
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "it is no text"
        raise _missing(key, f"{path} can't be read: {why}") from None


def of_command(key: str, command: tuple[str, ...]) -> str:
    """Return what a command says, without the space around it; ``key`` is what the error names.

    Raises
    ------
    InvalidConfigurationError
        It can't be run, fails, or takes two minutes.
    """
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_PATIENCE, text=True)
    except OSError as reason:
        raise _missing(key, f"{command[0]} can't be run: {reason.strerror}") from None
    except subprocess.CalledProcessError as failed:
        raise _missing(key, f"{command[0]} ended with {failed.returncode}") from None
    except (subprocess.TimeoutExpired, UnicodeDecodeError):
        raise _missing(key, f"{command[0]} gave nothing that can be used") from None
    return done.stdout.strip()


def _missing(key: str, reason: str) -> InvalidConfigurationError:
    return InvalidConfigurationError("the configuration", [Fault(key, reason)])
