# SPDX-License-Identifier: Apache-2.0
"""Opening a connection as the command ``ssh`` would, but that nothing is asked or taken on trust.

The configuration of ssh says user, port, keys, agent, certificates, jump
hosts and what else; passwords and passphrases are never asked for. A host key
must be in a file of known hosts, whatever ``StrictHostKeyChecking`` says.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh import SSHClientConnection, SSHClientConnectionOptions

from eb_prefect.errors import AccessDeniedError, BrokerUnavailableError

_CONFIGURATION = ("~/.ssh/config", "/etc/ssh/ssh_config")
_KNOWN_OF_USER = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_KNOWN_OF_MACHINE = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_ALIVE_SECONDS = 15
_JUMPS = 8


@dataclass(frozen=True)
class Target:
    """Whom to reach: a name or an alias of the configuration, and what overrules that.

    ``configuration`` is the only file of it that is read, as with ``ssh -F``; None for the usual two.
    """

    host: str
    user: str | None = None
    port: int | None = None
    configuration: str | None = None

    @classmethod
    def of(cls, text: str, configuration: str | None) -> "Target":
        """Return the target of ``[user@]host[:port]``, perhaps with ``ssh://`` before it."""
        user, _, address = text.removeprefix("ssh://").rpartition("@")
        host, _, port = address.rpartition(":")
        if not port.isdigit() or (":" in host and not host.endswith("]")):
            host, port = address, ""
        return cls(host.strip("[]"), user or None, int(port) if port else None, configuration)


async def opened(target: Target, *, jumps: int = _JUMPS) -> SSHClientConnection:
    """Return a new connection, through the jump hosts that the configuration names.

    Raises
    ------
    AccessDeniedError
        The credentials are refused.
    BrokerUnavailableError
        It can't be reached, or its key is not known.
    """
    try:
        options = await _options(target)
        tunnel = await _tunnel(options, target, jumps)
        return await _connected(options, tunnel)
    except asyncssh.PermissionDenied as refused:
        raise AccessDeniedError(target.host, 401, _who(refused)) from refused
    except asyncssh.HostKeyNotVerifiable as unknown:
        raise _unavailable(target, _unknown_key(target, unknown)) from unknown
    except (asyncssh.Error, OSError, ValueError) as error:  # ValueError: a mistake in the configuration
        raise _unavailable(target, str(error) or type(error).__name__) from error


async def _options(target: Target) -> SSHClientConnectionOptions:
    files = [target.configuration] if target.configuration else _files_of_ssh()
    more: dict[str, Any] = {"host": target.host, "config": files}
    if target.user is not None:
        more["username"] = target.user
    if target.port is not None:
        more["port"] = target.port
    said = await SSHClientConnectionOptions.construct(**more, client_keys=None)
    known = asyncssh.import_known_hosts("".join(_lines(_known_files(said.config))))
    alive = said.keepalive_interval or _ALIVE_SECONDS
    options: SSHClientConnectionOptions = await SSHClientConnectionOptions.construct(
        **more,
        **_identities(said.config),
        known_hosts=known,
        keepalive_interval=alive,
        agent_forwarding=False,
    )
    return options


async def _tunnel(
    options: SSHClientConnectionOptions, target: Target, jumps: int
) -> SSHClientConnection | None:
    """Return a connection to the last jump host, None where there is none."""
    last = None
    for hop in options.tunnel.split(",") if isinstance(options.tunnel, str) else ():
        if not jumps:
            raise _unavailable(
                target, f"more than {_JUMPS} jump hosts lead to it; look for a circle in ProxyJump"
            )
        through = Target.of(hop, target.configuration)
        last = await (_connected(await _options(through), last) if last else opened(through, jumps=jumps - 1))
    return last


async def _connected(
    options: SSHClientConnectionOptions, tunnel: SSHClientConnection | None
) -> SSHClientConnection:
    if tunnel is None:
        return await asyncssh.connect(options=options)
    try:
        connection = await asyncssh.connect(options=options, tunnel=tunnel)
    except BaseException:
        tunnel.abort()
        raise
    connection.set_tunnel(tunnel)  # which ends with it
    return connection


def _identities(config: Any) -> dict[str, Any]:
    """Return the keys that the configuration names, but for those that are missing or locked.

    The library would stop at a missing one, and would not look for the public
    half of a locked one, by which it is found in the agent.
    """
    files = [Path(name).expanduser() for name in config.get("IdentityFile") or ()]
    if not files:
        return {}
    private = [str(file) for file in files if file.is_file() and b"PRIVATE KEY" in file.read_bytes()]
    found: dict[str, Any] = {"client_keys": private, "ignore_encrypted": True}
    if config.get("IdentitiesOnly"):
        halves = (Path(f"{file}{end}") for file in files for end in ("", ".pub", "-cert.pub"))
        public = [str(half) for half in halves if half.is_file() and str(half) not in private]
        found["agent_identities"] = public or [b""]  # no identity is this; an empty list would be every one
    return found


def _known_files(config: Any) -> Iterator[str]:
    yield from config.get("UserKnownHostsFile") or _KNOWN_OF_USER
    yield from config.get("GlobalKnownHostsFile") or _KNOWN_OF_MACHINE


def _lines(files: Iterable[str]) -> Iterator[str]:
    """Yield the lines of all files that are there; one that the library can't read is as good as missing."""
    for file in files:
        path = Path(file.replace("%d", "~", 1)).expanduser()
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
            if _is_usable(line):
                yield f"{line}\n"


def _is_usable(line: str) -> bool:
    try:
        asyncssh.import_known_hosts(line)
    except ValueError:
        return False
    return True


def _files_of_ssh() -> list[str]:
    paths = (str(Path(path).expanduser()) for path in _CONFIGURATION)
    return [path for path in paths if os.access(path, os.R_OK)]


def _who(refused: asyncssh.PermissionDenied) -> str:
    return (
        f"{refused.reason}; nothing is asked for here, so add the key to your agent with ssh-add,"
        " or name it as IdentityFile"
    )


def _unknown_key(target: Target, unknown: asyncssh.HostKeyNotVerifiable) -> str:
    return (
        f"{unknown.reason}: its key is not the one among the known hosts, or none is there;"
        f" connect once with `ssh {target.host}` and compare the key"
    )


def _unavailable(target: Target, reason: str) -> BrokerUnavailableError:
    return BrokerUnavailableError(target.host, reason, is_unsent=True)
