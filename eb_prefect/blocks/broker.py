# SPDX-License-Identifier: Apache-2.0
"""Brokers as Prefect blocks: what the configuration file says of a broker, kept on a Prefect server."""

from pathlib import Path
from typing import ClassVar, cast

import httpx
from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL
from pydantic import ConfigDict, HttpUrl, ValidationError

from eb_prefect.blocks.forms import PlainForm
from eb_prefect.brokers.configuration import BLOCKS, BrokerEntry, BrokerFields, faults_in
from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import BrokerUnavailableError, Fault, InvalidConfigurationError, UnknownBrokerError

_EXAMPLE = """
```python
from eb_prefect.blocks import ExecutionBroker

cluster = ExecutionBroker.load("BLOCK_NAME")
broker = cluster.broker()
```
"""


class ExecutionBroker(PlainForm, Block, BrokerFields):
    """A broker that runs steps: a server, a Slurm cluster, or the machine of who uses it.

    Flows and commands name it ``execution-broker/BLOCK_NAME`` where they name
    a broker. Its files, environment variables and commands are those of the
    machine on which it is used.
    """

    model_config = ConfigDict(extra="forbid")

    _block_type_name: ClassVar[str | None] = "Execution Broker"
    _block_type_slug: ClassVar[str | None] = BLOCKS
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://www.ivoa.net/documents/ExecutionBroker/")
    _code_example: ClassVar[str | None] = _EXAMPLE

    def broker(self) -> Broker:
        """Return the broker; nothing is asked of it.

        Raises
        ------
        InvalidConfigurationError
            What was changed does not fit together, or a secret is not where it should be.
        """
        from eb_prefect.brokers.making import made  # noqa: PLC0415 -- all kinds; every Prefect server and worker imports blocks

        name = self._block_document_name
        return made(f"{BLOCKS}/{name}" if name else self.kind, self.entry())

    def entry(self) -> BrokerEntry:
        """Return the same as an entry of the configuration, checked.

        Raises
        ------
        InvalidConfigurationError
            What was changed does not fit together.
        """
        given = {name: value for name, value in self if name in BrokerEntry.model_fields}
        try:
            return BrokerEntry.model_validate(given, context=Path.cwd())
        except ValidationError as wrong:
            what = f"the block {BLOCKS}/{self._block_document_name or ''}".rstrip("/")
            raise InvalidConfigurationError(what, faults_in(wrong)) from None


def entry_of_block(name: str) -> BrokerEntry:
    """Return what the Prefect server has on a broker, by ``execution-broker/BLOCK_NAME``.

    Raises
    ------
    UnknownBrokerError
        It has no such block.
    InvalidConfigurationError
        What it has can't be used, or it is not known which server to ask.
    BrokerUnavailableError
        The Prefect server does not answer.
    """
    try:
        return _loaded(name).entry()
    except ValidationError as wrong:
        raise InvalidConfigurationError(f"the block {name}", faults_in(wrong)) from None
    except httpx.HTTPError as error:
        where = PREFECT_API_URL.value() or "that it starts by itself"
        raise BrokerUnavailableError(f"the Prefect server {where}", str(error)) from error
    except ValueError as error:
        if error.__cause__ is None:  # Prefect has one error for both, and only one of them has a cause
            raise InvalidConfigurationError("Prefect", [Fault("PREFECT_API_URL", "is not set")]) from error
        raise UnknownBrokerError(name, ["prefect block ls shows those that the server has"]) from error


def _loaded(name: str) -> ExecutionBroker:
    # a flow may be async, and what names brokers is not
    found = ExecutionBroker.load(name.removeprefix(f"{BLOCKS}/"), _sync=True)  # type: ignore[call-arg]
    return cast("ExecutionBroker", found)
