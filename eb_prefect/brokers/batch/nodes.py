# SPDX-License-Identifier: Apache-2.0
"""What the nodes of a batch system have: a Python, a container runtime, surroundings of programs."""

import sys
from collections.abc import Mapping
from typing import NamedTuple

from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.embedded.runtime import NoRuntimeError, Runtime, given_runtime
from eb_prefect.errors import Fault, InvalidConfigurationError


class There(NamedTuple):
    """Where a session is carried out: its directory, and what programs find around them.

    ``python``, ``around`` and ``runtime`` are as `launch.Place` has them.
    """

    directory: str
    python: str | None
    around: Mapping[str, str] | None
    inherits: str
    runtime: Runtime | None = None


def python(host: Host, settings: BatchSettings) -> str:
    """Return the Python of the nodes."""
    return settings.python or (sys.executable if host.is_here else "python3")


def runtime(host: Host, settings: BatchSettings) -> Runtime | None:
    """Return the container runtime that the settings name.

    Raises
    ------
    InvalidConfigurationError
        It is none that is known.
    """
    if settings.runtime is None:
        return None
    try:
        return given_runtime(settings.runtime, python(host, settings))
    except NoRuntimeError as unknown:
        fault = Fault("runtime", str(unknown))
        raise InvalidConfigurationError("the broker's settings", [fault]) from unknown


def there(directory: str, host: Host, settings: BatchSettings, found: Runtime | None) -> There:
    """Return what programs find: this process's surroundings unless the nodes make their own.

    ``found`` is what `runtime` returns.
    """
    if host.is_here and not settings.setup:
        return There(directory, None, None, "its-own", found)
    return There(directory, None if host.is_here else python(host, settings), {}, "all", found)
