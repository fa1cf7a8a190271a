# SPDX-License-Identifier: Apache-2.0
"""A batch system whose files are another machine's."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.errors import OutputGoneError
from eb_prefect.model.session import Session


class BatchBrokerElsewhere(BatchBroker):
    """A `BatchBroker` whose host is not this machine; its products and streams are read from there.

    Their locations are ``ssh://HOST/PATH``, which is for people too: it names
    what ``scp HOST:PATH`` copies.
    """

    def read(self, location: str) -> Iterator[bytes]:
        """Yield a product or a stream of one of its sessions, in pieces.

        Raises
        ------
        OutputGoneError
            It is not there (any more), or is none of its sessions' files.
        BrokerUnavailableError
            The host does not answer; read it again from the start.
        """
        yield from self.read_from(location, 0)

    def read_from(self, location: str, offset: int) -> Iterator[bytes]:
        """Yield what follows the first ``offset`` bytes; raises what `read` raises."""
        path = self._path(location)
        try:
            yield from self._host.stream(path, offset)
        except OSError as reason:
            raise OutputGoneError(self.identity.name, location, reason.strerror or str(reason)) from reason

    def _path(self, location: str) -> str:
        parts = urlsplit(location)
        path = unquote(parts.path, errors="surrogateescape")
        inside = path.startswith(f"{self._base}/sessions/") and "/../" not in path
        if parts.scheme != "ssh" or parts.netloc != quote(self._host.name) or not inside:
            raise OutputGoneError(self.identity.name, location, "it is no file of its sessions")
        return path

    def _shown(self, session: Session) -> Session:
        return session.model_copy(
            update={
                "products": tuple(map(self._named, session.products)),
                "connectors": tuple(map(self._named, session.connectors)),
            }
        )

    def _named(self, item: Any) -> Any:
        if not (item.location or "").startswith("file://"):
            return item
        return item.model_copy(
            update={"location": f"ssh://{quote(self._host.name)}{item.location.removeprefix('file://')}"}
        )
