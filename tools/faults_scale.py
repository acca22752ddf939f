"""The rows of tools/faults about size: inputs larger than memory, a million particles in a frame, ten thousand frames."""

import csv
import gzip
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HYALO = ROOT = None  # set by tools/faults
LIMIT = 300  # MB of memory for streams
GIGABYTES = 10
MILLION = 10  # copies along each edge


# The largest memory of a process counts that of the one it was forked from: a small one stands between.
SMALL = """import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""


def measured(words, feed=None, cwd=None):
    """Runs hyalo and gives exit code, standard output and error, seconds, and the largest resident memory in MB."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile("r") as memory:
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", SMALL, memory.name, HYALO, *words],
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
        )
        fed = 0
        if feed:
            try:
                fed = feed(child.stdin)
                child.stdin.close()
            except BrokenPipeError:
                pass
        code = child.wait()
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read().decode(errors="replace"), seconds, int(memory.read()) / 1024, fed


def real_frames():
    """The frames of a real dump, without the step: what comes before it, and what behind."""
    text = gzip.decompress((ROOT / "fixtures/lammps/heat_wrapped.lammpstrj.gz").read_bytes())
    frames = re.split(rb"(?m)^ITEM: TIMESTEP\n\d+\n", text)
    if frames[0]:
        raise SystemExit("faults: the dump begins otherwise than expected")
    return frames[1:]


def endless(gigabytes, compress=None):
    """Feeds real frames again and again, with steps that go on, until so many gigabytes (decompressed) have passed."""
    frames = real_frames()
    packed = [compress(frame) for frame in frames] if compress else frames
    pack = compress or (lambda piece: piece)

    def feed(pipe):
        written = step = 0
        while written < gigabytes * 1e9:
            at = step % len(frames)
            head = b"ITEM: TIMESTEP\n%d\n" % step
            pipe.write(pack(head) + packed[at])
            written += len(head) + len(frames[at])
            step += 1
        pipe.flush()
        return step

    return feed


def stream(row, gigabytes, command, compress=None):
    feed = endless(gigabytes, compress)
    words = [command, "-", "-q", "-o", "/dev/null"]
    if command in ("virial", "voronoi"):
        words += ["--diameters", "1=1.0,2=1.2", "--frames", "::100"]
    if command == "msd":
        words += ["--unwrap", "images"]
    if command == "info":
        words = ["info", "-", "--json", "-q"]
    code, out, err, seconds, memory, frames = measured(words, feed)
    if code or err:
        return row.fail(f"{command}: exit code {code}: {err[:300]}")
    if command == "info" and f'"frames":{frames},' not in out.decode():
        row.fail(f"info: not the {frames} frames that were piped in: {out.decode()[:200]}")
    if memory > LIMIT:
        row.fail(f"{command}: {memory:.0f} MB")
    row.note(f"{command}{' (gzip)' if compress else ''}: {frames} frames, {gigabytes:g} GB, {seconds:.0f} s, {memory:.0f} MB")


def memory(row):
    """Ten gigabytes through a pipe."""
    gigabytes = float(os.environ.get("HYALO_FAULTS_GIGABYTES", GIGABYTES))
    for command in ("info", "msd", "virial", "voronoi"):
        stream(row, gigabytes, command)
    stream(row, gigabytes, "msd", lambda piece: gzip.compress(piece, 1))


def many_frames(row):
    """Ten thousand frames against a thousand: memory that does not grow."""
    for command in ("msd", "voronoi", "virial", "icosa"):
        used = []
        for frames in (1000, 10000):
            words = [command, "-", "-q", "-o", "/dev/null", *(["--diameters", "1=1.0,2=1.2"] if command != "msd" else [])]
            code, _, err, seconds, peak, _ = measured(words, small_frames(frames))
            if code or err:
                return row.fail(f"{command}: exit code {code}: {err[:300]}")
            used.append(peak)
        if used[1] > 1.25 * used[0] + 10:
            row.fail(f"{command}: {used[0]:.0f} MB for 1000 frames, {used[1]:.0f} MB for 10000")
        row.note(f"{command}: {used[0]:.0f} MB for 1000 frames, {used[1]:.0f} MB for 10000 ({seconds:.0f} s)")


def small_frames(count):
    """Frames of 200 particles in a tilted box."""
    text = (ROOT / "fixtures/lammps/triclinic_wrapped.lammpstrj").read_bytes()
    frames = re.split(rb"(?m)^ITEM: TIMESTEP\n\d+\n", re.sub(rb"(?m)^ITEM: (TIME|UNITS)\n.*\n", b"", text))[1:]

    def feed(pipe):
        for step in range(count):
            pipe.write(b"ITEM: TIMESTEP\n%d\n" % step + frames[step % len(frames)])
        pipe.flush()
        return count

    return feed


# ---- a million particles


