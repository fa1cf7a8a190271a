# SPDX-License-Identifier: Apache-2.0
"""From what a record or a journal says of a broker to the broker, as this user reaches it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from eb_prefect.brokers.configuration import BrokerEntry, configuration
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.named import broker_named
from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import UnknownBrokerError
from eb_prefect.model.steprun import BrokerIdentity


def remade(identity: BrokerIdentity) -> Broker:
    """Return a broker that has the same sessions.

    A URL is reached as `broker_named` reaches it; an embedded broker by its
    home; any other is one of the configuration, or the Slurm of this machine.

    Raises
    ------
    UnknownBrokerError
        None of those is it.
    InvalidConfigurationError
        The configuration can't be used.
    """
    for broker in _candidates(identity):
        if (broker.identity.kind, broker.identity.url) == (identity.kind, identity.url):
            return broker
    raise UnknownBrokerError(f"{identity.kind} {identity.name}", sorted(configuration().brokers))


def _candidates(identity: BrokerIdentity) -> Iterator[Broker]:
    from eb_prefect.brokers.making import made  # noqa: PLC0415 - all kinds; most commands need one or two

    if identity.kind == "http" and identity.url is not None:
        yield broker_named(identity.url)
    elif identity.kind == "embedded" and identity.url is not None:
        yield EmbeddedBroker(Path(unquote(urlsplit(identity.url).path)))
    else:
        for name, entry in configuration().brokers.items():
            if entry.kind == identity.kind:
                yield made(name, entry)
        if identity.kind == "slurm":
            yield made("slurm", BrokerEntry(kind="slurm"))
