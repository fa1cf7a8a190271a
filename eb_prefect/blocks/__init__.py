# SPDX-License-Identifier: Apache-2.0
"""What a Prefect server keeps for steps: brokers, and policies that choose among their offers."""

from eb_prefect.blocks.broker import ExecutionBroker
from eb_prefect.blocks.policy import OfferPolicy

__all__ = ["ExecutionBroker", "OfferPolicy"]
