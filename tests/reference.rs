//! Others' numbers: LAMMPS's mean squared displacements and temperatures; a slow double loop over all pairs of frames.

mod common;

use std::collections::BTreeMap;

use common::{Random, Scratch, Table, Vector, fixture, hyalo, thermo, unwrapped_dump, worst};

/// What LAMMPS printed at the steps of a table: a column of the last thermo output of a log.
#[track_caller]
fn printed(log: &str, column: &str, table: &Table) -> Vec<f64> {
    let rows = thermo(log);
    let at = |step: &i64| {
        let row = rows.iter().find(|row| row["Step"] == *step as f64);
        row.unwrap_or_else(|| panic!("step {step} is not in {log}"))[column]
    };
    table.integers("step").iter().map(at).collect()
}

/// The table of `msd --drift keep`, all species together.
#[track_caller]
fn displacements(name: &str, further: &[&str]) -> Table {
    let path = fixture(name);
    let arguments = [&["msd", "--drift", "keep", &path], further].concat();
    hyalo(&arguments).ok().table().only("species", "all")
}

/// Compares with LAMMPS to the digits that its log prints.
#[track_caller]
fn equals_lammps(name: &str, log: &str, frames: usize, further: &[&str]) {
    let table = displacements(name, further);
    assert_eq!(table.rows.len(), frames, "{name}");
    // LAMMPS's own first frame is zero to round-off: 1.4e-30.
    let worst = worst(
        &table.reals("msd"),
        &printed(log, "c_msd[4]", &table),
        1e-25,
    );
    println!("{name} {further:?}: {worst:.1e}");
    assert!(worst < 1e-7, "{name} {further:?}: {worst:e}");
}

/// Compares with LAMMPS where the file's own digits are fewer: every coordinate is rounded to a multiple of `unit`.
///
/// A displacement is then off by a vector e whose components, the difference of two roundings, have a variance of unit²/6. Over N particles
/// ⟨|Δr + e|²⟩ differs from ⟨Δr²⟩ by 2⟨Δr·e⟩, with a standard deviation of 2 unit √(⟨Δr²⟩ / 6N), and by ⟨e²⟩, about unit²/2. Five standard
/// deviations are allowed; the log adds its 8 digits.
#[track_caller]
fn equals_lammps_within(unit: f64, name: &str, log: &str, frames: usize, further: &[&str]) {
    let table = displacements(name, further);
    assert_eq!(table.rows.len(), frames, "{name}");
    let (found, exact) = (table.reals("msd"), printed(log, "c_msd[4]", &table));
    let particles = table.reals("particles")[0];
    let mut worst = (0f64, 0f64);
    for (found, exact) in found.iter().zip(&exact) {
        let deviation = 2.0 * unit * (exact / (6.0 * particles)).sqrt();
        let allowed = 5.0 * deviation + unit * unit + 1e-7 * exact;
        let off = (found - exact).abs();
        worst = (
            worst.0.max(off / allowed),
            worst.1.max(off / exact.max(1e-3)),
        );
    }
    println!(
        "{name} {further:?}: {:.1e}, {:.2} of what is allowed",
        worst.1, worst.0
    );
    assert!(worst.0 < 1.0, "{name}: {worst:?}");
}

#[test]
fn displacements_of_the_ramp_equal_those_of_lammps() {
    let log = "heat.log";
    equals_lammps("heat_wrapped.lammpstrj.gz", log, 41, &[]);
    equals_lammps(
        "heat_wrapped.lammpstrj.gz",
        log,
        41,
        &["--unwrap", "nearest"],
    );
    equals_lammps("heat_unwrapped.lammpstrj.gz", log, 41, &[]);
    equals_lammps("heat_full.lammpstrj.gz", log, 2, &[]);
}

#[test]
fn displacements_of_the_ramp_in_rounded_files_equal_those_of_lammps() {
    let log = "heat.log";
    let edge = "11.0064241629821";
    let cell = format!("{edge},{edge},{edge}");
    let length: f64 = edge.parse().unwrap();
    // Six digits of a fraction of the box; of numbers up to 11; of numbers up to 11; 24 bits of numbers up to 16.
    equals_lammps_within(
        1e-6 * length,
        "heat_scaled.lammpstrj.gz",
        log,
        41,
        &["--unwrap", "nearest"],
    );
    equals_lammps_within(1e-4, "heat.extxyz.gz", log, 11, &[]);
    let temperature = fixture("heat.log");
    let further = ["--cell", &cell, "--temperature", &temperature];
    equals_lammps_within(1e-4, "heat.xyz.gz", log, 41, &further);
    let unit = 2f64.powi(-20);
    equals_lammps_within(
        unit,
        "heat.dcd",
        log,
        41,
        &["--temperature", &fixture("heat.log")],
    );
}

