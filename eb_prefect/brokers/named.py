# SPDX-License-Identifier: Apache-2.0
"""Brokers by the name a user gives."""

from collections.abc import Iterable

from eb_prefect.brokers.configuration import BLOCKS, EMBEDDED, BrokerEntry, Configuration, configuration
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.protocol import Broker
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.candidate import Place
from eb_prefect.choice.nearness import Site
from eb_prefect.errors import UnknownBrokerError

SLURM = "slurm"


def broker_named(*names: str) -> Broker:
    """Return the broker that a user means; one that stands for all where it is several.

    A name is ``embedded``, ``slurm`` for the cluster of this machine, the URL
    of a broker, one in the configuration (`eb_prefect.brokers.configuration`),
    or ``execution-broker/NAME`` for a block of the Prefect server
    (`eb_prefect.blocks`); several can be in one text, with commas. No name
    means the default of the configuration, else ``embedded``.

    Raises
    ------
    UnknownBrokerError
        There is none of that name.
    InvalidConfigurationError
        The configuration, or a block, can't be used.
    BrokerUnavailableError
        The Prefect server does not answer where a block is named.
    """
    places = places_named(names)
    return places[0].broker if len(places) == 1 else SeveralBrokers(places)


def places_named(names: Iterable[str] = ()) -> tuple[Place, ...]:
    """Return the brokers that a user means, with what the configuration says of their sites.

    Raises
    ------
    UnknownBrokerError
        There is none of that name.
    InvalidConfigurationError
        The configuration, or a block, can't be used.
    BrokerUnavailableError
        The Prefect server does not answer where a block is named.
    """
    given = _separate(names)
    if given == [EMBEDDED]:
        return (Place(EmbeddedBroker(), EMBEDDED),)  # needs no configuration, so a broken one does not matter
    known = configuration()
    return tuple(_place(name, known) for name in given or _separate([known.defaults.broker]))


def _separate(names: Iterable[str]) -> list[str]:
    parts = [part.strip() for name in names for part in name.split(",")]
    return list(dict.fromkeys(filter(None, parts)))


def _place(name: str, known: Configuration) -> Place:
    if name == EMBEDDED:
        return Place(EmbeddedBroker(), name)
    if name in known.brokers:
        return _configured(name, known.brokers[name])
    if name == SLURM:
        return _configured(SLURM, BrokerEntry(kind="slurm"))
    if name.startswith(f"{BLOCKS}/"):
        return _configured(name, _block(name))
    if not name.startswith(("http://", "https://")):
        raise UnknownBrokerError(
            name,
            (EMBEDDED, SLURM, *known.brokers, "any http:// or https:// URL of a broker", f"{BLOCKS}/BLOCK"),
        )
    for title, entry in known.brokers.items():
        if entry.url is not None and entry.url.rstrip("/") == name.rstrip("/"):
            return _configured(title, entry)
    return Place(HTTPBroker(name))


def _configured(name: str, entry: BrokerEntry) -> Place:
    from eb_prefect.brokers.making import made  # noqa: PLC0415 - all kinds; most commands need one or two

    return Place(made(name, entry), name, Site(entry.site, entry.rses))


def _block(name: str) -> BrokerEntry:
    from eb_prefect.blocks.broker import entry_of_block  # noqa: PLC0415 - Prefect, which is slow to import

    return entry_of_block(name)
