"""The measuring part of tools/bench. Without a command it runs the comparison; as `bench_peers.py one PEER TASK FILE THREADS` one peer's share."""

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path("target/bench")
FRAMES, ATOMS = 1000, 4000
MEMORY_BAR = 300  # MB


# ---- one peer's share, in a process of its own; timed without the interpreter's start and the imports, which favours the peer


def ovito_read(path, threads):
    from ovito.io import import_file

    start = time.perf_counter()
    source = import_file(path).source
    for frame in range(source.num_frames):
        last = source.compute(frame)
    return time.perf_counter() - start, source.num_frames, float(last.particles.positions[0, 0])


def mdanalysis_universe(path):
    import MDAnalysis

    return MDAnalysis.Universe(
        path, format="LAMMPSDUMP", topology_format="LAMMPSDUMP", lammps_coordinate_convention="auto"
    )


def mdanalysis_read(path, threads):
    import MDAnalysis.coordinates.LAMMPS  # noqa: F401

    start = time.perf_counter()
    trajectory = mdanalysis_universe(path).trajectory
    for step in trajectory:
        last = step.positions
    return time.perf_counter() - start, len(trajectory), float(last[0, 0])


def mdanalysis_msd(path, threads):
    import MDAnalysis.coordinates.LAMMPS  # noqa: F401
    import numpy as np

    start = time.perf_counter()
    msd, first = [], None
    for step in mdanalysis_universe(path).trajectory:  # sorted by id by the reader
        positions = step.positions.astype(np.float64)
        first = positions if first is None else first
        msd.append(((positions - first) ** 2).sum(axis=1).mean())
    return time.perf_counter() - start, len(msd), float(msd[-1])


def freud_msd(path, threads):
    import freud
    import numpy as np
    from ovito.io import import_file  # the fastest reader for it

    freud.parallel.set_num_threads(threads)
    start = time.perf_counter()
    source = import_file(path).source
    positions = np.empty((source.num_frames, ATOMS, 3))
    for frame in range(source.num_frames):
        particles = source.compute(frame).particles
        positions[frame, np.asarray(particles.identifiers) - 1] = particles.positions
    msd = freud.msd.MSD(mode="direct").compute(positions).msd
    return time.perf_counter() - start, len(msd), float(msd[-1])


PEERS = {
    ("OVITO", "read"): ovito_read,
    ("MDAnalysis", "read"): mdanalysis_read,
    ("MDAnalysis", "msd"): mdanalysis_msd,
    ("freud", "msd"): freud_msd,
}


# ---- the comparison


