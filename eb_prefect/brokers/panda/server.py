# SPDX-License-Identifier: Apache-2.0
"""Where a PanDA server is, and who asks there."""

import re

from eb_prefect.brokers.http.address import Address, address, shown
from eb_prefect.brokers.http.auth import Credentials
from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.exchange import Exchange
from eb_prefect.brokers.panda.token import Token, bearer
from eb_prefect.brokers.panda.values import text
from eb_prefect.brokers.panda.wire import Wire, refuses_token
from eb_prefect.errors import NotABrokerError

_API = "/api/v1"
_OLDER = "/server/panda"
_NAME = re.compile(r"[!-~]+")
_NICKNAME = re.compile(r"/CN=nickname:([^/]+)")


def interface(url: str) -> Address:
    """Return where the interface is; people know a server by its host, or by its older interface.

    Raises
    ------
    NotABrokerError
        The URL is none.
    """
    given = address(url)
    if isinstance(given, str):
        raise NotABrokerError(shown(url), given)
    path = given.path.partition("?")[0].rstrip("/").removesuffix(_OLDER).removesuffix(_API)
    return given._replace(path=f"{path}{_API}", user="", password="")


def wire(at: Address, exchange: Exchange, name: str, vo: str, token: Token | None) -> Wire:
    """Return the calls of the interface, for a user of a collaboration.

    Raises
    ------
    NotABrokerError
        The collaboration has a name that can't be.
    """
    if not _NAME.fullmatch(vo):
        raise NotABrokerError(str(at), f"{vo!r} is not the name of a collaboration")
    credentials = Credentials(None if token is None else bearer(token))
    # PanDA takes the origin of a request for the name of the collaboration
    more = [(b"Origin", vo.encode("ascii"))]
    return Wire(Connection(at, name, exchange, credentials, more=more, refuses=refuses_token))


def user_of(asked: Wire) -> str:
    """Return the name of the user who asks: the nickname, where the token has one.

    Raises what `Wire` raises.
    """
    answer = asked.get("system/get_user_attributes")
    known = answer.data if isinstance(answer.data, dict) else {}
    nickname = _NICKNAME.search(text(known.get("user_dn_raw")) or "")
    found = nickname.group(1) if nickname else text(known.get("user_dn_clean"))
    if not answer.success or found is None:
        raise asked.unusable("it does not say who the user is")
    return found
