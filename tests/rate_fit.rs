//! `rate-fit`: planted lines and hyperbolas, other ways to the same numbers, what tables hold, and what is refused.

mod common;

use std::fmt::Write as _;

use common::{Run, Scratch, Table, hyalo, hyalo_fed, worst};
use hyalo::physics::random::{Purpose, Random};
use hyalo::physics::rates::{Dependence, Fit, Form, Measured, Method};

/// Five rates in 2.2 decades.
const RATES: [f64; 5] = [6e-3, 1.8e-3, 6e-4, 1.8e-4, 3.6e-5];
/// As far beyond them again.
const SLOW: f64 = 1.8e-7;

fn line(rate: f64) -> f64 {
    1.25 + 0.16 * rate.log10()
}

fn hyperbola(rate: f64) -> f64 {
    0.24 + 1.4 / (-0.2 - rate.log10())
}

/// A curve at each of the rates, so many times, with normal noise.
fn noisy(curve: fn(f64) -> f64, replicas: usize, noise: f64, seed: u64) -> Vec<(f64, f64)> {
    let mut random = Random::new(seed, Purpose::Positions, 0, 0);
    let rates = RATES.into_iter();
    let rates = rates.flat_map(|rate| std::iter::repeat_n(rate, replicas));
    rates
        .map(|rate| (rate, curve(rate) + noise * random.gaussian()))
        .collect()
}

fn method(replicates: usize, seed: u64) -> Method {
    Method {
        confidence: 0.95,
        replicates,
        seed,
    }
}

#[test]
fn without_noise_parameters_are_exact() {
    let exact = |curve: &dyn Fn(f64) -> f64, form: Form| {
        let pairs = RATES.map(|rate| (rate, curve(rate)));
        Fit::of(form, &Measured::of(&pairs), &method(100, 0)).unwrap()
    };
    for (a, b) in [(1.25, 0.16), (-7.0, 1e-3), (0.1, -0.05)] {
        let fit = exact(&|rate| a + b * rate.log10(), Form::Line);
        let found = [fit.curve.intercept(), fit.curve.slope()];
        assert!(worst(&found, &[a, b], 0.0) < 1e-10, "{found:?}");
        // A hyperbola is the line then: the limit is beyond anything.
        let bent = exact(&|rate| a + b * rate.log10(), Form::VogelFulcherTammann);
        assert!(
            (bent.curve.at(SLOW) - fit.curve.at(SLOW)).abs() < 1e-6 * (a.abs() + 7.0 * b.abs())
        );
        assert!((bent.curve.limit() - a).abs() > 100.0 * b.abs());
    }
    // The pole a decade, a few, and many beyond the fastest rate, -2.2. The bend is found to 10⁻¹⁰, the limit and b follow from differences
    // that the farthest of the poles makes a hundred times smaller than the values: 10⁻⁶ leaves room for both.
    for (limit, strength, pole) in [
        (0.24, 1.4, -1.2),
        (0.4, 3.0, 1.0),
        (-7.2, 0.5, 0.5),
        (0.1, -0.3, -1.0),
        (-20.0, 500.0, 20.0),
    ] {
        let truth = |rate: f64| limit + strength / (pole - rate.log10());
        let fit = exact(&truth, Form::VogelFulcherTammann);
        let found = [fit.curve.limit(), fit.curve.strength(), fit.curve.pole()];
        assert!(
            worst(&found, &[limit, strength, pole], 0.0) < 1e-6,
            "{found:?}"
        );
        assert!((fit.curve.at(SLOW) / truth(SLOW) - 1.0).abs() < 1e-9);
        let [lower, upper] = fit.interval(|curve| curve.at(SLOW), 0.95).unwrap();
        assert!(upper - lower < 1e-6 * strength.abs(), "{lower} {upper}");
    }
}

