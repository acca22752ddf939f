"""`tools/reproduce`: runs, figures, statements, page."""

import argparse
import csv
import os
import sys
from pathlib import Path

import figures
import page
import plan
import runs
import statements
from runs import refuse, say


def numbers(text):
    """A list of numbers of steps: 3e4,1e5."""
    try:
        values = tuple(dict.fromkeys(float(part) for part in text.split(",") if part))
    except ValueError:
        values = (0.0,)
    if any(not plan.can_be_steps(value) for value in values):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of whole numbers of steps between 1e3 and 1e10, such as 3e4,1e5")
    return values


def earlier(text):
    """A table that an earlier call has made of its rates, and its rows."""
    try:
        return Path(text).resolve(), figures.read_rates(Path(text))
    except (OSError, ValueError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise argparse.ArgumentTypeError(f"{text} is no table of a rate study ({why}): give the tables/rates.csv of an earlier call")


def arguments():
    parser = argparse.ArgumentParser(prog="tools/reproduce", description="The paper, end to end: every figure and number, from one command.")
    parser.add_argument("--scale", choices=list(plan.SCALES), default="quick", help="size of the programme (default: quick)")
    parser.add_argument("--seeds", type=int, metavar="K", help="independent runs; 0 for the rate study alone")
    parser.add_argument("--rates", type=numbers, metavar="STEPS,…", help="steps of the ramps of the rate study; '' for none")
    parser.add_argument("--rate-seeds", type=int, metavar="K", help="runs at each of these up to 1e6 steps")
    parser.add_argument("--rate-table", type=earlier, metavar="FILE", help="tables/rates.csv of an earlier call, whose rates are not run again; without --rates there are no others")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="where everything goes (default: hyalo-SCALE)")
    parser.add_argument("--jobs", type=int, metavar="N", default=os.cpu_count(), help="runs at a time (default: one for each core)")
    parser.add_argument("--dry-run", action="store_true", help="print the runs with the expected time, and do nothing else")
    flags = parser.parse_args()
    for name, least in (("seeds", 0), ("rate_seeds", 1), ("jobs", 1)):
        if getattr(flags, name) is not None and getattr(flags, name) < least:
            parser.error(f"--{name.replace('_', '-')} {getattr(flags, name)}: give {least} or more")
    return flags


def main():
    flags = arguments()
    scale = plan.SCALES[flags.scale]
    hyalo = str(Path(os.environ["HYALO"]).resolve())
    seeds = list(range(1, (scale.seeds if flags.seeds is None else flags.seeds) + 1))
    table, earlier_rows = flags.rate_table or (None, [])
    known = figures.steps_of(earlier_rows)
    rates = flags.rates if flags.rates is not None else () if table else scale.rates
    count = flags.rate_seeds or scale.rate_seeds
    root = flags.output or Path(f"hyalo-{scale.name}")

    simulations = [plan.main_run(scale, seed) for seed in seeds]
    simulations += [plan.rate_run(steps, seed, scale) for steps in rates if steps not in known for seed in plan.rate_seeds(steps, count)]
    if table == (root / "tables/rates.csv").resolve():
        refuse(f"{table} is the table of this folder itself: its rates are not run again anyway; leave --rate-table out, or name another folder")
    if not seeds and not rates and not known:
        refuse("with --seeds 0 there is the rate study alone, and it has no rates: name some with --rates or --rate-table")
    # Runs side by side use the cores best; fewer runs than cores take several threads each.
    side_by_side = min(flags.jobs, max(1, len(simulations)))
    threads = flags.jobs // side_by_side
    if flags.dry_run:
        total = 0.0
        for run in simulations:
            seconds = sum(runs.expected(hyalo, run, threads).values())
            total += seconds
            print(f"{run.folder:24} {runs.duration(seconds):>10}  hyalo {' '.join(run.arguments())}")
        print(f"{'total':24} {runs.duration(total / side_by_side):>10}  {side_by_side} at a time on {threads} thread(s) each")
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"{root} can be no folder of results ({error.strerror}): give another one with -o")
    held = runs.hold(root)
    if held is None:
        refuse(f"{root} is in use by another call: wait until that has ended, or give another folder")
    if not runs.carry_out(hyalo, root, simulations, flags.jobs, threads):
        say("interrupted; the same command goes on")
        sys.exit(1)

    analyses = figures.Analyses(hyalo, root)
    drawn = figures.make(analyses, scale, seeds) if seeds else []
    study = figures.rate_study(analyses, scale, rates, count, earlier_rows)
    judged = statements.judge(analyses, scale, seeds, study.quantities)
    page.write(root, scale, seeds, sorted({*rates, *known}), sorted(known), simulations, drawn + study.figures, judged, study.notes + analyses.doubts)
    say(f"done: {root / 'report.html'}, {root / 'report.md'}")


if __name__ == "__main__":
    main()
