//! `tg-fit`: known breaks, others' least squares, what tables and logs may hold, and what is refused.

mod common;

use std::fmt::Write as _;

use common::{Random, Run, Scratch, Table, fixture, hyalo, hyalo_fed, worst};
use hyalo::physics::fits::{Branch, Form, crossing};
use hyalo::physics::random;
use hyalo::physics::transition::{Data, Method, Transition, Windows};

/// A glass line of slope 1.6 that turns into a liquid branch at T = 0.5, from 0.1 to 1.0.
fn kinked(form: Form, temperature: f64) -> f64 {
    let slope = if form == Form::Line { 2.6 } else { 3.2 };
    let of_break = |basis: f64| -7.0 + 1.6 * 0.5 + slope * (basis - form.basis(0.5));
    match temperature < 0.5 {
        true => -7.0 + 1.6 * temperature,
        false => of_break(form.basis(temperature)),
    }
}

/// A curve with Gaussian noise of deviation 0.01 that is a first-order autoregression of persistence φ.
fn noisy(curve: impl Fn(f64) -> f64, rows: usize, persistence: f64, seed: u64) -> Data {
    let mut random = random::Random::new(seed, random::Purpose::Positions, 0, 0);
    let mut noise = 0.0;
    let mut data = Data::default();
    for row in 0..rows {
        let temperature = 0.1 + 0.9 * row as f64 / (rows - 1) as f64;
        let fresh = (1.0 - persistence * persistence).sqrt() * random.gaussian();
        noise = persistence * noise + fresh;
        data.temperatures.push(temperature);
        data.energies.push(curve(temperature) + 0.01 * noise);
    }
    data
}

fn method(liquid: Form, seed: u64) -> Method {
    Method {
        liquid,
        confidence: 0.95,
        replicates: 200,
        vary: 0.25,
        seed,
        ramp: 0,
    }
}

const WINDOWS: Windows = Windows {
    glass: [0.1, 0.4],
    liquid: [0.6, 1.0],
};

/// Of 200 intervals of 95 % as few as 181 may hold the break: three standard deviations of a binomial distribution, √(200 × 0.95 × 0.05) = 3.1,
/// below its mean. More may, because the windows are varied though any would do here; but an interval that is ten times as wide as the
/// estimates scatter would say nothing.
#[track_caller]
fn covers(form: Form, rows: usize, persistence: f64, windows: Option<Windows>) {
    let (mut held, mut doubted, mut width, mut square) = (0, 0, 0.0, 0.0);
    for seed in 0..200 {
        let data = noisy(|at| kinked(form, at), rows, persistence, seed);
        let windows = windows.or_else(|| Windows::find(&data, form, None, None));
        let found = Transition::find(&data, windows.unwrap(), &method(form, seed)).unwrap();
        let ([lower, upper], at) = (found.interval.unwrap(), found.temperature.unwrap());
        held += i32::from(lower <= 0.5 && 0.5 <= upper);
        doubted += i32::from(!found.doubts.is_empty());
        width += (upper - lower) / 200.0;
        square += (at - 0.5).powi(2) / 200.0;
    }
    let scatter = square.sqrt();
    assert!(held >= 181, "{held} of 200 intervals hold the break");
    assert!(width < 10.0 * scatter, "{width} against {scatter}");
    assert!(scatter < 0.02, "{scatter}");
    assert!(doubted <= 10, "{doubted} of 200 were doubted");
}

#[test]
fn intervals_of_given_windows_hold_the_break_as_often_as_they_say() {
    covers(Form::RosenfeldTarazona, 120, 0.0, Some(WINDOWS));
    covers(Form::Line, 120, 0.7, Some(WINDOWS));
}

#[test]
fn intervals_of_found_windows_hold_the_break_as_often_as_they_say() {
    covers(Form::RosenfeldTarazona, 120, 0.0, None);
    covers(Form::RosenfeldTarazona, 200, 0.5, None);
    covers(Form::Line, 120, 0.5, None);
}

#[test]
fn without_noise_the_break_is_exact() {
    for form in [Form::Line, Form::RosenfeldTarazona] {
        let mut data = Data::default();
        for row in 0..=90 {
            let temperature = 0.1 + 0.01 * f64::from(row);
            data.temperatures.push(temperature);
            data.energies.push(kinked(form, temperature));
        }
        let found = Transition::find(&data, WINDOWS, &method(form, 0)).unwrap();
        // The condition numbers are some ten, the slopes differ by one: a hundred times the rounding error of energies of 7.
        assert!((found.temperature.unwrap() - 0.5).abs() < 1e-12);
        let [lower, upper] = found.interval.unwrap();
        assert!(
            upper - lower < 1e-11 && found.doubts.is_empty(),
            "{:?}",
            found.doubts
        );
    }
}

#[test]
fn a_straight_line_is_doubted_always() {
    for form in [Form::Line, Form::RosenfeldTarazona] {
        for seed in 0..100 {
            let data = noisy(|at| -7.0 + 1.6 * at, 120, 0.0, seed);
            for windows in [Some(WINDOWS), Windows::find(&data, form, None, None)] {
                let found = Transition::find(&data, windows.unwrap(), &method(form, seed));
                assert!(!found.unwrap().doubts.is_empty(), "{form:?}, {seed}");
            }
        }
    }
}