def run(command, threads, **settings):
    """Wall time (s), peak resident memory (MB) and output of a command held to the first `threads` cores, with further environment settings."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OVITO_THREAD_COUNT", "POLARS_MAX_THREADS")}
    pin = ["taskset", "-c", ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))] if platform.system() == "Linux" else []
    with open(FOLDER / "stderr.txt", "w") as errors:
        start = time.perf_counter()
        child = subprocess.Popen(pin + command, stdout=subprocess.PIPE, stderr=errors, env=os.environ | limits | settings, text=True)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed:\n{(FOLDER / 'stderr.txt').read_text()}")
    return wall, usage.ru_maxrss / (1024 if platform.system() == "Linux" else 1024**2), output


def peer(name, task, path, threads):
    """Seconds and the number that shows that everybody did the same."""
    _, _, output = run([sys.executable, __file__, "one", name, task, str(path), str(threads)], threads)
    seconds, frames, value = json.loads(output.splitlines()[-1])
    assert frames == FRAMES, f"{name} found {frames} frames in {path}"
    return seconds, value


def hyalo(task, path, threads):
    """Seconds of the whole process, its peak memory (MB), and the last mean-squared displacement."""
    binary = os.environ["HYALO"]
    if task == "read":
        wall, memory, _ = run([binary, "info", str(path), "--json", f"-j{threads}"], threads)
        return wall, memory, None
    table = FOLDER / "msd.csv"
    # Drift is kept because the peers keep it.
    wall, memory, _ = run([binary, "msd", str(path), "--drift", "keep", "-o", str(table), "--force", "-q", f"-j{threads}"], threads)
    with open(table) as lines:
        rows = [row for row in csv.DictReader(line for line in lines if not line.startswith("#")) if row["species"] == "all"]
    return wall, memory, float(rows[-1]["msd"])


def make_trajectories():
    paths = FOLDER / "wrapped.lammpstrj", FOLDER / "unwrapped.lammpstrj"
    if not all(path.exists() for path in paths):
        print(f"bench: LAMMPS makes {FRAMES} frames of {ATOMS} particles: a few minutes, once", file=sys.stderr)
        work = FOLDER / "making"
        work.mkdir(exist_ok=True)
        lammps = Path(sys.prefix, "bin", "lmp")
        subprocess.run([lammps, "-in", Path("tools/bench.in").resolve(), "-screen", "none"], cwd=work, check=True)
        for path in paths:
            (work / path.name).rename(path)
    return paths


def make_long(path, times=10):
    """The trajectory again and again, with steps that go on."""
    long = FOLDER / "long.lammpstrj"
    stride = 20 * FRAMES
    with open(long, "wb") as out:
        for repeat in range(times):
            with open(path, "rb") as lines:
                for line in lines:
                    out.write(line)
                    if line.startswith(b"ITEM: TIMESTEP"):
                        out.write(b"%d\n" % (int(next(lines)) + repeat * stride))
    return long


def cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def table(rows):
    """Lines of a Markdown table: what, hyalo, peer, ratio, bar, verdict."""
    header = ("what", "hyalo", "peer", "ratio", "bar", "verdict")
    cells = [[cell or "–" for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def compare(arguments):
    FOLDER.mkdir(parents=True, exist_ok=True)
    wrapped, unwrapped = make_trajectories()
    repeats = 3 if arguments.quick else 7
    binary = Path(os.environ["HYALO"])
    have = os.access(binary, os.X_OK) and binary.is_file()
    if not have:
        print(f"bench: hyalo binary missing ({binary}): measuring the peers only", file=sys.stderr)
    cores = len(os.sched_getaffinity(0)) if platform.system() == "Linux" else os.cpu_count()

    # MDAnalysis and freud want unwrapped positions, so `msd` is compared on that file; hyalo alone has the wrapped one with image flags as well.
    tasks = [
        ("read every frame", "read", wrapped, {"OVITO": 2, "MDAnalysis": 10}),
        ("msd from the file", "msd", unwrapped, {"MDAnalysis": 5, "freud": 5}),
        ("msd, wrapped with image flags", "msd", wrapped, {}),
    ]
    rows, memory, agree = [], 0.0, 0.0
    for threads in [count for count in (1, 2) if count <= cores]:
        for what, task, path, bars in tasks:
            what = f"{what}, {threads} core{'s' if threads > 1 else ''}"
            with open(path, "rb") as file:  # into the page cache, for everybody
                while file.read(1 << 24):
                    pass
            seconds = {name: [] for name in ("hyalo", *bars)}
            values = {}
            for repeat in range(repeats):
                print(f"\rbench: {what}, {repeat + 1} of {repeats}   ", end="", file=sys.stderr)
                if have:
                    wall, peak, values["hyalo"] = hyalo(task, path, threads)
                    seconds["hyalo"].append(wall)
                    memory = max(memory, peak) if task == "msd" else memory
                for name in bars:
                    spent, values[name] = peer(name, task, path, threads)
                    seconds[name].append(spent)
            print(file=sys.stderr)
            if task == "msd" and len(values) > 1:
                agree = max(agree, max(values.values()) / min(values.values()) - 1)
            own = statistics.median(seconds["hyalo"]) if have else None
            for name, bar in bars.items():
                theirs = statistics.median(seconds[name])
                verdict = ("pass" if theirs / own >= bar else "FAIL") if have else "hyalo binary missing"
                rows.append((f"{what}: {name}", own and f"{own:.3f} s", f"{theirs:.3f} s", own and f"{theirs / own:.1f}", f"≥ {bar}", verdict))
            if not bars and have:
                rows.append((what, f"{own:.3f} s", None, None, None, None))

    peaks = [(f"peak memory of msd, {FRAMES} frames", memory)] if have else []
    if arguments.long and have:
        long = make_long(wrapped)
        peaks.append((f"peak memory of msd, {10 * FRAMES} frames", hyalo("msd", long, min(2, cores))[1]))
        long.unlink()
    for what, peak in peaks:
        rows.append((what, f"{peak:.0f} MB", None, None, f"< {MEMORY_BAR} MB", "pass" if peak < MEMORY_BAR else "FAIL"))

    lines = table(rows)
    names = ("ovito", "MDAnalysis", "freud-analysis", "numpy", "lammps")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    if have:
        own = run([str(binary), "--version"], 1)[2].strip()
        versions = f"{own}, {versions}"
    size = wrapped.stat().st_size / 1e6
    report = "\n".join(
        [
            f"{FRAMES} frames of {ATOMS} particles ({size:.0f} MB), {cpu_model()}, {cores} cores; {versions}, Python {platform.python_version()}.",
            f"Medians of {repeats} interleaved runs, file in the page cache. hyalo: the whole process; peers: without start and imports.",
            *([f"The last ⟨Δr²⟩ of all programs agrees to {agree:.0e}."] if agree else []),
            "",
            *lines,
        ]
    )
    print(report)
    (FOLDER / "report.md").write_text(report + "\n")
    return 1 if any(row[-1] == "FAIL" for row in rows) or (have and agree > 1e-4) else 0 if have else 2


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        _, _, name, task, path, threads = sys.argv
        print(json.dumps(PEERS[name, task](path, int(threads))))
        sys.exit()
    parser = argparse.ArgumentParser(prog="tools/bench")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--long", action="store_true", help="also the memory on 10 000 frames")
    sys.exit(compare(parser.parse_args()))
