# SPDX-License-Identifier: Apache-2.0
"""What Prefect finds of this package by itself: its blocks and its worker."""

from eb_prefect.blocks import ExecutionBroker, OfferPolicy
from eb_prefect.worker.worker import ExecutionBrokerWorker

__all__ = ["ExecutionBroker", "ExecutionBrokerWorker", "OfferPolicy"]