#[test]
fn least_squares_are_those_of_numpy() {
    let text = std::fs::read_to_string(fixture("../tg_fit/least_squares.csv")).unwrap();
    let table = Table::parse(&text);
    let rows = common::thermo("heat.log");
    assert_eq!(table.rows.len(), 3);
    for (row, power) in table.reals("power").into_iter().enumerate() {
        let number = |name: &str| table.reals(name)[row];
        let mut data = Data::default();
        for values in &rows {
            data.temperatures
                .push(0.1 + 0.8 * values["Step"] / 40_000.0);
            data.energies.push(values["PotEng"]);
        }
        let data = data.within([number("low"), number("high")]);
        let form = if power == 1.0 {
            Form::Line
        } else {
            Form::RosenfeldTarazona
        };
        let branch = Branch::fit(form, &data.temperatures, &data.energies).unwrap();
        assert_eq!(branch.points as f64, number("points"));
        let covariance = branch.unscaled_covariance * branch.variance;
        let found = [
            branch.intercept,
            branch.coefficient,
            covariance[(0, 0)],
            covariance[(0, 1)],
            covariance[(1, 1)],
            branch.condition,
            branch.rms_residual(),
        ];
        let names = [
            "intercept",
            "coefficient",
            "variance_intercept",
            "covariance",
            "variance_coefficient",
            "condition",
            "rms_residual",
        ];
        // Rounding errors times the square of a condition number of 27, with room.
        assert!(worst(&found, &names.map(number), 0.0) < 1e-10, "{found:?}");
    }
}

#[test]
fn of_two_crossings_the_one_near_the_windows_is_taken() {
    // 2 T^(3/5) = T + 0.5: by bisection of another form, T = x^5 with x^5 − 2 x³ + 0.5 = 0.
    let line = |at: f64| at + 0.5;
    let temperatures = [0.1, 0.2, 0.3];
    let glass = Branch::fit(Form::Line, &temperatures, &temperatures.map(line)).unwrap();
    let form = Form::RosenfeldTarazona;
    let energies = temperatures.map(|at| 2.0 * form.basis(at));
    let liquid = Branch::fit(form, &temperatures, &energies).unwrap();
    let polynomial = |x: f64| x.powi(5) - 2.0 * x.powi(3) + 0.5;
    let root = |mut low: f64, mut high: f64| {
        let sign = polynomial(low).signum();
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if polynomial(middle).signum() == sign {
                low = middle
            } else {
                high = middle
            }
        }
        low.powi(5)
    };
    let (low, high) = (root(0.0, 1.0), root(1.0, 2.0));
    let near = |at: f64| crossing(&glass, &liquid, [at, at], 10.0).unwrap();
    // The second branch is known from 0.1 to 0.3 only: far away its rounding errors have grown.
    assert!((near(low) - low).abs() < 1e-12 && (near(high) - high).abs() < 1e-11);
    assert_eq!(crossing(&glass, &liquid, [low, low], 0.5 * low), None);
    let below = Branch {
        intercept: -10.0,
        ..liquid
    };
    assert_eq!(crossing(&glass, &below, [low, low], 10.0), None);
}

/// A table of a ramp.
fn csv(data: &Data, falling: bool) -> String {
    let mut text = "step,temperature,potential_energy\n".to_string();
    let rows = data.temperatures.iter().zip(&data.energies);
    let mut rows: Vec<(&f64, &f64)> = rows.collect();
    if falling {
        rows.reverse();
    }
    for (step, (temperature, energy)) in rows.into_iter().enumerate() {
        writeln!(text, "{},{temperature},{energy}", 100 * step).unwrap();
    }
    text
}

fn ramp(persistence: f64, seed: u64) -> Data {
    noisy(
        |at| kinked(Form::RosenfeldTarazona, at),
        181,
        persistence,
        seed,
    )
}

