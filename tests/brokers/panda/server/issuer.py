# SPDX-License-Identifier: Apache-2.0
"""An OIDC issuer on loopback: its keys, and tokens for a user and a pilot in files."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ROOT = Path(os.environ["PANDA_TEST_DIR"])
PORT = int(os.environ["PANDA_TEST_PORT"]) + 2
ISSUER = f"http://127.0.0.1:{PORT}"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(audience: str, name: str, groups: list[str], *, seconds: float = 86_400) -> str:
    """Return a token as an identity provider of a collaboration gives it."""
    claims = {"iss": ISSUER, "sub": name, "aud": audience, "name": name, "groups": groups}
    claims |= {"iat": int(time.time()), "exp": int(time.time() + seconds), "preferred_username": "stargazer"}
    return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "eb"})


class Answering(BaseHTTPRequestHandler):
    """The discovery document and the keys."""

    def do_GET(self) -> None:
        public = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "eb", "alg": "RS256"}
        found = {
            "/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"},
            "/jwks": {"keys": [public]},
        }.get(self.path)
        body = json.dumps(found).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Answering)
    (ROOT / "expired").write_text(token("eb-tests", "Star Gazer", ["eb"], seconds=-60))
    (ROOT / "pilot").write_text(token("eb-pilots", "Pi Lot", ["eb", "eb/production"]))
    (ROOT / "token").write_text(token("eb-tests", "Star Gazer", ["eb"]))
    server.serve_forever()
