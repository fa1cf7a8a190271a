# SPDX-License-Identifier: Apache-2.0
"""Which brokers are asked and which of their offers is taken, as a Prefect block."""

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, HttpUrl

from eb_prefect.brokers.protocol import Broker

_EXAMPLE = """
```python
from eb_prefect.blocks import OfferPolicy

green = OfferPolicy.load("BLOCK_NAME")
broker = green.broker()
```
"""


class OfferPolicy(Block):
    """Brokers that are asked at once, and how the best of their offers is found.

    A flow that takes its broker from here runs where the policy says, and
    whoever edits the block changes that for all flows.
    """

    model_config = ConfigDict(extra="forbid")

    _block_type_name: ClassVar[str | None] = "Offer Policy"
    _block_type_slug: ClassVar[str | None] = "offer-policy"
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://www.ivoa.net/documents/ExecutionBroker/")
    _code_example: ClassVar[str | None] = _EXAMPLE

    brokers: list[str] = Field(
        min_length=1,
        description="The brokers: embedded, slurm, URLs, names of the configuration file, or "
        "execution-broker/NAME for blocks.",
    )
    policy: str = Field(
        default="first",
        description="Which offer is the best: first, cheapest, greenest, fastest, soonest, nearest, or "
        "weights such as monetary:1,carbon:0.02.",
    )
    constraints: list[str] = Field(
        default_factory=list,
        description="What each offer has to meet, such as monetary <= 0.5 or start <= PT1H.",
    )

    def broker(self) -> Broker:
        """Return a broker that stands for all of them; nothing is asked of any.

        Raises
        ------
        UnknownBrokerError
            There is no broker of one of the names.
        InvalidChoiceError
            The policy or a constraint can't be read.
        InvalidConfigurationError
            What the configuration or a block says of a broker can't be used.
        """
        # brokers of all kinds, which Prefect's own commands need not import
        from eb_prefect.brokers.named import places_named  # noqa: PLC0415 -- see above
        from eb_prefect.brokers.several import SeveralBrokers  # noqa: PLC0415 -- see above
        from eb_prefect.choice.constraints import constraints  # noqa: PLC0415 -- see above
        from eb_prefect.choice.policies import policy_named  # noqa: PLC0415 -- see above

        limits = [limit for text in self.constraints for limit in constraints(text)]
        return SeveralBrokers(
            places_named(self.brokers), policy=policy_named(self.policy), constraints=limits
        )