/// Of 200 intervals of 95 % as few as 181 may hold the truth: three standard deviations of a binomial distribution, √(200 × 0.95 × 0.05) = 3.1,
/// below its mean. All of them may, as they span both forms; but the intervals of the true form by itself may be no more than 199, and no
/// more than 19 of 200 sets of data may be held against it, which happens to one in twenty.
#[track_caller]
fn covers(curve: fn(f64) -> f64, form: Form, replicas: usize, noise: f64) {
    let truth = curve(SLOW);
    let (mut held, mut held_by_all, mut refused) = (0, 0, 0);
    let holds = |interval: Option<[f64; 2]>| {
        let [lower, upper] = interval.unwrap();
        i32::from(lower <= truth && truth <= upper)
    };
    for seed in 0..200 {
        let measured = Measured::of(&noisy(curve, replicas, noise, seed));
        let found = Dependence::find(measured, &method(200, seed)).unwrap();
        let fit = found.fits.iter().find(|fit| fit.form == form).unwrap();
        held += holds(found.of_form(fit, SLOW).interval);
        held_by_all += holds(found.of_all(SLOW).interval);
        refused += i32::from(!fit.is_acceptable());
    }
    assert!((181..200).contains(&held), "{held} of 200 hold it");
    assert!(held_by_all >= 181, "{held_by_all} of 200 hold it");
    assert!(refused <= 19, "{refused} of 200 are held against the form");
}

#[test]
fn intervals_of_lines_hold_the_truth_as_often_as_they_say() {
    covers(line, Form::Line, 1, 0.02);
    covers(line, Form::Line, 3, 0.02);
}

#[test]
fn intervals_of_hyperbolas_hold_the_truth_as_often_as_they_say() {
    covers(hyperbola, Form::VogelFulcherTammann, 1, 0.02);
    covers(hyperbola, Form::VogelFulcherTammann, 3, 0.02);
}

#[test]
fn a_line_is_refused_where_data_are_bent() {
    let mut both = 0;
    for seed in 0..50 {
        let measured = Measured::of(&noisy(hyperbola, 3, 0.005, seed));
        let found = Dependence::find(measured, &method(200, seed)).unwrap();
        assert!(!found.fits[0].is_acceptable(), "{seed}");
        assert_eq!(found.best().form, Form::VogelFulcherTammann);
        // The line, far below the truth, has no part in the interval, unless the hyperbola is refused too: one in twenty.
        let lower = found.of_all(SLOW).interval.unwrap()[0];
        let line = found.of_form(&found.fits[0], SLOW).value;
        let refused = !found.fits[1].is_acceptable();
        assert_eq!(lower > line, !refused, "{seed}");
        both += i32::from(refused);
    }
    // Three standard deviations, 1.5, above 2.5.
    assert!(both <= 7, "{both}");
}

/// a + b l at the slow rate, give or take t s √(1/n + (l − ⟨l⟩)²/Σ(l − ⟨l⟩)²), with the 97.5th percentile t of Student's law.
#[test]
fn intervals_of_a_line_are_those_of_student() {
    for (replicas, freedom, t) in [(1, 3.0, 3.182_446), (2, 8.0, 2.306_004)] {
        let pairs = noisy(line, replicas, 0.02, 3);
        let n = pairs.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
        let (across, height) = (mean(&|pair| pair.0.log10()), mean(&|pair| pair.1));
        let square = n * mean(&|pair| (pair.0.log10() - across).powi(2));
        let slope = n * mean(&|pair| (pair.0.log10() - across) * (pair.1 - height)) / square;
        let at = |rate: f64| height + slope * (rate.log10() - across);
        let measured = Measured::of(&pairs);
        let fit = Fit::of(Form::Line, &measured, &method(40_000, 0)).unwrap();
        assert!((fit.curve.at(SLOW) - at(SLOW)).abs() < 1e-12);
        // With replicas, their variance or that of the means around the line, whichever is larger.
        let residuals = n * mean(&|pair| (pair.1 - at(pair.0)).powi(2));
        let variance = match replicas {
            1 => residuals / freedom,
            _ => {
                let within = (RATES.iter().map(|rate| {
                    let pair: Vec<f64> = (pairs.iter().filter(|pair| pair.0 == *rate))
                        .map(|pair| pair.1)
                        .collect();
                    0.5 * (pair[0] - pair[1]).powi(2)
                }))
                .sum::<f64>();
                assert!(
                    (fit.reduced_chi_square.unwrap() * within / 5.0 * 3.0 / (residuals - within)
                        - 1.0)
                        .abs()
                        < 1e-9
                );
                (within / 5.0).max((residuals - within) / 3.0)
            }
        };
        let half = t * (variance * (1.0 / n + (SLOW.log10() - across).powi(2) / square)).sqrt();
        let [lower, upper] = fit.interval(|curve| curve.at(SLOW), 0.95).unwrap();
        // Percentiles of 40,000 draws: 0.025 ± 0.0008 of the draws lie beyond, which is 2 % of t at 3 degrees of freedom; three times that.
        assert!(
            worst(&[at(SLOW) - lower, upper - at(SLOW)], &[half, half], 0.0) < 0.05,
            "{lower} {upper} {half}"
        );
    }
}

