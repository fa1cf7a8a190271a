#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run a command, such as the tests, on Debian 13 with its Slurm 24.11, from any machine that has debootstrap.
#
#   slurm-24.sh COMMAND...      for instance: slurm-24.sh pytest -q tests/test_slurm.py
#
# The system is in EB_SLURM_24, or in /var/tmp/eb-slurm-24: made there on first use, which takes some minutes,
# and brought up to date when pyproject.toml has changed. Remove the directory to be rid of it. The working
# directory is the same in it, and its Python has what this project needs. Mounts are seen by the command
# alone, whatever it ends with. Root only.
set -euo pipefail

fail() { echo "slurm-24.sh: $*" >&2; exit 1; }
[ $# -gt 0 ] || { sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || fail "only root can change the root of the file system"
command -v debootstrap >/dev/null || fail "debootstrap is not installed"
root=${EB_SLURM_24:-/var/tmp/eb-slurm-24}
project=$(cd "$(dirname "$0")/.." && pwd)
packages=(slurmctld slurmd slurmrestd slurm-client slurm-wlm-jwt-plugin munge slurmdbd slurm-wlm-mysql-plugin
    mariadb-server mariadb-client python3-venv procps ca-certificates git openssh-server openssh-client tcsh)

inside() {
    unshare --mount --propagation private bash -euc '
        root=$1 project=$2 here=$3
        shift 3
        for path in /dev /proc /sys /tmp "$project" "$here"; do
            mkdir -p "$root$path"
            mount --rbind "$path" "$root$path"
        done
        for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
            [ ! -e "$path" ] || { touch "$root$path" && mount --bind "$path" "$root$path"; }
        done
        exec chroot "$root" /bin/sh -c "cd \"\$0\" && exec \"\$@\"" "$here" "$@"
    ' - "$root" "$project" "$PWD" "$@"
}

make() {
    [ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase trixie "$root" >&2
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    inside env DEBIAN_FRONTEND=noninteractive sh -ec 'apt-get update -qq; apt-get install -y -qq --no-install-recommends "$@"' \
        - "${packages[@]}" >"$root/install.log" 2>&1 || fail "no packages: $(tail -n 1 "$root/install.log")"
    libraries >>"$root/install.log" 2>&1 || fail "no libraries: $(tail -n 1 "$root/install.log")"
    touch "$root/made"
}

libraries() {
    inside python3 -m venv /opt/eb
    inside /opt/eb/bin/pip install -U pip
    inside /opt/eb/bin/pip install "$project[all]"
    (cd "$project" && inside /opt/eb/bin/pip install --group dev)
    inside /opt/eb/bin/pip uninstall -y eb-prefect # the working copy is what counts
}

[ "$root/made" -nt "$project/pyproject.toml" ] || make
inside env PATH="/opt/eb/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" PYTHONDONTWRITEBYTECODE=1 "$@"
