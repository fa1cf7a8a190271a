# SPDX-License-Identifier: Apache-2.0
"""Brokers by the name a user gives."""

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import UnknownBrokerError

NAMES = ("embedded",)


def broker_named(name: str) -> Broker:
    """Return the broker that a user means.

    Raises
    ------
    UnknownBrokerError
        There is none of that name.
    """
    if name == "embedded":
        return EmbeddedBroker()
    raise UnknownBrokerError(name, NAMES)