#[test]
fn displacements_in_the_tilted_box_equal_those_of_lammps() {
    let log = "triclinic.log";
    for name in [
        "triclinic_wrapped.lammpstrj",
        "triclinic_unwrapped.lammpstrj.zst",
        "triclinic_scaled.lammpstrj.bz2",
        "triclinic_scaled_unwrapped.lammpstrj.xz",
    ] {
        equals_lammps(name, log, 8, &[]);
    }
    // Six digits of numbers below 10; 24 bits of numbers below 8; three decimals.
    for (unit, name) in [
        (1e-5, "triclinic.extxyz"),
        (2f64.powi(-21), "triclinic.dcd"),
        (1e-3, "triclinic.xtc"),
    ] {
        equals_lammps_within(unit, name, log, 8, &[]);
    }
}

#[test]
fn a_group_is_the_mean_over_its_particles() {
    // Every third particle, against the per-particle displacements of the whole system, which equal LAMMPS's in the mean.
    let scratch = Scratch::new();
    let table = scratch.path("displacements.csv");
    let whole = fixture("triclinic_unwrapped.lammpstrj.zst");
    let further = format!("displacements={table}");
    hyalo(&["msd", "--drift", "keep", &whole, "--table", &further]).ok();
    let particles = Table::parse(&std::fs::read_to_string(table).unwrap());
    let group = displacements("triclinic_group.lammpstrj", &[]);
    let mut exact = Vec::new();
    for frame in 0..8 {
        let frame = particles.only("frame", &frame.to_string());
        let squares: Vec<f64> = frame
            .integers("id")
            .iter()
            .zip(frame.reals("displacement"))
            .filter(|(id, _)| *id % 3 == 1)
            .map(|(_, displacement)| displacement * displacement)
            .collect();
        assert_eq!(squares.len(), 67);
        exact.push(squares.iter().sum::<f64>() / 67.0);
    }
    // Both files have 17 digits; what is left is round-off of r + H n against LAMMPS's own.
    let worst = worst(&group.reals("msd"), &exact, 1e-25);
    println!("group: {worst:.1e}");
    assert!(worst < 1e-12, "{worst:e}");
}

#[test]
fn temperatures_join_from_the_log() {
    for (name, log, frames) in [
        ("heat_wrapped.lammpstrj.gz", "heat.log", 41),
        ("heat.dcd", "heat.log", 41),
        ("triclinic_wrapped.lammpstrj", "triclinic.log", 8),
        ("triclinic.xtc", "triclinic.log", 8),
    ] {
        let table = displacements(name, &["--temperature", &fixture(log)]);
        assert_eq!(table.rows.len(), frames);
        // The log's own text, so the same number to the bit.
        assert_eq!(
            table.reals("temperature"),
            printed(log, "Temp", &table),
            "{name}"
        );
    }
}

#[test]
fn temperatures_of_velocities_equal_those_of_lammps() {
    let masses = ["--temperature", "velocities", "--masses", "1=1,2=1.728"];
    // 17 digits of velocities in both; the first log prints 8 digits, the second 10.
    for (name, log, frames, digits) in [
        ("heat_full.lammpstrj.gz", "heat.log", 2, 1e-7),
        ("triclinic_wrapped.lammpstrj", "triclinic.log", 8, 1e-9),
    ] {
        let table = displacements(name, &masses);
        assert_eq!(table.rows.len(), frames);
        let worst = worst(
            &table.reals("temperature"),
            &printed(log, "Temp", &table),
            0.0,
        );
        println!("{name}, temperature: {worst:.1e}");
        assert!(worst < digits, "{name}: {worst:e}");
    }
    // The six digits of LAMMPS's extended XYZ, whose own key has the temperature in full. Each of the 600 components is off by no more
    // than 5e-6 of itself.
    let arguments = ["--temperature", "velocities", "--masses", "A=1,B=1.728"];
    let found = displacements("triclinic.extxyz", &arguments).reals("temperature");
    let exact = displacements("triclinic.extxyz", &[]).reals("temperature");
    let worst = worst(&found, &exact, 0.0);
    println!("triclinic.extxyz, temperature: {worst:.1e}");
    assert!(worst < 1e-5, "{worst:e}");
}

