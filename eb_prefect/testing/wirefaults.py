# SPDX-License-Identifier: Apache-2.0
"""The faults of servers, proxies and networks as switches: documents, answers, connections."""

import sys
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

ALWAYS: Final = sys.maxsize
"""For switches that count: every time."""


@dataclass(frozen=True, kw_only=True)
class WireFaults:
    """What goes wrong between a broker and its client; part of `eb_prefect.testing.faults.Faults`."""

    odd_fractions: bool = False
    """Times have nine digits of a second in answers to POST; later reads have them rounded to
    microseconds, without zeros at the end. The public broker, all versions.
    """

    epoch_schedules: bool = False
    """Parts have schedules that begin ten seconds after the start of 1970 (the public broker in 2026)."""

    foreign_kinds: bool = False
    """The URIs of kinds have a base that no dialect has yet. A move to w3id.org is planned."""

    empties: bool = False
    """Fields without a value are there, as null or empty (dialect A)."""

    redirect_to: str = ""
    """The Location of a 303 and the URLs in documents begin with this.

    The public broker makes them from what it takes for its own host, which
    behind a proxy is not what the client can reach.
    """

    redirect_without_body: bool = False
    """A 303 has no body. Servers are free to; not seen."""

    redirect_without_location: bool = False
    """A 303 has no Location. Hostile; not seen."""

    created_instead: int = 0
    """What should be a 303 has this status, 200 or 201, with the whole body.

    The schema of the API lists 200 beside 303.
    """

    redirects_for_ever: bool = False
    """Reads of sessions are redirected to where they came from. A proxy's fault."""

    yaml_errors: bool = False
    """Errors are YAML although the client accepts JSON only.

    The public broker answers so where JSON is not named by itself.
    """

    yaml_answers: bool = False
    """Everything is YAML although the client accepts JSON only. Hostile; not seen."""

    bare_400: bool = False
    """Every request is answered 400 with time, status and path and without a reason.

    The public broker, whenever it can't read a request.
    """

    direct_fails: bool = False
    """Direct execution is answered 500 (the public broker, August 2026, where it means NO)."""

    forbidden: bool = False
    """Every update is answered 403 without a body, as that of another user's session is."""

    stale_token: str = ""
    """Whoever sends this as bearer token is answered 401: it has run out, fetch another."""

    too_many: int = 0
    """So many answers are 429. Proxies and gateways limit rates."""

    unavailable: int = 0
    """So many answers are 503. What a proxy says while the broker is away."""

    retry_after: str = ""
    """The Retry-After of 429 and 503: seconds, or `http_date`, or rubbish. Empty is none."""

    proxy_page: int = 0
    """Everything is answered with this status (502, or even 200) and a page of HTML."""

    content_type: str = ""
    """Everything has this Content-Type, whatever it is."""

    empty_bodies: int = 0
    """So many answers have no body where one is due."""

    garbled_bodies: int = 0
    """So many bodies are no JSON, nor text of any kind."""

    padded_to: int = 0
    """Bodies are filled with blanks to so many bytes."""

    gzip_bomb: int = 0
    """Bodies are compressed, and so many bytes long when they are not."""

    dropped_before: int = 0
    """So many connections end before the request on them is looked at."""

    dropped_after: int = 0
    """So many connections end when what was asked is done, without an answer."""

    cut_bodies: int = 0
    """So many bodies end in their middle."""

    not_http: int = 0
    """So many answers are not even HTTP."""

    silent: int = 0
    """So many requests are never answered, and their connections stay open."""

    delay: float = 0.0
    """Every answer comes so many seconds late."""

    drip: float = 0.0
    """Bodies come in pieces of one byte, so many seconds apart."""

    endless: bool = False
    """Bodies never end."""

    closes: bool = False
    """The connection ends after each answer, without a word of it before."""


def http_date(seconds: float) -> str:
    """Return the moment so many seconds from now as the text of an HTTP header."""
    return formatdate(time.time() + seconds, usegmt=True)