/// y₀ and b by the normal equations for each of 200,000 poles: nothing is shared with the search.
#[test]
fn no_hyperbola_of_a_dense_grid_is_nearer() {
    for seed in 0..20 {
        let pairs = noisy(hyperbola, 1 + seed as usize % 3, 0.01, seed);
        let squares = |pole: f64| {
            let (mut n, mut x, mut xx, mut y, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for (rate, value) in &pairs {
                let (basis, value) = (1.0 / (pole - rate.log10()), value - 0.7);
                (n, x, xx) = (n + 1.0, x + basis, xx + basis * basis);
                (y, xy, yy) = (y + value, xy + basis * value, yy + value * value);
            }
            yy - y * y / n - (xy - x * y / n).powi(2) / (xx - x * x / n)
        };
        let fastest = RATES[0].log10();
        let poles =
            (0..200_000).map(|step| fastest + 10f64.powf(-1.5 + 3.5e-5 * f64::from(step) / 2.0));
        let (least, pole) = poles
            .map(|pole| (squares(pole), pole))
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .unwrap();
        let measured = Measured::of(&pairs);
        let fit = Fit::of(Form::VogelFulcherTammann, &measured, &method(100, 0)).unwrap();
        // Residuals within replicas are the same for all poles.
        let within = pairs.iter().map(|(rate, value)| {
            let mean = measured
                .means
                .iter()
                .find(|mean| mean.rate == *rate)
                .unwrap()
                .mean;
            (value - mean).powi(2)
        });
        let found = within.sum::<f64>() + fit.rms_residual.powi(2) * pairs.len() as f64;
        assert!(found < least * (1.0 + 1e-9), "{seed}: {found} {least}");
        assert!(found > least * (1.0 - 1e-4), "{seed}: {found} {least}");
        let distance = (fit.curve.pole() - fastest) / (pole - fastest);
        assert!(
            (distance - 1.0).abs() < 1e-3,
            "{seed}: {} {pole}",
            fit.curve.pole()
        );
    }
}

/// A table of measurements, of two quantities and two series.
fn csv(noise: f64) -> String {
    let mut text = "quantity,series,rate,value\n".to_string();
    for (quantity, shift) in [("T_o", 0.3), ("T_g", 0.0)] {
        for (series, factor) in [("bidisperse", 1.0), ("VHG", 1.5)] {
            for (rate, value) in noisy(hyperbola, 2, noise, 7) {
                writeln!(
                    text,
                    "{quantity},{series},{rate},{}",
                    factor * value + shift
                )
                .unwrap();
            }
        }
    }
    text
}

#[test]
fn tables_tell_the_same_story() {
    let scratch = Scratch::new();
    let input = scratch.file("onsets.csv", csv(0.003));
    let names = ["means", "extrapolations", "curves"];
    let paths = names.map(|name| scratch.path(&format!("{name}.csv")));
    let tables: Vec<String> = (names.iter().zip(&paths))
        .map(|(name, path)| format!("{name}={path}"))
        .collect();
    let run = hyalo(&[
        "rate-fit",
        &input,
        "--extrapolate",
        "1.8e-7",
        "--extrapolate",
        "1e-3",
        "--table",
        &tables[0],
        "--table",
        &tables[1],
        "--table",
        &tables[2],
    ])
    .ok();
    let fits = run.table();
    assert_eq!(run.stderr.lines().count(), 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("hyalo rate-fit: T_o, bidisperse: "),
        "{}",
        run.stderr
    );
    assert_eq!(
        fits.words("quantity"),
        ["T_o", "T_o", "T_o", "T_o", "T_g", "T_g", "T_g", "T_g"]
    );
    assert_eq!(
        fits.words("series")[..4],
        ["bidisperse", "bidisperse", "VHG", "VHG"]
    );
    assert_eq!(fits.words("form")[..2], ["line", "vogel-fulcher-tammann"]);
    assert_eq!(
        (fits.integers("rates")[0], fits.integers("measurements")[0]),
        (5, 10)
    );
    let [means, extrapolations, curves] =
        paths.map(|path| Table::parse(&std::fs::read_to_string(path).unwrap()));
    // Means from the slowest rate on, with the noise of all pairs.
    let of = |table: &Table| table.only("quantity", "T_o").only("series", "bidisperse");
    let (means, pairs) = (of(&means), noisy(hyperbola, 2, 0.003, 7));
    let by_hand: Vec<(f64, f64)> = (pairs.chunks(2).rev())
        .map(|pair| {
            (
                0.5 * (pair[0].1 + pair[1].1) + 0.3,
                (pair[0].1 - pair[1].1).abs() / 2f64.sqrt(),
            )
        })
        .collect();
    let (expected, deviations): (Vec<f64>, Vec<f64>) = by_hand.into_iter().unzip();
    assert!(worst(&means.reals("mean"), &expected, 0.0) < 1e-12);
    assert!(worst(&means.reals("sd"), &deviations, 0.0) < 1e-9);
    let pooled = (deviations.iter().map(|sd| sd * sd).sum::<f64>() / 5.0 / 2.0).sqrt();
    assert!(worst(&means.reals("standard_error"), &[pooled; 5], 0.0) < 1e-9);
    assert_eq!(means.integers("replicas"), [2; 5]);
    // The parameters give the extrapolated values; all together span what is acceptable.
    let fits = of(&fits).only("form", "vogel-fulcher-tammann");
    let number = |name: &str| fits.reals(name)[0];
    let extrapolations = of(&extrapolations);
    assert_eq!(
        extrapolations.words("form"),
        [
            "line",
            "line",
            "vogel-fulcher-tammann",
            "vogel-fulcher-tammann",
            "all",
            "all"
        ]
    );
    assert_eq!(
        extrapolations.reals("rate"),
        [SLOW, 1e-3, SLOW, 1e-3, SLOW, 1e-3]
    );
    let value = number("limit") + number("strength") / (number("pole") - SLOW.log10());
    let (values, lower, upper) = (
        extrapolations.reals("value"),
        extrapolations.reals("lower"),
        extrapolations.reals("upper"),
    );
    assert!((values[2] / value - 1.0).abs() < 1e-9 && values[4] == values[2]);
    assert!((value - hyperbola(SLOW) - 0.3).abs() < upper[2] - lower[2]);
    assert!(number("limit_lower") < number("limit") && number("limit") < number("limit_upper"));
    assert_eq!(fits.words("acceptable"), ["true"]);
    assert_eq!(
        (lower[4], upper[4]),
        (lower[2], upper[2]),
        "the line is not acceptable"
    );
    // A point for each of three forms at each of 101 rates, from the slowest asked for to the fastest measured.
    let curves = of(&curves);
    assert_eq!(curves.rows.len(), 303);
    let all = curves.only("form", "all");
    let rates = all.reals("rate");
    assert_eq!((rates[0], rates[100]), (SLOW, RATES[0]));
    assert_eq!(
        (all.reals("value")[0], all.reals("lower")[0]),
        (values[4], lower[4])
    );

    // The same run gives the same bytes, another seed other intervals of the same fits.
    let again = hyalo(&["rate-fit", &input, "--extrapolate", "1.8e-7", "-q"]).ok();
    assert_eq!(again.stdout, run.stdout);
    let other = of(&hyalo(&["rate-fit", &input, "--seed", "1", "-q"])
        .ok()
        .table())
    .only("form", "vogel-fulcher-tammann");
    assert_eq!(other.reals("limit")[0], number("limit"));
    assert_ne!(other.reals("limit_lower")[0], number("limit_lower"));
}

#[test]
fn measurements_come_from_every_kind_of_table() {
    let scratch = Scratch::new();
    let mut text = "rate,value\n".to_string();
    let mut lines = String::new();
    for (rate, value) in noisy(hyperbola, 2, 0.003, 1) {
        writeln!(text, "{rate},{value}").unwrap();
        writeln!(lines, "{{\"rate\":{rate},\"value\":{value}}}").unwrap();
    }
    let whole = scratch.file("x.csv", &text);
    let expected = hyalo(&["rate-fit", &whole, "-q"]).ok().table();
    assert_eq!(expected.words("quantity"), ["value", "value"]);
    assert_eq!(expected.words("series"), ["", ""]);
    // A row without a value is left out, and counted.
    let gap = scratch.file("gap.csv", format!("{text}1e-5,\n1e-5,nan\n"));
    let run = hyalo(&["rate-fit", &gap]).ok();
    assert!(
        run.stderr.contains("2 rows without a value left out"),
        "{}",
        run.stderr
    );
    assert_eq!(run.table(), expected);
    let found = |arguments: &[&str], input: &[u8]| {
        let run = hyalo_fed(&[&["rate-fit", "-q"], arguments].concat(), input);
        assert_eq!(run.ok().table(), expected, "{arguments:?}");
    };
    found(&[&scratch.file("x.ndjson", &lines)], &[]);
    found(&[&scratch.file("x.dat", text.replace(',', " "))], &[]);
    found(&[], text.as_bytes());
    found(&["-"], lines.as_bytes());
    // The rows of several inputs count together; means of one run are no measurements, but curves may be, in Parquet and Arrow too.
    let (head, tail) = text.split_at(text.match_indices('\n').nth(5).unwrap().0 + 1);
    let parts = [
        scratch.file("head.csv", head),
        scratch.file("tail.csv", format!("rate,value\n{tail}")),
    ];
    found(&[&parts[0], &parts[1]], &[]);
    let mut tables = Vec::new();
    for ending in ["csv", "parquet", "arrow"] {
        let path = scratch.path(&format!("curves.{ending}"));
        hyalo(&[
            "rate-fit",
            &whole,
            "-q",
            "-o",
            "/dev/null",
            "--table",
            &format!("curves={path}"),
        ])
        .ok();
        tables.push(hyalo(&["rate-fit", &path, "-q"]).table());
        assert_eq!(
            hyalo_fed(&["rate-fit", "-q"], &std::fs::read(&path).unwrap()).table(),
            tables[0]
        );
    }
    assert_eq!((&tables[1], &tables[2]), (&tables[0], &tables[0]));
}

#[test]
fn figures_show_one_quantity_and_what_it_is_compared_with() {
    let scratch = Scratch::new();
    let input = scratch.file("onsets.csv", csv(0.003));
    let paper = scratch.file(
        "paper.csv",
        "quantity,source,rate,value\nT_o,paper,1.8e-7,0.8\nT_g,paper,1.8e-7,0.5\n",
    );
    let bare = scratch.file("bare.csv", "rate,value\n1.8e-7,0.8\n");
    let drawn = |more: &[&str]| {
        let path = scratch.path("x.svg");
        hyalo(
            &[
                &[
                    "rate-fit",
                    &input,
                    "-q",
                    "-o",
                    "/dev/null",
                    "--quantity",
                    "T_o",
                    "--force",
                    "--plot",
                    &path,
                ],
                more,
            ]
            .concat(),
        )
        .ok();
        std::fs::read_to_string(path).unwrap()
    };
    let slow = ["--extrapolate", "1.8e-7"];
    let plain = drawn(&[]);
    let figures = [
        plain.clone(),
        drawn(&slow),
        drawn(&[&slow[..], &["--compare", &paper]].concat()),
        drawn(&[&slow[..], &["--compare", &bare]].concat()),
        drawn(&[&slow[..], &["--axis-label", "onset"]].concat()),
    ];
    for (index, figure) in figures.iter().enumerate() {
        resvg::usvg::Tree::from_str(figure, &Default::default()).unwrap();
        assert!(
            figures[..index].iter().all(|other| other != figure),
            "{index}"
        );
    }
    assert_eq!(plain, drawn(&[]));
    let refused = |more: &[&str], part: &str| {
        let output = scratch.path("new.svg");
        let message = hyalo(
            &[
                &["rate-fit", &input, "-o", "/dev/null", "--plot", &output],
                more,
            ]
            .concat(),
        )
        .refused();
        assert!(message.contains(part), "{message}");
        assert!(!scratch.names().contains(&"new.svg".to_string()));
    };
    refused(
        &[],
        "the figure shows one quantity, and there are T_o and T_g; choose one with --quantity",
    );
    let other = scratch.file("other.csv", "quantity,rate,value\nT_m,1.8e-7,0.8\n");
    refused(
        &["--quantity", "T_g", "--compare", &other],
        "other.csv: there is no row of the quantity 'T_g'",
    );
    refused(
        &["--quantity", "T_g", "--compare", "nosuch.csv"],
        "nosuch.csv: No such file",
    );
}

#[test]
fn doubtful_answers_end_with_one() {
    let scratch = Scratch::new();
    let doubted = |rows: &str, more: &[&str], part: &str| -> Run {
        let input = scratch.file("x.csv", format!("quantity,rate,value\n{rows}"));
        let run = hyalo(&[&["rate-fit", &input], more].concat());
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("doubtful: ") && run.stderr.contains(part),
            "{}",
            run.stderr
        );
        assert!(
            run.table().words("warning")[0].contains(part),
            "{}",
            run.text()
        );
        run
    };
    let slow = ["--extrapolate", "1.8e-7"];
    // A step, measured without noise to speak of.
    let step: String = [0.5, 0.5, 0.9, 0.9, 0.9]
        .iter()
        .zip(RATES)
        .map(|(value, rate)| format!("x,{rate},{value}\nx,{rate},{}\n", value + 1e-4))
        .collect();
    let run = doubted(&step, &[], "the data do not follow line");
    assert_eq!(run.table().words("acceptable"), ["false", "false"]);
    // The values of one melting after the other: a curve cannot be told from a line.
    let single =
        "T_o,6e-3,0.94\nT_o,1.8e-3,0.77\nT_o,6e-4,0.72\nT_o,1.8e-4,0.64\nT_o,3.6e-5,0.56\n";
    doubted(single, &slow, "wider");
    let few: Vec<&str> = single.lines().collect();
    doubted(
        &few[..2].join("\n"),
        &slow,
        "nothing tells the uncertainty at 1.8e-7: 2 rates without replicas",
    );
    doubted(
        "T_o,1.8e-3,0.77\nT_o,6e-4,0.708\nT_o,1.8e-4,0.64\n",
        &slow,
        "3 rates cannot tell a line from a curve",
    );
    // A line to temperatures below zero, and the same as an energy.
    let steep: String = noisy(|rate| 2.0 + 0.4 * rate.log10(), 3, 0.003, 5)
        .iter()
        .map(|(rate, value)| format!("T_g,{rate},{value}\n"))
        .collect();
    let table = format!("extrapolations={}", scratch.path("e.csv"));
    let arguments = [&slow[..], &["--table", &table, "--force", "-q"]].concat();
    let floor = |name: &str| {
        Table::parse(&std::fs::read_to_string(scratch.path("e.csv")).unwrap()).reals(name)
    };
    doubted(&steep, &arguments, "falls below 0 before 1.8e-7");
    assert_eq!((floor("value")[0], floor("lower")[0]), (0.0, 0.0));
    let energy = scratch.file(
        "energy.csv",
        format!("quantity,rate,value\n{}", steep.replace("T_g", "energy")),
    );
    hyalo(&[&["rate-fit", &energy], &arguments[..]].concat()).ok();
    assert!(floor("value")[0] < -0.6 && floor("lower")[0] < floor("value")[0]);
    doubted(
        &steep.replace("T_g", "energy"),
        &[&arguments[..], &["--lowest", "-0.1"]].concat(),
        "falls below -0.1",
    );
    assert_eq!(floor("lower")[0], -0.1);
    // Faster than the rate at which the form that they follow diverges, 10^-1.8.
    let diverges: String = [1e-5f64, 1e-4, 1e-3, 1e-2]
        .iter()
        .flat_map(|rate| [-1e-4, 0.0, 1e-4].map(|error| (rate, error)))
        .map(|(rate, error)| format!("T_o,{rate},{}\n", 0.3 + 0.2 / (-1.8 - rate.log10()) + error))
        .collect();
    let fast = ["--extrapolate", "1e-1", "--table", &table, "--force", "-q"];
    doubted(&diverges, &fast, "the interval at 1e-1 has no end");
    let table_of = Table::parse(&std::fs::read_to_string(scratch.path("e.csv")).unwrap());
    let of_all = table_of.only("form", "all");
    assert_eq!(
        (of_all.words("value"), of_all.words("upper")),
        (vec![""], vec![""])
    );
    // What may be a line has no limit upwards where it rises for slow rates.
    let rises = "energy,1e-3,1\nenergy,1e-4,2\nenergy,1e-5,2.5\nenergy,1e-6,2.6\n";
    let run = doubted(rises, &["--extrapolate", "1e-8"], "wider");
    let bent = run.table().only("form", "vogel-fulcher-tammann");
    assert_eq!(bent.words("limit_upper"), [""]);
    assert!(bent.reals("limit_lower")[0] < bent.reals("limit")[0]);
    assert!(run.stderr.contains(" to inf)"), "{}", run.stderr);
    // Within the range of the rates nothing is doubtful.
    let input = scratch.file("x.csv", format!("quantity,rate,value\n{single}"));
    hyalo(&["rate-fit", &input, "--extrapolate", "1e-3", "-q"]).ok();
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let scratch = Scratch::new();
    let good = "quantity,series,rate,value\nT_g,A,0.01,0.5\nT_g,A,0.001,0.45\nT_g,B,0.01,0.6\nT_g,B,0.001,0.55\n";
    let swap = |from: &str, to: &str| good.replace(from, to);
    for (text, more, part) in [
        (
            swap("rate", "speed"),
            &[][..],
            "x.csv: there is no column rate; its columns are quantity, series, speed, value",
        ),
        (swap("value", "T"), &[], "there is no column value"),
        (
            swap("0.001,0.45", "0,0.45"),
            &[],
            "x.csv: row 2: the rate is 0, not positive",
        ),
        (
            swap("0.001,0.45", "-0.001,0.45"),
            &[],
            "row 2: the rate is -0.001, not positive; give that of cooling or heating without its sign",
        ),
        (
            swap("0.001,0.45", "nan,0.45"),
            &[],
            "row 2: the rate is missing",
        ),
        (
            swap("0.001,0.45", ",0.45"),
            &[],
            "row 2: the rate is missing",
        ),
        (
            swap("0.001,0.45", "inf,0.45"),
            &[],
            "row 2: the rate is inf",
        ),
        (swap("0.45", "inf"), &[], "row 2: the value is inf"),
        (
            swap("0.45", "low"),
            &[],
            "x.csv: line 3: `low` under value is not a number",
        ),
        (
            swap("0.001,0.45", "slow,0.45"),
            &[],
            "line 3: `slow` under rate is not a number",
        ),
        (
            swap("T_g,A,0.001", ",A,0.001"),
            &[],
            "row 2: the quantity is missing; name what was measured",
        ),
        (
            swap("0.001,0.55", "0.01,0.55"),
            &[],
            "T_g, B: there are values at 1 rate; a line needs 2 rates or more",
        ),
        (
            swap("0.55", ""),
            &[],
            "T_g, B: there are values at 1 rate, and 1 row without",
        ),
        ("rate,value\n".to_string(), &[], "there is no row"),
        (
            good.to_string(),
            &["--quantity", "T_o"],
            "there is no row of the quantity 'T_o'; there are T_g",
        ),
        (
            good.to_string(),
            &["--extrapolate", "0"],
            "--extrapolate 0 is no rate; give a positive number, such as 1.8e-7",
        ),
        (
            good.to_string(),
            &["--extrapolate", "-1"],
            "--extrapolate -1 is no rate",
        ),
        (
            good.to_string(),
            &["--extrapolate", "nan"],
            "--extrapolate NaN is no rate",
        ),
        (
            good.to_string(),
            &["--lowest", "inf"],
            "--lowest inf is no value",
        ),
        (
            good.to_string(),
            &["--lowest", "0.46"],
            "--lowest 0.46 lies above a value of T_g, A, 0.45",
        ),
        (good.to_string(), &["--confidence", "95"], "--confidence 95"),
        (good.to_string(), &["--replicates", "5"], "--replicates 5"),
        (good.to_string(), &["-j", "0"], "-j 0 leaves no thread"),
        (
            good.to_string(),
            &["--compare", "paper.csv"],
            "--compare draws points in a figure, and none is asked for; give --plot too",
        ),
        (
            good.to_string(),
            &["--annotate", "x.extxyz"],
            "no per-particle columns",
        ),
        (good.to_string(), &["--label", "x"], "leave --label out"),
    ] {
        let path = scratch.file("x.csv", &text);
        let output = scratch.path("fits.csv");
        let message = hyalo(&[&["rate-fit", &path, "-o", &output], more].concat()).refused();
        assert!(message.contains(part), "{part}: {message}");
        assert_eq!(scratch.names(), ["x.csv"], "{part}");
    }
    let path = scratch.file("x.csv", good);
    let other = path.replace("x.csv", "./x.csv");
    let message = hyalo(&["rate-fit", &path, &other]).refused();
    assert!(message.contains("x.csv is given twice"), "{message}");
    let message = hyalo(&["rate-fit", "nosuch.csv"]).refused();
    assert!(message.contains("nosuch.csv: No such file"), "{message}");
    // What is read from a copy goes under its own name.
    let message = hyalo_fed(&["rate-fit"], b"speed,value\n1,2\n").refused();
    assert!(
        message.starts_with("hyalo: -: there is no column rate"),
        "{message}"
    );
    // Text in a column of numbers, and numbers in one of texts, of a table that has types.
    for (line, part) in [
        (
            "{\"rate\":\"fast\",\"value\":1}",
            "`fast` in row 1 under rate is not a number",
        ),
        (
            "{\"rate\":0.1,\"value\":1,\"series\":3}",
            "column series holds i64, not text",
        ),
    ] {
        let path = scratch.file("x.ndjson", format!("{line}\n"));
        let message = hyalo(&["rate-fit", &path]).refused();
        assert!(
            message.contains("x.ndjson: ") && message.contains(part),
            "{message}"
        );
    }
}

#[test]
fn replicas_must_not_agree_for_an_interval() {
    // Identical replicas tell that there is no noise: what is left is lack of fit.
    let rows: String = RATES
        .iter()
        .map(|rate| {
            format!(
                "{rate},{0}\n{rate},{0}\n",
                line(*rate) + 1e-3 * (rate * 1e6).sin()
            )
        })
        .collect();
    let run = hyalo_fed(
        &["rate-fit", "-q"],
        format!("rate,value\n{rows}").as_bytes(),
    );
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("do not follow"), "{}", run.stderr);
}
