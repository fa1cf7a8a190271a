# SPDX-License-Identifier: Apache-2.0
"""Stores of records as Prefect blocks."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, HttpUrl, SecretStr, model_validator

from eb_prefect.blocks.forms import PlainForm

if TYPE_CHECKING:  # Prefect imports blocks wherever it starts, and the store needs a database's library
    from provenance.store import Store

_EXAMPLE = """
```python
from provenance.blocks import RecordStore
from provenance.tasks import Keeping

team = RecordStore.load("BLOCK_NAME")
keeping = Keeping(store=team.store())
```
"""


class RecordStore(PlainForm, Block):
    """Where the records of steps are kept: a file of this machine, or a database that machines share."""

    model_config = ConfigDict(extra="forbid")

    _block_type_name: ClassVar[str | None] = "Record Store"
    _block_type_slug: ClassVar[str | None] = "record-store"
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://www.w3.org/TR/prov-overview/")
    _code_example: ClassVar[str | None] = _EXAMPLE

    path: Path | None = Field(
        default=None, description="The file of an SQLite database, on the machine that uses it."
    )
    url: SecretStr | None = Field(
        default=None,
        description="The address of a PostgreSQL database, postgresql://USER:PASSWORD@HOST/NAME.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("give either path or url")
        return self

    def store(self) -> "Store":
        """Return the store; it is opened, and made where it is not there, when it is first used."""
        from provenance.store import Store  # noqa: PLC0415 -- see above

        return Store(self.url.get_secret_value() if self.url else self.path)
