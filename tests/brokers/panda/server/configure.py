# SPDX-License-Identifier: Apache-2.0
"""Write the configuration of a PanDA server for tests."""

import json
import os
from pathlib import Path

ROOT = Path(os.environ["PANDA_TEST_DIR"])
PORT = int(os.environ["PANDA_TEST_PORT"])

SERVER = f"""
[server]
logdir = {ROOT}/logs
loggername = prod
cache_dir = {ROOT}/cache
home_dir_cwd = {ROOT}
dbhost = 127.0.0.1
dbport = {PORT + 1}
dbuser = panda
dbpasswd = none
dbname = panda
backend = postgres
nDBConnection = 4
usedbtimeout = False
dbtimeout = 300
dbbridgeverbose = False
dump_sql = False
cursor_dump = False
schemaPANDA = DOMA_PANDA
schemaMETA = DOMA_PANDAMETA
schemaPANDAARCH = DOMA_PANDAARCH
schemaJEDI = DOMA_PANDA
schemaDEFT = DOMA_DEFT
pserverhost = 127.0.0.1
pserverport = {PORT}
pserveralias = 127.0.0.1
entryVerbose = False
nrun_interval = 5
nrun_hosts = 1
nrun_snum = 1
record_statuschange = False
useJEDI = True
adder_plugins = local:pandaserver.dataservice.adder_dummy_plugin:AdderDummyPlugin
setupper_plugins = local:pandaserver.dataservice.setupper_dummy_plugin:SetupperDummyPlugin
closer_plugins = none:pandaserver.dataservice.closer:Closer
token_authType = oidc
auth_config = {ROOT}/home/auth
legacy_token_issuers =
emailSMTPsrv = 127.0.0.1
emailSender = nobody
emailLogin = nobody
emailPass = none

[daemon]
enable = False
"""
COMMON = f"""
[logger]
loghost = 127.0.0.1
monport-apache = 1
method = GET
encoding = url
loghost_new = 127.0.0.1
monport-apache_new = 1
method_new = POST
encoding_new = json
monurlprefix = /logger
logdir = {ROOT}/logs
log_level = DEBUG
rotating_policy = none
nemitters = 0
migrated = True
"""


def write() -> None:
    """Write the files where the server looks for them."""
    home = ROOT / "home"
    for path in (home / "etc/panda", home / "auth", ROOT / "logs", ROOT / "cache"):
        path.mkdir(parents=True, exist_ok=True)
    (home / "etc/panda/panda_server.cfg").write_text(SERVER)
    (home / "etc/panda/panda_common.cfg").write_text(COMMON)
    issuer = f"http://127.0.0.1:{PORT + 2}"
    config = {
        "audience": "eb-tests",
        "client_id": "eb-tests",
        "oidc_config_url": f"{issuer}/.well-known/openid-configuration",
        "vo": "eb",
        "no_verify": "True",
        "robot_ids": "",
    }
    (home / "auth/eb_auth_config.json").write_text(json.dumps(config))
    production = config | {"client_id": "eb-pilots", "vo": "eb.production"}
    (home / "auth/eb.production_auth_config.json").write_text(json.dumps(production))


if __name__ == "__main__":
    write()