#[test]
fn cooling_gives_t_g_and_heating_t_o() {
    let scratch = Scratch::new();
    let cool = scratch.file("cool.csv", csv(&ramp(0.0, 1), true));
    let heat = scratch.file("heat.csv", csv(&ramp(0.0, 2), false));
    let run = hyalo(&[
        "tg-fit", &cool, &heat, "--label", "cooled", "--label", "heated",
    ])
    .ok();
    let table = run.table();
    assert_eq!(table.words("quantity"), ["T_g", "T_o", "T_o/T_g"]);
    assert_eq!(table.words("ramp"), ["cooling", "heating", "heating"]);
    assert_eq!(table.words("input"), ["cooled", "heated", "heated"]);
    assert_eq!(table.words("relative_to"), ["", "", "cooled"]);
    let (value, lower, upper) = (
        table.reals("value"),
        table.reals("lower"),
        table.reals("upper"),
    );
    assert!(
        value[..2].iter().all(|value| (value - 0.5).abs() < 0.02),
        "{value:?}"
    );
    assert_eq!(value[2], value[1] / value[0]);
    for row in 0..3 {
        assert!(lower[row] < value[row] && value[row] < upper[row]);
    }
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    // The same of one table that holds both, whose replicates are as independent.
    let [cooled, heated] =
        [(1, true), (2, false)].map(|(seed, falls)| csv(&ramp(0.0, seed), falls));
    let both = with_column("input", "cooled", &cooled, true)
        + &with_column("input", "heated", &heated, false);
    let both = scratch.file("both.csv", both);
    assert_eq!(hyalo(&["tg-fit", &both, "-q"]).ok().text(), run.text());
    // What the ramp is can be said; and the same run gives the same bytes, another seed others.
    let kind = hyalo(&["tg-fit", &heat, "--kind", "cooling", "-q"])
        .ok()
        .table();
    assert_eq!(kind.words("quantity"), ["T_g"]);
    assert_eq!(kind.reals("value")[0], value[1]);
    let again = hyalo(&["tg-fit", &heat, "--kind", "cooling", "-q"])
        .ok()
        .table();
    assert_eq!(again, kind);
    let other = hyalo(&["tg-fit", &heat, "--seed", "1", "-q"]).ok().table();
    assert_eq!(other.reals("value")[0], value[1]);
    assert_ne!(other.reals("lower"), kind.reals("lower"));
}

#[test]
fn the_same_numbers_from_every_kind_of_table() {
    let scratch = Scratch::new();
    let text = csv(&ramp(0.0, 3), true);
    let plain = scratch.file("cool.csv", &text);
    let expected = hyalo(&["tg-fit", &plain, "-q", "--label", "x"])
        .ok()
        .table();
    let spaced = text.replace(',', " ").replace("potential_energy", "PotEng");
    let mut lines = String::new();
    for line in text.lines().skip(1) {
        let words: Vec<&str> = line.split(',').collect();
        let (step, temperature, energy) = (words[0], words[1], words[2]);
        writeln!(
            lines,
            "{{\"step\":{step},\"temperature\":{temperature},\"pe\":{energy}}}"
        )
        .unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let files = [
        scratch.file("thermo.txt", &spaced),
        scratch.file("cool.ndjson", &lines),
        scratch.file("cool.csv.gz", &gzip),
    ];
    for path in files {
        let found = hyalo(&["tg-fit", &path, "-q", "--label", "x"]).ok().table();
        assert_eq!(found, expected, "{path}");
    }
    for bytes in [text.as_bytes(), lines.as_bytes(), &gzip] {
        let found = hyalo_fed(&["tg-fit", "-q", "--label", "x"], bytes)
            .ok()
            .table();
        assert_eq!(found, expected);
    }
    // The fits of one run as the ramp of another: Parquet and Arrow, from files and from a pipe.
    for ending in ["parquet", "arrow"] {
        let curves = scratch.path(&format!("curves.{ending}"));
        let table = format!("curves={curves}");
        hyalo(&["tg-fit", &plain, "-q", "-o", "/dev/null", "--table", &table]).ok();
        let found = hyalo(&["tg-fit", &curves, "-q", "--label", "x"])
            .ok()
            .table();
        assert_eq!(found, expected, "{ending}");
        let piped = hyalo_fed(
            &["tg-fit", "-", "-q", "--label", "x"],
            &std::fs::read(&curves).unwrap(),
        );
        assert_eq!(piped.ok().table(), expected, "{ending}");
    }
}

#[test]
fn curves_hold_the_branches() {
    let scratch = Scratch::new();
    let cool = scratch.file("cool.csv", csv(&ramp(0.0, 4), true));
    let curves = scratch.path("curves.csv");
    let table = format!("curves={curves}");
    let arguments = [
        "--glass-window",
        "0.1:0.4",
        "--liquid-window",
        "0.6:1.0",
        "--liquid",
        "linear",
    ];
    let run = hyalo(&[&["tg-fit", &cool, "--table", &table][..], &arguments].concat()).ok();
    let fits = run.table();
    let number = |name: &str| fits.reals(name)[0];
    let curves = Table::parse(&std::fs::read_to_string(curves).unwrap());
    assert_eq!(curves.rows.len(), 181);
    let glass: Vec<f64> = (curves.reals("temperature").iter())
        .map(|at| number("glass_intercept") + number("glass_slope") * at)
        .collect();
    assert!(worst(&curves.reals("glass_line"), &glass, 0.0) < 1e-14);
    let count = |name: &str| {
        curves
            .words("window")
            .iter()
            .filter(|word| **word == name)
            .count()
    };
    assert_eq!(count("glass") as i64, fits.integers("glass_points")[0]);
    assert_eq!(count("liquid") as i64, fits.integers("liquid_points")[0]);
    assert_eq!(count("none"), 181 - count("glass") - count("liquid"));
    // Where lines cross can be solved by hand.
    let at = (number("glass_intercept") - number("liquid_intercept"))
        / (number("liquid_coefficient") - number("glass_slope"));
    assert!((at / number("value") - 1.0).abs() < 1e-12);
}

#[test]
fn doubtful_answers_end_with_one() {
    let scratch = Scratch::new();
    let straight = noisy(|at| -7.0 + 1.6 * at, 181, 0.0, 5);
    let straight = scratch.file("straight.csv", csv(&straight, true));
    let kink = scratch.file("kink.csv", csv(&ramp(0.0, 6), true));
    let doubted = |run: Run, part: &str| {
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("doubtful") && run.stderr.contains(part),
            "{}",
            run.stderr
        );
        assert!(run.text().contains(part), "{}", run.text());
    };
    doubted(hyalo(&["tg-fit", &straight]), "lie on the glass line");
    doubted(
        hyalo(&["tg-fit", &straight, "-q", "--liquid", "linear"]),
        "lie on the glass line",
    );
    // Both windows on one side of the break.
    let lines = noisy(|at| kinked(Form::Line, at), 181, 0.0, 6);
    let lines = scratch.file("lines.csv", csv(&lines, true));
    let windows = ["--glass-window", "0.6:0.75", "--liquid-window", "0.8:1"];
    doubted(
        hyalo(&[&["tg-fit", &lines, "--liquid", "linear"][..], &windows].concat()),
        "cross",
    );
    let windows = ["--glass-window", "0.1:0.6", "--liquid-window", "0.9:1"];
    doubted(
        hyalo(&[&["tg-fit", &kink][..], &windows].concat()),
        "not between the windows",
    );
    // Tables say so too.
    let parquet = scratch.path("fits.parquet");
    assert_eq!(hyalo(&["tg-fit", &straight, "-q", "-o", &parquet]).code, 1);
    let bytes = std::fs::read(&parquet).unwrap();
    assert!(
        String::from_utf8_lossy(&bytes).contains("straight.csv: the energies in the liquid window")
    );
}

