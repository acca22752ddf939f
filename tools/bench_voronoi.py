"""The measuring part of `tools/bench voronoi`: the tessellator by itself on one core against OVITO and voro_rs, and whole runs of `voronoi` and
`icosa` on a dump of two species against OVITO's Voronoi analysis of all frames and against the program voro++ (apt: voro++), one frame after
the other."""

import argparse
import csv
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_peers import ATOMS, FOLDER, cpu_model, make_trajectories, run, table
from bench_virial import first_frames

BINARY = os.environ["HYALO"]
FRAMES = 200
# Of one turn of the tessellators.
REPEATS = 10
DIAMETERS = {"1": 1.0, "2": 1.2}
SIZES = ["--diameters", ",".join(f"{kind}={size}" for kind, size in DIAMETERS.items())]
TESSELLATOR = Path(BINARY).parent / "examples/tessellate"


# ---- OVITO's share, in a process of its own; timed without the interpreter's start and the imports, which favours it


def ovito(task, path, repeats):
    import numpy as np
    from ovito.io import import_file
    from ovito.modifiers import VoronoiAnalysisModifier

    def modifier(is_radical):
        return VoronoiAnalysisModifier(compute_indices=True, use_radii=is_radical, edge_threshold=0.0)

    if task == "cells":
        data = import_file(path).compute(0)
        for kind in ("plain", "radical"):
            seconds = []
            for _ in range(repeats):
                copy = data.clone()
                start = time.perf_counter()
                copy.apply(modifier(kind == "radical"))
                seconds.append(time.perf_counter() - start)
            faces = int(np.sum(copy.particles["Coordination"]))
            volume = float(np.sum(copy.particles["Atomic Volume"]))
            print(json.dumps({"kind": kind, "seconds": seconds, "cells": copy.particles.count, "volume": volume, "faces": faces}))
        return
    start = time.perf_counter()
    pipeline = import_file(path)

    def radii(frame, data):
        types = np.array(data.particles["Particle Type"])
        data.particles_.create_property("Radius", data=np.where(types == 1, DIAMETERS["1"] / 2, DIAMETERS["2"] / 2))

    pipeline.modifiers.append(radii)
    pipeline.modifiers.append(modifier(task == "radical"))
    icosahedra = 0
    for frame in range(pipeline.source.num_frames):
        index = np.array(pipeline.compute(frame).particles["Voronoi Index"])
        icosahedra += int(((index[:, 4] == 12) & (index.sum(axis=1) == 12)).sum())
    print(json.dumps({"seconds": time.perf_counter() - start, "icosahedra": icosahedra}))


def ovito_apart(task, path, threads, repeats=1):
    output = run([sys.executable, __file__, "ovito", task, str(path), str(repeats)], threads)[2]
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


# ---- the program voro++: a file a frame, written beforehand, and no time counted for reading what it writes


def voroxx_files(path):
    """A file of particles for each frame, with radii and without, and the bounds."""
    with open(path) as lines:
        for number, line in enumerate(lines):
            if line.startswith("ITEM: BOX"):
                bounds = [word for _ in range(3) for word in next(lines).split()]
            elif line.startswith("ITEM: ATOMS"):
                names = line.split()[2:]
                id_, kind, x, y, z = (names.index(name) for name in ("id", "type", "x", "y", "z"))
                rows = [next(lines).split() for _ in range(ATOMS)]
                # Particles on the upper bound would be left out.
                low, edges = [float(bounds[0])], [float(bounds[1]) - float(bounds[0])]
                place = lambda word: str(low[0] + (float(word) - low[0]) % edges[0])  # noqa: E731
                places = [" ".join([row[id_], *(place(row[axis]) for axis in (x, y, z))]) for row in rows]
                yield bounds, places, [str(DIAMETERS[row[kind]] / 2) for row in rows]


def voroxx(files, bounds, is_radical, threads):
    start = time.perf_counter()
    waiting, running = list(files), []
    while waiting or running:
        while waiting and len(running) < threads:
            command = ["voro++", "-p", *(["-r"] if is_radical else []), "-c", "%i %v %s %a %n %f", *bounds, str(waiting.pop())]
            running.append(subprocess.Popen(command))
        running = [child for child in running if child.poll() is None] if len(running) < threads or not waiting else wait_for_one(running)
    return time.perf_counter() - start


def wait_for_one(running):
    running[0].wait()
    return [child for child in running if child.poll() is None]


# ---- hyalo's whole runs


def hyalo(command, path, threads):
    out = FOLDER / f"{command[0]}.csv"
    wall = run([BINARY, *command, str(path), "-o", str(out), "--force", "-q", f"-j{threads}"], threads)[0]
    with open(out) as lines:
        rows = [row for row in csv.DictReader(lines) if row["species"] == "all"]
    assert len(rows) == FRAMES, f"hyalo found {len(rows)} frames"
    return wall, rows


