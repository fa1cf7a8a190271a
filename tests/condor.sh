#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An HTCondor pool of one machine with 4 cores and 4 GiB, on loopback, in one directory of its own.
#
#   condor.sh start [DIR]   start it; what tests need is then in DIR/env
#   condor.sh env [DIR]     print that as a shell's exports
#   condor.sh stop [DIR]    end every job and daemon, remove the directory
#
# DIR is this user's own in the directory for temporary files where it is not given. The pool is this
# user's, who can't be root. On Debian 13: apt-get install condor
# "start" takes about three seconds. It fails with one line that says what is missing.
set -euo pipefail

usage() { sed -n '3,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "condor.sh: $*" >&2; exit 1; }
here=${0%"${0##*/}"} && . "${here:-./}ports.sh"
[ $# -eq 1 ] || [ $# -eq 2 ] || usage
dir=${2:-${TMPDIR:-/tmp}/eb-condor-$(id -u)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

export CONDOR_CONFIG=$dir/condor_config PATH=$PATH:/usr/sbin:/sbin

need() {
    local program
    for program in condor_master condor_status condor_token_create setsid; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
    [ "$(id -u)" != 0 ] || fail "the pool can't be root's; run it as an ordinary user"
}

configure() {
    # bindings and daemons of different releases do not agree on FS, so a token says who asks
    mkdir -p "$dir"/{log,spool,execute,lock,run,tokens}
    chmod 700 "$dir/tokens"
    (umask 077 && head -c 64 /dev/urandom >"$dir/key")
    cat >"$CONDOR_CONFIG" <<END
LOCAL_DIR = $dir
LOG = \$(LOCAL_DIR)/log
SPOOL = \$(LOCAL_DIR)/spool
EXECUTE = \$(LOCAL_DIR)/execute
LOCK = \$(LOCAL_DIR)/lock
RUN = \$(LOCAL_DIR)/run
RELEASE_DIR = /usr
BIN = /usr/bin
SBIN = /usr/sbin
LIB = /usr/lib/condor
LIBEXEC = /usr/libexec/condor
DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD STARTD
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:$(free_ports 1)
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
USE_SHARED_PORT = False
UID_DOMAIN = pool.test
FILESYSTEM_DOMAIN = pool.test
TRUST_DOMAIN = pool.test
SEC_DEFAULT_AUTHENTICATION_METHODS = IDTOKENS, FS
SEC_CLIENT_AUTHENTICATION_METHODS = IDTOKENS, FS
SEC_TOKEN_POOL_SIGNING_KEY_FILE = \$(LOCAL_DIR)/key
SEC_TOKEN_DIRECTORY = \$(LOCAL_DIR)/tokens
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADMINISTRATOR = $(id -un)@pool.test
NUM_CPUS = 4
MEMORY = 4096
RUNBENCHMARKS = 0
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True
BASE_CGROUP =
START = True
SUSPEND = False
PREEMPT = False
KILL = False
MachineMaxVacateTime = 2
SCHEDD_INTERVAL = 1
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 1
UPDATE_INTERVAL = 5
JOB_START_COUNT = 100
SUBMIT_REQUIREMENT_NAMES = Allowed
SUBMIT_REQUIREMENT_Allowed = Forbidden =!= True
SUBMIT_REQUIREMENT_Allowed_REASON = "this pool does not run what is forbidden"
END
    printf 'CONDOR_CONFIG=%s\nEB_TEST_CONDOR=%s\n' "$CONDOR_CONFIG" "$dir" >"$dir/env"
}

# a process that lost its parent stays a zombie until pid 1 looks
live() {
    local state
    [ -s "$dir/pid" ] && state=$(sed 's/.*) //; s/ .*//' "/proc/$(cat "$dir/pid")/stat" 2>/dev/null) &&
        [ "$state" != Z ]
}

has_machine() { [ -n "$(condor_status -af Machine 2>/dev/null)" ] && condor_q >/dev/null 2>&1; }

start() {
    need
    live && return
    [ -s "$CONDOR_CONFIG" ] || configure
    setsid nohup condor_master -f >>"$dir/log/out" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    for _ in $(seq 200); do
        has_machine && break
        sleep 0.1
    done
    has_machine || fail "it does not start: $(tail -n 1 "$dir/log/MasterLog" 2>/dev/null)"
    (umask 077 && condor_token_create -identity "$(id -un)@pool.test" >"$dir/tokens/me")
}

stop() {
    if live; then
        kill -QUIT "$(cat "$dir/pid")"
        for _ in $(seq 200); do
            live || break
            sleep 0.1
        done
    fi
    rm -rf "$dir"
}

case $1 in
    start) start ;;
    env) sed 's/^/export /' "$dir/env" ;;
    stop) stop ;;
    *) usage ;;
esac
