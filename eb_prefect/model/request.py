# SPDX-License-Identifier: Apache-2.0
"""What a client asks a broker for."""

from eb_prefect.model.compute import Compute, Volume
from eb_prefect.model.data import Data
from eb_prefect.model.executable import Executable
from eb_prefect.model.moment import Duration, Interval
from eb_prefect.model.parts import Amount
from eb_prefect.model.storage import Storage
from eb_prefect.model.value import Text, Value


class Requested(Value):
    """How long the session is wanted, and the interval in which it may start."""

    duration: Duration | None = None
    start: Interval | None = None


class RequestSchedule(Value):
    """The schedule of a request."""

    requested: Requested | None = None


class ExecutionRequest(Value):
    """What to run and what it needs, in neutral form.

    Volumes belong to ``compute``; ``volumes`` holds only those that a
    document declares and does not attach. Names are unique over ``data`` and
    ``storage``: volumes refer to both.
    """

    name: Text | None = None
    description: Text | None = None
    executable: Executable | None = None
    compute: Compute | None = None
    storage: tuple[Storage, ...] = ()
    volumes: tuple[Volume, ...] = ()
    data: tuple[Data, ...] = ()
    schedule: RequestSchedule | None = None
    costs: tuple[Amount, ...] = ()
    metrics: tuple[Amount, ...] = ()