/// A dump of two resting particles at these steps.
fn resting(steps: &[i64]) -> String {
    let frames: Vec<(i64, Vec<Vector>)> = steps
        .iter()
        .map(|&step| (step, vec![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
        .collect();
    unwrapped_dump(&frames, |_| 1)
}

const ONE: &str = "LAMMPS (22 Jul 2025 - Update 4)
units lj
thermo_style one
run 100
Per MPI rank memory allocation (min/avg/max) = 3.1 | 3.1 | 3.1 Mbytes
   Step          Temp          E_pair         E_mol          TotEng         Press     
         0   1              -5.93           0             -4.4             0.1   
        50   1.25           -5.90           0             -4.0             0.2   
       100   1.5            -5.87           0             -3.6             0.3   
Loop time of 0.27 on 1 procs for 100 steps with 200 atoms

Performance: 1561053.524 tau/day, 3613.550 timesteps/s, 722.710 katom-step/s
MPI task timing breakdown:
Section |  min time  |  avg time  |  max time  |%varavg| %total
---------------------------------------------------------------
Pair    | 0.24       | 0.24       | 0.24       |   0.0 | 90.0
Total # of neighbors = 7600
run 100
   Step          Temp          E_pair         E_mol          TotEng         Press     
       100   1.5            -5.87           0             -3.6             0.3   
WARNING: Temp of this run is high (src/x.cpp:1)
       150   1.75           -5.80           0             -3.3             0.4   
   Step          Temp          E_pair         E_mol          TotEng         Press     
       200   2              -5.70           0             -3.0             0.5   
Loop time of 0.27 on 1 procs for 100 steps with 200 atoms
";

const RESET: &str = "reset_timestep 0
thermo_style custom step pe temp
run 100
   Step         PotEng          Temp     
         0  -5.7            0.5   
        50  -5.6            0.625   
       100  -5.5            0.75   
Loop time of 0.27 on 1 procs for 100 steps with 200 atoms
";

const MULTI: &str = "run 100
Per MPI rank memory allocation (min/avg/max) = 3.1 | 3.1 | 3.1 Mbytes
------------ Step              0 ----- CPU =            0 (sec) -------------
TotEng   =        -4.4000000 KinEng   =         1.5000000 Temp     =         1.0000000 
PotEng   =        -5.9300000 E_bond   =         0.0000000 E_angle  =         0.0000000 
E_dihed  =         0.0000000 E_impro  =         0.0000000 E_vdwl   =        -5.9300000 
E_coul   =         0.0000000 E_long   =         0.0000000 Press    =         0.1000000
------------ Step             50 ----- CPU =    0.1000000 (sec) -------------
TotEng   =        -4.0000000 KinEng   =         1.8000000 Temp     =         1.2500000 
PotEng   =        -5.9000000 E_bond   =         0.0000000 E_angle  =         0.0000000 
Loop time of 0.27 on 1 procs for 50 steps with 200 atoms
run 50
------------ Step             50 ----- CPU =            0 (sec) -------------
TotEng   =        -4.0000000 KinEng   =         1.8000000 Temp     =         1.2500000 
------------ Step            100 ----- CPU =    0.1000000 (sec) -------------
TotEng   =        -3.6000000 KinEng   =         2.1000000 Temp     =         1.5000000 
Loop time of 0.27 on 1 procs for 50 steps with 200 atoms
";

const YAML: &str = "run 50
Per MPI rank memory allocation (min/avg/max) = 3.1 | 3.1 | 3.1 Mbytes
---
keywords: ['Step', 'Temp', 'KinEng', 'PotEng', ]
data:
  - [0, 1, 1.5, -5.93, ]
  - [50, 1.25, 1.8, -5.9, ]
...
Loop time of 0.27 on 1 procs for 50 steps with 200 atoms
run 50
---
keywords: ['Step', 'Temp', 'KinEng', 'PotEng', ]
data:
  - [50, 1.25, 1.8, -5.9, ]
  - [100, 1.5, 2.1, -5.8, ]
...
Loop time of 0.27 on 1 procs for 50 steps with 200 atoms
";

#[test]
fn logs_of_every_style_are_joined_on_their_steps() {
    let scratch = Scratch::new();
    let killed = ONE.split_once("      200   2 ").unwrap().0;
    let csv = "step,temperature\n0,1\n50,1.25\n100,1.5\n";
    let ndjson = "{\"step\":0,\"temperature\":1.0}\n{\"step\":50,\"temperature\":1.25}\n{\"step\":100,\"temperature\":1.5}\n";
    let cases: [(&str, String, &[i64], &[f64]); 11] = [
        ("one.log", ONE.into(), &[0, 50, 100], &[1.0, 1.25, 1.5]),
        // Several runs with a repeated header, also within a run, and a warning between the rows.
        (
            "runs.log",
            ONE.into(),
            &[50, 100, 150, 200],
            &[1.25, 1.5, 1.75, 2.0],
        ),
        // After reset_timestep the last run that has the first step counts.
        (
            "reset.log",
            [ONE, RESET].concat(),
            &[0, 50, 100],
            &[0.5, 0.625, 0.75],
        ),
        // A step that only the first session has.
        (
            "before.log",
            [ONE, RESET].concat(),
            &[150, 200],
            &[1.75, 2.0],
        ),
        // Two simulations in one file, the first of which was killed.
        ("killed.log", [killed, ONE].concat(), &[0, 200], &[1.0, 2.0]),
        ("dropped.log", killed.into(), &[100, 150], &[1.5, 1.75]),
        ("multi.log", MULTI.into(), &[0, 50, 100], &[1.0, 1.25, 1.5]),
        ("yaml.log", YAML.into(), &[0, 50, 100], &[1.0, 1.25, 1.5]),
        ("mixed.log", [YAML, RESET].concat(), &[0, 100], &[0.5, 0.75]),
        ("table.csv", csv.into(), &[0, 50, 100], &[1.0, 1.25, 1.5]),
        ("table.ndjson", ndjson.into(), &[50, 100], &[1.25, 1.5]),
    ];
    for (name, text, steps, exact) in cases {
        let log = scratch.file(name, text);
        let dump = scratch.file("resting.lammpstrj", resting(steps));
        let table = hyalo(&["msd", &dump, "--temperature", &log]).ok().table();
        let found = table.only("species", "all").reals("temperature");
        assert_eq!(found, exact, "{name}");
    }
}

#[test]
fn a_step_that_the_log_lacks_is_told() {
    let scratch = Scratch::new();
    let log = scratch.file("one.log", ONE);
    let dump = scratch.file("resting.lammpstrj", resting(&[0, 50, 60]));
    let message = hyalo(&[
        "msd",
        "-o",
        &scratch.path("x.csv"),
        &dump,
        "--temperature",
        &log,
    ]);
    let message = message.refused();
    for part in ["frame 2", "one.log", "step 60", "0 to 200"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let empty = scratch.file("empty.log", "LAMMPS\n");
    let message = hyalo(&["msd", &dump, "--temperature", &empty]).refused();
    assert!(message.contains("no thermo output"), "{message}");
}

// By lag.

/// A caged walk: every particle rattles about a site and now and then the site jumps, species 2 less often.
///
/// With `flight` the particles fly, too, so that they come a long way from where they were (length a frame).
fn walk(steps: &[i64], particles: usize, flight: f64) -> Vec<(i64, Vec<Vector>)> {
    let mut random = Random(20 + steps.len() as u64);
    let mut sites: Vec<Vector> = (0..particles)
        .map(|_| std::array::from_fn(|_| 100.0 * random.uniform()))
        .collect();
    let mut frames = Vec::new();
    for &step in steps {
        for (index, site) in sites.iter_mut().enumerate() {
            if random.uniform() < 0.03 / (1 + index % 2) as f64 {
                *site = site.map(|value| value + 2.0 * (random.uniform() - 0.5));
            }
            site[index % 3] += if index % 4 < 2 { flight } else { -flight };
        }
        let rattled = sites
            .iter()
            .map(|site| site.map(|value| value + 0.1 * (random.uniform() - 0.5)))
            .collect();
        frames.push((step, rattled));
    }
    frames
}

/// What the program should find at a lag for a group of particles.
#[derive(Debug)]
struct Exact {
    origins: usize,
    msd: f64,
    standard_error: f64,
    fourth: f64,
}

/// The definitions, by a loop over lags, particles and pairs of frames.
fn slowly(frames: &[(i64, Vec<Vector>)], members: &[usize]) -> BTreeMap<i64, Exact> {
    let mut pairs: BTreeMap<i64, Vec<(usize, usize)>> = BTreeMap::new();
    for later in 0..frames.len() {
        for origin in 0..later {
            let lag = frames[later].0 - frames[origin].0;
            pairs.entry(lag).or_default().push((origin, later));
        }
    }
    let exact = |pairs: &Vec<(usize, usize)>| {
        let of_particle = |&particle: &usize| {
            let (mut second, mut fourth) = (0.0, 0.0);
            for &(origin, later) in pairs {
                let (from, to) = (frames[origin].1[particle], frames[later].1[particle]);
                let square: f64 = (0..3).map(|axis| (to[axis] - from[axis]).powi(2)).sum();
                second += square / pairs.len() as f64;
                fourth += square * square / pairs.len() as f64;
            }
            (second, fourth)
        };
        let moments: Vec<(f64, f64)> = members.iter().map(of_particle).collect();
        let count = members.len() as f64;
        let msd = moments.iter().map(|moment| moment.0).sum::<f64>() / count;
        let deviations: f64 = moments.iter().map(|moment| (moment.0 - msd).powi(2)).sum();
        Exact {
            origins: pairs.len(),
            msd,
            standard_error: (deviations / (count - 1.0) / count).sqrt(),
            fourth: moments.iter().map(|moment| moment.1).sum::<f64>() / count,
        }
    };
    pairs
        .iter()
        .map(|(&lag, pairs)| (lag, exact(pairs)))
        .collect()
}

/// Without the drift of the geometric centre.
fn centred(frames: &[(i64, Vec<Vector>)]) -> Vec<(i64, Vec<Vector>)> {
    let centred = |positions: &Vec<Vector>| {
        let count = positions.len() as f64;
        let centre: Vector = std::array::from_fn(|axis| {
            positions.iter().map(|position| position[axis]).sum::<f64>() / count
        });
        let moved = |position: &Vector| std::array::from_fn(|axis| position[axis] - centre[axis]);
        positions.iter().map(moved).collect()
    };
    frames
        .iter()
        .map(|(step, positions)| (*step, centred(positions)))
        .collect()
}

/// Compares every row of `msd --lags` with the double loop; gives the lags in steps.
#[track_caller]
fn equals_double_loop(steps: &[i64], particles: usize, arguments: &[&str]) -> Vec<i64> {
    double_loop_equals(walk(steps, particles, 0.0), arguments)
}

#[track_caller]
fn double_loop_equals(frames: Vec<(i64, Vec<Vector>)>, arguments: &[&str]) -> Vec<i64> {
    let steps: Vec<i64> = frames.iter().map(|(step, _)| *step).collect();
    let particles = frames[0].1.len();
    let scratch = Scratch::new();
    let dump = scratch.file("walk.lammpstrj", unwrapped_dump(&frames, |row| 1 + row % 2));
    let fixed = ["msd", &dump, "--timestep", "0.005"];
    let run = hyalo(&[&fixed, arguments].concat()).ok();
    let table = run.table();
    let frames = match arguments.contains(&"keep") {
        true => frames,
        false => centred(&frames),
    };
    let groups: [(&str, Vec<usize>); 3] = [
        ("all", (0..particles).collect()),
        ("1", (0..particles).step_by(2).collect()),
        ("2", (1..particles).step_by(2).collect()),
    ];
    let mut largest = [0f64; 4];
    for (species, members) in &groups {
        let exact = slowly(&frames, members);
        let table = table.only("species", species);
        let lags = table.integers("lag_steps");
        if arguments.contains(&"linear") {
            assert_eq!(lags, exact.keys().copied().collect::<Vec<_>>());
        }
        for (row, lag) in lags.iter().enumerate() {
            let exact = &exact[lag];
            let real = |name: &str| table.reals(name)[row];
            assert_eq!(table.integers("origins")[row], exact.origins as i64);
            assert_eq!(table.integers("particles")[row], members.len() as i64);
            assert!((real("lag_time") / (0.005 * *lag as f64) - 1.0).abs() < 1e-14);
            let alpha2 = 3.0 * exact.fourth / (5.0 * exact.msd * exact.msd);
            let found = [
                real("msd") / exact.msd,
                real("mean_quartic_displacement") / exact.fourth,
                // α₂ is a difference to 1: relative to what 1 is taken from.
                (real("alpha2") + 1.0) / alpha2,
                real("msd_standard_error") / exact.standard_error,
            ];
            for (largest, found) in largest.iter_mut().zip(found) {
                *largest = largest.max((found - 1.0).abs());
            }
        }
    }
    let how = run.stderr.split_once(" lags ").map_or("", |(_, how)| how);
    let how = how.split_once(':').map_or("", |(how, _)| how);
    println!(
        "{} frames {arguments:?} {how}: {}",
        steps.len(),
        largest.map(|largest| format!("{largest:.1e}")).join(" ")
    );
    assert!(
        largest.iter().all(|largest| *largest < 1e-10),
        "{arguments:?}: msd, quartic, alpha2, standard error off by {largest:?}"
    );
    let by_transform = steps.len() > 64
        && steps
            .windows(2)
            .all(|pair| pair[1] - pair[0] == steps[1] - steps[0])
        && arguments.contains(&"linear");
    assert_eq!(run.stderr.contains("Fourier"), by_transform);
    table.only("species", "all").integers("lag_steps")
}

#[test]
fn lags_of_even_frames_equal_a_double_loop() {
    let even: Vec<i64> = (0..400).map(|frame| 5000 + 100 * frame).collect();
    equals_double_loop(&even, 24, &["--lags", "linear", "--drift", "keep"]);
    equals_double_loop(&even, 24, &["--lags", "linear"]);
    // Far flights, in which the transforms alone would lose five digits.
    double_loop_equals(
        walk(&even, 8, 3.0),
        &["--lags", "linear", "--drift", "keep"],
    );
    equals_double_loop(&even[..65], 6, &["--lags", "linear"]);
    equals_double_loop(&even[..64], 6, &["--lags", "linear"]);
    let lags = equals_double_loop(&even, 24, &["--lags", "log", "--drift", "keep"]);
    assert_eq!((lags[0], lags[lags.len() - 1]), (100, 39_900));
    assert!(lags.windows(2).all(|pair| pair[0] < pair[1]));
    let few = equals_double_loop(&even, 6, &["--lags", "log", "--per-decade", "3"]);
    // A decade has three, and the longest is added: 1 2 5 10 22 46 100 215 399.
    let exact = [1, 2, 5, 10, 22, 46, 100, 215, 399];
    assert_eq!(few, exact.map(|lag| 100 * lag));
}

/// Frames that tell the time alone, with six digits, are as far apart as they were.
#[test]
fn lags_of_rounded_times_are_told() {
    let scratch = Scratch::new();
    let table = |name: &str, time: fn(usize) -> String| {
        let frame = |at: usize| {
            let x = 1.0 + 0.1 * (at as f64).sqrt();
            format!(
                "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 Time={}\nA {x} 1 1\nA 3 3 3\n",
                time(at)
            )
        };
        let path = scratch.file(name, (0..12).map(frame).collect::<String>());
        let flags = ["--lags", "linear", "--unwrap", "none", "-q"];
        let run = hyalo(&[&["msd", &path], &flags[..]].concat()).ok();
        run.table().only("species", "all")
    };
    let rounded = table("rounded.extxyz", |at| format!("{:.6}", at as f64 / 3.0));
    let exact = table("exact.extxyz", |at| (at as f64 / 3.0).to_string());
    for name in ["lag_frames", "origins", "msd"] {
        assert_eq!(rounded.words(name), exact.words(name), "{name}");
    }
    assert_eq!(rounded.words("lag_frames")[..3], ["1", "2", "3"]);
}

#[test]
fn lags_of_uneven_frames_equal_a_double_loop() {
    let mut random = Random(5);
    let mut uneven = vec![0];
    for _ in 0..150 {
        uneven.push(uneven[uneven.len() - 1] + 10 * random.integer(1, 4));
    }
    equals_double_loop(&uneven, 8, &["--lags", "linear", "--drift", "keep"]);
    equals_double_loop(&uneven, 8, &["--lags", "log"]);
    // Blocks of frames at 1, 2, 4 … 512 after each multiple of 1024.
    let spaced: Vec<i64> = (0..12)
        .flat_map(|block| {
            std::iter::once(1024 * block).chain((0..10).map(move |k| 1024 * block + (1 << k)))
        })
        .collect();
    equals_double_loop(&spaced, 8, &["--lags", "linear"]);
    let lags = equals_double_loop(&spaced, 8, &["--lags", "log", "--drift", "keep"]);
    // Of each part of a decade the lag with the most pairs: all powers of two are there.
    for k in 0..10 {
        assert!(lags.contains(&(1 << k)), "{lags:?}");
    }
}
