"""What is run: sizes, seeds, rates, and the command line of every simulation."""

import math
from dataclasses import dataclass, field

TIMESTEP = 0.005
LIQUID, GLASS = 1.0, 0.1
# Steps of the paper's ramps, and its rate (temperature per unit of time).
PAPER_STEPS = 1e9
PAPER_RATE = 1.8e-7
# Up to so many steps the rate study has several seeds.
REPLICATED = 1e6


@dataclass(frozen=True)
class Scale:
    """A size of the whole programme."""

    name: str
    particles: int
    steps: float
    seeds: int
    equilibration: int
    rates: tuple
    rate_seeds: int
    # Temperature between the frames in which movers are looked for: close enough that averages take the vibrations away.
    fine: float = 0.0005
    # Of the other frames, at 0.01, every so many are quenched.
    quenched: int = 5


SCALES = {
    scale.name: scale
    for scale in [
        Scale("test", 1000, 4e3, 2, 400, (4e3, 6e3, 9e3), 1, 0.002, 30),
        Scale("quick", 1000, 1e5, 2, 20000, (1e4, 2e4, 5e4, 1e5), 2),
        Scale("laptop", 4000, 1e6, 2, 100000, (3e4, 1e5, 3e5, 1e6), 3),
        Scale("paper", 4000, 1e9, 1, 1000000, (3e4, 1e5, 3e5, 1e6, 1e7, 1e8), 3),
    ]
}


def rate(steps):
    """Temperature per unit of time of a ramp over T = 1 to 0.1 in so many steps."""
    return float(f"{(LIQUID - GLASS) / (steps * TIMESTEP):.6g}")


def can_be_steps(value):
    """Whether a number may be the steps of a ramp."""
    return 1e3 <= value <= 1e10 and value == int(value)


def notation(steps):
    """A number of steps in a name: 3e5."""
    exponent = math.floor(math.log10(steps) + 1e-9)
    return f"{steps / 10**exponent:g}e{exponent}"


def heated_to(steps):
    """Where the heating of ordinary glasses and of the homogenised one ends: beyond their melting at that rate, with room for the liquid branch."""
    known = [(3, 1.7, 2.3), (4, 1.5, 2.1), (4.5, 1.4, 1.9), (5, 1.2, 1.7), (5.5, 1.1, 1.5), (6, 1.0, 1.3), (7, 0.9, 1.15), (8, 0.85, 1.05), (9, 0.85, 1.0)]
    at = min(max(math.log10(steps), known[0][0]), known[-1][0])
    for (low, *before), (high, *after) in zip(known, known[1:]):
        if at <= high:
            part = (at - low) / (high - low)
            return tuple(round(a + part * (b - a), 2) for a, b in zip(before, after))


@dataclass(frozen=True)
class Run:
    """One simulation."""

    folder: str
    seed: int
    until: str
    settings: tuple = field(default_factory=tuple)

    def arguments(self):
        """Those of `hyalo` that start it."""
        settings = [argument for setting in self.settings for argument in ("--set", setting)]
        return ["simulate", "--preset", "vhg", "--seed", str(self.seed), *settings, "--until", self.until, "-o", self.folder]


def settings(particles, steps, equilibration):
    """The settings of the preset that every run has."""
    ordinary, homogenised = heated_to(steps)
    # The preset's rows are closer together than the steps of a very fast ramp.
    coarse = (f"rows_every={2 * (LIQUID - GLASS) / steps!r}",) if steps < 1e4 else ()
    return (
        f"particles={particles}",
        f"rate={rate(steps)!r}",
        f"molten_temperature={ordinary!r}",
        f"molten_temperature_vhg={homogenised!r}",
        f"equilibration={equilibration}",
        *coarse,
    )


def main_run(scale, seed):
    """A run of the whole programme. The liquid in equilibrium is needed once."""
    extra = (
        f"equilibrium.steps={scale.equilibration // 2}",
        f"equilibrium.trajectory.every={scale.equilibration // 20}",
        f"heat-vhg.trajectory.every_temperature={scale.fine!r}",
        "homogenise.trajectory.every=1",
    )
    until = "equilibrium" if seed == 1 else "heat-polydisperse"
    return Run(f"runs/seed-{seed}", seed, until, settings(scale.particles, scale.steps, scale.equilibration) + extra)


def rate_run(steps, seed, scale):
    """A run of the rate study: cooled, heated, homogenised, heated."""
    # Nothing is drawn from the frames of cooling: a few are enough.
    extra = ("cool.trajectory.every_temperature=0.3",)
    return Run(f"rates/{notation(steps)}-seed-{seed}", seed, "heat-vhg", settings(1000, steps, scale.equilibration) + extra)


def rate_seeds(steps, count):
    """The seeds at a rate."""
    return range(1, (count if steps <= REPLICATED else 1) + 1)
