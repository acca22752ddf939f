"""What the paper states, against what was measured. Every verdict is computed from the tables."""

from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

import plan
from figures import SERIES, onsets


@dataclass(frozen=True)
class Statement:
    """A statement of the paper, judged."""

    text: str
    where: str
    paper: str
    measured: str
    criterion: str
    holds: bool | None
    remark: str = ""

    def verdict(self):
        return {True: "holds", False: "does not hold", None: "cannot be judged"}[self.holds]


def spread(values, digits=3):
    """Mean ± standard deviation over runs."""
    values = list(values)
    text = f"{mean(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {stdev(values):.{digits}f}"


def number(row, column):
    return float(row[column]) if row[column] else None


class Tables:
    """The tables, by what is asked of them."""

    def __init__(self, analyses, seeds):
        self.rows, self.seeds = analyses.rows, seeds

    def by(self, name, **wanted):
        """The rows in which columns have these values, by replica."""
        rows = {}
        for row in self.rows(name):
            if all(row[column] == value for column, value in wanted.items()):
                rows.setdefault(int(row.get("replica") or 1), []).append(row)
        return rows

    def curve(self, name, value, **wanted):
        """Mean over replicas of a column against the temperature, in bins of 0.01."""
        bins = {}
        for rows in self.by(name, **wanted).values():
            for row in rows:
                bins.setdefault(round(float(row["temperature"]), 2), []).append(float(row[value]))
        return {temperature: mean(values) for temperature, values in bins.items()}


def crossing(points, level):
    """Where a curve first rises through a level."""
    for (before, low), (after, high) in zip(points, points[1:]):
        if low < level <= high:
            return before + (after - before) * (level - low) / (high - low)
    return None


def two_peaks(counts, between):
    """Whether counts in successive bins have a peak on each side of a dip: (left peak, dip, right peak), smoothed over three bins, and whether the dip
    is deeper than twice the noise of counting.

    `between` holds the first and the last place where the dip may lie."""
    places = sorted(counts)
    smooth = {}
    for index, place in enumerate(places):
        near = places[max(0, index - 1) : index + 2]
        smooth[place] = mean(counts[other] for other in near)
    inner = [place for place in places if between[0] <= place <= between[1]]
    if not inner:
        return None, False
    dip = min(inner, key=lambda place: smooth[place])
    left = max((smooth[place] for place in places if place < dip), default=0.0)
    right = max((smooth[place] for place in places if place > dip), default=0.0)
    noise = sqrt((smooth[dip] + min(left, right)) / 3)
    return (left, smooth[dip], right), min(left, right) - smooth[dip] > 2 * noise