/// A log with runs: the title of the energy, and for each run its first step, rows of temperature and energy, and atoms.
fn log(setup: &str, runs: &[(i64, Vec<(f64, f64)>)], end: &str) -> String {
    let mut text = format!("LAMMPS (22 Jul 2025)\n{setup}");
    for (start, rows) in runs {
        text += "run 1000\n   Step          Temp          PotEng         Press\n";
        for (row, (temperature, energy)) in rows.iter().enumerate() {
            writeln!(
                text,
                "  {} {temperature} {energy} 0.5",
                start + 100 * row as i64
            )
            .unwrap();
        }
        text += end;
    }
    text
}

#[test]
fn logs_are_joined_and_their_energies_are_per_atom() {
    let scratch = Scratch::new();
    let data = ramp(0.0, 7);
    let cooling: Vec<(f64, f64)> = (data.temperatures.iter().copied())
        .zip(data.energies.iter().copied())
        .rev()
        .collect();
    let scaled = |factor: f64| -> Vec<(f64, f64)> {
        cooling
            .iter()
            .map(|(at, energy)| (*at, factor * energy))
            .collect()
    };
    let end = "Loop time of 1 on 1 procs for 1000 steps with 500 atoms\n";
    let plain = scratch.file("cool.csv", csv(&data, true));
    let expected = hyalo(&["tg-fit", &plain, "-q", "--label", "x"])
        .ok()
        .table();
    let fits = |text: &str, more: &[&str]| {
        let path = scratch.file("log.lammps", text);
        hyalo(&[&["tg-fit", &path, "-q", "--label", "x"], more].concat())
    };
    // Sums of 500 atoms, divided again, differ in the last bits.
    let agree = |run: Run| {
        let table = run.ok().table();
        for name in [
            "value",
            "lower",
            "upper",
            "glass_intercept",
            "glass_slope",
            "liquid_rms_residual",
        ] {
            assert!(
                worst(&table.reals(name), &expected.reals(name), 0.0) < 1e-9,
                "{name}"
            );
        }
    };
    for per_atom in [
        "units lj\n",
        "",
        "units metal\nthermo_modify norm yes\n",
        "units lj\nthermo_modify norm no\nthermo_style custom step temp pe press\n",
    ] {
        agree(fits(&log(per_atom, &[(0, cooling.clone())], end), &[]));
    }
    for of_all in [
        "units metal\n",
        "units metal # and not lj\n",
        "units lj\nthermo_modify flush yes norm no\n",
    ] {
        agree(fits(&log(of_all, &[(0, scaled(500.0))], end), &[]));
    }
    // What a run says of its units where commands are not echoed.
    let silent = "Unit style    : metal\n";
    agree(fits(&log(silent, &[(0, scaled(500.0))], end), &[]));
    // A run that was killed has the atoms of the one before it, and each run its own normalisation.
    let half = 90;
    let (first, second) = (
        scaled(500.0)[..=half].to_vec(),
        scaled(500.0)[half..].to_vec(),
    );
    let next = 100 * half as i64;
    let killed = log("units metal\n", &[(0, first)], end) + &log("", &[(next, second.clone())], "");
    agree(fits(&killed, &[]));
    let mixed = log("units lj\n", &[(0, cooling[..=half].to_vec())], end)
        + &log("thermo_modify norm no\n", &[(next, second)], end);
    agree(fits(&mixed, &[]));
    // Nobody knows the number of atoms.
    let message = fits(&log("units metal\n", &[(0, scaled(500.0))], ""), &[]).refused();
    assert!(message.contains("norm no"), "{message}");
    // A ramp in three runs, each of which prints the step where the one before ended; an equilibration before the steps were reset.
    let parts = [
        (0, vec![(1.0, -5.4); 20]),
        (0, cooling[..=60].to_vec()),
        (6000, cooling[60..=120].to_vec()),
        (12_000, cooling[120..].to_vec()),
    ];
    agree(fits(&log("", &parts, end), &[]));
    let message = fits(&log("", &parts, end), &["--session", "0"]).refused();
    assert!(message.contains("1 throughout"), "{message}");
    let message = fits(&log("", &parts, end), &["--session", "2"]).refused();
    assert!(message.contains("2 sessions"), "{message}");
}

