"""Every figure and the table behind it, each by one command of hyalo."""

import csv
import hashlib
import json
import math
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from statistics import mean

import plan
from runs import refuse, say


@dataclass(frozen=True)
class Figure:
    """A figure of the page."""

    name: str
    number: str
    title: str
    caption: str
    command: str


class Analyses:
    """Runs commands of hyalo in the folder of the report, those whose answer is there already not again."""

    def __init__(self, hyalo, root):
        self.hyalo, self.root = hyalo, root
        self.doubts = []
        # What another build of hyalo made is made again.
        self.build = [os.stat(hyalo).st_size, os.stat(hyalo).st_mtime_ns]
        for folder in ("figures", "tables/rates", "trajectories", ".done"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def run(self, name, arguments, inputs, outputs):
        """Carries out `hyalo ARGUMENTS`, which makes the outputs of the inputs; returns the command as one types it."""
        command = shlex.join(["hyalo", *arguments])
        state = [command, self.build] + [[path, (self.root / path).stat().st_size, (self.root / path).stat().st_mtime_ns] for path in inputs]
        key = hashlib.sha256(json.dumps(state).encode()).hexdigest()
        stamp = self.root / ".done" / name.replace("/", "-")
        if not (stamp.exists() and stamp.read_text().startswith(key) and all((self.root / path).exists() for path in outputs)):
            say(command)
            done = subprocess.run([self.hyalo, *arguments, "--force", "--quiet"], cwd=self.root, stderr=subprocess.PIPE, text=True)
            # 1 is an answer that hyalo itself calls doubtful.
            if done.returncode not in (0, 1) or "hyalo: interrupted" in done.stderr:
                refuse(f"{command}: {done.stderr.strip()}")
            if missing := [path for path in outputs if not (self.root / path).exists()]:
                refuse(f"{command} made no {missing[0]}: {done.stderr.strip()}")
            print(done.stderr, end="", file=sys.stderr)
            stamp.write_text(f"{key}\n{done.stderr}")
        self.doubts += stamp.read_text().splitlines()[1:]
        return command

    def rows(self, name):
        """The rows of a table."""
        with (self.root / "tables" / f"{name}.csv").open() as file:
            return list(csv.DictReader(file))


def both(table, name, main):
    """The flags for a table as Parquet and as CSV."""
    outputs = [f"tables/{name}.parquet", f"tables/{name}.csv"]
    flags = ["-o", outputs[0]] if main else ["--table", f"{table}={outputs[0]}"]
    return [*flags, "--table", f"{table}={outputs[1]}"], outputs


def labelled(seeds, labels, path):
    """Inputs for every seed and label with their flags: those of one label are replicas."""
    inputs = [path(seed, label) for seed in seeds for label in labels]
    flags = [flag for _ in seeds for label in labels for flag in ("--label", label)]
    return inputs, [*inputs, *flags]


STAGES = {"bidisperse": "", "polydisperse": "-polydisperse", "VHG": "-vhg"}
RAMPS = {
    "bidisperse, cooled": "cool",
    "bidisperse, heated": "heat",
    "polydisperse, cooled": "cool-polydisperse",
    "VHG": "heat-vhg",
}


def onsets(analyses, table):
    """T at which the squared displacement reaches 1, by label and replica, from a table of `tg-fit` of one of `msd`."""
    found = {}
    for row in analyses.rows(table):
        label, _, replica = row["input"].partition(" (replica ")
        if row["value"]:
            found.setdefault(label, {})[int(replica.rstrip(")") or 1)] = float(row["value"])
    return found


def windows(label, steps, onset):
    """Windows of glass line and liquid branch: the liquid well beyond the transition at this rate."""
    cooled, (ordinary, _) = label.endswith("cooled"), plan.heated_to(steps)
    liquid = (0.65 if steps >= 1e6 else 0.7, plan.LIQUID) if cooled else (min(onset + 0.1, ordinary - 0.15), ordinary)
    return ["--glass-window", "0.12:0.35", "--liquid-window", f"{liquid[0]:.2f}:{liquid[1]:g}"]


def energies(analyses, name, seeds, ramps, steps, onset, msd, folder, figure=None):
    """`tg-fit` of ramps; the homogenised glass melts where its squared displacement says."""
    inputs, flags = labelled(seeds, ramps, lambda seed, label: f"{folder(seed)}/{RAMPS[label]}.thermo.parquet")
    for _ in seeds:
        for label in ramps:
            if label == "VHG":
                flags += ["--glass-window", "auto", "--liquid-window", "auto", "--msd", msd]
            else:
                flags += [*windows(label, steps, onset), "--msd", "none"]
    tables, outputs = both("fits", name, True)
    if figure:
        curves, files = both("curves", f"{name}-curves", False)
        tables, outputs = [*tables, *curves, "--plot", figure], [*outputs, *files, figure]
    return analyses.run(name, ["tg-fit", *flags, *tables], [*inputs, msd], outputs)


def melting_points(analyses, name, msd):
    """`tg-fit` of a table of squared displacements: T at which it reaches 1, by label and replica; those that stay below are left out."""
    tables, outputs = both("fits", name, True)
    analyses.run(name, ["tg-fit", msd, *tables], [msd], outputs)
    return onsets(analyses, name)


def make(analyses, scale, seeds):
    """Figures of the main runs."""
    figures = []
    run = lambda seed: f"runs/seed-{seed}"
    several = f"mean of {len(seeds)} independent runs, with their standard deviation" if len(seeds) > 1 else "one run"

    def draw(name, number, title, caption, arguments, inputs, tables, figure=None):
        flags, outputs = [], []
        for index, table in enumerate(tables):
            more, files = both(table, name if index == 0 else f"{name}-{table}", index == 0)
            flags, outputs = flags + more, outputs + files
        picture = f"figures/{name}.svg"
        plot = ["--plot", f"{figure}={picture}" if figure else picture]
        command = analyses.run(name, [*arguments, *flags, *plot], inputs, [*outputs, picture])
        figures.append(Figure(name, number, title, caption, command))

    first = run(seeds[0])
    iterations = f"{first}/homogenise.extxyz"
    draw("fig1b", "1b", "Local virial pressures while a glass is homogenised",
         "Distribution of P₂,i before the first iteration, after 5, 10 and 20, and at the end.",
         ["virial", iterations, "--at", "0,5,10,20,1000"], [iterations], ["frames", "histogram"], "pressures")
    inputs, flags = labelled(seeds, ["bidisperse", "VHG"], lambda seed, label: f"{run(seed)}/{'homogenise' if label == 'VHG' else 'minimum'}.final.extxyz")
    draw("pressures", "1b", "Local virial pressures before and after", f"Minima of the bidisperse glass and of the homogenised one; {several}.",
         ["virial", *flags], inputs, ["frames"], "pressures")
    homogenised = [f"{run(seed)}/homogenise.final.extxyz" for seed in seeds]
    named = [flag for _ in seeds for flag in ("--label", "VHG")] if len(seeds) > 1 else []
    draw("fig1c", "1c", "Diameters after homogenisation", f"Of all particles and of each species, areas as their numbers; {several}.",
         ["virial", *homogenised, *named], homogenised, ["frames", "histogram"], "diameters")

    inputs, flags = labelled(seeds, list(STAGES), lambda seed, label: f"{run(seed)}/heat{STAGES[label]}.extxyz")
    draw("fig3", "3", "Melting", f"Mean squared displacement from T = 0.1 on heating; {several} (of the logarithms).", ["msd", *flags], inputs, ["frames"])
    melted = melting_points(analyses, "onsets", "tables/fig3.parquet")
    for label in STAGES:
        if len(melted.get(label, ())) < len(seeds):
            refuse(f"the {label} glass did not melt in every run: in tables/fig3.csv its squared displacement stays below 1")
    onset = mean(melted["bidisperse"].values())
    command = energies(analyses, "fig2", seeds, RAMPS, scale.steps, onset, "tables/fig3.parquet", run, "figures/fig2.svg")
    figures.append(Figure("fig2", "2", "Potential energy on cooling and heating",
                          f"With the glass lines and liquid branches (dashed) and the temperatures where they meet; of the homogenised glass where ⟨Δr²⟩ = 1; {several}.", command))

    for seed in seeds:
        # As far apart as the frames of the other ramps.
        arguments = ["convert", f"{run(seed)}/heat-vhg.extxyz", "--frames", f"::{round(0.01 / scale.fine)}", "-o", f"trajectories/heat-vhg-{seed}.extxyz"]
        analyses.run(f"thinned-{seed}", arguments, [arguments[1]], [arguments[-1]])
    inputs, flags = labelled(seeds, RAMPS, lambda seed, label: f"trajectories/heat-vhg-{seed}.extxyz" if label == "VHG" else f"{run(seed)}/{RAMPS[label]}.extxyz")
    liquid = f"{first}/equilibrium.extxyz"
    icosahedra = ["icosa", *flags, liquid, "--label", "liquid in equilibrium"]
    draw("fig4", "4", "Icosahedra", f"Icosahedra around small particles by the number of small particles, of snapshots; {several}.",
         icosahedra, [*inputs, liquid], ["frames"])
    draw("fig4-inherent", "4", "Icosahedra of inherent structures", f"The same of the nearest minima of snapshots {0.01 * scale.quenched:g} apart in T; {several}.",
         [*icosahedra, "--inherent", "--frames", f"::{scale.quenched}"], [*inputs, liquid], ["frames"])

    melting = f"{first}/heat-vhg.extxyz"
    at = melted["VHG"][1]
    draw("fig5", "5", "Displacements while the homogenised glass melts",
         "Distribution of log₁₀ Δr 0.03 below T_o, 0.02 and 0.07 above it; inset: against T, of the whole ramp.",
         ["msd", melting, "--at", ",".join(f"{at + by:.3f}" for by in (-0.03, 0.02, 0.07))], [melting], ["frames", "histogram"], "histogram")
    draw("figS3", "S3", "Displacements of all particles against T", "Density of log₁₀ Δr during the heating of the homogenised glass.",
         ["msd", melting], [melting], ["frames"], "density")
    for seed in seeds:
        low = melted["VHG"][seed] - 0.15
        trajectory = f"{run(seed)}/heat-vhg.extxyz"
        movers = ["delta-star", trajectory, "--temperatures", f"{low:.3f},{low + 0.05:.3f}"]
        tables = [both(table, f"movers-{table}-{seed}", table == "particles") for table in ("particles", "summary", "clustering", "clusters", "histogram")]
        plots = {"fig6-left": "trajectories", "fig6-right": "slice", "figS2": "histogram"} if seed == seeds[0] else {}
        pictures = [flag for name, figure in plots.items() for flag in ("--plot", f"{figure}=figures/{name}.svg")]
        outputs = [file for _, files in tables for file in files] + [f"figures/{name}.svg" for name in plots]
        command = analyses.run(f"movers-{seed}", [*movers, *(flag for flags, _ in tables for flag in flags), *pictures], [trajectory], outputs)
        if plots:
            between = f"between T = {low:.3f} and {low + 0.05:.3f}, 0.15 and 0.10 below T_o"
            figures += [
                Figure("fig6-left", "6 left", "What moves first", f"Paths {between}, those of movers (δ* > 0.3) in colour; the paper colours those that move by more than 2.", command),
                Figure("fig6-right", "6 right", "Movers and icosahedra", f"A slice with the movers {between} and, shaded, icosahedral particles.", command),
                Figure("figS2", "S2", "Diameters of the movers", f"Of all particles and of the movers {between}.", command),
            ]
    draw("figS1", "S1", "Local volume fractions", f"Of the homogenised glass by species, radical Voronoi cells; {several}.",
         ["voronoi", *homogenised, *named], homogenised, ["frames", "histogram"])
    return figures


# The series of the rate study, with the stage at whose end their structure is looked at.
SERIES = {"bidisperse": "minimum", "VHG": "homogenise"}
PAPER = [("T_g", "bidisperse", 0.48), ("T_o", "bidisperse, energies", 0.52), ("T_o", "VHG, displacements", 0.68)]
QUANTITIES = {
    "T_g": ("glass transition", "*T*_{g}"),
    "T_o": ("melting", "*T*_{o}"),
    "icosahedra": ("icosahedra around small particles", "fraction of icosahedra"),
    "energy": ("energy of the minimum", "*U*/*N*"),
}


@dataclass(frozen=True)
class Study:
    """The rate study: its figures, the quantities that were fitted, and what was left out."""

    figures: list
    quantities: list
    notes: list


RATE_COLUMNS = ("quantity", "series", "rate", "steps", "seed", "value")


def read_rates(path):
    """The rows of the table of a rate study. An error if it is none."""
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    if not lines or tuple(lines[0]) != RATE_COLUMNS:
        raise ValueError(f"its columns are not {', '.join(RATE_COLUMNS)}")
    rows = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            quantity, series, rate, steps, seed, value = line
            row = (quantity, series, float(rate), steps, int(seed), float(value))
            # A rate of other steps, or a value that is no number, would be drawn with the rest.
            sound = quantity in QUANTITIES and plan.can_be_steps(float(steps)) and row[2] == plan.rate(float(steps)) and math.isfinite(row[5])
        except ValueError:
            sound = False
        if not sound:
            raise ValueError(f"line {number} is none of its rows")
        if rows.setdefault((quantity, series, steps, seed), row) is not row:
            raise ValueError(f"line {number} is there twice")
    return list(rows.values())


def steps_of(measured):
    """The numbers of steps in rows of such a table."""
    return list(dict.fromkeys(float(row[3]) for row in measured))


def rate_study(analyses, scale, rates, count, earlier):
    """What depends on the rate, and how: measured, but for the rates of earlier rows, and extrapolated to the paper's."""
    measured, notes = list(earlier), []
    for steps in (steps for steps in rates if steps not in steps_of(earlier)):
        seeds, name = list(plan.rate_seeds(steps, count)), plan.notation(steps)
        run = lambda seed: f"rates/{name}-seed-{seed}"
        note = lambda quantity, series, seed, value: measured.append((quantity, series, plan.rate(steps), f"{steps:.0f}", seed, value))
        inputs, flags = labelled(seeds, SERIES, lambda seed, label: f"{run(seed)}/heat{STAGES[label]}.extxyz")
        tables, outputs = both("frames", f"rates/{name}-msd", True)
        analyses.run(f"rates/{name}-msd", ["msd", *flags, *tables], inputs, outputs)
        melted = melting_points(analyses, f"rates/{name}-onsets", outputs[0])
        for series in SERIES:
            values = melted.get(series, {})
            if len(values) < len(seeds):
                # The mean over those that melted would be too low.
                notes.append(f"rate study: {name} steps: {len(seeds) - len(values)} of {len(seeds)} {series} glasses did not melt: this rate is left out")
                continue
            for seed, value in values.items():
                note("T_o", f"{series}, displacements", seed, value)
        energies(analyses, f"rates/{name}-fits", seeds, ["bidisperse, cooled", "bidisperse, heated", "VHG"], steps, mean(melted.get("bidisperse", {1: 1.0}).values()), outputs[0], run)
        for row in analyses.rows(f"rates/{name}-fits"):
            found = {("bidisperse, cooled", "T_g"): ("T_g", "bidisperse"), ("bidisperse, heated", "T_o"): ("T_o", "bidisperse, energies")}
            series = found.get((row["input"], row["quantity"]))
            # A crossing that hyalo itself doubts is no measurement.
            if series and (row["warning"] or not row["value"]):
                notes.append(f"rate study: {name} steps: {row['quantity']} of {row['input']} (run {row.get('replica', 1)}) is doubtful and left out")
            elif series:
                note(*series, row.get("replica", 1), float(row["value"]))
        inputs, flags = labelled(seeds, SERIES, lambda seed, label: f"{run(seed)}/{SERIES[label]}.final.extxyz")
        for command, quantity in (("icosa", "icosahedra"), ("virial", "energy")):
            tables, outputs = both("frames", f"rates/{name}-{command}", True)
            analyses.run(f"rates/{name}-{command}", [command, *flags, *tables], inputs, outputs)
            for row in analyses.rows(f"rates/{name}-{command}"):
                if command == "icosa" and row["species"] == "A":
                    note(quantity, row["input"], row.get("replica", 1), float(row["fraction"]))
                if command == "virial" and row["species"] == "all":
                    note(quantity, row["input"], row.get("replica", 1), float(row["energy"]))
    write(analyses.root / "tables/rates.csv", RATE_COLUMNS, measured)
    fitted, source = measured, "tables/rates.csv"
    for quantity, series in sorted({row[:2] for row in measured}):
        if len({row[2] for row in measured if row[:2] == (quantity, series)}) < 3:
            notes.append(f"rate study: {quantity} of {series} was measured at fewer than three rates: not fitted")
            fitted = [row for row in fitted if row[:2] != (quantity, series)]
    if len(fitted) < len(measured):
        source = "tables/rates-fitted.csv"
        write(analyses.root / source, RATE_COLUMNS, fitted)
    paper = [(quantity, series, plan.PAPER_RATE, value, "paper") for quantity, series, value in PAPER]
    write(analyses.root / "tables/paper.csv", ("quantity", "series", "rate", "value", "source"), paper)
    figures, quantities = [], [quantity for quantity in QUANTITIES if any(row[0] == quantity for row in fitted)]
    for quantity in quantities:
        title, axis = QUANTITIES[quantity]
        name, picture = f"rates-{quantity}", f"figures/rates-{quantity}.svg"
        tables = [both(table, name if table == "fits" else f"{name}-{table}", table == "fits") for table in ("fits", "means", "extrapolations")]
        arguments = ["rate-fit", source, "--quantity", quantity, "--extrapolate", f"{plan.PAPER_RATE:g}", "--axis-label", axis]
        if quantity == "icosahedra":
            arguments += ["--lowest", "0"]
        if any(row[0] == quantity for row in paper):
            arguments += ["--compare", "tables/paper.csv"]
        flags = [flag for flags, _ in tables for flag in flags]
        command = analyses.run(name, [*arguments, *flags, "--plot", picture], [source, "tables/paper.csv"], [picture, *(file for _, files in tables for file in files)])
        figures.append(Figure(name, "rates", f"Rate study: {title}", "N = 1000; fits with their extrapolation to the paper's rate, 1.8·10⁻⁷, and the interval in which it must be expected.", command))
    return Study(figures, quantities, notes)


def write(path, header, rows):
    """A table that hyalo and people read; it keeps its time where nothing changes."""
    text = "\n".join([",".join(header), *(",".join(quoted(value) for value in row) for row in rows), ""])
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def quoted(value):
    value = str(value)
    return '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',"\n') else value