def first_frames(count):
    """The first frames of the real dump: box edges, and particles by id: species, position, image flags."""
    frames = []
    for text in real_frames()[:count]:
        lines = text.decode().splitlines()
        at = lines.index(next(line for line in lines if line.startswith("ITEM: BOX BOUNDS")))
        bounds = [tuple(map(float, line.split())) for line in lines[at + 1 : at + 4]]
        names = lines[at + 4].split()[2:]
        rows = [dict(zip(names, line.split())) for line in lines[at + 5 :]]
        frames.append((bounds, {int(row["id"]): row for row in rows}))
    return frames


def replicated(path, copies, frames):
    """Writes the frames copied along each edge; ids go on, so that particle i of copy c has the id i + c N."""
    with open(path, "w") as out:
        for step, (bounds, particles) in enumerate(frames):
            count = len(particles)
            lengths = [high - low for low, high in bounds]
            out.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{count * copies**3}\nITEM: BOX BOUNDS pp pp pp\n")
            out.writelines(f"{low!r} {low + copies * length!r}\n" for (low, _), length in zip(bounds, lengths))
            out.write("ITEM: ATOMS id type xu yu zu\n")
            copy = 0
            for i in range(copies):
                for j in range(copies):
                    for k in range(copies):
                        shift = [i * lengths[0], j * lengths[1], k * lengths[2]]
                        for identity, row in particles.items():
                            position = [float(row["xyz"[axis]]) + int(row["i" + "xyz"[axis]]) * lengths[axis] + shift[axis] for axis in range(3)]
                            out.write(f"{identity + copy * count} {row['type']} {position[0]!r} {position[1]!r} {position[2]!r}\n")
                        copy += 1


def million(row):
    """A small periodic system copied ten times along each edge: every particle has the numbers of the one that it was copied from."""
    copies = int(os.environ.get("HYALO_FAULTS_COPIES", MILLION))
    frames = first_frames(2)
    count = len(frames[0][1])
    with tempfile.TemporaryDirectory(prefix="hyalo-faults-") as folder:
        folder = Path(folder)
        small, large = str(folder / "small.lammpstrj"), str(folder / "large.lammpstrj")
        replicated(small, 1, frames)
        replicated(large, copies, frames)

        def timed(command, *words):
            code, out, err, seconds, peak, _ = measured([command, large, "-q", *words], cwd=folder)
            if code or err:
                raise Failure(f"{command}: exit code {code}: {err[:300]}")
            row.note(f"{command}: {seconds:.1f} s, {peak:.0f} MB")
            return out

        def compare(command, table, columns, words, exact=()):
            """Holds a table of particles to that of the small system."""
            code, out, err, *_ = measured([command, small, "-q", *words, "--table", f"{table}=-", "-o", "/dev/null"], cwd=folder)
            if code:
                raise Failure(f"{command} of the small one: {err[:300]}")
            known = {(entry["frame"], int(entry["id"])): entry for entry in csv.DictReader(io.StringIO(out.decode()))}
            scale = {name: max(abs(float(entry[name])) for entry in known.values()) for name in columns}
            timed(command, *words, "--table", f"{table}=large.csv", "-o", "/dev/null", "--force")
            worst, seen = 0.0, 0
            with open(folder / "large.csv") as lines:
                for entry in csv.DictReader(lines):
                    one = known[entry["frame"], (int(entry["id"]) - 1) % count + 1]
                    seen += 1
                    for name in columns:
                        worst = max(worst, abs(float(entry[name]) - float(one[name])) / scale[name])
                    if any(entry[name] != one[name] for name in exact):
                        raise Failure(f"{command}: particle {entry['id']}: {[entry[name] for name in exact]} for {[one[name] for name in exact]}")
            if seen != len(known) * copies**3:
                raise Failure(f"{command}: {seen} rows")
            row.note(f"{table} of {command} equal to {worst:.0e}" if columns else f"{table} of {command} equal")
            if not worst < 1e-9:
                row.fail(f"{command}: numbers differ by {worst:g}")

        sizes = ["--diameters", "1=1.0,2=1.2"]
        try:
            out = timed("info", "--json").decode()
            if f'"particles":{{"min":{count * copies**3},"max":{count * copies**3}}}' not in out:
                row.fail(f"info: {out[:200]}")
            compare("msd", "displacements", ["displacement"], [])
            compare("virial", "particles", ["pressure", "energy"], [*sizes, "--frames", "0"])
            compare("voronoi", "particles", ["volume"], [*sizes, "--frames", "0"], ["voronoi_index"])
            compare("icosa", "particles", [], ["--frames", "0"], ["structure", "n_faces"])
            for ending in ("extxyz", "lammpstrj"):
                timed("convert", "-o", f"copy.{ending}")
            one, two = (sorted(block(folder / name)) for name in ("large.lammpstrj", "copy.lammpstrj"))
            if one != two:
                row.fail("convert: other rows")
        except Failure as failure:
            row.fail(str(failure))


class Failure(Exception):
    pass


def block(path):
    """The rows of the first frame of a dump: id, type, position as numbers."""
    with open(path) as lines:
        for line in lines:
            if line.startswith("ITEM: ATOMS"):
                break
        for line in lines:
            if line.startswith("ITEM"):
                return
            words = line.split()
            yield int(words[0]), words[1], *map(float, words[2:5])


ROWS = {"memory": memory, "million": million, "frames": many_frames}
