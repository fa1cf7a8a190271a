#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ssh server on loopback for this user, with keys of its own, in one directory.
#
#   sshd.sh start DIR [LINE...]   start it unless it runs; each LINE is one more of its configuration
#   sshd.sh stop DIR              stop it and end its connections; a later start has the same port and keys
#
# DIR/config is then what ssh needs to reach it: ssh -F DIR/config host
# On Debian: apt-get install openssh-server
# "start" takes a quarter of a second. It fails with one line that says what is missing.
set -euo pipefail

usage() { sed -n '3,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "sshd.sh: $*" >&2; exit 1; }
here=${0%"${0##*/}"} && . "${here:-./}ports.sh"
[ $# -ge 2 ] || usage
mkdir -p "$2"
verb=$1 dir=$(cd "$2" && pwd)
shift 2

is_up() { [ -s "$dir/sshd.pid" ] && kill -0 "$(cat "$dir/sshd.pid")" 2>/dev/null; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && head -c 4 <&3 | grep -q '^SSH-') 2>/dev/null; }

keys() {
    local name
    for name in host_key user_key; do
        ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$dir/$name"
    done
    cp "$dir/user_key.pub" "$dir/authorized_keys"
    free_ports 1 >"$dir/port"
    echo "[127.0.0.1]:$(cat "$dir/port") $(cat "$dir/host_key.pub")" >"$dir/known_hosts"
    cat >"$dir/config" <<END
Host host
    HostName 127.0.0.1
    Port $(cat "$dir/port")
    User $(id -un)
    IdentityFile $dir/user_key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile $dir/known_hosts
    GlobalKnownHostsFile none
END
}

start() {
    local sshd sftp
    sshd=$(command -v sshd || command -v /usr/sbin/sshd) || fail "sshd is not installed"
    for sftp in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server; do [ -x $sftp ] && break; done
    [ -s "$dir/config" ] || keys
    # where root separates privileges it wants an empty directory, which a package makes when the machine starts
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    # a bash would read what the user has for terminals if it were told to be the first shell
    printf '%s\n' "SetEnv SHLVL=2" "$@" >"$dir/sshd_config"
    cat >>"$dir/sshd_config" <<END
ListenAddress 127.0.0.1
Port $(cat "$dir/port")
HostKey $dir/host_key
AuthorizedKeysFile $dir/authorized_keys
PidFile $dir/sshd.pid
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp $sftp
END
    "$sshd" -f "$dir/sshd_config" -E "$dir/sshd.log" || fail "$(tail -n 1 "$dir/sshd.log")"
    for _ in $(seq 100); do
        if answers "$(cat "$dir/port")"; then return; fi
        sleep 0.05
    done
    fail "sshd does not answer: $(tail -n 1 "$dir/sshd.log")"
}

# the processes of its connections are its children, and outlive it where it is stopped alone
stop() {
    is_up || return 0
    local pid left
    pid=$(cat "$dir/sshd.pid")
    left=$(cat "/proc/$pid/task/$pid/children")
    # shellcheck disable=SC2086 # each is a word
    kill "$pid" $left 2>/dev/null || true
    while [ -e "/proc/$pid/exe" ]; do sleep 0.02; done
    rm -f "$dir/sshd.pid"
}

case $verb in
    start) is_up || start "$@" ;;
    stop) stop ;;
    *) usage ;;
esac
