# SPDX-License-Identifier: Apache-2.0
import pytest
from prefect import flow

from eb_prefect.brokers.http.auth import Basic, Bearer
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.http.network import Network
from eb_prefect.brokers.protocol import Broker
from eb_prefect.brokers.several import SeveralBrokers

SECRET = "hunter2"
WITH_SECRETS = [
    HTTPBroker("http://x", auth=Basic("me", SECRET)),
    HTTPBroker(f"http://me:{SECRET}@x"),
    HTTPBroker("http://x", auth=Bearer(lambda _: SECRET), network=Network(proxy=f"http://me:{SECRET}@y")),
]


@flow
def asking(broker: Broker) -> None:
    """Take a broker, as flows do."""


@pytest.mark.parametrize(
    "broker", [*WITH_SECRETS, SeveralBrokers(WITH_SECRETS)], ids=lambda broker: type(broker).__name__
)
def test_a_broker_as_a_parameter_of_a_flow_tells_prefect_no_secret(broker: Broker) -> None:
    assert SECRET not in str(asking.serialize_parameters({"broker": broker}))