#[test]
fn a_log_with_fluctuating_temperatures() {
    let heat = fixture("heat.log");
    let set = hyalo(&["tg-fit", &heat, "--temperature", "ramp:0.1:0.9", "-q"])
        .ok()
        .table();
    assert_eq!(set.words("quantity"), ["T_o"]);
    assert_eq!(set.reals("glass_from").len(), 1);
    // The kinetic temperature of 1000 particles fluctuates by 3 %: nearly the same.
    let run = |more: &[&str]| {
        let windows = [
            "--glass-window",
            "0.13:0.4",
            "--liquid-window",
            "0.57:1",
            "-q",
        ];
        hyalo(&[&["tg-fit", &heat][..], &windows, more].concat())
            .ok()
            .table()
    };
    // The first row is of the minimum, with velocities drawn at twice the temperature.
    let (kinetic, set) = (
        run(&["--frames", "1:"]),
        run(&["--temperature", "ramp:0.1:0.9"]),
    );
    let (one, other) = (kinetic.reals("value")[0], set.reals("value")[0]);
    let width = set.reals("upper")[0] - set.reals("lower")[0];
    assert!((one - other).abs() < width, "{one} {other}");
    assert_ne!(one, other);
    // A crossing that hangs on where the windows end.
    let windows = ["--glass-window", "0.1:0.4", "--liquid-window", "0.6:0.9"];
    let set = ["tg-fit", &heat, "--temperature", "ramp:0.1:0.9"];
    let run = hyalo(&[&set[..], &windows].concat());
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("the interval does not hold it"),
        "{}",
        run.stderr
    );
}

#[test]
fn trajectories_tell_their_energies() {
    let scratch = Scratch::new();
    let data = ramp(0.0, 8);
    let mut text = String::new();
    let mut dump = String::new();
    for (step, (at, energy)) in data
        .temperatures
        .iter()
        .zip(&data.energies)
        .rev()
        .enumerate()
    {
        writeln!(text, "1\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3 Timestep={step} temperature={at} energy={energy}\nA 1 2 3").unwrap();
        write!(dump, "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\nITEM: ATOMS id type x y z c_pe\n1 1 1 2 3 {}\n2 1 1 2 5 {}\n", energy - 0.5, energy + 0.5).unwrap();
    }
    let plain = scratch.file("cool.csv", csv(&data, true));
    let expected = hyalo(&["tg-fit", &plain, "-q"]).ok().table().reals("value")[0];
    let frames = scratch.file("cool.extxyz", &text);
    let found = hyalo(&["tg-fit", &frames, "-q"]).ok().table();
    assert_eq!(found.reals("value"), [expected]);
    assert_eq!(
        hyalo_fed(&["tg-fit", "-q"], text.as_bytes())
            .ok()
            .table()
            .reals("value"),
        [expected]
    );
    // The mean over the particles; the temperature is that of a ramp.
    let dump = scratch.file("cool.dump", &dump);
    let windows = [
        "--glass-window",
        "0.102:0.402",
        "--liquid-window",
        "0.602:0.998",
        "-q",
    ];
    let run = |input: &[&str]| {
        let table = hyalo(&[&["tg-fit"], input, &windows].concat()).ok().table();
        ["value", "lower", "upper", "glass_intercept"].map(|name| table.reals(name)[0])
    };
    let (found, expected) = (run(&[&dump, "--temperature", "ramp:1:0.1"]), run(&[&plain]));
    assert!(
        worst(&found, &expected, 0.0) < 1e-9,
        "{found:?} {expected:?}"
    );
    let message = hyalo(&["tg-fit", &dump]).refused();
    assert!(
        message.contains("frame 0: the frame has no temperature"),
        "{message}"
    );
    let message = hyalo(&["tg-fit", &frames, "--energy", "enthalpy"]).refused();
    assert!(
        message.contains("no key or column enthalpy") && message.contains("energy"),
        "{message}"
    );
}

