# SPDX-License-Identifier: Apache-2.0
r"""A scripted broker as a process of its own: ``python -m eb_prefect.testing.server``.

Prints one line of JSON with its ``url`` when it answers, and goes on until it
is interrupted or terminated; with ``--until-eof`` also until its standard
input ends, as it does when the program that started it dies. Offers are open
for five real minutes at any speed. The peer of benchmarks::

    python -m eb_prefect.testing.server --speed 60 --seed 1 \
        --durations cutout:20:0.3:0.5,imaging:600:0.4:0.3,calibration:3000:0.3:0.2

See `eb_prefect.testing.control` for what to ask it beside the protocol.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from threading import Event, Thread

from eb_prefect.testing.clock import FastClock
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.mix import Mix, classes
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import OFFER_LIFE, Terms
from eb_prefect.testing.wireserver import Credentials, ScriptedServer
from eb_prefect.wire.dialect import Dialect

_SPOKEN = [str(dialect) for dialect in Dialect if dialect is not Dialect.A0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it."""
    given = _parser().parse_args(arguments)
    mix = Mix(classes(given.durations), seed=given.seed, failing=given.failing, speed=given.speed)
    broker = ScriptedBroker(
        mix,
        offers=(Terms(life=OFFER_LIFE * given.speed),),
        clock=FastClock(given.speed),
        settling=given.settling,
        streams={"stdout": given.stdout} if given.stdout else None,
    )
    server = ScriptedServer(
        broker,
        Dialect(given.dialect),
        faults=Faults(**json.loads(given.faults)),
        auth=_credentials(given.user, given.token),
        port=given.port,
        ask=mix.request,
    )
    ended = _end(until_eof=given.until_eof)
    with server:
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eb_prefect.testing.server", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    option = parser.add_argument
    option("--dialect", choices=_SPOKEN, default=str(Dialect.B2))
    option("--port", type=int, default=0, help="0 is any free one")
    option("--speed", type=float, default=1.0, help="seconds of its clock in a real second")
    option("--seed", type=int, default=0, help="the same draws the same durations")
    option("--durations", default="short:2:0.2:1", help="name:median seconds:sigma:share, and so on")
    option("--failing", type=float, default=0.0, help="share of the sessions that end FAILED")
    option(
        "--settling", type=float, default=None, help="seconds in which the parts of a session end after it"
    )
    option("--stdout", default="", help="what each session writes")
    option("--faults", default="{}", help='switches as JSON: {"unavailable": 3}')
    option("--until-eof", action="store_true", help="end with standard input")
    option("--user", default="", help="name:password that a POST must bring")
    option("--token", default="", help="bearer token that a POST must bring")
    return parser


def _credentials(user: str, token: str) -> Credentials:
    name, _, password = user.partition(":")
    return (name, password) if user else token or None


def _end(*, until_eof: bool) -> Event:
    """Return what is set when it is time to end."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if until_eof:
        Thread(target=_read_out, args=(ended,), daemon=True).start()
    return ended


def _read_out(ended: Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
