"""Carries simulations out side by side, each of them resumable."""

import ctypes
import fcntl
import os
import re
import signal
import subprocess
import sys
import time

def say(text):
    print(f"reproduce: {text}", file=sys.stderr, flush=True)


def refuse(text):
    """Ends with one line and the exit code of what could not run."""
    say(text)
    sys.exit(2)


def duration(seconds):
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def expected(hyalo, run, threads):
    """Seconds that each stage of a run is expected to take."""
    plan = subprocess.run([hyalo, *run.arguments(), "-j", str(threads), "--dry-run"], capture_output=True, text=True)
    if plan.returncode != 0:
        refuse(plan.stderr.strip())
    stages = {}
    for line in plan.stdout.splitlines()[1:]:
        value, unit = re.search(r"([\d.]+) (s|min|h|d)$", line.strip()).groups()
        stages[line.split()[0]] = float(value) * {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
    stages.pop("total")
    return stages


def is_whole(folder, until):
    return (folder / f"{until}.final.extxyz").exists() and not (folder / f"{until}.log.partial").exists()


def follow_parent():
    """In a child: comes to an orderly end when this program dies, however it dies."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGINT)


def hold(folder):
    """Keeps others out of a folder for as long as what is returned is open, as hyalo does; returns nothing if somebody is there."""
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(place)
        return None
    return place


def is_free(root, run, told=set()):
    """Whether nobody works in the folder of a run: what an earlier call that was killed has left still saves its state."""
    if not (root / run.folder).exists():
        return True
    place = hold(root / run.folder)
    if place is None:
        if run not in told:
            say(f"{run.folder} is in use by another run of hyalo: waiting until that has ended")
            told.add(run)
        return False
    os.close(place)
    return True


class Simulation:
    """A process, and how far it has come."""

    def __init__(self, hyalo, root, run, threads, stages):
        self.run, self.stages, self.last = run, stages, ""
        log = root / f"{run.folder}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        # Sums depend on the number of threads in their last digits: a run that was begun keeps its own.
        begun = (root / run.folder / "checkpoint").exists()
        threads = [] if begun else ["-j", str(threads)]
        with log.open("a") as out:
            self.process = subprocess.Popen(
                [hyalo, *run.arguments(), "--resume", *threads],
                cwd=root, stderr=out, stdout=out, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=follow_parent,
            )
        self.log, self.position = log, log.stat().st_size
        self.done = {stage for stage in stages if is_whole(root / run.folder, stage)}

    def news(self):
        """The lines that it has written since, each about a stage that has ended."""
        with self.log.open() as log:
            log.seek(self.position)
            text = log.read()
        whole = text[: text.rfind("\n") + 1]
        self.position += len(whole.encode())
        for line in whole.splitlines():
            self.last = line
            stage = re.match(r"hyalo simulate: ([\w-]+): ", line)
            if stage and stage.group(1) in self.stages:
                self.done.add(stage.group(1))
                yield line

    def left(self):
        return sum(seconds for stage, seconds in self.stages.items() if stage not in self.done)


class Pace:
    """How long the rest will take, from how long what is done took against what was expected of it."""

    def __init__(self, plans, jobs):
        self.expected = sum(sum(stages.values()) for stages in plans.values())
        self.jobs = max(1, min(jobs, len(plans)))
        self.start = time.monotonic()

    def left(self, seconds):
        """Of the expected seconds so many are left."""
        done = self.expected - seconds
        pace = (time.monotonic() - self.start) * self.jobs / done if done > 0.02 * self.expected else 1.0
        return duration(pace * seconds / self.jobs)


def carry_out(hyalo, root, runs, jobs, threads):
    """Brings every run to its end, so many at a time, the longest first. Returns whether none was interrupted.

    Those that seem whole are called, too: hyalo knows whether they are, and of this protocol."""
    plans = {run: {} if is_whole(root / run.folder, run.until) else expected(hyalo, run, threads) for run in runs}
    to_do = {run: stages for run, stages in plans.items() if stages}
    waiting = sorted(plans, key=lambda run: -sum(plans[run].values()))
    pace, active, failed, stopped = Pace(to_do, jobs), [], None, []
    if to_do:
        say(f"{len(to_do)} of {len(runs)} runs to do, {pace.jobs} at a time on {threads} thread(s) each: about {pace.left(pace.expected)}")
    before = {number: signal.signal(number, lambda *_: stopped.append(True)) for number in (signal.SIGINT, signal.SIGTERM)}
    while (waiting or active) and not (stopped or failed):
        while waiting and len(active) < jobs and is_free(root, waiting[0]):
            run = waiting.pop(0)
            active.append(Simulation(hyalo, root, run, threads, plans[run]))
        for simulation in list(active):
            ended = simulation.process.poll() is not None
            for line in simulation.news():
                rest = sum(one.left() for one in active) + sum(sum(plans[run].values()) for run in waiting)
                say(f"[{simulation.run.folder}] {line.removeprefix('hyalo simulate: ')}; about {pace.left(rest)} to go")
            if ended:
                active.remove(simulation)
                failed = failed or (simulation if simulation.process.returncode else None)
        time.sleep(0.2)
    for simulation in active:
        simulation.process.send_signal(signal.SIGINT)
    for simulation in active:
        simulation.process.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    if failed:
        refuse(f"{failed.run.folder} failed; {failed.log} says why: {failed.last}")
    return not stopped