#[test]
fn melting_from_squared_displacements() {
    let scratch = Scratch::new();
    let cool = scratch.file("cool.csv", csv(&ramp(0.0, 9), true));
    let heat = scratch.file("heat.csv", csv(&ramp(0.0, 10), false));
    // ⟨Δr²⟩ of all passes 1 at 0.62, falls back, and stays above from 0.66 on; a species does so earlier.
    let mut text = "input,frame,step,temperature,species,msd\n".to_string();
    for input in ["slow", "heat"] {
        let shift = if input == "slow" { 0.1 } else { 0.0 };
        for (frame, msd) in [0.0, 0.1, 0.4, 1.4, 0.9, 2.0, 5.0].into_iter().enumerate() {
            let at = 0.56 + shift + 0.02 * frame as f64;
            writeln!(text, "{input},{frame},{frame},{at},all,{msd}").unwrap();
            writeln!(text, "{input},{frame},{frame},{at},A,{}", 10.0 * msd).unwrap();
        }
    }
    let msd = scratch.file("msd.csv", &text);
    let table = hyalo(&[
        "tg-fit", &cool, &msd, "-q", "--label", "cool", "--label", "x",
    ])
    .ok()
    .table();
    assert_eq!(
        table.words("quantity"),
        ["T_g", "T_o_msd", "T_o_msd/T_g", "T_o_msd", "T_o_msd/T_g"]
    );
    assert_eq!(
        table.words("input"),
        ["cool", "slow", "slow", "heat", "heat"]
    );
    let (value, lower, upper) = (
        table.reals("value"),
        table.reals("lower"),
        table.reals("upper"),
    );
    let exact = [0.612, 0.6, 0.66];
    assert!(
        worst(&[value[3], lower[3], upper[3]], &exact, 0.0) < 1e-12,
        "{table:?}"
    );
    assert_eq!(lower[4], lower[3] / upper[0]);
    assert_eq!(value[4], value[3] / value[0]);
    // Beside energies, which are not fitted then, and drawn.
    let curves = scratch.path("curves.csv");
    let table = format!("curves={curves}");
    let figure = scratch.path("x.svg");
    let run = hyalo(&[
        "tg-fit", &cool, &heat, "-q", "--label", "cool", "--label", "heat", "--msd", "none",
        "--msd", &msd, "--table", &table, "--plot", &figure,
    ]);
    let fits = run.ok().table();
    assert_eq!(fits.words("quantity"), ["T_g", "T_o_msd", "T_o_msd/T_g"]);
    assert_eq!(fits.reals("value")[1], value[3]);
    let curves = Table::parse(&std::fs::read_to_string(&curves).unwrap()).only("input", "heat");
    assert_eq!(curves.rows.len(), 181);
    assert!(
        curves
            .words("glass_line")
            .iter()
            .all(|word| word.is_empty())
    );
    // Never reached.
    let never = hyalo(&["tg-fit", &msd, "-q", "--threshold", "7"]);
    assert_eq!(never.code, 1);
    assert!(
        never.stderr.contains("does not reach 7"),
        "{}",
        never.stderr
    );
    let message = hyalo(&["tg-fit", &heat, "--msd", &msd, "--label", "third"]).refused();
    assert!(
        message.contains("none is named 'third'") && message.contains("slow"),
        "{message}"
    );
    let message = hyalo(&[
        "tg-fit",
        &msd,
        "-o",
        "/dev/null",
        "--plot",
        &scratch.path("y.svg"),
    ])
    .refused();
    assert!(message.contains("no input has them"), "{message}");
}

#[test]
fn a_long_table_is_averaged() {
    let scratch = Scratch::new();
    let data = noisy(|at| kinked(Form::RosenfeldTarazona, at), 30_000, 0.0, 11);
    let cool = scratch.file("cool.csv", csv(&data, true));
    let curves = scratch.path("curves.csv");
    let table = format!("curves={curves}");
    let fits = hyalo(&["tg-fit", &cool, "-q", "--table", &table])
        .ok()
        .table();
    assert!((fits.reals("value")[0] - 0.5).abs() < 0.005);
    let curves = Table::parse(&std::fs::read_to_string(&curves).unwrap());
    assert_eq!(curves.rows.len(), 2000);
    let first: f64 = data.energies.iter().rev().take(15).sum::<f64>() / 15.0;
    assert!((curves.reals("energy")[0] - first).abs() < 1e-12);
}

