# SPDX-License-Identifier: Apache-2.0
"""What a work pool, a deployment and a flow run say together of how it is to run."""

from prefect.workers.base import BaseJobConfiguration
from pydantic import Field

from eb_prefect.blocks import ExecutionBroker
from eb_prefect.brokers.named import places_named
from eb_prefect.brokers.protocol import Broker
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.candidate import Place
from eb_prefect.choice.policies import first, policy_named
from eb_prefect.worker.variables import MINUTE

FLOW = "prefect.io/flow-name"
_ONLY_A_SERVERS = "PREFECT_SERVER_"


class ExecutionBrokerJobConfiguration(BaseJobConfiguration):
    """The form, filled in for one flow run; see `eb_prefect.worker.variables`."""

    broker: str = "embedded"
    block: ExecutionBroker | None = None
    policy: str = "first"
    image: str | None = None
    cores: int = 1
    memory: int | None = None
    gpus: int | None = None
    duration: str | None = None
    volumes: list[str] = Field(default_factory=list)
    grace: int = MINUTE
    send_secrets: bool = False

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        """Return what a flow run needs of the worker's settings: how a server runs is none of it."""
        given = super()._base_environment()
        return {name: text for name, text in given.items() if not name.startswith(_ONLY_A_SERVERS)}

    @property
    def flow(self) -> str:
        """The name of the flow: its runs are likely to last as long."""
        return self.labels.get(FLOW, "flow run")

    def places(self) -> tuple[Place, ...]:
        """Return the brokers that are meant; nothing is asked of them.

        Raises what `eb_prefect.brokers.named.places_named` raises.
        """
        return (Place(self.block.broker()),) if self.block else places_named([self.broker])

    def the_broker(self) -> Broker:
        """Return the broker, one that stands for all where it is several or chosen by a policy.

        Raises what `places` raises, and what `eb_prefect.choice.policies.policy_named` does.
        """
        places, policy = self.places(), policy_named(self.policy)
        return (
            places[0].broker
            if len(places) == 1 and policy is first
            else SeveralBrokers(places, policy=policy)
        )