def tessellators(turns):
    """One core: cells a second of hyalo, voro_rs and OVITO, on the first frame."""
    source = first_frames(make_trajectories()[0])
    frame = FOLDER / "voronoi.extxyz"
    run([BINARY, "convert", str(source), "--frames", "0:1", *SIZES, "-o", str(frame), "--force"], 1)
    rows = []
    # In turn, so that whatever else the machine does meets all alike.
    measured = {}
    for turn in range(turns):
        print(f"\rbench: tessellator, {turn + 1} of {turns}   ", end="", file=sys.stderr)
        own = [json.loads(line) for line in run([str(TESSELLATOR), str(frame), str(REPEATS)], 1)[2].splitlines()]
        for line in own + [line | {"program": "OVITO"} for line in ovito_apart("cells", frame, 1, REPEATS)]:
            measured.setdefault((line["kind"], line["program"]), line | {"seconds": []})["seconds"] += line["seconds"]
    print(file=sys.stderr)
    agree = True
    for kind in ("plain", "radical"):
        found = {program: measured[kind, program] for program in ("hyalo", "OVITO", "voro_rs")}
        agree &= len({line["faces"] for line in found.values()}) == 1
        agree &= all(abs(line["volume"] / found["hyalo"]["volume"] - 1) < 1e-6 for line in found.values())
        rate = {name: line["cells"] / statistics.median(line["seconds"]) / 1e3 for name, line in found.items()}
        for name, bar in (("OVITO", 5), ("voro_rs", 9)):
            ratio = rate["hyalo"] / rate[name]
            verdict = "pass" if ratio >= bar else "FAIL"
            rows.append((f"{kind} cells, 1 core, {name}", f"{rate['hyalo']:.0f} k/s", f"{rate[name]:.0f} k/s", f"{ratio:.1f}", f"≥ {bar}", verdict))
    return rows, agree


def compare(arguments):
    FOLDER.mkdir(parents=True, exist_ok=True)
    repeats = 3 if arguments.quick else 5
    rows, agree = tessellators(3 if arguments.quick else 9)
    path = first_frames(make_trajectories()[0])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = min(2, cores)
    files, bounds = {"plain": [], "radical": []}, None
    folder = FOLDER / "voro++"
    folder.mkdir(exist_ok=True)
    has_program = shutil.which("voro++") is not None
    for number, (bounds, places, radii) in enumerate(voroxx_files(path) if has_program else ()):
        for kind in files:
            file = folder / f"{kind}{number}"
            ends = [f" {radius}" if kind == "radical" else "" for radius in radii]
            file.write_text("".join(f"{place}{end}\n" for place, end in zip(places, ends)))
            files[kind].append(file)
    for command, kind in ((["voronoi", *SIZES], "radical"), (["icosa", *SIZES], "plain")):
        seconds = {"hyalo": [], "OVITO": [], "voro++": []}
        for repeat in range(repeats):
            print(f"\rbench: {command[0]}, {repeat + 1} of {repeats}   ", end="", file=sys.stderr)
            wall, table_rows = hyalo(command, path, threads)
            seconds["hyalo"].append(wall)
            (theirs,) = ovito_apart(kind, path, threads)
            seconds["OVITO"].append(theirs["seconds"])
            if command[0] == "icosa":
                agree &= sum(int(row["count"]) for row in table_rows) == theirs["icosahedra"]
            if has_program:
                seconds["voro++"].append(voroxx(files[kind], bounds, kind == "radical", threads))
        print(file=sys.stderr)
        own = statistics.median(seconds["hyalo"])
        for name, bar in (("OVITO", 4), ("voro++", 8)):
            if not seconds[name]:
                continue
            ratio = statistics.median(seconds[name]) / own
            verdict = "pass" if ratio >= bar else "FAIL"
            rows.append((f"{command[0]} ({kind}), {threads} cores, {name}", f"{own:.2f} s", f"{ratio * own:.2f} s", f"{ratio:.1f}", f"≥ {bar}", verdict))
    shutil.rmtree(folder)
    version = run([BINARY, "--version"], 1)[2].strip()
    report = "\n".join(
        [
            f"voronoi: one frame, and {FRAMES} frames, of {ATOMS} particles, {cpu_model()}, {cores} cores; {version}, OVITO {importlib.metadata.version('ovito')}.",
            f"Medians. hyalo: whole processes; OVITO: without its start; voro++: a process a frame, {threads} at a time, without writing its input and reading its output.",
            "Cells, faces and icosahedra agree." if agree else "THE ANSWERS DIFFER.",
            "",
            *table(rows),
        ]
    )
    print(report)
    (FOLDER / "voronoi.md").write_text(report + "\n")
    return 0 if agree and not any(row[-1] == "FAIL" for row in rows) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["ovito"]:
        sys.exit(ovito(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    parser = argparse.ArgumentParser(prog="tools/bench voronoi")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    sys.exit(compare(parser.parse_args()))
