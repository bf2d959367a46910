"""A run in parts under HyperQueue: three workers, a task and then all of HyperQueue killed in the midst.

    hq.py MOTE FOLDER TOOLS

MOTE is the program, FOLDER an empty folder, TOOLS one that keeps package hyperqueue, which pip installs there unless
MOTE_NO_INSTALL is set. The workers live in the Python process that started them, so killing that process kills server
and workers at once. Ends with status 0 if every cell is there once and the summary is that of one machine, byte for
byte.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

VERSION = "0.27.0"
GRID = "--preset law --n 4,8,16 --signal 1..5..0.5 --replicates 40".split()
PARTS = 24
WORKERS = 3


def fail(text):
    sys.exit(f"hyperqueue: {text}")


def phase(mote, *more):
    """What the program prints."""
    done = subprocess.run([mote, "phase", *GRID, *more], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"mote {' '.join(more)} ended with status {done.returncode}: {done.stderr}")
    return done.stdout


def install(tools):
    """A Python that has HyperQueue."""
    venv = tools / f"hyperqueue-{VERSION}"
    python = venv / "bin" / "python"
    if python.exists() and subprocess.run([str(python), "-c", "import hyperqueue"], capture_output=True).returncode == 0:
        return python
    if os.environ.get("MOTE_NO_INSTALL"):
        fail(f"package hyperqueue {VERSION} is missing in {venv}, and nothing is to be installed")
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"hyperqueue=={VERSION}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            fail(f"package hyperqueue {VERSION} cannot be installed: {said[-1]}")
    return python


def serve(mote, folder):
    """Server, workers and a job of all parts, in this process until the job ends."""
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig

    with LocalCluster() as cluster:
        for _ in range(WORKERS):
            cluster.start_worker(WorkerConfig(cores=1))
        # A task that fails must not stop the others.
        job = Job(max_fails=None)
        for task in range(PARTS):
            command = [mote, "phase", *GRID, "--out", str(folder / "parts"), "--task", f"/{PARTS}"]
            log = str(folder / "logs" / f"{os.getpid()}-{task}")
            job.program(command, stdout=log, stderr=log)
        client = cluster.client()
        is_done = client.wait_for_jobs([client.submit(job)], raise_on_error=False)
    sys.exit(0 if is_done else 1)


def start(python, mote, folder):
    (folder / "logs").mkdir(exist_ok=True)
    command = [str(python), __file__, "serve", mote, str(folder)]
    log = open(folder / "server.log", "a")
    return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def tasks_of(folder):
    """Processes of this run's tasks, by number."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--task" in words and str(folder / "parts").encode() in words and words[1:2] == [b"phase"]:
            found.append(int(entry.name))
    return found


def kill_one(folder):
    """Kills a task whose part is not there: its number, or None if every task at hand has just ended."""
    for pid in tasks_of(folder):
        try:
            # Until it is known to be in the midst, it stands still.
            os.kill(pid, signal.SIGSTOP)
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            number = next(entry[11:].decode() for entry in environment if entry.startswith(b"HQ_TASK_ID="))
            is_there = (folder / "parts" / "shards" / f"{number}-of-{PARTS}.csv").exists()
            os.kill(pid, signal.SIGCONT if is_there else signal.SIGKILL)
        except OSError:
            continue
        if not is_there:
            return number
    return None


def wait_for(what, condition, seconds=300):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            fail(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return value


def numbers(ranges):
    """`3,17-20` as numbers."""
    found = []
    for part in filter(None, ranges.strip().split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def rows(folder):
    """The cells without their seconds."""
    lines = (folder / "cells.csv").read_text().splitlines()[1:]
    return sorted(",".join(cells[:14] + cells[15:]) for cells in (line.split(",") for line in lines))


def main(mote, folder, tools):
    python = install(tools)
    mote = str(mote)
    one, parts = folder / "one", folder / "parts"
    phase(mote, "--quiet", "--out", str(one))
    shards = lambda: len(list((parts / "shards").glob("*-of-*.csv")))

    server = start(python, mote, folder)
    wait_for("three parts", lambda: shards() >= 3)
    number = wait_for("a task in the midst", lambda: kill_one(folder))
    print(f"hyperqueue: task {number} killed, {shards()} of {PARTS} parts done", flush=True)
    wait_for("half of the parts", lambda: shards() >= PARTS // 2)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    print(f"hyperqueue: server and {WORKERS} workers killed, {shards()} of {PARTS} parts done", flush=True)
    # Tasks whose worker is gone end, or are ended: they are this run's own.
    time.sleep(0.5)
    orphans = tasks_of(folder)
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    wait_for("the end of all tasks", lambda: not tasks_of(folder))

    missing = phase(mote, "--out", str(parts), "--missing", str(PARTS)).strip()
    if number not in map(str, numbers(missing)):
        fail(f"task {number} was killed, and its part is not missing: {missing}")
    print(f"hyperqueue: {len(orphans)} tasks outlived their workers; missing: {missing}", flush=True)
    if start(python, mote, folder).wait() != 0:
        fail(f"tasks failed in the second session; what they said is in {folder / 'logs'}")
    left = phase(mote, "--out", str(parts), "--missing", str(PARTS)).strip()
    if left:
        fail(f"parts {left} are missing; what the tasks said is in {folder / 'logs'}")

    phase(mote, "--quiet", "--out", str(parts))
    found, expected = rows(parts), rows(one)
    if len(set(found)) != len(found) or len(found) != len(expected):
        fail(f"expected {len(expected)} cells, each once, found {len(found)} rows, {len(set(found))} different")
    if found != expected:
        fail("cells are not those of one machine")
    if (parts / "summary.csv").read_bytes() != (one / "summary.csv").read_bytes():
        fail("summary.csv is not that of one machine")
    print(f"hyperqueue: {VERSION}, {len(found)} cells, each once; cells and summary.csv are those of one machine")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], Path(sys.argv[3]))
    else:
        main(*(Path(argument).resolve() for argument in sys.argv[1:]))
