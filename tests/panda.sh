#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real PanDA server on loopback: panda-server of PyPI behind gunicorn, PostgreSQL, and an OIDC issuer of its own.
#
#   tests/panda.sh install   once: the server's packages in an environment of their own, about 400 MB
#   tests/panda.sh start     the database, the issuer, the server; prints nothing when all run
#   tests/panda.sh env       what its clients need: eval "$(tests/panda.sh env)"
#   tests/panda.sh stop      ends the three; what they know stays
#   tests/panda.sh wipe      stops them and removes what they know
#
# Everything is below PANDA_TEST_DIR (/tmp/eb-panda), ports from PANDA_TEST_PORT (28470) on. As root the
# database runs as the user postgres. JEDI, Harvester and pilots are not part of it: worker.py, beside the
# server's files, does the least of their work, and runs jobs as processes of this machine.
set -eu

here=$(cd "$(dirname "$0")/brokers/panda/server" && pwd)
dir=${PANDA_TEST_DIR:-/tmp/eb-panda}
port=${PANDA_TEST_PORT:-28470}
python=$dir/venv/bin/python
export PANDA_TEST_DIR="$dir" PANDA_TEST_PORT="$port" PANDA_HOME="$dir/home"
export PANDA_BEHIND_REAL_LB=1 PANDA_URL="http://127.0.0.1:$port/server/panda" # what the server imports looks hosts up

pg_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1; }

as_owner() { # PostgreSQL refuses to run as root
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

runs() { # whether the process of a pid file runs; one that is dead and not yet reaped does not
    pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
    [ -r "/proc/$pid/stat" ] && [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -c1)" != Z ]
}

wait_for() { # a command holds within ten seconds
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "$0: it did not come up: $*; see $dir/*.log" >&2
    return 1
}

install() {
    mkdir -p "$dir"
    # the server's build looks its user and group up
    getent group zp >/dev/null || groupadd zp
    getent passwd atlpan >/dev/null || useradd -M -N -g zp atlpan
    [ -x "$python" ] || python3 -m venv "$dir/venv"
    # all that it requires but mod_wsgi, which needs Apache
    "$python" -m pip install -q 'panda-common>=0.1.9' 'panda-client-light>=1.5.55' pyOpenSSL python-daemon \
        stomp.py pyyaml pyjwt requests 'psutil>=5.4.8' idds-common idds-client 'idds-workflow>=1.1.0' \
        idds-doma idds-atlas ruamel.yaml packaging werkzeug bs4 polars numpy psycopg2-binary gunicorn \
        hatchling hatch-vcs
    # apart from the others, with which pip finds no way
    "$python" -m pip install -q 'snakemake>=9.14.5' 'cwl-utils>=0.13' scipy
    "$python" -m pip install -q --no-deps --no-build-isolation panda-server==1.0.4
}

start_database() {
    runs postgres && return 0
    if [ ! -d "$dir/data" ]; then
        mkdir -m 700 "$dir/data"
        if [ "$(id -u)" = 0 ]; then chown postgres "$dir/data"; fi
        as_owner "$(pg_bin)/initdb" -D "$dir/data" -U panda --auth=trust -E UTF8 >"$dir/initdb.log"
    fi
    (cd / && exec 2>&1 && as_owner "$(pg_bin)/pg_ctl" -D "$dir/data" -w -l "$dir/data/log" \
        -o "-p $((port + 1)) -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" start) \
        >"$dir/pg_ctl.log"
    head -1 "$dir/data/postmaster.pid" >"$dir/postgres.pid"
    "$python" "$here/schema.py"
}

start_issuer() {
    runs issuer && return 0
    setsid "$python" "$here/issuer.py" >"$dir/issuer.log" 2>&1 &
    echo $! >"$dir/issuer.pid"
    wait_for test -s "$dir/token"
}

start_server() {
    runs server && return 0
    cd "$here"
    setsid "$python" -m gunicorn -b "127.0.0.1:$port" --threads 8 --no-control-socket --log-file "$dir/server.log" \
        wsgi:application >"$dir/server.out" 2>&1 &
    echo $! >"$dir/server.pid"
    wait_for "$python" -c "import requests; assert requests.get('http://127.0.0.1:$port/api/v1/system/is_alive').ok"
}

start_worker() {
    runs worker && return 0
    setsid "$python" "$here/worker.py" >"$dir/worker.log" 2>&1 &
    echo $! >"$dir/worker.pid"
}

start() {
    "$python" "$here/configure.py"
    start_database
    start_issuer
    start_server
    start_worker
}

stop() {
    for name in worker server issuer; do
        if runs $name; then kill "$(cat "$dir/$name.pid")"; fi
        rm -f "$dir/$name.pid"
    done
    if runs postgres; then (cd / && as_owner "$(pg_bin)/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null); fi
    rm -f "$dir/postgres.pid" "$dir/token"
}

case ${1:-} in
install) install ;;
start) start ;;
env) echo "export PANDA_TEST_URL=http://127.0.0.1:$port PANDA_TEST_VO=eb PANDA_TEST_TOKEN=$(cat "$dir/token")" \
    "PANDA_TEST_DIR=$dir PANDA_TEST_PYTHON=$python" ;;
stop) stop ;;
wipe) stop && rm -rf "$dir/data" "$dir/home" "$dir"/*.log "$dir"/*.out "$dir/logs" ;;
*) sed -n '3,15p' "$0" && exit 2 ;;
esac
