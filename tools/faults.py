"""The rows of tools/faults: each injects a fault for real, counts what happens, and says whether hyalo's contract holds."""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faults_inputs
import faults_scale

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
HYALO = str(ROOT / os.environ.get("HYALO", TARGET / "release/hyalo"))
FIXTURES = ROOT / "fixtures/lammps"
HEAT = str(FIXTURES / "heat_wrapped.lammpstrj.gz")
RATES = str(ROOT / "fixtures/reproduction/laptop/tables/rates.csv")
RAMP = ["--temperature", "ramp:0.1:0.9"]
SIZES = ["--diameters", "1=1.0,2=1.2"]

# Every command with every kind of output: its arguments, the main output and the others by their flags.
COMMANDS = {
    "info": (["info", HEAT], []),
    "msd": (
        ["msd", HEAT, *RAMP],
        ["-o m.csv", "--table displacements=d.parquet", "--table histogram=h.arrow", "--plot f.svg", "--plot density=g.png", "--annotate a.extxyz"],
    ),
    "virial": (
        ["virial", HEAT, *RAMP, *SIZES, "--frames", "::4"],
        ["-o m.arrow", "--table particles=p.parquet", "--table histogram=h.csv", "--plot f.png", "--plot diameters=g.svg", "--annotate a.extxyz.gz"],
    ),
    "voronoi": (
        ["voronoi", HEAT, *RAMP, *SIZES, "--frames", "::4"],
        [
            "-o m.ndjson",
            "--table particles=p.parquet",
            "--table neighbours=n.arrow",
            "--table indices=i.csv",
            "--plot f.svg",
            "--annotate a.extxyz.xz",
        ],
    ),
    "icosa": (
        ["icosa", HEAT, *RAMP, "--frames", "::4"],
        ["-o m.parquet", "--table particles=p.csv", "--table codes=c.ndjson", "--table clusters=l.arrow", "--plot f.png", "--annotate a.extxyz.zst"],
    ),
    "delta-star": (
        ["delta-star", HEAT, *RAMP, *SIZES, "--temperatures", "0.4,0.7", "--window", "0.1"],
        ["-o m.parquet", "--table clustering=c.csv", "--table clusters=l.ndjson", "--table summary=s.arrow", "--plot f.svg", "--plot slice=g.png"],
    ),
    "convert": (["convert", HEAT], ["-o c.lammpstrj"]),
    "convert .extxyz.gz": (["convert", HEAT], ["-o c.extxyz.gz"]),
    "convert .lammpstrj.xz": (["convert", HEAT, "--frames", "::8"], ["-o c.lammpstrj.xz"]),
    "convert .extxyz.bz2": (["convert", HEAT, "--frames", "::8"], ["-o c.extxyz.bz2"]),
    "convert .lammpstrj.zst": (["convert", HEAT], ["-o c.lammpstrj.zst"]),
    "convert .data": (["convert", HEAT, "--frames", "-1"], ["-o c.data"]),
    "convert .xtc": (["convert", HEAT], ["-o c.xtc"]),
    "convert .parquet": (["convert", HEAT, "--frames", "::8"], ["-o c.parquet"]),
    "tg-fit": (["tg-fit", str(FIXTURES / "heat.log"), *RAMP], ["-o m.csv", "--table curves=c.parquet", "--plot f.svg"]),
    "rate-fit": (
        ["rate-fit", RATES, "--quantity", "T_o", "--extrapolate", "1e-6"],
        ["-o m.arrow", "--table means=n.csv", "--table curves=c.ndjson", "--plot f.png"],
    ),
}

PROTOCOL = """version = 1
seed = 3
[[stage]]
name = "random"
kind = "create"
random.particles = 250
random.density = 0.5
random.species = [{ name = "A", diameter = 1.0, fraction = 0.5 }, { name = "B", diameter = 1.2, fraction = 0.5 }]
[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 10.0
[[stage]]
name = "cool"
kind = "ramp"
velocities = 1.0
from = 1.0
to = 0.1
steps = 2000
trajectory.every = 100
thermo.every = 100
[[stage]]
name = "minimum"
kind = "minimise"
force_tolerance = 0.1
[[stage]]
name = "homogenised"
kind = "homogenise"
step = 0.01
halvings = 0
force_tolerance = 0.1
distributions = [0, 1]
trajectory.every = 1
[[stage]]
name = "inherent"
kind = "inherent-structures"
of = "cool"
every = 5
force_tolerance = 0.1
"""


