"""The measuring part of `tools/bench virial`: energies and virials of all particles against LAMMPS's rerun with pe/atom and stress/atom, from the
same dump of a mixture of two species."""

import argparse
import csv
import importlib.metadata
import os
import re
import statistics
import sys
from pathlib import Path

from bench_peers import ATOMS, FOLDER, cpu_model, make_trajectories, run, table

BINARY = os.environ["HYALO"]
FRAMES = 200
BAR = 6

RERUN = """units lj
boundary p p p
region box block 0 1 0 1 0 1
create_box 2 box
mass 1 1.0
mass 2 1.728
pair_style lj/smooth 2.5 2.75
pair_coeff 1 1 1.0 1.0 2.5 2.75
pair_coeff 1 2 1.0 1.1 2.75 3.025
pair_coeff 2 2 1.0 1.2 3.0 3.3
pair_modify shift yes
read_dump {path} 0 x y z box yes add keep
compute energy all pe/atom
compute virial all stress/atom NULL virial
compute sums all reduce sum c_energy c_virial[1] c_virial[2] c_virial[3]
thermo 20
thermo_style custom step c_sums[1] c_sums[2] c_sums[3] c_sums[4]
thermo_modify format float %.15g
{dump}
rerun {path} dump x y z box yes
"""
DUMP = "dump out all custom 20 {path} id c_energy c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]"


def first_frames(path):
    short = FOLDER / "virial.lammpstrj"
    if not short.exists():
        count = 0
        with open(path) as lines, open(short, "w") as out:
            for line in lines:
                count += line.startswith("ITEM: TIMESTEP")
                if count > FRAMES:
                    break
                out.write(line)
    return short


def lammps(path, threads, ranks, dump):
    """Seconds of the rerun itself, and of its last frame the energy and the trace of the virial."""
    script = FOLDER / "in.rerun"
    script.write_text(RERUN.format(path=path, dump=dump and DUMP.format(path=FOLDER / "virial.out")))
    folder = Path(sys.prefix, "bin")
    command = [str(folder / "lmp"), "-in", str(script), "-log", "none"]
    if ranks > 1:
        command = [str(folder / "mpiexec"), "-n", str(ranks), *command]
    else:
        command += ["-sf", "omp", "-pk", "omp", str(threads)]
    output = run(command, threads)[2]
    last = [line.split() for line in output.split("Loop time")[0].splitlines() if line.strip()][-1]
    # LAMMPS divides sums by the number of atoms.
    _, energy, *trace = (ATOMS * float(word) for word in last)
    return float(re.search(r"Loop time of ([\d.]+)", output)[1]), energy, -sum(trace)


def hyalo(path, threads, dump):
    """Seconds of the whole process, and of its last frame the energy and the trace of the virial."""
    frames = FOLDER / "virial.csv"
    command = [BINARY, "virial", str(path), "--diameters", "1=1,2=1.2", "-o", str(frames), "--force", "-q", f"-j{threads}"]
    if dump:
        command += ["--table", f"particles={FOLDER / 'virial.parquet'}"]
    wall = run(command, threads)[0]
    with open(frames) as lines:
        rows = [row for row in csv.DictReader(lines) if row["species"] == "all"]
    assert len(rows) == FRAMES, f"hyalo found {len(rows)} frames"
    volume = ATOMS / 0.75
    return wall, ATOMS * float(rows[-1]["energy"]), 3 * volume * float(rows[-1]["virial_pressure"])


def compare(arguments):
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = first_frames(make_trajectories()[0])
    repeats = 3 if arguments.quick else 7
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows, agree = [], 0.0
    for threads in [count for count in (1, 2) if count <= cores]:
        for what, dump in [("sums", ""), ("each particle written", "yes")]:
            what = f"{what}, {threads} core{'s' if threads > 1 else ''}"
            # LAMMPS may use its cores as threads or as ranks.
            ways = {"threads": (threads, 1)} | ({"ranks": (threads, threads)} if threads > 1 else {})
            seconds = {name: [] for name in ("hyalo", *ways)}
            for repeat in range(repeats):
                print(f"\rbench: {what}, {repeat + 1} of {repeats}   ", end="", file=sys.stderr)
                spent, *own = hyalo(path, threads, dump)
                seconds["hyalo"].append(spent)
                for name, (count, ranks) in ways.items():
                    spent, *theirs = lammps(path, count, ranks, dump)
                    seconds[name].append(spent)
                    agree = max(agree, *(abs(one / other - 1) for one, other in zip(own, theirs)))
            print(file=sys.stderr)
            own = statistics.median(seconds["hyalo"])
            theirs = min(statistics.median(seconds[name]) for name in ways)
            bar = BAR if threads == 2 and not dump else None
            verdict = ("pass" if theirs / own >= bar else "FAIL") if bar else None
            rows.append((what, f"{own:.3f} s", f"{theirs:.3f} s", f"{theirs / own:.1f}", bar and f"≥ {bar}", verdict))
    version = run([BINARY, "--version"], 1)[2].strip()
    report = "\n".join(
        [
            f"virial: {FRAMES} frames of {ATOMS} particles of two species, {cpu_model()}, {cores} cores; {version}, LAMMPS {importlib.metadata.version('lammps')}.",
            f"Medians of {repeats} interleaved runs. hyalo: the whole process; LAMMPS: rerun without its start, the faster of lj/smooth/omp and MPI ranks.",
            f"Energy and virial of the last frame agree to {agree:.0e}.",
            "",
            *table(rows),
        ]
    )
    print(report)
    (FOLDER / "virial.md").write_text(report + "\n")
    return 1 if agree > 1e-9 or any(row[-1] == "FAIL" for row in rows) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tools/bench virial")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    sys.exit(compare(parser.parse_args()))
