#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container runtime, a registry on loopback and three images with real digests, in one directory of their own.
#
#   containers.sh start [DIR]   start what is not running; what tests need is then in DIR/env
#   containers.sh env [DIR]     print that as a shell's exports
#   containers.sh stop [DIR]    stop the registry, remove the containers and the directory
#
# DIR is this user's own in the directory for temporary files where it is not given.
# On Debian: apt-get install podman runc netavark docker-registry busybox-static
# "start" takes about a second. It fails with one line that says what is missing.
set -euo pipefail

usage() { sed -n '3,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "containers.sh: $*" >&2; exit 1; }
here=${0%"${0##*/}"} && . "${here:-./}ports.sh"
[ $# -eq 1 ] || [ $# -eq 2 ] || usage
dir=${2:-${TMPDIR:-/tmp}/eb-containers-$(id -u)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

unset CONTAINER_HOST DOCKER_HOST
export CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf
export CONTAINERS_REGISTRIES_CONF=$dir/registries.conf

need() {
    local program
    for program in podman runc docker-registry busybox; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
    grep -qx sh <<<"$(busybox --list)" || fail "busybox has no sh; install busybox-static"
}

configure() {
    # podman asks for a million open files, which a machine without CAP_SYS_RESOURCE refuses, and crun
    # refuses control groups of both versions side by side, as virtual machines may have them
    local files
    files=$(ulimit -Hn)
    if [ "$files" = unlimited ] || [ "$files" -gt 4096 ]; then files=4096; fi
    cat >"$CONTAINERS_CONF" <<EOF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=8192:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
EOF
    cat >"$CONTAINERS_STORAGE_CONF" <<EOF
[storage]
driver = "overlay"
graphroot = "$dir/images"
runroot = "$dir/run"
EOF
    cat >"$CONTAINERS_REGISTRIES_CONF" <<EOF
[[registry]]
location = "127.0.0.1:$1"
insecure = true
EOF
    cat >"$dir/registry.yml" <<EOF
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $dir/registry}}
http: {addr: "127.0.0.1:$1"}
EOF
}

answers() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf 'GET /v2/ HTTP/1.0\r\n\r\n' >&3
        head -n 1 <&3 | grep -q ' 200 '
    ) 2>/dev/null
}
is_up() { [ -s "$dir/env" ] && [ -d "/proc/$(cat "$dir/registry.pid")" ]; }

serve() {
    setsid docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 </dev/null &
    echo $! >"$dir/registry.pid"
    for _ in $(seq 100); do
        if answers "$1"; then return; fi
        sleep 0.05
    done
    fail "the registry does not answer: $(tail -n 1 "$dir/registry.log")"
}

root_tree() {
    local root=$dir/root applet
    mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
    chmod 1777 "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'observer:x:1234:5678::/:/bin/sh' >"$root/etc/passwd"
    printf '%s\n' 'root:x:0:' 'observatory:x:5678:' >"$root/etc/group"
    # links as images have them, which lead somewhere else outside
    mkdir -p "$root/usr/bin" "$root/srv/data"
    ln -s /bin/sh "$root/usr/bin/ash"
    ln -s /srv/data "$root/data"
    chmod 555 "$root/srv"
    tar --owner=0 --group=0 --numeric-owner -C "$root" -cf "$dir/root.tar" .
    chmod 755 "$root/srv"
    rm -r "$root"
}

# the image is removed after the push: what tests run must have come from the registry, by its digest
publish() {
    local name=$1
    shift
    podman import --quiet "$@" "$dir/root.tar" "$name" >/dev/null
    podman push --quiet --tls-verify=false --digestfile "$dir/digest" "$name"
    podman rmi --force "$name" >/dev/null
    echo "${name%:*}@$(cat "$dir/digest")"
}

start() {
    is_up && return
    need
    trap 'is_up || stop' EXIT
    local port plain other named
    port=$(free_ports 1)
    configure "$port"
    serve "$port"
    root_tree
    plain=$(publish "127.0.0.1:$port/eb/plain:1" -c 'ENV PATH=/bin' -c 'CMD ["/bin/sh"]')
    other=$(publish "127.0.0.1:$port/eb/other:1" -c 'ENV PATH=/bin' -c 'USER 1234' -c 'ENTRYPOINT ["/bin/sh", "-c"]')
    named=$(publish "127.0.0.1:$port/eb/named:1" -c 'ENV PATH=/usr/bin:/bin' -c 'ENV FILTER=R band' -c 'USER observer:observatory' \
        -c 'WORKDIR /srv/data' -c 'ENTRYPOINT ["ash"]' -c 'CMD ["-c", "echo nothing"]')
    podman run --rm --network host "$plain" true 2>"$dir/run.log" || fail "podman can't run: $(tail -n 1 "$dir/run.log")"
    podman rmi --force "$plain" >/dev/null
    cat >"$dir/env" <<EOF
CONTAINERS_CONF=$CONTAINERS_CONF
CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF
CONTAINERS_REGISTRIES_CONF=$CONTAINERS_REGISTRIES_CONF
EB_TEST_IMAGE=$plain
EB_TEST_IMAGE_OTHER_USER=$other
EB_TEST_IMAGE_NAMED=$named
EOF
}

stop() {
    if [ -s "$dir/registry.pid" ]; then kill "$(cat "$dir/registry.pid")" 2>/dev/null || true; fi
    if [ -s "$CONTAINERS_CONF" ] && command -v podman >/dev/null; then
        podman ps --all --quiet | xargs --no-run-if-empty podman rm --force --time 0 >/dev/null
    fi
    if mountpoint -q "$dir/images/overlay"; then umount "$dir/images/overlay"; fi
    rm -rf "$dir"
}

case $1 in
    start) start ;;
    env) sed 's/^/export /' "$dir/env" ;;
    stop) stop ;;
    *) usage ;;
esac
