# SPDX-License-Identifier: Apache-2.0
from eb_prefect.testing.contract import BrokerContract


class TestPandaBroker(BrokerContract):
    """The fixture ``bench`` makes it both: tasks, and jobs."""
