"""What the paper states, against what was measured. Every verdict is computed from the tables."""

from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

import plan
from figures import PAPER, SERIES, onsets, write

# Temperatures whose uncertainty is larger say nothing about the paper's.
TELLING = 0.05
LEVELS = {True: "holds", False: "does not hold", None: "cannot be judged"}


@dataclass(frozen=True)
class Statement:
    """A statement of the paper, judged; `holds` is nothing where the measurement does not tell."""

    text: str
    where: str
    paper: str
    measured: str
    criterion: str
    holds: bool | None
    remark: str

    def verdict(self):
        return LEVELS[self.holds]


def spread(values, digits=3):
    """Mean ± standard deviation over runs."""
    values = list(values)
    text = f"{mean(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {stdev(values):.{digits}f}"


def number(row, column):
    return float(row[column]) if row[column] else None


def every(values, seeds, test):
    """Whether a test holds in every run; nothing if a run has no value."""
    return all(test(value) for value in values) if len(values) == len(seeds) else None


def crossing(points, level):
    """Where a curve first rises through a level."""
    for (before, low), (after, high) in zip(points, points[1:]):
        if low < level <= high:
            return before + (after - before) * (level - low) / (high - low)
    return None


def smoothed(curve, width=0.05):
    """Means over neighbours within half the width on either side."""
    return {place: mean(value for other, value in curve.items() if abs(other - place) <= 0.5 * width + 1e-9) for place in curve}


def two_peaks(counts, between):
    """Whether counts in successive bins, smoothed over three, have a dip in a range of places: true if it is deeper than twice the noise of counting,
    nothing if it is within that noise, false if there is none. With it peak, dip and peak."""
    # Bins that hold nothing are not in the table.
    places = sorted(counts)
    width = min((after - before for before, after in zip(places, places[1:])), default=1.0)
    held = {round((place - places[0]) / width): place for place in places}
    counts = {held.get(index, places[0] + index * width): counts.get(held.get(index), 0) for index in range(max(held, default=-1) + 1)}
    places = list(counts)
    smooth = {place: mean(counts[other] for other in places[max(0, index - 1) : index + 2]) for index, place in enumerate(places)}
    inner = [place for place in places if between[0] <= place <= between[1]]
    if not inner:
        return None, "no particles there"
    dip = min(inner, key=smooth.get)
    left = max((smooth[place] for place in places if place < dip), default=0.0)
    right = max((smooth[place] for place in places if place > dip), default=0.0)
    depth, noise = min(left, right) - smooth[dip], sqrt((smooth[dip] + min(left, right)) / 3)
    told = f"peaks of {left:.0f} and {right:.0f} particles a bin, {smooth[dip]:.0f} between them"
    return (True if depth > 2 * noise else False if depth <= 0 else None), told