#[test]
fn bad_tables_are_refused_in_one_line() {
    let scratch = Scratch::new();
    let good = csv(&ramp(0.0, 12), true);
    let lines: Vec<&str> = good.lines().collect();
    let line = |number: usize, text: &str| {
        let mut lines = lines.clone();
        lines[number] = text;
        lines.join("\n") + "\n"
    };
    let constant: String = (0..50).map(|row| format!("{row},0.5,-{row}\n")).collect();
    let back: String = lines[1..]
        .iter()
        .rev()
        .map(|line| format!("{line}\n"))
        .collect();
    let mut random = Random(1);
    let scattered: String = (0..50)
        .map(|row| format!("{row},{},-6\n", random.uniform()))
        .collect();
    let header = "step,temperature,potential_energy\n";
    for (text, more, part) in [
        (
            good.replace("potential_energy", "enthalpy"),
            &[][..],
            "its columns are step, temperature, enthalpy",
        ),
        (
            good.replace("temperature", "kelvin"),
            &[],
            "there is no column temperature, Temp, T",
        ),
        (
            line(8, "700,0.9,nan"),
            &[],
            "row 8 (step 700): the potential_energy is missing",
        ),
        (
            line(8, "700,,-5.5"),
            &[],
            "row 8 (step 700): the temperature is missing",
        ),
        (
            line(8, "700,-0.9,-5.5"),
            &[],
            "row 8 (step 700): the temperature is -0.9",
        ),
        (
            line(8, "700,0.9,inf"),
            &[],
            "row 8 (step 700): the potential_energy is inf",
        ),
        (
            line(8, "700,0.9,x"),
            &[],
            "line 9: `x` under potential_energy is not a number",
        ),
        (
            format!("{header}{constant}"),
            &[],
            "the temperature is 0.5 throughout",
        ),
        (
            format!("{good}{back}"),
            &[],
            "that is no single ramp; select one with --frames A:B",
        ),
        (format!("{header}{scattered}"), &[], "no single ramp"),
        (lines[..6].join("\n"), &[], "there are 5 rows"),
        (header.to_string(), &[], "no row"),
        (
            good.clone(),
            &["--glass-window", "0.1:0.11"],
            "the glass window 0.1:0.11 holds 3 points",
        ),
        (
            good.clone(),
            &["--liquid-window", "2:3"],
            "the liquid window 2:3 holds 0 points",
        ),
        (
            good.clone(),
            &["--glass-window", "0.5:1", "--liquid-window", "0.1:0.4"],
            "the glass is what is colder",
        ),
        (
            good.clone(),
            &["--glass-window", "auto", "--glass-window", "0.1:0.4"],
            "--glass-window is given 2 times for 1 input",
        ),
        (good.clone(), &["--confidence", "95"], "--confidence 95"),
        (good.clone(), &["--replicates", "5"], "--replicates 5"),
        (good.clone(), &["--vary", "0.5"], "--vary 0.5"),
        (
            good.clone(),
            &["--temperature", "velocities"],
            "does not go with a table",
        ),
        (
            good.clone(),
            &["--annotate", "x.extxyz"],
            "no per-particle columns",
        ),
    ] {
        let path = scratch.file("ramp.csv", &text);
        let output = scratch.path("fits.csv");
        let arguments = [&["tg-fit", &path, "-o", &output], more].concat();
        let message = hyalo(&arguments).refused();
        assert!(message.contains(part), "{part}: {message}");
        assert_eq!(scratch.names(), ["ramp.csv"], "{part}");
    }
    // Rows that are left out may be bad; half of a ramp that comes back is one.
    let path = scratch.file("ramp.csv", line(1, "0,1.0,nan"));
    hyalo(&["tg-fit", &path, "--frames", "1:", "-q"]).ok();
    let path = scratch.file("ramp.csv", format!("{good}{back}"));
    let found = hyalo(&["tg-fit", &path, "--frames", "181:", "-q"])
        .ok()
        .table();
    assert_eq!(found.words("quantity"), ["T_o"]);
    let window = hyalo(&["tg-fit", &path, "--glass-window", "0.4:0.1"]);
    assert_eq!(window.code, 2);
    assert!(window.stderr.contains("0.1:0.4"), "{}", window.stderr);
}

#[test]
fn replicas_are_fitted_each_and_paired_by_their_numbers() {
    let scratch = Scratch::new();
    let file = |name: &str, seed, falling| scratch.file(name, csv(&ramp(0.0, seed), falling));
    let ramps = [
        file("cool-1.csv", 11, true),
        file("cool-2.csv", 12, true),
        file("heat-1.csv", 13, false),
        file("heat-2.csv", 14, false),
    ];
    let labels = [
        "--label", "cool", "--label", "cool", "--label", "heat", "--label", "heat",
    ];
    let figure = scratch.path("energy.svg");
    let flags = [
        "-q",
        "--glass-window",
        "0.1:0.4",
        "--liquid-window",
        "0.65:1",
        "--plot",
        &figure,
    ];
    let inputs: Vec<&str> = ramps.iter().map(String::as_str).collect();
    let table = hyalo(&[&["tg-fit"], &inputs[..], &labels, &flags].concat())
        .ok()
        .table();
    assert_eq!(table.names[..3], ["input", "replica", "quantity"]);
    assert_eq!(
        table.words("input"),
        ["cool", "cool", "heat", "heat", "heat", "heat"]
    );
    assert_eq!(table.words("replica"), ["1", "2", "1", "1", "2", "2"]);
    let value = table.reals("value");
    // By themselves they say the same.
    for (row, input) in [(0, 0), (1, 1), (2, 2), (4, 3)] {
        let alone = hyalo(&[
            "tg-fit",
            inputs[input],
            "-q",
            "--glass-window",
            "0.1:0.4",
            "--liquid-window",
            "0.65:1",
        ]);
        assert_eq!(alone.ok().table().reals("value"), [value[row]]);
    }
    // T_o/T_g of each with the T_g of the replica of the same number, not with that of the ramp before.
    assert_eq!(
        (value[3], value[5]),
        (value[2] / value[0], value[4] / value[1])
    );
    assert!(
        std::fs::read_to_string(&figure)
            .unwrap()
            .contains("fill-opacity")
    );

    // Cooling and heating are no replicas of each other.
    let message = hyalo(&[
        "tg-fit", inputs[0], inputs[2], "--label", "x", "--label", "x",
    ])
    .refused();
    assert!(
        message.contains("the label 'x' stands for a cooling and a heating ramp"),
        "{message}"
    );

    // A table of `msd` of replicas gives each its own.
    let mut text = "input,replica,frame,step,temperature,species,msd\n".to_string();
    for replica in [1, 2] {
        for (frame, msd) in [0.0, 0.5, 1.5, 5.0].into_iter().enumerate() {
            let at = 0.5 + 0.1 * f64::from(replica) + 0.02 * frame as f64;
            writeln!(text, "heat,{replica},{frame},{frame},{at},all,{msd}").unwrap();
        }
    }
    let msd = scratch.file("msd.csv", &text);
    let melted = hyalo(&["tg-fit", &msd, "-q"]).ok().table();
    assert_eq!(
        melted.words("input"),
        ["heat (replica 1)", "heat (replica 2)"]
    );
    let beside = [
        "tg-fit", inputs[2], inputs[3], "-q", "--label", "heat", "--label", "heat", "--msd", &msd,
    ];
    let beside = hyalo(&beside).ok().table();
    assert_eq!(beside.reals("value"), melted.reals("value"));
    assert!(worst(&beside.reals("value"), &[0.63, 0.73], 0.0) < 1e-12);
}