class Row:
    """What happened, and what does not hold."""

    def __init__(self):
        self.counts, self.wrong, self.notes, self.memory = {}, [], [], 0

    def count(self, kind, number=1):
        self.counts[kind] = self.counts.get(kind, 0) + number

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def fail(self, what):
        self.wrong.append(what)

    def add(self, other):
        for kind, number in other.counts.items():
            self.count(kind, number)
        for text in other.notes:
            self.note(text)
        self.wrong += other.wrong
        self.memory = max(self.memory, other.memory)

    def happened(self):
        counts = [f"{count} {kind}" for kind, count in self.counts.items()]
        memory = [f"at most {self.memory // 1024} MB"] * bool(self.memory)
        return "; ".join([", ".join(counts)] * bool(counts) + self.notes + memory)


def names_in(outputs):
    return [flag.split()[1].split("=")[-1] for flag in outputs]


def words_of(outputs):
    return [word for flag in outputs for word in flag.split()]


def run(arguments, cwd=None, **further):
    return subprocess.run([HYALO, *arguments], cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, **further)


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def scratch():
    return tempfile.TemporaryDirectory(prefix="hyalo-faults-")


def one_line(row, what, done, codes=(2,)):
    """A run must have ended with one of the codes and one line that says what to do."""
    stderr = done.stderr.decode(errors="replace")
    lines = [line for line in stderr.splitlines() if line]
    if done.returncode not in codes or len(lines) != 1 or not lines[0].startswith("hyalo: "):
        row.fail(f"{what}: exit code {done.returncode}: {stderr[:300]!r}")
        return False
    return True


# ---- kill

TEMPORARY = re.compile(r"\.hyalo-.*\.partial")


