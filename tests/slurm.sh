#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Slurm of two pretended nodes on loopback, with accounts and REST, in one directory of its own.
#
#   slurm.sh start [DIR]        start what is not running; what tests need is then in DIR/env
#   slurm.sh env [DIR]          print that as a shell's exports
#   slurm.sh stop [DIR]         end every job and daemon, remove the directory
#   slurm.sh stop-one NAME [DIR]    end one daemon: slurmctld slurmdbd slurmd.n1 slurmd.n2 slurmrestd mariadbd munged
#   slurm.sh kill-one NAME [DIR]    the same, without a warning to it
#   slurm.sh start-one NAME [DIR]   start it again
#
# DIR is this user's own in the directory for temporary files where it is not given. The cluster is this
# user's; where that is root, everybody on the machine can submit. For the first start of a directory:
#   EB_SLURM_ACCOUNTS=no   without slurmdbd and MariaDB
#   EB_SLURM_CGROUPS=yes   the kernel keeps the limits on memory (root, and control groups of version 1)
# On Debian: apt-get install slurmctld slurmd slurmrestd slurm-client slurm-wlm-jwt-plugin munge
# and for accounts: slurmdbd slurm-wlm-mysql-plugin mariadb-server mariadb-client
# "start" takes about four seconds. It fails with one line that says what is missing.
set -euo pipefail

usage() { sed -n '3,20s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "slurm.sh: $*" >&2; rmdir "${dir:-}" 2>/dev/null || true; exit "${status:-1}"; }
here=${0%"${0##*/}"} && . "${here:-./}ports.sh"
lack() { status=3 && fail "$@"; } # what this machine can't do is told apart from what goes wrong
verb=${1:-}
case $verb in
    start | env | stop) [ $# -le 2 ] || usage ;;
    stop-one | kill-one | start-one) { [ $# -eq 2 ] || [ $# -eq 3 ]; } || usage; one=$2; shift ;;
    *) usage ;;
esac
dir=${2:-${TMPDIR:-/tmp}/eb-slurm-$(id -u)}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

unset SLURM_JWT # it would make every command and daemon speak JWT
export SLURM_CONF=$dir/etc/slurm.conf PATH=$PATH:/usr/sbin:/sbin
me=$(id -un)
daemons=(slurmrestd slurmd.n1 slurmd.n2 slurmctld slurmdbd mariadbd munged)
socket=$dir/run/munge.sock
database=(--no-defaults --socket="$dir/run/mysql.sock" --user="$me")

has_accounts() { [ -s "$dir/etc/slurmdbd.conf" ]; }
plugin() { compgen -G "/usr/lib/*/slurm*/$1.so" >/dev/null; }

need() {
    local program
    for program in munged munge slurmctld slurmd slurmrestd scontrol sbatch setsid "$@"; do
        command -v "$program" >/dev/null || lack "$program is not installed"
    done
    plugin auth_jwt || lack "Slurm has no JWT; install slurm-wlm-jwt-plugin"
}

configure() {
    local accounts=$1 base=$2 host
    host=$(uname -n)
    host=${host%%.*}
    mkdir -p "$dir"/{etc,run,log,state,spool/n1,spool/n2,rest,munge}
    chmod 755 "$dir" "$dir"/{etc,run,rest}
    chmod 700 "$dir/munge" "$dir/state"
    (umask 077 && head -c 1024 /dev/urandom >"$dir/munge/key" && head -c 32 /dev/urandom >"$dir/etc/jwt.key")
    echo "$base" >"$dir/etc/ports"
    : >"$dir/etc/plugstack.conf"
    echo "NodeName=n1 Name=gpu File=/dev/null" >"$dir/etc/gres.conf"
    cat >"$SLURM_CONF" <<EOT
ClusterName=eb
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$socket
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$dir/etc/jwt.key
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.own
SlurmdPidFile=$dir/run/slurmd.%n.own
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
PlugStackConfig=$dir/etc/plugstack.conf
MailProg=/bin/true
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1,bf_max_job_test=2000,default_queue_depth=2000
SlurmdParameters=config_overrides
MaxArraySize=10001
MaxJobCount=50000
MinJobAge=3600
ReturnToService=2
KillWait=5
InactiveLimit=0
SlurmctldTimeout=8
SlurmdTimeout=30
GresTypes=gpu
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 1)) CPUs=8 RealMemory=8192 Gres=gpu:1 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 2)) CPUs=8 RealMemory=8192 State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE DefMemPerCPU=256 State=UP
PartitionName=brief Nodes=n2 MaxTime=10 DefMemPerCPU=256 State=UP
PartitionName=closed Nodes=n2 MaxTime=60 DefMemPerCPU=256 State=DRAIN
EOT
    limits >>"$SLURM_CONF"
    if [ "$accounts" = no ]; then
        echo "AccountingStorageType=accounting_storage/none" >>"$SLURM_CONF"
    else
        accounts_to $((base + 4))
    fi
}

