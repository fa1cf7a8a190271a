# SPDX-License-Identifier: Apache-2.0
"""How a broker is reached: certificates and proxies, as httpx has them."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from eb_prefect.brokers.http.address import Origin

Certificate = str | tuple[str, str] | tuple[str, str, str]


@dataclass(frozen=True)
class Network:
    """Certificates and proxies.

    ``verify`` is True for the usual authorities, a file or directory of
    others, an SSL context (which can't be pickled), or False for no check.
    ``cert`` is this client's own certificate: a file, or certificate, key and
    the key's password. ``proxy`` is the address of one, which may hold user
    and password. With ``trust_env`` the variables HTTP_PROXY, HTTPS_PROXY,
    ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR count.
    """

    verify: bool | str | Path | ssl.SSLContext = True
    cert: Certificate | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    trust_env: bool = True


def tls_context(network: Network) -> ssl.SSLContext:
    """Return what connections over TLS are made with.

    Raises
    ------
    OSError
        A file of certificates can't be read.
    """
    context = _authorities(network)
    if isinstance(network.cert, str):
        context.load_cert_chain(network.cert)
    elif network.cert is not None:
        context.load_cert_chain(*network.cert)
    return context


def _authorities(network: Network) -> ssl.SSLContext:
    if isinstance(network.verify, str | Path):
        path = Path(network.verify)
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    return httpx.create_ssl_context(verify=network.verify, trust_env=network.trust_env)


def proxy_for(origin: Origin, network: Network) -> str | None:
    """Return the proxy that requests to the origin go through, if any."""
    if network.proxy is not None or not network.trust_env:
        return network.proxy
    if proxy_bypass(origin.authority):
        return None
    proxies = getproxies()
    found = proxies.get(origin.scheme) or proxies.get("all")
    return found if found is None or "://" in found else f"http://{found}"


def proxy_value(url: str) -> httpcore.Proxy:
    """Return the proxy in the form that the connection pool takes.

    Raises
    ------
    httpx.InvalidURL
        The text is no address.
    """
    parsed = httpx.URL(url)
    given = (parsed.username, parsed.password) if parsed.userinfo else None
    bare = httpcore.URL(scheme=parsed.scheme, host=parsed.raw_host, port=parsed.port, target="/")
    return httpcore.Proxy(bare, auth=given)