def kill(row, times, dice, name):
    """kill -9 at random moments, and as the first, second … output gets its name."""
    arguments, outputs = COMMANDS[name]
    arguments = [*arguments, "-q", "--force", *words_of(outputs)]
    names = names_in(outputs)
    with scratch() as base:
        base = Path(base)
        whole_folder = base / "whole"
        whole_folder.mkdir()
        start = time.monotonic()
        done = run(arguments, whole_folder)
        duration = time.monotonic() - start
        whole = files_in(whole_folder)
        if done.returncode not in (0, 1) or sorted(whole) != sorted(names):
            return row.fail(f"undisturbed: {done.returncode} {done.stderr.decode()} {sorted(whole)}")
        for number in range(times):
            folder = base / "killed"
            folder.mkdir()
            old = {}
            if number % 2:
                old = {file: f"what {file} was\n".encode() for file in names}
                for file, content in old.items():
                    (folder / file).write_bytes(content)
            at_name = names and STRACE and number % 4 >= 2
            # Killed by the kernel as it comes back from the call that gives an output its name.
            tracer = [*STRACE, f"inject=/^rename:signal=KILL:when={number // 4 % len(names) + 1}"] if at_name else []
            child = subprocess.Popen(
                [*tracer, HYALO, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if not at_name:
                time.sleep(dice.random() * duration)
                child.send_signal(signal.SIGKILL)
            row.count("killed" if child.wait() == -9 else "already at its end")
            left = files_in(folder)
            fresh = 0
            for file, content in left.items():
                if file in names and content == whole[file]:
                    fresh += 1
                elif not TEMPORARY.fullmatch(file) and (file not in names or content != old.get(file)):
                    row.fail(f"run {number}: {file} has {len(content)} bytes that are neither old nor whole")
            if old.keys() - left.keys():
                row.fail(f"run {number}: an old file is gone")
            if names and 0 < fresh < len(names):
                row.count("between two names")
            if number % 8 >= 6:
                run(arguments, folder)
                if any(content != whole.get(file) for file, content in files_in(folder).items() if not TEMPORARY.fullmatch(file)):
                    row.fail(f"run {number}: a later run gives other bytes")
            shutil.rmtree(folder)
    if not row.wrong:
        row.note("every output was old, absent or whole, and a later run whole")


def kill_simulate(row, times, dice, replicas=False):
    """Kills a simulation again and again, goes on, and compares with one that was never stopped."""
    further = ["--replicas", "2"] if replicas else ["-j", "1"]
    with scratch() as base:
        base = Path(base)
        protocol = base / "protocol.toml"
        protocol.write_text(PROTOCOL)
        start = time.monotonic()
        done = run(["simulate", str(protocol), "-q", "-o", str(base / "whole"), *further])
        duration = time.monotonic() - start
        whole = files_in(base / "whole")
        if done.returncode:
            return row.fail(f"undisturbed: {done.stderr.decode()}")
        other = base / "other"
        run(["simulate", str(protocol), "-q", "-o", str(other), "--seed", "9", *further])
        for number in range(times):
            folder = base / "killed"
            old = {}
            if number % 2:
                shutil.copytree(other, folder)
                old = files_in(folder)
            arguments = ["simulate", str(protocol), "-q", "-o", str(folder), *further, "--checkpoint-every", dice.choice(["0", "0.1", "120"])]

            def how():
                """Where an earlier run is still whole, because the kill came before it was touched, --resume would rightly refuse it."""
                found = files_in(folder) if old else {}
                is_old = any(name.endswith("checkpoint") and content == old.get(name) for name, content in found.items())
                return "--force" if is_old else "--resume"

            for _ in range(dice.randrange(1, 4)):
                resumed = [*arguments, how()]
                child = subprocess.Popen([HYALO, *resumed], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                time.sleep(dice.choice([0.03, 0.3, 1.0]) * dice.random() * duration)
                child.send_signal(signal.SIGKILL)
                _, stderr = child.communicate()
                row.count("killed" if child.returncode == -9 else "already at its end")
                if child.returncode not in (0, -9):
                    row.fail(f"run {number}: {' '.join(resumed)}: {child.returncode} {stderr.decode()}")
                for file, content in (files_in(folder) if folder.exists() else {}).items():
                    is_ours = file.endswith((".partial", "checkpoint"))
                    if not is_ours and content not in (whole.get(file), old.get(file)):
                        row.fail(f"run {number}: {file} is neither old nor whole")
            done = run([*arguments, how()])
            if done.returncode:
                row.fail(f"run {number}: resumed: {done.returncode} {done.stderr.decode()}")
            elif files_in(folder) != whole:
                row.fail(f"run {number}: resumed, it ends with other bytes: {differing(files_in(folder), whole)}")
            shutil.rmtree(folder, ignore_errors=True)
    if not row.wrong:
        row.note("every simulation that was resumed ended with the bytes of one never stopped")


def differing(found, whole):
    return [name for name in sorted(found.keys() | whole.keys()) if found.get(name) != whole.get(name)][:5]


# ---- a disk that is full, places that cannot be written


def limited(bytes_allowed):
    """No file may grow beyond this; the process is told so instead of being killed."""

    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_allowed, bytes_allowed))

    return prepare


def unharmed(row, what, folder, old, allowed=lambda name: False):
    """What was there is as it was, and nothing else is."""
    left = {name: content for name, content in files_in(folder).items() if not allowed(name)}
    if left != old:
        row.fail(f"{what}: left {sorted(left)}, there had been {sorted(old)}")


def full_disk(row, times, dice, name):
    """The largest file may not grow (RLIMIT_FSIZE), and a file system that is full (tmpfs), with files there before and without."""
    arguments, outputs = COMMANDS[name]
    if not outputs:
        with open("/dev/full", "w") as full:
            done = subprocess.run([HYALO, *arguments, "-q"], stdout=full, stderr=subprocess.PIPE)
        one_line(row, name, done) and row.count("of /dev/full refused with 2")
        return
    names = names_in(outputs)
    arguments = [*arguments, "-q", "--force", *words_of(outputs)]
    with scratch() as base:
        base = Path(base)
        whole_folder = base / "whole"
        whole_folder.mkdir()
        run(arguments, whole_folder)
        whole = files_in(whole_folder)
        largest, total = max(map(len, whole.values())), sum(map(len, whole.values()))
        for number in range(times):
            old = {file: f"what {file} was\n".encode() for file in names} if number % 2 else {}

            def fill(folder):
                for file, content in old.items():
                    (folder / file).write_bytes(content)

            folder = base / "limited"
            folder.mkdir()
            fill(folder)
            done = run(arguments, folder, preexec_fn=limited(dice.randrange(64, max(largest, 65))))
            one_line(row, f"{name}, limited", done) and row.count("refused with 2 (a file that cannot grow)")
            unharmed(row, f"{name}, limited", folder, old)
            shutil.rmtree(folder)
            if not CAN_MOUNT:
                continue
            folder = base / "full"
            folder.mkdir()
            room = 4096 * (len(names) + 1) * 2 + dice.randrange(4096, max(int(0.7 * total), 8192))
            if room > total:
                room = 4096 * (len(names) + 1)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room // 4096 * 4096}", "tmpfs", folder], check=True)
            try:
                fill(folder)
                done = run(arguments, folder, env=os.environ | {"TMPDIR": str(base)})
                if done.returncode == 0:
                    row.count("had room")
                elif one_line(row, f"{name}, full", done):
                    row.count("refused with 2 (a full file system)")
                if done.returncode:
                    unharmed(row, f"{name}, full", folder, old)
            finally:
                subprocess.run(["umount", folder], check=True)
            folder.rmdir()
    if not CAN_MOUNT:
        row.note("full file systems skipped: nothing can be mounted here")


DCD = str(FIXTURES / "heat.dcd")
# What needs temporary files: formats of chemfiles, out and in from a pipe, input that is read twice, lag times.
TEMPORARIES = [(["convert", HEAT, "-o", f"c.{ending}"], None) for ending in ("xtc", "trr", "dcd", "nc", "pdb", "gro")] + [
    (["convert", "-", "--format", "DCD", "-o", "c.extxyz"], DCD),
    (["msd", "-", *RAMP, "-o", "m.csv"], HEAT),
    (["msd", HEAT, "--lags", "linear", "-o", "m.csv"], None),
]


def temporary_full(row, times, dice):
    """No room in the folder for temporary files."""
    if not CAN_MOUNT:
        row.note("full file systems skipped: nothing can be mounted here")
        return
    with scratch() as base:
        base = Path(base)
        for arguments, piped in TEMPORARIES * times:
            folder, temporary = base / "out", base / "tmp"
            folder.mkdir()
            temporary.mkdir()
            room = 4096 * dice.choice([2, 16, dice.randrange(16, 300)])
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", temporary], check=True)
            with open(piped or os.devnull) as stdin:
                done = subprocess.run(
                    [HYALO, *arguments, "-q"], cwd=folder, stdin=stdin, capture_output=True, env=os.environ | {"TMPDIR": str(temporary)}
                )
                what = f"{' '.join(arguments)}, {room} bytes in TMPDIR"
                if done.returncode:
                    one_line(row, what, done) and row.count("refused with 2")
                    unharmed(row, what, folder, {})
                else:
                    row.count("had room and wrote the whole")
                    found = files_in(folder)
                    stdin.seek(0)
                    subprocess.run([HYALO, *arguments, "-q", "--force"], cwd=folder, stdin=stdin, check=True)
                    if files_in(folder) != found:
                        row.fail(f"{what}: not the whole output")
            unharmed(row, what, temporary, {})
            subprocess.run(["umount", temporary], check=True)
            temporary.rmdir()
            shutil.rmtree(folder)


def full_simulate(row, times, dice):
    """A simulation whose files cannot grow ends with 2 and goes on when they can."""
    with scratch() as base:
        base = Path(base)
        protocol = base / "protocol.toml"
        protocol.write_text(PROTOCOL)
        run(["simulate", str(protocol), "-q", "-j", "1", "-o", str(base / "whole")])
        whole = files_in(base / "whole")
        largest = max(map(len, whole.values()))
        for number in range(times):
            folder = base / "run"
            arguments = ["simulate", str(protocol), "-q", "-j", "1", "-o", str(folder)]
            mounted = CAN_MOUNT and number % 2
            if mounted:
                folder.mkdir()
                subprocess.run(
                    ["mount", "-t", "tmpfs", "-o", f"size={dice.randrange(8, sum(map(len, whole.values())) // 5000) * 4096}", "tmpfs", folder],
                    check=True,
                )
                done = run(arguments)
            else:
                done = run(arguments, preexec_fn=limited(dice.randrange(64, largest)))
            if one_line(row, "simulate", done):
                row.count("refused with 2 " + ("(a full file system)" if mounted else "(a file that cannot grow)"))
            for file, content in files_in(folder).items():
                if not file.endswith((".partial", "checkpoint")) and content != whole.get(file):
                    row.fail(f"{file} is not whole")
            if mounted:
                subprocess.run(["mount", "-o", "remount,size=100m", folder], check=True)
            done = run(arguments + ["--resume"])
            if done.returncode or files_in(folder) != whole:
                row.fail(f"resumed: {done.returncode} {done.stderr.decode()} {differing(files_in(folder), whole)}")
            if mounted:
                subprocess.run(["umount", folder], check=True)
            shutil.rmtree(folder)
    if not row.wrong:
        row.note("every simulation went on when there was room, and ended with the same bytes")


def unwritable(row, times, dice, name):
    """A folder that cannot be written, a folder in the place of an output, no folder; a file system that is read-only."""
    simulate = name == "simulate"
    with scratch() as base:
        base = Path(base)
        (base / "protocol.toml").write_text(PROTOCOL)
        if simulate:
            targets = [(["simulate", str(base / "protocol.toml"), "-q", "-j", "1"], [], "-o", "run")]
        else:
            arguments, outputs = COMMANDS[name]
            if not outputs:
                return
            # Each of the outputs in turn cannot be written.
            targets = []
            for output in outputs:
                flag, value = output.split()
                others = words_of([other for other in outputs if other != output])
                targets.append(([*arguments, "-q", "--force"], others, flag, value))
        for arguments, others, flag, value in targets:
            prefix, _, file = value.rpartition("=")
            prefix += "=" * bool(prefix)

            def attempt(kind, place, start=(), env=None):
                folder = base / "out"
                folder.mkdir(exist_ok=True)
                done = subprocess.run(
                    [*start, HYALO, *arguments, *others, flag, f"{prefix}{place}"], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL
                )
                one_line(row, f"{name}: {kind}", done) and row.count(f"refused ({kind})")
                unharmed(row, f"{name}: {kind}", folder, {})
                shutil.rmtree(folder)

            if not simulate:
                (base / "folder").mkdir(exist_ok=True)
                taken = base / "folder" / file
                taken.mkdir()
                attempt("a folder", taken)
                taken.rmdir()
                attempt("no such folder", base / "none" / file)
            closed = base / "closed"
            closed.mkdir()
            old = closed / file
            if not simulate:
                old.write_text("old")
            closed.chmod(0o555)
            attempt("no permission", old, WITHOUT_PRIVILEGES)
            closed.chmod(0o755)
            if not simulate and old.read_text() != "old":
                row.fail(f"{name}: {old} was changed")
            if CAN_MOUNT:
                subprocess.run(["mount", "--bind", closed, closed], check=True)
                subprocess.run(["mount", "-o", "remount,bind,ro", closed], check=True)
                attempt("a read-only file system", old)
                subprocess.run(["umount", closed], check=True)
            (closed / "file").write_text("")
            attempt("a file for a folder", closed / "file" / file)
            shutil.rmtree(closed)


# ---- a reader that goes


def closed_pipe(row, times, dice, name):
    """`hyalo … | head -1`: an upstream that ends quietly with 0, soon."""
    if name == "simulate":
        with scratch() as base:
            protocol = Path(base) / "protocol.toml"
            protocol.write_text(PROTOCOL)
            for _ in range(times):
                head_one(row, name, ["simulate", str(protocol), "-j", "1", "-q", "--emit", "cool", "-o", "-"])
        return
    arguments, outputs = COMMANDS[name]
    kinds = [[], ["--annotate", "-"]] if name in ("msd", "virial", "voronoi", "icosa") else [[]]
    kinds += [["--table", f"{flag.split()[1].split('=')[0]}=-", "-o", "/dev/null"] for flag in outputs if flag.startswith("--table")]
    for further in kinds * times:
        head_one(row, name, [*arguments, *further, "-q"])
    head_one(row, name, [arguments[0], "--help"])
    if outputs and not name.startswith("convert"):
        head_one(row, name, [arguments[0], "--list-tables"])


def head_one(row, name, arguments):
    upstream = subprocess.Popen([HYALO, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    head = subprocess.run(["head", "-1"], stdin=upstream.stdout, capture_output=True)
    upstream.stdout.close()
    try:
        _, stderr = upstream.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        upstream.kill()
        return row.fail(f"{' '.join(arguments)}: goes on and on")
    # Where the reader had all it wanted before the end, a fit may still be doubtful.
    is_doubtful = name in ("tg-fit", "rate-fit") and upstream.returncode == 1 and stderr.count(b"\n") == 1
    if not is_doubtful and (upstream.returncode != 0 or stderr) or not head.stdout:
        return row.fail(f"{' '.join(arguments)}: exit code {upstream.returncode}: {stderr.decode()[:300]!r}")
    row.count("ended quietly with " + str(upstream.returncode))


# ---- inputs


def inputs(row, times, _dice, name, seed, base):
    for _, counts, wrong, peak in faults_inputs.inputs([name], times, seed, HYALO, ROOT, base):
        words = {
            "refused": "refused in one line",
            "checked": "answered right (by another reader, or as undamaged where there is a checksum)",
            "unchanged": "answered as undamaged",
            "unchecked": "answered where nothing tells right from wrong",
        }
        for kind, text in words.items():
            if counts.get(kind):
                row.counts[text] = counts[kind]
        row.memory = peak
        for number, what in wrong:
            row.fail(f"input {number}: {what}")


# ---- the table

FAULTS = {
    "kill": "`kill -9` at random moments and between the names of two outputs, every command",
    "full-disk": "a full disk, a file that may not grow, every command",
    "unwritable": "an output without permission, on a read-only file system, in the place of a folder, in no folder, every command",
    "closed-pipe": "`hyalo … \\| head -1`, every command",
    "inputs/text": "damaged dumps, data files, extended XYZ",
    "inputs/compressed": "damaged gzip, bzip2, xz, Zstandard",
    "inputs/chemfiles": "damaged files that chemfiles reads",
    "inputs/protocols": "damaged protocols",
    "inputs/tables": "damaged tables, logs, filters",
    "memory": f"{faults_scale.GIGABYTES} GB through a pipe, with {faults_scale.LIMIT} MB of memory",
    "million": "a million particles in a frame",
    "frames": "ten thousand frames",
}


def rows(seed, folder):
    """The rows by name: how often a fault is injected unless told otherwise, and what injects it."""
    table = {}

    def add(kind, name, times, action, *further):
        # Blanks in names would have to be quoted.
        table[f"{kind}/{name.replace(' ', '')}"] = (times, lambda row, times, dice: action(row, times, dice, *further))

    for name in COMMANDS:
        add("kill", name, 120, kill, name)
    add("kill", "simulate", 40, kill_simulate)
    add("kill", "replicas", 20, kill_simulate, True)
    for name in COMMANDS:
        add("full-disk", name, 20, full_disk, name)
    add("full-disk", "TMPDIR", 10, temporary_full)
    add("full-disk", "simulate", 20, full_simulate)
    for name in [*COMMANDS, "simulate"]:
        add("unwritable", name, 1, unwritable, name)
    for name in [*COMMANDS, "simulate"]:
        if not name.startswith("convert ."):
            add("closed-pipe", name, 5, closed_pipe, name)
    for name in faults_inputs.NAMES:
        add("inputs", name, 1000, inputs, name, seed, folder / "tmp")
    for name, action in faults_scale.ROWS.items():
        table[name] = (1, lambda row, times, dice, action=action: action(row))
    return table


def main():
    parser = argparse.ArgumentParser(prog="tools/faults")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows, or what their names begin with: inputs, kill/msd")
    parser.add_argument("--times", type=int, help="how often each fault is injected")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="name the rows")
    asked = parser.parse_args()
    folder = TARGET / "faults"
    table = rows(asked.seed, folder)
    if asked.list:
        return print("\n".join(table))
    belongs = lambda name, row: name == row or name.startswith(row + "/")
    unknown = [row for row in asked.rows if not any(belongs(name, row) for name in table)]
    if unknown:
        sys.exit(f"faults: there is no row {unknown[0]}; --list names them")
    chosen = [name for name in table if not asked.rows or any(belongs(name, row) for row in asked.rows)]
    faults_scale.HYALO, faults_scale.ROOT = HYALO, ROOT
    if any(name.startswith("inputs/") for name in chosen):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tmp").mkdir(parents=True)
        faults_inputs.prepare(HYALO, ROOT, folder / "made")
    groups = {}
    for name in chosen:
        times, action = table[name]
        row = Row()
        action(row, asked.times or times, random.Random(f"{asked.seed} {name}"))
        print(f"{name}: {row.happened()}", file=sys.stderr, flush=True)
        for wrong in row.wrong[:20]:
            print(f"{name}: DOES NOT HOLD: {wrong}", file=sys.stderr, flush=True)
        groups.setdefault(next(group for group in FAULTS if belongs(name, group)), Row()).add(row)
    print("| fault | command | what happened | holds |\n|---|---|---|---|")
    for group, row in groups.items():
        print(f"| {FAULTS[group]} | `tools/faults {group}` | {row.happened()} | {'no' if row.wrong else 'yes'} |")
    sys.exit(any(row.wrong for row in groups.values()))


STRACE = ["strace", "-f", "-o", "/dev/null", "-e"] if shutil.which("strace") else []
CAN_MOUNT = os.geteuid() == 0 and "HYALO_FAULTS_NAMESPACE" in os.environ
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []

if __name__ == "__main__":
    main()
