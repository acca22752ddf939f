"""The measuring part of `tools/bench engine`: dynamics and homogenisation against LAMMPS, the same state, the same number of steps a second."""

import argparse
import importlib.metadata
import os
import re
import statistics
import sys
from pathlib import Path

from bench_peers import FOLDER, cpu_model, run, table

WORK = FOLDER / "engine"
BINARY = os.environ["HYALO"]

LIQUID = """version = 1
seed = 20261
[[stage]]
name = "random"
kind = "create"
random = { particles = 4000, density = 0.75, species = [{ name = "1", diameter = 1.0, fraction = 0.5 }, { name = "2", diameter = 1.2, fraction = 0.5 }] }
[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 1e-2
[[stage]]
name = "liquid"
kind = "ramp"
velocities = 2.0
from = 1.0
to = 0.6
steps = 20000
[[stage]]
name = "glass"
kind = "ramp"
from = 0.6
to = 0.1
steps = 20000
[[stage]]
name = "homogenise"
kind = "homogenise"
[[stage]]
name = "vhg"
kind = "equilibrate"
velocities = 1.2
temperature = 0.6
steps = 4000
"""

# The state as a user would bring it; velocities drawn anew.
DYNAMICS = """version = 1
[[stage]]
name = "start"
kind = "create"
file = {{ path = "{path}" }}
[[stage]]
name = "run"
kind = "equilibrate"
velocities = {temperature}
temperature = {temperature}
steps = {steps}
thermo = {{ every = 1000 }}
"""

HOMOGENISE = """version = 1
[[stage]]
name = "start"
kind = "create"
file = {{ path = "{path}" }}
[[stage]]
name = "homogenise"
kind = "homogenise"
"""

LAMMPS = """units lj
atom_style atomic
read_data {data}
{replicate}
pair_style lj/smooth 2.5 2.75
{coefficients}
velocity all create {temperature} 4711
neighbor 0.3 bin
neigh_modify delay 5 every 1 check yes
fix 1 all nvt temp {temperature} {temperature} 0.5
timestep 0.005
thermo 1000
run {steps}
"""
BIDISPERSE = """pair_coeff 1 1 1.0 1.0 2.5 2.75
pair_coeff 1 2 1.0 1.1 2.75 3.025
pair_coeff 2 2 1.0 1.2 3.0 3.3
pair_modify shift yes"""


def simulate(protocol, name, threads, **settings):
    """Seconds that the stage of that name took, and the program's summary of it."""
    path = WORK / "protocol.toml"
    path.write_text(protocol)
    run([BINARY, "simulate", str(path), "-o", str(WORK / "run"), "--force", f"-j{threads}"], threads, **settings)
    summary = (FOLDER / "stderr.txt").read_text()
    line = next(line for line in summary.splitlines() if line.startswith(f"hyalo simulate: {name}:"))
    return float(re.search(r"\(([\d.]+) s\)$", line)[1]), line


def lammps(text, threads):
    """Steps per second."""
    script = WORK / "in.bench"
    script.write_text(text)
    command = [str(Path(sys.prefix, "bin", "lmp")), "-in", str(script), "-log", "none", "-sf", "omp", "-pk", "omp", str(threads)]
    output = run(command, threads)[2]
    return float(re.search(r"([\d.]+) timesteps/s", output)[1])


def particles(path):
    """Edge of the box, and of each particle its position and diameter, from an extended XYZ file."""
    lines = path.read_text().splitlines()
    edge = float(re.search(r'Lattice="([\d.e+-]+)', lines[1])[1])
    names = re.search(r"Properties=(\S+)", lines[1])[1].split(":")
    columns, at = {}, 0
    for name, _, count in zip(names[::3], names[1::3], names[2::3]):
        columns[name], at = at, at + int(count)
    position, radius = columns["pos"], columns["radius"]
    rows = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return edge, [([float(value) for value in row[position : position + 3]], 2 * float(row[radius])) for row in rows]


def write_data(path, edge, atoms, each_its_own_type):
    """A LAMMPS data file and the pair coefficients that go with it."""
    diameters = [diameter for _, diameter in atoms] if each_its_own_type else sorted({diameter for _, diameter in atoms})
    kinds = {diameter: kind for kind, diameter in enumerate(diameters, 1)}
    with open(path, "w") as out:
        out.write(f"written by tools/bench\n\n{len(atoms)} atoms\n{len(diameters)} atom types\n\n")
        for axis in "xyz":
            out.write(f"0 {edge!r} {axis}lo {axis}hi\n")
        out.write("\nMasses\n\n")
        out.writelines(f"{kind} {diameter**3!r}\n" for kind, diameter in enumerate(diameters, 1))
        out.write("\nAtoms # atomic\n\n")
        for index, (position, diameter) in enumerate(atoms, 1):
            kind = index if each_its_own_type else kinds[diameter]
            out.write(f"{index} {kind} {' '.join(repr(x % edge) for x in position)}\n")
    if not each_its_own_type:
        return BIDISPERSE
    included = path.with_suffix(".coefficients")
    lines = [f"pair_coeff {kind} {kind} 1.0 {d!r} {2.5 * d!r} {2.75 * d!r}" for kind, d in enumerate(diameters, 1)]
    included.write_text("\n".join(["pair_modify mix arithmetic shift yes", *lines]) + "\n")
    return f"include {included.resolve()}"


