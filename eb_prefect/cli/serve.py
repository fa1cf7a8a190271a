# SPDX-License-Identifier: Apache-2.0
"""`eb serve`."""

import json
import signal
import sys
from pathlib import Path
from typing import Any, Never
from urllib.parse import urlsplit

import click

from eb_prefect.brokers.http.paths import PATHS
from eb_prefect.brokers.named import broker_named
from eb_prefect.server.app import SPOKEN, app
from eb_prefect.server.run import LOOPBACK, listening, serve, url_of
from eb_prefect.server.users import Users, add_user
from eb_prefect.wire.dialect import Dialect

PORT = 8082
"""Where brokers listen if nobody says otherwise."""

_DIALECT = click.Choice([dialect.value for dialect in SPOKEN], case_sensitive=False)


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 is any free.")
@click.option("--host", default=LOOPBACK, show_default=True, help="The address to listen on.")
@click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="NAME",
    help="What to serve: embedded (this machine), slurm (its cluster), the URL of a broker, a name in the "
    "configuration, or execution-broker/NAME for a Prefect block.",
)
@click.option("--dialect", type=_DIALECT, default=Dialect.B2.value, show_default=True, help="What / speaks.")
@click.option("--users", type=click.Path(path_type=Path), help="Who may use it; needed beyond this machine.")
@click.option("--add-user", "new_user", metavar="NAME", help="Add to --users, print the secret, and end.")
@click.option("--public-reads", is_flag=True, help="Let all read, as brokers do; changes need a user.")
@click.option("--base-url", metavar="URL", help="Its public address, where that is another's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def serve_(  # noqa: PLR0913 -- one argument an option is click's way
    *,
    port: int,
    host: str,
    brokers: tuple[str, ...],
    dialect: str,
    users: Path | None,
    new_user: str | None,
    public_reads: bool,
    base_url: str | None,
    as_json: bool,
) -> None:
    """Serve a broker as an IVOA Execution Broker, until it is interrupted.

    All dialects are spoken at once, below /A, /B1, /B2 and /neutral; the
    root speaks --dialect. Only programs of this machine can reach it, and
    all of them may, unless there is a file of --users: those show by HTTP
    Basic or as a bearer who they are, and have their sessions for themselves.
    Sessions go on when the server ends, and are found again by the next.

    Example: eb serve --port 8082
    """
    if users is None and (new_user or public_reads):
        raise click.UsageError(f"--{'add-user' if new_user else 'public-reads'} needs --users FILE")
    if new_user and users:
        secret = add_user(users, new_user)
        _say({"user": new_user, "secret": secret}, secret, as_json=as_json)
        return
    signal.signal(signal.SIGTERM, _end)
    known = Users(users) if users else None
    application = app(
        broker_named(*brokers),
        dialect=Dialect(dialect),
        users=known,
        public_reads=public_reads,
        base_url=_address(base_url),
    )
    listener = listening(host, port, has_users=users is not None)
    url = _address(base_url) or url_of(listener)
    said = {"url": url, "dialect": dialect, "dialects": {each.value: f"{url}/{each}" for each in SPOKEN}}
    _say(said, _welcome(url, Dialect(dialect), has_users=users is not None), as_json=as_json)
    serve(application, listener)


def _address(given: str | None) -> str | None:
    if given is None:
        return None
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.BadParameter(f"{given!r} is no http:// or https:// address", param_hint="--base-url")
    return given.rstrip("/")


def _welcome(url: str, dialect: Dialect, *, has_users: bool) -> str:
    others = " ".join(f"{url}/{each}" for each in SPOKEN)
    who = " -u NAME:SECRET" if has_users else ""
    send = f"curl{who} -H 'Content-Type: application/yaml' --data-binary @request.yaml"
    return f"listening at {url} ({dialect}) and {others}\nask: {send} {url}/{PATHS[dialect].submit}"


def _say(told: dict[str, Any], text: str, *, as_json: bool) -> None:
    click.echo(json.dumps(told) if as_json else text)
    sys.stdout.flush()


def _end(*_: object) -> Never:
    raise SystemExit(0)