def judge(analyses, scale, seeds):
    """All statements, in the order of the paper."""
    tables = Tables(analyses, seeds)
    judged = []

    def state(text, where, paper, measured, criterion, holds, remark=""):
        judged.append(Statement(text, where, paper, measured, criterion, holds, "" if holds else remark))

    faster = plan.PAPER_STEPS / scale.steps
    because = f"this rate is {faster:,.0f} times the paper's; the rate study says how it goes on" if faster > 1 else ""

    # Homogenisation.
    before, after = (tables.by("pressures", input=label, species="all") for label in SERIES)
    ratios = [number(before[one][0], "pressure_sd") / number(after[one][0], "pressure_sd") for one in before]
    state("The standard deviation of P₂,i falls by an order of magnitude", "Fig. 1b", "10 times", f"{spread(ratios, 1)} times", "mean factor ≥ 10",
          mean(ratios) >= 10, "the last standard deviation is set by a few particles; in small systems by single ones" if scale.particles < 4000 else "the last standard deviation is set by a few particles, and differs from run to run")
    pooled = {}
    for rows in tables.by("fig1c-histogram", species="all", quantity="diameter").values():
        for row in rows:
            pooled[round(float(row["low"]), 3)] = pooled.get(round(float(row["low"]), 3), 0) + int(row["count"])
    peaks, apart = two_peaks(pooled, (1.04, 1.16))
    state("The two species can still be told apart by their diameters", "Fig. 1c", "two peaks",
          "peaks of {:.0f} and {:.0f} particles a bin, {:.0f} between them".format(peaks[0], peaks[2], peaks[1]) if peaks else "no diameters between the species",
          "a dip between 1.04 and 1.18 deeper than twice the noise of counting", apart, "the distributions of the species overlap, and the dip between them is within the noise of the number of particles")
    drops = [number(after[one][0], "energy") - number(before[one][0], "energy") for one in before]
    state("Homogenisation lowers the potential energy by a large amount", "Fig. 2", "a big drop", f"{spread(drops)} per particle (minima)", "≤ −0.25 in every run", max(drops) <= -0.25,
          "small systems and fast quenches stop after fewer iterations")
    pressures = [number(after[one][0], "pressure") - number(before[one][0], "pressure") for one in before]
    state("Homogenisation lowers the bulk pressure", "Methods", "reduced", f"by {spread([-value for value in pressures])} (minima)", "lower in every run", max(pressures) < 0,
          "the pressure falls at first and rises again to the end")
    fractions = {}
    for rows in tables.by("figS1-histogram", species="all").values():
        for row in rows:
            place = round(float(row["volume_fraction_low"]), 4)
            fractions[place] = fractions.get(place, 0) + int(row["count"])
    each = {name: mean(float(rows[0]["volume_fraction"]) for rows in tables.by("figS1", species=name).values()) for name in "AB"}
    middle = 0.5 * (each["A"] + each["B"])
    peaks, apart = two_peaks(fractions, (middle - 0.02, middle + 0.02))
    state("The local volume fraction still has two peaks", "Fig. S1", "two peaks",
          f"means {each['A']:.3f} (small) and {each['B']:.3f} (large)" + (f"; peaks of {peaks[0]:.0f} and {peaks[2]:.0f} particles a bin, {peaks[1]:.0f} between them" if peaks else ""),
          "a dip within 0.02 of the middle of the species' means, deeper than twice the noise of counting", apart, "the distributions of the species overlap")

    # Energies.
    curves = {label: tables.curve("fig2-curves", "energy", input=label) for label in ("bidisperse, cooled", "bidisperse, heated", "polydisperse, cooled", "VHG")}
    drop = -mean(drops)

    def apart_by(one, other, low, high):
        shared = [place for place in curves[one] if place in curves[other] and low <= place <= high]
        return mean(curves[one][place] - curves[other][place] for place in shared)

    glass, liquid = apart_by("polydisperse, cooled", "bidisperse, cooled", 0.15, 0.4), apart_by("polydisperse, cooled", "bidisperse, cooled", 0.7, 0.95)
    state("The cooled polydisperse system mirrors the bidisperse one", "Fig. 2", "almost exactly", f"{glass:+.3f} in the glass, {liquid:+.3f} in the liquid", "both within a fifth of the drop on homogenisation",
          max(abs(glass), abs(liquid)) <= 0.2 * drop, "sizes far from the two of the mixture raise the energy, most of all that of the liquid")
    hysteresis = apart_by("bidisperse, heated", "bidisperse, cooled", 0.15, 0.9)
    state("Cooling and heating of the bidisperse system almost coincide", "Fig. 2", "very little difference", f"{hysteresis:+.3f} on average between T = 0.15 and 0.9", "within a tenth of the drop on homogenisation", abs(hysteresis) <= 0.1 * drop,
          "at fast rates the glass ages while it is heated")
    deeper = apart_by("VHG", "bidisperse, heated", 0.15, 0.4)
    state("The homogenised glass lies far below both", "Fig. 2", "considerably", f"{deeper:+.3f} between T = 0.15 and 0.4", "≤ −0.2", deeper <= -0.2, "part of the drop is lost where the glass is warm")

    # Transitions.
    fits = analyses.rows("fig2")

    def transition(text, where, label, quantity, paper):
        rows = [row for row in fits if row["input"] == label and row["quantity"] == quantity]
        sound = [row for row in rows if row["value"]]
        if not sound:
            return state(text, where, f"{paper}", "none found", "", None, because)
        values = [float(row["value"]) for row in sound]
        ends = [(number(row, "lower"), number(row, "upper")) for row in sound]
        low, high = min((low for low, _ in ends if low is not None), default=min(values)), max((high for _, high in ends if high is not None), default=max(values))
        doubts = sum(1 for row in sound if row["warning"])
        measured = f"{spread(values)} ({low:.3f} to {high:.3f})" + (f"; {doubts} of {len(sound)} doubtful" if doubts else "")
        within = None if doubts == len(sound) else low <= paper <= high
        state(text, where, f"{paper}", measured, "the paper's value within the interval", within, because if within is False else "hyalo itself doubts every one: see below")

    transition("T_g of the bidisperse system", "Fig. 2", "bidisperse, cooled", "T_g", 0.48)
    transition("T_g of the polydisperse system", "Fig. 2", "polydisperse, cooled", "T_g", 0.49)
    transition("T_o of the bidisperse glass", "Fig. 2", "bidisperse, heated", "T_o", 0.52)
    transition("T_o of the homogenised glass, where ⟨Δr²⟩ = 1", "Figs. 2, 3", "VHG", "T_o_msd", 0.68)
    transition("T_o/T_g of the homogenised glass", "Fig. 2", "VHG", "T_o_msd/T_g", 1.39)
    ratios = [float(row["value"]) for row in fits if row["input"] == "VHG" and row["quantity"] == "T_o_msd/T_g" and row["value"]]
    state("T_o/T_g is far above that of vapour-deposited glasses", "Fig. 2", "1.39 against 1.05", spread(ratios, 2) if ratios else "none found", "≥ 1.2 in every run",
          min(ratios) >= 1.2 if ratios else None, "no T_o or no T_g was found")
    for quantity, series, paper in (("T_g", "bidisperse", 0.48), ("T_o", "bidisperse, energies", 0.52), ("T_o", "VHG, displacements", 0.68)):
        extrapolated(analyses, state, quantity, series, paper)

    # Melting.
    melted = onsets(analyses, "onsets")
    order = [melted["VHG"][seed] - max(melted["bidisperse"][seed], melted["polydisperse"][seed]) for seed in seeds]
    state("The homogenised glass melts at a considerably higher temperature than the bidisperse and the polydisperse one", "Fig. 3", "0.68 against 0.52",
          "T at ⟨Δr²⟩ = 1: " + ", ".join(f"{label} {spread(values.values())}" for label, values in melted.items()), "later by 0.1 or more in every run", min(order) >= 0.1, because)
    widths = {}
    for label in ("bidisperse", "VHG"):
        for seed, rows in tables.by("fig3", input=label, species="all").items():
            points = [(float(row["temperature"]), float(row["msd"])) for row in rows]
            ends = [crossing(points, level) for level in (0.2, 2.0)]
            if None not in ends:
                widths.setdefault(label, []).append((ends[1] - ends[0]) / melted[label][seed])
    if len(widths) == 2:
        state("It melts more sharply", "Fig. 3", "a sudden increase", ", ".join(f"{label} {spread(values)}" for label, values in widths.items()) + " (width in T/T_o)",
              "⟨Δr²⟩ goes from 0.2 to 2 in a smaller part of T_o", mean(widths["VHG"]) < mean(widths["bidisperse"]), because)
    else:
        state("It melts more sharply", "Fig. 3", "a sudden increase", "⟨Δr²⟩ does not reach 2", "⟨Δr²⟩ goes from 0.2 to 2 in a smaller part of T_o", None, "the heating ends before")

    # Icosahedra.
    for table, what, where in (("fig4", "snapshots", "Fig. 4"), ("fig4-inherent", "inherent structures", "Fig. 4, of minima")):
        found = {}
        for label in ("VHG", "bidisperse, cooled", "polydisperse, cooled"):
            curve = tables.curve(table, "fraction", input=label, species="A")
            found[label] = mean(value for temperature, value in curve.items() if temperature <= 0.3)
        values = list(found.values())
        state(f"Icosahedra are most frequent in the homogenised glass, then in the bidisperse, then in the polydisperse one ({what})", where, "VHG > bidisperse > polydisperse",
              ", ".join(f"{label.split(',')[0]} {value:.3f}" for label, value in found.items()) + " (T ≤ 0.3)", "in this order", values[0] > values[1] > values[2],
              "vibrations and a fast quench leave few icosahedra" + (" in a snapshot" if table == "fig4" else ""))

    # Relaxation.
    counts, frames = {}, {}
    for row in analyses.rows("fig5-histogram"):
        if row["species"] == "all":
            frames.setdefault(float(row["temperature"]), []).append(row)
    at = min(frames, key=lambda temperature: abs(temperature - melted["VHG"][1]))
    for row in frames[at]:
        counts[round(float(row["log10_displacement_low"]), 3)] = int(row["count"])
    peaks, apart = two_peaks(counts, (-0.6, 0.2))
    state("Two populations of displacements at melting, one caged and one diffusing", "Fig. 5", "two peaks",
          f"at T = {at:.3f}: " + ("peaks of {:.0f} and {:.0f} particles a bin, {:.0f} between them".format(peaks[0], peaks[2], peaks[1]) if peaks else "one"),
          "a dip in log₁₀ Δr between −0.6 and 0.2 deeper than twice the noise of counting", apart, "the whole glass has begun to move before the first particles have gone far")
    smaller, away, compact = [], [], []
    total = 0
    for seed in seeds:
        every = next(row for row in analyses.rows(f"movers-summary-{seed}") if row["species"] == "all")
        total += int(every["movers"])
        particles = analyses.rows(f"movers-particles-{seed}")
        moved = [float(row["diameter"]) for row in particles if row["is_mover"] == "true"]
        if len(moved) > 2:
            error = stdev(moved) / sqrt(len(moved))
            smaller.append((mean(moved) - float(every["mean_diameter"]), error))
        for row in analyses.rows(f"movers-clustering-{seed}"):
            if row["matched"] == "species" and row["z_score"]:
                {"icosahedron_distance": away, "nearest_mover": compact}.get(row["quantity"], []).append(float(row["z_score"]))
    few = f"{total} movers in {len(seeds)} run(s) of {scale.particles} particles say little" if total < 100 * len(seeds) else because
    state("Movers are smaller than the average", "Fig. S2", "a clear correlation", "; ".join(f"{by:+.3f} ± {error:.3f}" for by, error in smaller) or "no movers",
          f"smaller by more than two standard errors in every run ({total} movers)", all(by < -2 * error for by, error in smaller) if smaller else None, few)
    state("Movers keep away from icosahedra", "Fig. 6 right", "mainly free from icosahedra", "z = " + ", ".join(f"{value:+.1f}" for value in away) if away else "no movers",
          "farther from the nearest icosahedron than random particles of the same species, z > 2 in every run", min(away) > 2 if away else None, few)
    state("Movers are compact in space", "Fig. 6 left", "spatially correlated, in compact regions", "z = " + ", ".join(f"{value:+.1f}" for value in compact) if compact else "no movers",
          "nearer to the next mover than random particles of the same species, z < −2 in every run", max(compact) < -2 if compact else None, few)

    fields = ("statement", "where", "paper", "measured", "criterion", "verdict", "remark")
    rows = [(one.text, one.where, one.paper, one.measured, one.criterion, one.verdict(), one.remark) for one in judged]
    from figures import write

    write(analyses.root / "tables/statements.csv", fields, rows)
    return judged


def extrapolated(analyses, state, quantity, series, paper):
    """A temperature at the paper's rate, as the rate study has it: what hyalo itself doubts is not judged."""
    if not (analyses.root / f"tables/rates-{quantity}.csv").exists():
        return
    doubts = {row["warning"] for row in analyses.rows(f"rates-{quantity}") if row["series"] == series and row["warning"]}
    for row in analyses.rows(f"rates-{quantity}-extrapolations"):
        if row["series"] == series and row["form"] == "all":
            low, high = float(row["lower"]), float(row["upper"])
            state(f"{quantity} at the paper's rate, extrapolated ({series})", "rate study", f"{paper}", f"{float(row['value']):.3f} ({low:.3f} to {high:.3f})",
                  "the paper's value within the interval", None if doubts else low <= paper <= high, "; ".join(doubts) or "the form of the dependence changes beyond the rates measured, or N = 1000 melts otherwise than N = 4000")