def replicated(path, times):
    """The state, `times` as large along each axis."""
    edge, atoms = particles(path)
    out = WORK / f"large{times}.extxyz"
    size = edge * times
    with open(out, "w") as file:
        file.write(f'{len(atoms) * times**3}\nLattice="{size!r} 0 0 0 {size!r} 0 0 0 {size!r}" pbc="T T T" ')
        file.write("Properties=species:S:1:pos:R:3:radius:R:1 unwrapped=T\n")
        for shift in ([x, y, z] for x in range(times) for y in range(times) for z in range(times)):
            for position, diameter in atoms:
                place = " ".join(repr(x + edge * step) for x, step in zip(position, shift))
                file.write(f"{1 if diameter == 1.0 else 2} {place} {diameter / 2!r}\n")
    return out


def compare(arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    # Many short runs: other users of a machine come and go within seconds.
    repeats = 5 if arguments.quick else 9
    cores = len(os.sched_getaffinity(0))
    liquid, glass, vhg = (WORK / f"{name}.final.extxyz" for name in ("liquid", "glass", "vhg"))
    if not vhg.exists():
        print("bench: hyalo makes a liquid, a glass and a homogenised glass: a minute, once", file=sys.stderr)
        (WORK / "liquid.toml").write_text(LIQUID)
        run([BINARY, "simulate", str(WORK / "liquid.toml"), "-o", str(WORK / "made"), "--force"], cores)
        for path in (liquid, glass, vhg):
            (WORK / "made" / path.name).rename(path)
    rows = []

    def dynamics(what, state, threads, steps, peer_steps, bar, times=1, own_types=False, **settings):
        if threads > cores:
            return
        edge, atoms = particles(state)
        data = WORK / "state.data"
        coefficients = write_data(data, edge, atoms, own_types)
        path = state if times == 1 else replicated(state, times)
        own, theirs = [], []
        for repeat in range(repeats):
            print(f"\rbench: {what}, {repeat + 1} of {repeats}   ", end="", file=sys.stderr)
            seconds, _ = simulate(DYNAMICS.format(path=path.resolve(), temperature=0.6, steps=steps), "run", threads, **settings)
            own.append(steps / seconds)
            replicate = f"replicate {times} {times} {times}" if times > 1 else ""
            text = LAMMPS.format(data=data, replicate=replicate, coefficients=coefficients, temperature=0.6, steps=peer_steps)
            theirs.append(lammps(text, threads))
        print(file=sys.stderr)
        mine, peer = statistics.median(own), statistics.median(theirs)
        verdict = "pass" if mine / peer >= bar else "FAIL"
        rows.append((what, f"{mine:.4g} steps/s", f"{peer:.4g} steps/s", f"{mine / peer:.1f}", f"≥ {bar}", verdict))

    scale = 1 if arguments.quick else 2
    dynamics("N = 4000, T = 0.6, 1 thread", liquid, 1, 25000 * scale, 1500 * scale, 10)
    dynamics("N = 4000, T = 0.6, 2 threads", liquid, 2, 40000 * scale, 2000 * scale, 10)
    dynamics("VHG state, 4000 diameters, 1 thread", vhg, 1, 15000 * scale, 200 * scale, 40, own_types=True)
    dynamics("AVX2 alone, 1 thread", liquid, 1, 15000 * scale, 1500 * scale, 6, HYALO_INSTRUCTION_SET="avx2")
    dynamics("N = 32000, 2 threads", liquid, 2, 3000 * scale, 300 * scale, 6, times=2)
    dynamics("N = 256000, 2 threads", liquid, 2, 300 * scale, 30 * scale, 6, times=4)
    seconds = []
    for repeat in range(repeats):
        print(f"\rbench: homogenisation, {repeat + 1} of {repeats}   ", end="", file=sys.stderr)
        spent, summary = simulate(HOMOGENISE.format(path=glass.resolve()), "homogenise", 1)
        seconds.append(spent)
    print(file=sys.stderr)
    spent = statistics.median(seconds)
    rows.append(("FIRE and homogenisation, N = 4000, 1 thread", f"{spent:.1f} s", None, None, "≤ 10 s", "pass" if spent <= 10 else "FAIL"))

    report = "\n".join(
        [
            f"{cpu_model()}, {cores} cores; LAMMPS {importlib.metadata.version('lammps')} (lj/smooth/omp, NVT).",
            f"Medians of {repeats} interleaved runs. Homogenisation: {summary.split(': ', 2)[2]}.",
            "",
            *table(rows),
        ]
    )
    print(report)
    (FOLDER / "engine.md").write_text(report + "\n")
    return 1 if any(row[-1] == "FAIL" for row in rows) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tools/bench engine")
    parser.add_argument("--quick", action="store_true", help="fewer repeats of shorter runs")
    sys.exit(compare(parser.parse_args()))
