#!/bin/sh
# A run in parts under Slurm: three virtual nodes on this machine, one of which loses its power in the midst.
#
#   slurm.sh MOTE FOLDER
#
# MOTE is the program, FOLDER an empty folder. Needs root, and packages munge and slurm-wlm of Debian or Ubuntu, which it
# installs unless MOTE_NO_INSTALL is set. Ends with status 0 if every cell is there once and the summary is that of one machine, byte for byte.
set -eu

fail() { echo "slurm: $*" >&2; exit 1; }

mote=$1
work=$(cd "$2" && pwd)
run="$work/run"
grid="--preset law --n 4,8,16 --signal 1..5..0.5 --replicates 40"
parts=12

# What is needed.
[ "$(id -u)" = 0 ] || fail "expected root, to install and start Slurm, found user $(id -un)"
if ! command -v slurmctld > /dev/null || ! command -v munged > /dev/null; then
    [ -z "${MOTE_NO_INSTALL:-}" ] || fail "slurm-wlm or munge is missing, and nothing is to be installed"
    command -v apt-get > /dev/null || fail "slurm-wlm and munge are missing, and there is no apt-get to install them"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge > "$work/apt.log" 2>&1 ||
        fail "slurm-wlm and munge cannot be installed: $(tail -n 1 "$work/apt.log")"
fi

# A key, a controller and three nodes of one core, all on loopback and all in this folder.
mkdir -p "$run/bin" "$run/state"
ln -sf "$mote" "$run/bin/mote"
dd if=/dev/urandom of="$run/munge.key" bs=128 count=1 2> /dev/null
chmod 700 "$run"
chmod 400 "$run/munge.key"
munge_socket="$run/munge.socket"
cat > "$run/slurm.conf" << CONF
ClusterName=mote
SlurmctldHost=localhost
SlurmctldPort=17817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$munge_socket
CredType=cred/munge
StateSaveLocation=$run/state
SlurmdSpoolDir=$run/spool.%n
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.%n.pid
SlurmctldLogFile=$run/slurmctld.log
SlurmdLogFile=$run/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SlurmctldParameters=node_reg_mem_percent=1
SlurmdTimeout=10
JobRequeue=1
ReturnToService=2
SchedulerType=sched/backfill
NodeName=n[1-3] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17001-17003] CPUs=1 RealMemory=2000
PartitionName=all Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$run/slurm.conf"
export PATH="$run/bin:$PATH"

pids=""
stop() {
    for pid in $pids; do kill -9 "$pid" 2> /dev/null || true; done
    for log in "$run"/*.pid; do [ -f "$log" ] && kill -9 "$(cat "$log")" 2> /dev/null || true; done
}
trap stop EXIT
trap 'exit 1' INT TERM

munged --foreground --force --key-file="$run/munge.key" --socket="$munge_socket" --pid-file="$run/munged.pid" \
    --log-file="$run/munged.log" --seed-file="$run/munged.seed" 2> "$run/munged.err" &
pids="$pids $!"
wait_for() {
    what=$1
    tries=$2
    shift 2
    while ! "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$what does not happen; the logs are in $run"
        sleep 0.5
    done
}
wait_for "munged answers" 60 munge -S "$munge_socket" -n
slurmctld -D 2> /dev/null &
pids="$pids $!"
start_node() {
    mkdir -p "$run/spool.$1"
    slurmd -D -N "$1" 2> /dev/null &
    pids="$pids $!"
    eval "node_$1=$!"
}
for node in n1 n2 n3; do start_node $node; done
all_idle() { [ "$(sinfo -h -t idle -o %D)" = 3 ]; }
wait_for "three idle nodes" 120 all_idle
echo "slurm: $(sinfo -V), three nodes up"

# One machine, then the parts as the program says to submit them.
cd "$work"
mote phase --quiet $grid --out one > /dev/null
mote phase --quiet $grid --out parts --task /$parts --print-job slurm > job.sh
job=$(sbatch --parsable --output="$run/slurm-%a.out" job.sh)

# The power of node n2 fails while it computes: daemon, step and task are gone at once.
variable() { cat "/proc/$1/environ" 2> /dev/null | tr '\0' '\n' | sed -n "s/^$2=//p"; }
# Processes that end in the meantime are no fault of grep's.
having() { grep -lzx "$@" 2> /dev/null || true; }
tasks_of_n2() {
    of_n2=$(having "SLURMD_NODENAME=n2" /proc/[0-9]*/environ)
    [ -z "$of_n2" ] || having "SLURM_CONF=$SLURM_CONF" $of_n2 | sed 's/[^0-9]//g'
}
lose_n2() {
    tasks=$(tasks_of_n2)
    [ -n "$tasks" ] || return 1
    # Until the part is known to be in the midst, it stands still.
    kill -STOP $tasks || return 1
    task=$(variable "${tasks%%[!0-9]*}" SLURM_ARRAY_TASK_ID)
    if [ -z "$task" ] || [ -e "parts/shards/$task-of-$parts.csv" ]; then
        kill -CONT $tasks
        return 1
    fi
    steps=$(for pid in $tasks; do sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status"; done | sort -u)
    kill -9 "$node_n2" $steps $tasks
}
# Some parts are to be done by then.
some_done() { [ "$(ls parts/shards/*-of-$parts.csv | wc -l)" -ge 4 ]; }
wait_for "a part is done" 600 some_done
wait_for "a task in the midst on n2" 120 lose_n2
echo "slurm: node n2 lost its power in part $task of job $job, $(ls parts/shards/*-of-$parts.csv | wc -l) of $parts parts done"

is_down() { sinfo -h -n n2 -o %T | grep -q down; }
wait_for "node n2 is found dead" 240 is_down
restarts() { scontrol show job "${job}_$task" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
was_requeued() { [ "$(restarts)" -ge 1 ]; }
wait_for "part $task is requeued" 240 was_requeued
echo "slurm: node n2 is down, part $task is requeued"
is_over() { [ -z "$(squeue -h -j "$job" -t PD,R,CG,CF)" ]; }
wait_for "the end of the job" 1800 is_over

# Nothing is missing, and the merge is one machine's run.
missing=$(mote phase $grid --out parts --missing $parts)
[ -z "$missing" ] || fail "parts $missing are missing"
mote phase --quiet $grid --out parts > /dev/null
rows() { tail -n +2 "$1/cells.csv" | cut -d, -f1-14,16 | sort; }
rows one > one.rows
rows parts > parts.rows
cells=$(sort -u parts.rows | wc -l)
[ "$cells" = "$(wc -l < one.rows)" ] && [ "$cells" = "$(wc -l < parts.rows)" ] || fail "a cell is missing or twice"
cmp one.rows parts.rows || fail "cells are not those of one machine"
cmp one/summary.csv parts/summary.csv || fail "summary.csv is not that of one machine"
echo "slurm: $cells cells, each once; part $task was done again; cells and summary.csv are those of one machine"