class Judge:
    """Collects statements; knows the tables."""

    def __init__(self, analyses, scale, seeds, studied):
        self.rows, self.scale, self.seeds, self.studied = analyses.rows, scale, seeds, studied
        self.statements = []
        faster = plan.PAPER_STEPS / scale.steps
        self.because = f"the rate is {faster:,.0f} times the paper's" if faster > 1 else "measured otherwise than in the paper"

    def state(self, text, where, paper, measured, criterion, holds, remark):
        self.statements.append(Statement(text, where, paper, measured, criterion, holds, "" if holds else remark))

    def by(self, name, **wanted):
        """The rows in which columns have these values, by replica."""
        rows = {}
        for row in self.rows(name):
            if all(row[column] == value for column, value in wanted.items()):
                rows.setdefault(int(row.get("replica") or 1), []).append(row)
        return rows

    def curves(self, name, value, **wanted):
        """A column against the temperature, means in bins of 0.01, by replica."""
        curves = {}
        for replica, rows in self.by(name, **wanted).items():
            bins = {}
            for row in rows:
                bins.setdefault(round(float(row["temperature"]), 2), []).append(float(row[value]))
            curves[replica] = {temperature: mean(values) for temperature, values in bins.items()}
        return curves

    def counts(self, name, low, **wanted):
        """Particles by the lower edge of their bin, of all runs together."""
        counts = {}
        for rows in self.by(name, **wanted).values():
            for row in rows:
                place = round(float(row[low]), 4)
                counts[place] = counts.get(place, 0) + int(row["count"])
        return counts

    def homogenisation(self):
        before, after = (self.by("pressures", input=label, species="all") for label in SERIES)
        ratio = [number(before[one][0], "pressure_sd") / number(after[one][0], "pressure_sd") for one in before]
        change = lambda column: [number(after[one][0], column) - number(before[one][0], column) for one in before]
        self.state("The standard deviation of P₂,i falls by an order of magnitude", "Fig. 1b", "10 times", f"{spread(ratio, 1)} times", "mean factor ≥ 10", mean(ratio) >= 10,
                   "the last standard deviation is set by a few particles" + (", in small systems by single ones" if self.scale.particles < 4000 else " and differs from run to run"))
        wider = change("diameter_sd")
        self.state("The diameters are spread much wider than before", "Fig. 1c", "significantly wider", f"standard deviation larger by {spread(wider)} (0.1 before)", "by a quarter or more in every run", min(wider) >= 0.025,
                   "few iterations change the diameters little")
        apart, told = two_peaks(self.counts("fig1c-histogram", "low", species="all", quantity="diameter"), (1.04, 1.16))
        self.state("The two species can still be told apart by their diameters", "Fig. 1c", "two peaks", told, "a dip between 1.04 and 1.18 deeper than twice the noise of counting", apart,
                   "the distributions of the species overlap" if apart is False else "the dip is within the noise of counting")
        drop = change("energy")
        self.state("Homogenisation lowers the potential energy by a large amount", "Fig. 2", "a big drop", f"{spread(drop)} per particle (minima)", "≤ −0.25 in every run", max(drop) <= -0.25,
                   "fewer iterations than in larger systems" if self.scale.particles < 4000 else self.because)
        pressure = change("pressure")
        self.state("Homogenisation lowers the bulk pressure", "Methods", "reduced", f"changed by {spread(pressure)} (minima)", "lower in every run", max(pressure) < 0, "the pressure falls at first and rises again to the end")
        each = {name: mean(float(rows[0]["volume_fraction"]) for rows in self.by("figS1", species=name).values()) for name in "AB"}
        apart, told = two_peaks(self.counts("figS1-histogram", "volume_fraction_low", species="all"), (each["A"], each["B"]))
        self.state("The local volume fraction still has two peaks", "Fig. S1", "two peaks", f"means {each['A']:.3f} (small) and {each['B']:.3f} (large); {told}",
                   "a dip between the means of the species, deeper than twice the noise of counting", apart, "the distributions of the species overlap" if apart is False else "the dip is within the noise of counting")

    def energies(self):
        labels = ("bidisperse, cooled", "bidisperse, heated", "polydisperse, cooled", "VHG")
        curves = {label: {one: smoothed(curve) for one, curve in self.curves("fig2-curves", "energy", input=label).items()} for label in labels}

        def apart(one, other, low, high, size):
            """Mean difference of two smoothed curves, or of its size, in each run."""
            found = []
            for replica, curve in curves[one].items():
                shared = [place for place in curve if place in curves[other][replica] and low <= place <= high]
                found.append(mean(size(curve[place] - curves[other][replica][place]) for place in shared))
            return found

        near = "mean |ΔE| ≤ 0.03 in every run"
        difference = apart("polydisperse, cooled", "bidisperse, cooled", 0.12, 0.95, abs)
        self.state("The cooled polydisperse system mirrors the bidisperse one", "Fig. 2", "almost exactly", f"|ΔE| {spread(difference)} on average", near, max(difference) <= 0.03, "sizes far from the two of the mixture raise the energy")
        difference = apart("bidisperse, heated", "bidisperse, cooled", 0.15, 0.9, abs)
        self.state("Cooling and heating of the bidisperse system almost coincide", "Fig. 2", "very little difference", f"|ΔE| {spread(difference)} on average", near, max(difference) <= 0.03, f"the glass ages while it is heated: {self.because}")
        deeper = apart("VHG", "bidisperse, heated", 0.15, 0.4, lambda difference: difference)
        self.state("The homogenised glass lies far below both", "Fig. 2", "considerably", f"ΔE {spread(deeper)} between T = 0.15 and 0.4", "≤ −0.2 in every run", max(deeper) <= -0.2, "part of the drop is lost where the glass is warm")
        slope = [float(row["glass_slope"]) for row in self.rows("fig2") if row["input"] == "bidisperse, cooled" and row["quantity"] == "T_g" and row["glass_slope"]]
        self.state("The cold glass is harmonic: its energy rises by 3/2 k_B", "Fig. 2", "approaches 1.5", spread(slope), "within 0.05 in every run", every(slope, self.seeds, lambda value: abs(value - 1.5) <= 0.05), "anharmonic, or ageing")

    def transitions(self):
        fits = self.rows("fig2")
        found = {(row["input"], row["quantity"], row.get("replica", "1")): row for row in fits}

        def sound(label, quantity):
            """Values with half of their intervals that nothing speaks against, those of the T_g that a ratio refers to among it."""
            for (input, kind, replica), row in found.items():
                glass = found.get((row["relative_to"], "T_g", replica))
                if (input, kind) == (label, quantity) and row["value"] and not row["warning"] and not (glass and glass["warning"]):
                    ends = number(row, "lower"), number(row, "upper")
                    yield float(row["value"]), 0.5 * (ends[1] - ends[0]) if None not in ends else 0.0

        def compare(text, where, label, quantity, paper, resolution):
            values = list(sound(label, quantity))
            if not values:
                return self.state(text, where, f"{paper}", "none that is sound", "", None, "hyalo itself doubts what was found: see below")
            several = len(values) > 1
            scatter = 2 * stdev(value for value, _ in values) / sqrt(len(values)) if several else 0.0
            uncertainty = max(resolution, scatter, mean(half for _, half in values))
            found_at = mean(value for value, _ in values)
            apart, telling = abs(found_at - paper) > uncertainty, uncertainty <= TELLING * max(1.0, paper)
            self.state(text, where, f"{paper}", f"{spread(value for value, _ in values)} (± {uncertainty:.3f})", f"equal within an uncertainty of no more than {TELLING * max(1.0, paper):.2f}",
                       False if apart else True if telling else None, self.because if apart else "the uncertainty is too large")

        compare("T_g of the bidisperse system", "Fig. 2", "bidisperse, cooled", "T_g", 0.48, 0.01)
        compare("T_g of the polydisperse system", "Fig. 2", "polydisperse, cooled", "T_g", 0.49, 0.01)
        compare("T_o of the bidisperse glass", "Fig. 2", "bidisperse, heated", "T_o", 0.52, 0.01)
        compare("T_o of the homogenised glass, where ⟨Δr²⟩ = 1", "Figs. 2, 3", "VHG", "T_o_msd", 0.68, 0.01)
        compare("T_o/T_g of the homogenised glass", "Fig. 2", "VHG", "T_o_msd/T_g", 1.39, 0.02)
        ratios = [value for value, _ in sound("VHG", "T_o_msd/T_g")]
        self.state("T_o/T_g is far above that of vapour-deposited glasses", "Fig. 2", "1.39 against 1.05", spread(ratios, 2) if ratios else "none that is sound", "≥ 1.2 in every run",
                   every(ratios, self.seeds, lambda value: value >= 1.2), "a T_g that hyalo itself doubts" if len(ratios) < len(self.seeds) else self.because)

    def rates(self):
        for quantity, series, paper in PAPER:
            if quantity in self.studied:
                self.extrapolated(quantity, series, paper)

    def extrapolated(self, quantity, series, paper):
        """A temperature at the paper's rate, as the rate study has it: what hyalo itself doubts is not judged."""
        doubts = {row["warning"] for row in self.rows(f"rates-{quantity}") if row["series"] == series and row["warning"]}
        for row in self.rows(f"rates-{quantity}-extrapolations"):
            if row["series"] == series and row["form"] == "all":
                low, high = number(row, "lower"), number(row, "upper")
                told = f"{float(row['value']):.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "")
                self.state(f"{quantity} at the paper's rate, extrapolated ({series})", "rate study", f"{paper}", told, "the paper's value within the interval",
                           None if doubts or low is None else low <= paper <= high, "; ".join(doubts) or "the form of the dependence changes beyond the rates measured, or N = 1000 melts otherwise than N = 4000")

    def melting(self, melted):
        later = [melted["VHG"][seed] - max(melted["bidisperse"][seed], melted["polydisperse"][seed]) for seed in self.seeds]
        self.state("The homogenised glass melts at a considerably higher temperature than the bidisperse and the polydisperse one", "Fig. 3", "0.68 against 0.52",
                   "⟨Δr²⟩ = 1 at " + ", ".join(f"{label} {spread(values.values())}" for label, values in melted.items()), "later by 0.1 or more in every run", min(later) >= 0.1, self.because)
        widths = {}
        for label in ("bidisperse", "VHG"):
            for seed, rows in self.by("fig3", input=label, species="all").items():
                ends = [crossing([(float(row["temperature"]), float(row["msd"])) for row in rows], level) for level in (0.2, 2.0)]
                if None not in ends:
                    widths.setdefault(label, {})[seed] = (ends[1] - ends[0]) / melted[label][seed]
        sharper = [widths["bidisperse"][seed] - widths["VHG"][seed] for seed in self.seeds if all(seed in widths.get(label, ()) for label in ("bidisperse", "VHG"))]
        self.state("It melts more sharply", "Fig. 3", "a sudden increase", ", ".join(f"{label} {spread(values.values())}" for label, values in widths.items()) + " (width in T/T_o)" if sharper else "⟨Δr²⟩ does not reach 2",
                   "⟨Δr²⟩ goes from 0.2 to 2 in a smaller part of T_o in every run", every(sharper, self.seeds, lambda value: value > 0), "the heating ends before" if len(sharper) < len(self.seeds) else self.because)

    def icosahedra(self):
        for table, what, where in (("fig4", "snapshots", "Fig. 4"), ("fig4-inherent", "inherent structures", "Fig. 4, of minima")):
            found = {}
            for label in ("VHG", "bidisperse, cooled", "polydisperse, cooled"):
                for replica, curve in self.curves(table, "fraction", input=label, species="A").items():
                    cold = [value for temperature, value in curve.items() if temperature <= 0.3]
                    found.setdefault(label, {})[replica] = mean(cold)
            # Snapshots of one glass are hardly independent: the noise is that of one of them.
            noise = lambda fraction: sqrt(fraction * (1 - fraction) / (0.5 * self.scale.particles))
            order = list(found.values())
            gaps = [more[one] - less[one] - 2 * sqrt(noise(more[one]) ** 2 + noise(less[one]) ** 2) for more, less in zip(order, order[1:]) for one in more]
            rank = [more[one] - less[one] for more, less in zip(order, order[1:]) for one in more]
            self.state(f"Icosahedra are most frequent in the homogenised glass, then in the bidisperse, then in the polydisperse one ({what})", where, "VHG > bidisperse > polydisperse",
                       ", ".join(f"{label.split(',')[0]} {spread(values.values())}" for label, values in found.items()) + " (T ≤ 0.3)", "in this order in every run, by more than twice the noise of counting",
                       True if min(gaps) > 0 else False if min(rank) < 0 else None, "within the noise of counting" if min(rank) > 0 else "the order differs from run to run")

    def displacements(self, onset):
        frames = {}
        for row in self.rows("fig5-histogram"):
            if row["species"] == "all":
                frames.setdefault(float(row["temperature"]), {})[round(float(row["log10_displacement_low"]), 3)] = int(row["count"])
        shown = [min(frames, key=lambda temperature: abs(temperature - onset - by)) for by in (-0.03, 0.02, 0.07)]
        judged = {at: two_peaks(frames[at], (-0.6, 0.2)) for at in shown[:2]}
        apart = [holds for holds, _ in judged.values()]
        self.state("Two populations of displacements around melting, one caged and one diffusing", "Fig. 5", "two peaks 0.03 below T_o and 0.02 above", "; ".join(f"T = {at:.3f}: {told}" for at, (_, told) in judged.items()),
                   "at one of them a dip in log₁₀ Δr between −0.6 and 0.2 deeper than twice the noise of counting", True if True in apart else None if None in apart else False, "the whole glass has begun to move before the first particles have gone far")
        # Half a diameter is where the dip between the populations lies.
        far = {at: sum(count for low, count in frames[at].items() if low >= -0.3) / sum(frames[at].values()) for at in shown}
        few, most, all_of_them = far.values()
        self.state("Few particles diffuse 0.03 below T_o, the majority 0.02 above it, and none is caged 0.07 above it", "Fig. 5", "few, majority, all", ", ".join(f"{100 * part:.0f} % at T = {at:.3f}" for at, part in far.items()) + " beyond Δr = 0.5",
                   "< 25 %, > 50 %, > 95 %", few < 0.25 and most > 0.5 and all_of_them > 0.95, f"melting takes a wider range of temperatures: {self.because}")

    def movers(self):
        smaller, scores, total, far = [], {"icosahedron_distance": [], "nearest_mover": []}, 0, 0
        for seed in self.seeds:
            everybody = next(row for row in self.rows(f"movers-summary-{seed}") if row["species"] == "all")
            particles = self.rows(f"movers-particles-{seed}")
            moved = [float(row["diameter"]) for row in particles if row["is_mover"] == "true"]
            total, far = total + len(moved), far + sum(float(row["displacement_between"]) > 2 for row in particles)
            if len(moved) > 2:
                smaller.append((mean(moved) - float(everybody["mean_diameter"]), stdev(moved) / sqrt(len(moved))))
            for row in self.rows(f"movers-clustering-{seed}"):
                if row["matched"] == "species" and row["z_score"] and row["quantity"] in scores:
                    scores[row["quantity"]].append(float(row["z_score"]))
        part = 100 * total / (len(self.seeds) * self.scale.particles)
        few = f"{total} movers in {len(self.seeds)} run(s) of {self.scale.particles} particles say little" if total < 100 * len(self.seeds) else self.because
        told = lambda values: "z = " + ", ".join(f"{value:+.1f}" for value in values) if values else "no movers"
        self.state("A small part of the particles moves first", "Fig. S2", "129 of 4000 (3.2 %)", f"{part:.1f} % of the particles 0.15 to 0.10 below T_o", "0.5 to 10 %", 0.5 <= part <= 10, self.because)
        self.state("Movers are smaller than the average", "Fig. S2", "a clear correlation", "; ".join(f"{by:+.3f} ± {error:.3f}" for by, error in smaller) or "no movers",
                   f"smaller by more than two standard errors in every run ({total} movers)", every(smaller, self.seeds, lambda one: one[0] < -2 * one[1]), few)
        away, compact = scores["icosahedron_distance"], scores["nearest_mover"]
        self.state("Movers keep away from icosahedra", "Fig. 6 right", "mainly free from icosahedra", told(away), "farther from the nearest icosahedron than random particles of the same species, z > 2 in every run", every(away, self.seeds, lambda z: z > 2), few)
        self.state("Movers are compact in space", "Fig. 6 left", "spatially correlated, in compact regions (14 that move by more than 2)", f"{told(compact)} (of those with δ* > 0.3; {far} move by more than 2)",
                   "nearer to the next mover than random particles of the same species, z < −2 in every run", every(compact, self.seeds, lambda z: z < -2), few)


def judge(analyses, scale, seeds, studied):
    """All statements, in the order of the paper, or those of the rate study alone if there are no other runs; `studied` are its quantities."""
    found = Judge(analyses, scale, seeds, studied)
    if seeds:
        melted = onsets(analyses, "onsets")
        found.homogenisation()
        found.energies()
        found.transitions()
    found.rates()
    if seeds:
        found.melting(melted)
        found.icosahedra()
        found.displacements(melted["VHG"][seeds[0]])
        found.movers()
    fields = ("statement", "where", "paper", "measured", "criterion", "verdict", "remark")
    rows = [(one.text, one.where, one.paper, one.measured, one.criterion, one.verdict(), one.remark) for one in found.statements]
    write(analyses.root / "tables/statements.csv", fields, rows)
    return found.statements
