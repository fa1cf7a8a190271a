# SPDX-License-Identifier: Apache-2.0
"""Numbers with a least and a most."""

from collections.abc import Iterator

from eb_prefect.errors import Fault
from eb_prefect.model.parts import Amount, Range


def counts(size: Range | None, path: str) -> Iterator[Fault]:
    """Yield what is wrong with a number of cores or GiB."""
    if size is None:
        return
    for key, number in (("min", size.min), ("max", size.max)):
        if number is not None and number < 1:
            yield Fault(f"{path}.{key}", f"is {number}; it is at least 1")
    yield from ordered(size, path)


def ordered(size: Range | Amount, path: str) -> Iterator[Fault]:
    """Yield a fault if the least is more than the most."""
    if size.min is not None and size.max is not None and size.min > size.max:
        yield Fault(f"{path}.min", f"is {size.min}, more than the max of {size.max}")