/// The table of a ramp with a further column in front of it.
fn with_column(name: &str, value: &str, table: &str, header: bool) -> String {
    let lines = table.lines().enumerate();
    let lines = lines.filter(|(number, _)| header || *number > 0);
    let text = lines.map(|(number, line)| match number {
        0 => format!("{name},{line}\n"),
        _ => format!("{value},{line}\n"),
    });
    text.collect()
}

#[test]
fn rows_of_species_and_of_inputs_are_kept_apart() {
    let scratch = Scratch::new();
    let (one, other) = (
        csv(&ramp(0.0, 1), false),
        csv(
            &noisy(|at| kinked(Form::RosenfeldTarazona, at + 0.1), 181, 0.0, 2),
            false,
        ),
    );
    let fit = |path: &str, more: &[&str]| hyalo(&[&["tg-fit", path, "-q"], more].concat());
    let alone = |name: &str, text: &str| {
        let path = scratch.file(&format!("{name}.csv"), text);
        fit(&path, &["--label", name]).ok().table()
    };
    let (a, b) = (alone("a", &one), alone("b", &other));
    assert!(worst(&a.reals("value"), &b.reals("value"), 0.0) > 0.1);

    let species = with_column("species", "1", &other, true)
        + &with_column("species", "all", &one, false)
        + &with_column("species", "2", &other, false);
    let species = scratch.file("species.csv", species);
    let found = fit(&species, &["--label", "a"]).ok().table();
    assert_eq!(found.reals("value"), a.reals("value"));

    let inputs = with_column("input", "a", &one, true) + &with_column("input", "b", &other, false);
    let inputs = scratch.file("inputs.csv", inputs);
    let found = fit(&inputs, &[]).ok().table();
    assert_eq!(found.words("input"), ["a", "b"]);
    assert_eq!(
        found.reals("value"),
        [a.reals("value"), b.reals("value")].concat()
    );

    let particles = scratch.file("particles.csv", with_column("id", "7", &one, true));
    let message = fit(&particles, &[]).refused();
    assert!(message.contains("rows for particles"), "{message}");
    let none = scratch.file("none.csv", with_column("species", "1", &one, true));
    let message = fit(&none, &[]).refused();
    assert!(message.contains("no row of the species 'all'"), "{message}");
}

#[test]
fn what_would_be_of_no_effect_or_of_the_wrong_ramp_is_refused() {
    let scratch = Scratch::new();
    let heat = scratch.file("heat.csv", csv(&ramp(0.0, 2), false));
    let cool = scratch.file("cool.csv", csv(&ramp(0.0, 1), true));
    let msd = "temperature,msd\n0.5,0\n0.6,0.5\n0.7,1.5\n";
    let msd = scratch.file("msd.csv", msd);
    for (flags, what) in [
        (&["--species", "1"][..], "--species is about particles"),
        (&["--partial"], "--partial is about particles"),
    ] {
        let message = hyalo(&[&["tg-fit", &heat, "-q"], flags].concat()).refused();
        assert!(message.contains(what), "{message}");
    }
    for (inputs, flags, what) in [
        (&[&cool, &heat][..], &[&msd][..], "is given for several"),
        (&[&heat, &heat], &[&msd], "is given for several"),
        (&[&cool], &[&msd], "those of a cooling ramp"),
    ] {
        let mut arguments = vec!["tg-fit", "-q"];
        arguments.extend(inputs.iter().map(|path| path.as_str()));
        flags
            .iter()
            .for_each(|path| arguments.extend(["--msd", path.as_str()]));
        let message = hyalo(&arguments).refused();
        assert!(message.contains(what), "{message}");
    }
}