limits() {
    if [ "${EB_SLURM_CGROUPS:-no}" = yes ]; then
        printf '%s\n' ProctrackType=proctrack/cgroup TaskPlugin=task/cgroup
        printf '%s\n' CgroupPlugin=cgroup/v1 CgroupMountpoint=/sys/fs/cgroup ConstrainRAMSpace=yes >"$dir/etc/cgroup.conf"
    else
        printf '%s\n' ProctrackType=proctrack/linuxproc TaskPlugin=task/none JobAcctGatherParams=OverMemoryKill
        # read all the same, and looked for in vain on machines that mix both versions of control groups
        printf '%s\n' CgroupPlugin=cgroup/v1 CgroupMountpoint=/sys/fs/cgroup >"$dir/etc/cgroup.conf"
    fi
}

accounts_to() {
    # the socket of munge to slurmdbd is called a password
    cat >>"$SLURM_CONF" <<EOT
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$1
AccountingStoragePass=$socket
AccountingStoreFlags=job_comment
AccountingStorageTRES=gres/gpu
EOT
    (umask 077 && cat >"$dir/etc/slurmdbd.conf") <<EOT
AuthType=auth/munge
AuthInfo=socket=$socket
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$dir/etc/jwt.key
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$1
CommunicationParameters=NoInAddrAny
SlurmUser=$me
LogFile=$dir/log/slurmdbd.log
PidFile=$dir/run/slurmdbd.own
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=$me
StorageLoc=slurm
CommitDelay=1
EOT
}

# a process that lost its parent may stay a zombie, and a number of old may be another process by now
runs() {
    local state
    state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}
alive() {
    local pid
    pid=$(cat "$dir/run/$1.pid" 2>/dev/null) && runs "$pid" && [ "$(cat "/proc/$pid/comm")" = "${1%%.*}" ]
}

begin() {
    local name=$1
    shift
    setsid "$@" >>"$dir/log/$name.out" 2>&1 </dev/null &
    echo $! >"$dir/run/$name.pid"
}

until_ready() {
    local name=$1
    shift
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then return; fi
        runs "$(cat "$dir/run/$name.pid")" || break
        sleep 0.05
    done
    fail "$name does not answer: $(cat "$dir/log/$name".{out,log} 2>/dev/null | grep -iE 'fatal|error' | tail -n 1)"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
is_idle() { [ -n "$(sinfo --noheader --Node --nodes="$1" --states=idle,mixed,allocated --format=%N)" ]; }

start_munged() {
    begin munged munged --foreground --force --num-threads=2 --socket="$socket" --key-file="$dir/munge/key" \
        --log-file="$dir/log/munged.log" --pid-file="$dir/run/munged.own" --seed-file="$dir/munge/seed"
    until_ready munged munge --socket="$socket" --no-input
}

start_mariadbd() {
    if [ ! -d "$dir/mysql/mysql" ]; then
        mariadb-install-db --no-defaults --user="$me" --datadir="$dir/mysql" --skip-test-db --innodb-log-file-size=8M \
            --innodb-use-native-aio=0 --auth-root-authentication-method=socket --auth-root-socket-user="$me" >"$dir/log/mariadbd.out" 2>&1 ||
            fail "MariaDB makes no database: $(grep -i error "$dir/log/mariadbd.out" | tail -n 1)"
    fi
    begin mariadbd mariadbd --no-defaults --user="$me" --datadir="$dir/mysql" --socket="$dir/run/mysql.sock" \
        --skip-networking --pid-file="$dir/run/mariadbd.own" --log-error="$dir/log/mariadbd.log" \
        --innodb-log-file-size=8M --innodb-use-native-aio=0 --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 --skip-log-bin
    until_ready mariadbd mariadb-admin "${database[@]}" ping
}

start_slurmdbd() {
    # slurmdbd has no setting for the socket of its database, but the library that it uses has
    MYSQL_UNIX_PORT=$dir/run/mysql.sock begin slurmdbd slurmdbd -D
    until_ready slurmdbd listens $((base + 4))
}

start_slurmctld() {
    begin slurmctld slurmctld -D -f "$SLURM_CONF"
    until_ready slurmctld scontrol ping
}

start_slurmd() { begin "slurmd.$1" slurmd -D -N "$1" -f "$SLURM_CONF"; }
await_slurmd() { until_ready "slurmd.$1" is_idle "$1"; }

start_slurmrestd() {
    # it refuses root in any setting; who calls is said by the token
    local become=()
    if [ "$(id -u)" = 0 ]; then
        become=(-u nobody -g nogroup)
        chown nobody:nogroup "$dir/rest"
    fi
    rm -f "$dir/rest/socket"
    SLURM_JWT=daemon SLURMRESTD_SECURITY=disable_user_check begin slurmrestd slurmrestd "${become[@]}" \
        -f "$SLURM_CONF" -a rest_auth/jwt -s "$(documents)" "127.0.0.1:$((base + 3))" "unix:$dir/rest/socket"
    until_ready slurmrestd listens $((base + 3))
}

documents() {
    if plugin openapi_slurmctld; then
        echo "openapi/slurmctld$(has_accounts && echo ,openapi/slurmdbd)"
    else
        echo "openapi/v0.0.38$(has_accounts && echo ,openapi/dbv0.0.38)"
    fi
}

prepare_accounts() {
    mariadb "${database[@]}" --execute="CREATE DATABASE IF NOT EXISTS slurm"
    start_slurmdbd
    sacctmgr --immediate add cluster eb >"$dir/log/sacctmgr.out" 2>&1
    sacctmgr --immediate add account eb Description=eb Organization=eb >>"$dir/log/sacctmgr.out" 2>&1
    sacctmgr --immediate add user "$me" Account=eb AdminLevel=Admin >>"$dir/log/sacctmgr.out" 2>&1
}

start_one() {
    alive "$1" && return
    case $1 in
        slurmd.*) start_slurmd "${1#*.}" && await_slurmd "${1#*.}" ;;
        *) "start_$1" ;;
    esac
}

