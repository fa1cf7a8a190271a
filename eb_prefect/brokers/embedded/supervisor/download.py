# SPDX-License-Identifier: Apache-2.0
"""Reading data from a web server, with the standard library alone."""

import time
from _collections_abc import Iterable  # without the rest of collections

from .problem import StagingError

_BLOCK = 1 << 20
_PATIENCE = 60.0
_PAUSES = (0.5, 2.0, 0.0)


def blocks_of(url: str) -> Iterable[bytes]:
    """Yield the content behind a URL.

    A server that can't be reached or answers 5xx is asked again twice; once
    content has come there is no second try, a cut answer is an error.

    Raises
    ------
    StagingError
        No content, or not all of it; the message has what came back.
    """
    # urllib costs 35 ms; only a session with data on the web pays for it
    from http.client import HTTPException  # noqa: PLC0415

    reply = _opened(url)
    declared = reply.headers.get("Content-Length")
    came = 0
    with reply:
        while True:
            try:
                block = reply.read(_BLOCK)
            except (TimeoutError, ConnectionError, HTTPException) as error:
                raise StagingError(f"the server stopped after {came} bytes: {error}") from error
            if not block:
                break
            came += len(block)
            yield block
    if declared is not None and came != int(declared):
        raise StagingError(f"the server declared {declared} bytes and sent {came}")


def _opened(url: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - its type lives in a slow module
    from http.client import HTTPException  # noqa: PLC0415 - see above
    from urllib.error import HTTPError, URLError  # noqa: PLC0415 - see above
    from urllib.request import Request, urlopen  # noqa: PLC0415 - see above

    for pause in _PAUSES:
        try:
            return urlopen(Request(url, headers={"User-Agent": "eb-prefect"}), timeout=_PATIENCE)  # noqa: S310 - http(s) only, seen to by the offer
        except HTTPError as error:
            why = f"the server answered {error.code} {error.reason}"
            if error.code < 500:
                break
        except (HTTPException, ValueError) as error:
            why = f"the address or the answer makes no sense: {error}"
            break
        except (URLError, TimeoutError, ConnectionError) as error:
            why = f"the server can't be reached: {getattr(error, 'reason', error)}"
        time.sleep(pause)
    raise StagingError(why)
