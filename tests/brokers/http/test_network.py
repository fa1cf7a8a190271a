# SPDX-License-Identifier: Apache-2.0
"""Certificates and proxies."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eb_prefect.brokers.http.auth import Basic
from eb_prefect.brokers.http.network import Network
from eb_prefect.errors import BrokerUnavailableError, NotABrokerError
from eb_prefect.model.phase import Phase
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, Served, serving, told

AWAY = "http://broker.invalid"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and the certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).add_extension(address, critical=False)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(key.private_bytes(pem, *plain) + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Served]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    with serving({"GET": told("RUNNING")}, tls=context) as server:
        yield server


def test_an_unknown_authority_is_not_trusted(secure: Served, client: Client) -> None:
    with pytest.raises(BrokerUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        client(secure.url).session(FIRST)


@pytest.mark.parametrize("kind", [str, Path])
def test_an_authority_can_be_given_as_a_file(
    secure: Served, client: Client, certificate: Path, kind: type[str | Path]
) -> None:
    found = client(secure.url, network=Network(verify=kind(certificate))).session(FIRST)
    assert found.phase == Phase.RUNNING


def test_an_authority_can_be_given_in_the_environment(
    secure: Served, client: Client, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert client(secure.url).session(FIRST).phase == Phase.RUNNING
    with pytest.raises(BrokerUnavailableError):
        client(secure.url, network=Network(trust_env=False)).session(FIRST)


def test_checks_can_be_left_out(secure: Served, client: Client) -> None:
    assert client(secure.url, network=Network(verify=False)).session(FIRST).phase == Phase.RUNNING


def test_a_certificate_of_the_client_is_shown(secure: Served, client: Client, certificate: Path) -> None:
    network = Network(verify=certificate, cert=str(certificate))
    assert client(secure.url, network=network).session(FIRST).phase == Phase.RUNNING


@pytest.mark.parametrize("name", ["verify", "cert"])
def test_a_file_that_is_not_there_is_told(secure: Served, client: Client, name: str) -> None:
    with pytest.raises(NotABrokerError, match="certificates"):
        client(secure.url, network=Network(**{name: "/nowhere.pem"})).session(FIRST)


def test_a_plain_broker_needs_no_certificates(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING")}
    assert client(network=Network(verify="/nowhere.pem")).session(FIRST).phase == Phase.RUNNING


def test_a_proxy_is_asked_with_its_own_credentials(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING")}
    proxy = served.url.replace("//", "//me:pass@")
    client(AWAY, auth=Basic("astro", "x"), network=Network(proxy=proxy)).session(FIRST)
    assert str(served.seen[0]) == f"GET {AWAY}:80/sessions/{FIRST}"
    assert served.seen[0].headers["proxy-authorization"].startswith("Basic ")
    assert served.seen[0].headers["host"] == "broker.invalid"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    served: Served, client: Client, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    served.says = {"GET": told("RUNNING")}
    monkeypatch.setenv(variable, served.url.removeprefix("http://"))
    assert client(AWAY).session(FIRST).phase == Phase.RUNNING
    with pytest.raises(BrokerUnavailableError):
        client(AWAY, network=Network(trust_env=False)).session(FIRST)


def test_the_environment_can_name_hosts_without_a_proxy(
    served: Served, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.says = {"GET": told("RUNNING")}
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert client().session(FIRST).phase == Phase.RUNNING


def test_a_proxy_that_is_none_is_told_without_its_password(client: Client) -> None:
    with pytest.raises(NotABrokerError) as wrong:
        client(AWAY, network=Network(proxy="http://me:secret@\n")).session(FIRST)
    assert "secret" not in str(wrong.value)


@pytest.mark.skipif(find_spec("socksio") is not None, reason="the package is there")
def test_a_proxy_that_needs_another_package_says_so(client: Client) -> None:
    with pytest.raises(NotABrokerError, match="socksio"):
        client(AWAY, network=Network(proxy="socks5://127.0.0.1:1")).session(FIRST)


def test_secrets_are_not_in_the_text_of_a_network() -> None:
    network = Network(proxy="http://me:secret@proxy", cert=("a.pem", "a.key", "secret"))
    assert "secret" not in repr(network)