start() {
    if [ ! -s "$dir/etc/ports" ]; then first_start; fi
    base=$(cat "$dir/etc/ports")
    local name
    for name in munged $(has_accounts && echo mariadbd slurmdbd) slurmctld; do start_one "$name"; done
    for name in n1 n2; do alive "slurmd.$name" || start_slurmd "$name"; done
    for name in n1 n2; do await_slurmd "$name"; done
    start_one slurmrestd
    [ -s "$dir/env" ] || facts
}

first_start() {
    local accounts=${EB_SLURM_ACCOUNTS:-yes}
    need
    if [ "$accounts" != no ]; then
        need slurmdbd sacctmgr mariadbd mariadb mariadb-admin mariadb-install-db
        plugin accounting_storage_mysql || lack "Slurm has no MySQL; install slurm-wlm-mysql-plugin"
    fi
    if [ "${EB_SLURM_CGROUPS:-no}" = yes ] && ! [ -w /sys/fs/cgroup/memory ]; then
        lack "the kernel keeps limits only for root, with control groups of version 1"
    fi
    trap '[ -s "$dir/env" ] || stop' EXIT
    base=$(free_ports 5)
    configure "$accounts" "$base"
    start_munged
    if has_accounts; then
        start_mariadbd
        prepare_accounts
    fi
}

facts() {
    local token
    token=$(scontrol token lifespan=604800 username="$me") || fail "Slurm makes no token"
    cat >"$dir/env" <<EOT
SLURM_CONF=$SLURM_CONF
EB_TEST_SLURM=$dir
EB_TEST_SLURM_URL=http://127.0.0.1:$((base + 3))
EB_TEST_SLURM_USER=$me
EB_TEST_SLURM_TOKEN=${token#SLURM_JWT=}
EOT
}

end_one() {
    local name=$1 signal=$2 pid
    if alive "$name"; then
        pid=$(cat "$dir/run/$name.pid")
        kill -s "$signal" "$pid" 2>/dev/null || true
        for _ in $(seq 200); do
            alive "$name" || break
            sleep 0.05
        done
        if alive "$name"; then kill -s KILL "$pid"; fi
    fi
    rm -f "$dir/run/$name.pid"
}

# what the jobs left running is theirs by the environment that Slurm gives to each of them
sweep() {
    local path pid
    for path in /proc/[0-9]*/environ; do
        pid=${path#/proc/}
        pid=${pid%/environ}
        if { grep -qzxF "SLURM_CONF=$SLURM_CONF" "$path"; } 2>/dev/null &&
            { [ "$(cat "/proc/$pid/comm")" = slurmstepd ] || grep -qz '^SLURM_JOB_ID=' "$path"; } 2>/dev/null; then
            kill -s KILL "$pid" 2>/dev/null || true
        fi
    done
}

stop() {
    local name
    for name in main brief closed; do
        if alive slurmctld; then scancel --partition="$name" 2>/dev/null || true; fi
    done
    for name in "${daemons[@]}"; do end_one "$name" TERM; done
    sweep
    if grep -qs '^ProctrackType=proctrack/cgroup' "$SLURM_CONF"; then
        find /sys/fs/cgroup/*/slurm_n[12] -depth -type d -exec rmdir {} + 2>/dev/null || true
    fi
    rm -rf "$dir"
}

known() {
    # no pipe into grep -q: whoever writes when it has left fails, and the pipe with it
    case " ${daemons[*]} " in *" $1 "*) ;; *) fail "there is no daemon $1" ;; esac
}

case $verb in
    start) start ;;
    env) sed 's/^/export /' "$dir/env" ;;
    stop) stop ;;
    stop-one) known "$one"; end_one "$one" TERM ;;
    kill-one) known "$one"; end_one "$one" KILL ;;
    start-one) known "$one"; base=$(cat "$dir/etc/ports"); start_one "$one" ;;
esac
