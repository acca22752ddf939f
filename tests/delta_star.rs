//! `delta-star`: planted movers are found and no others, and how they lie in space agrees with plain loops and closed forms.

mod common;

use std::fmt::Write;

use common::{Random, Run, Scratch, Table, Vector, fixture, hyalo, worst};

/// A glass in a cubic box that drifts and vibrates, some of whose particles jump between two temperatures.
struct Glass {
    edge: f64,
    /// Where particles are at first, and how far each jumps.
    start: Vec<Vector>,
    jump: Vec<Vector>,
    species: Vec<&'static str>,
    radius: Vec<f64>,
    /// What the column says, if there is one.
    icosahedral: Option<Vec<bool>>,
    /// Of the vibrations along each axis.
    amplitude: f64,
    /// Temperatures of the frames.
    temperatures: Vec<f64>,
}

const LOW: f64 = 0.6;
const HIGH: f64 = 0.65;
/// A window of 21 frames.
const WINDOW: [&str; 4] = ["--temperatures", "0.6,0.65", "--window", "0.005"];

impl Glass {
    /// Uniformly random particles of two species, at rest at T = 0.1, then every 0.0005 from 0.59 to 0.66.
    fn uniform(particles: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let edge = 10.0;
        Glass {
            edge,
            start: (0..particles)
                .map(|_| std::array::from_fn(|_| edge * random.uniform()))
                .collect(),
            jump: vec![[0.0; 3]; particles],
            species: (0..particles).map(|row| ["A", "B"][row % 2]).collect(),
            radius: (0..particles)
                .map(|row| 0.5 + 0.1 * (row % 2) as f64 + 0.05 * random.uniform())
                .collect(),
            icosahedral: None,
            amplitude: 0.2,
            temperatures: std::iter::once(0.1)
                .chain((0..=140).map(|k| f64::from(5900 + 5 * k) / 1e4))
                .collect(),
        }
    }

    /// The same with these particles jumping by one and a half, each in its own direction.
    fn moving(mut self, movers: &[usize]) -> Self {
        let mut random = Random(99);
        for &mover in movers {
            let [x, y, z]: Vector = std::array::from_fn(|_| random.uniform() - 0.5);
            let length = (x * x + y * y + z * z).sqrt();
            self.jump[mover] = [x, y, z].map(|along| 1.5 * along / length);
        }
        self
    }

    /// The rows nearest to a place.
    fn nearest(&self, place: Vector, count: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.start.len()).collect();
        rows.sort_by(|&a, &b| {
            let distance = |row: usize| periodic(self.start[row], place, self.edge);
            distance(a).total_cmp(&distance(b))
        });
        rows.truncate(count);
        rows
    }

    /// Unwrapped positions of every frame.
    fn positions(&self) -> Vec<Vec<Vector>> {
        let mut random = Random(5);
        let mut normal = || (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
        let of_frame = |(frame, &temperature): (usize, &f64)| {
            let moved = f64::from(u8::from(temperature > 0.5 * (LOW + HIGH)));
            let amplitude = if frame == 0 { 0.0 } else { self.amplitude };
            let drift = [0.02, -0.013, 0.05].map(|step| step * frame as f64);
            let rows = self.start.iter().zip(&self.jump);
            rows.map(|(start, jump)| {
                std::array::from_fn(|axis| {
                    start[axis] + moved * jump[axis] + drift[axis] + amplitude * normal()
                })
            })
            .collect()
        };
        self.temperatures.iter().enumerate().map(of_frame).collect()
    }

    /// Extended XYZ with wrapped positions.
    fn xyz(&self) -> String {
        let mut text = String::new();
        let column = match self.icosahedral {
            Some(_) => ":is_icosahedron:L:1",
            None => "",
        };
        for (positions, temperature) in self.positions().iter().zip(&self.temperatures) {
            let edge = self.edge;
            writeln!(
                text,
                "{}\nLattice=\"{edge} 0 0 0 {edge} 0 0 0 {edge}\" pbc=\"T T T\" Properties=species:S:1:pos:R:3:radius:R:1{column} temperature={temperature}",
                positions.len()
            )
            .unwrap();
            for (row, position) in positions.iter().enumerate() {
                let [x, y, z] = position.map(|along| along.rem_euclid(edge));
                write!(
                    text,
                    "{} {x:?} {y:?} {z:?} {:?}",
                    self.species[row], self.radius[row]
                )
                .unwrap();
                if let Some(icosahedral) = &self.icosahedral {
                    write!(text, " {}", if icosahedral[row] { "T" } else { "F" }).unwrap();
                }
                text.push('\n');
            }
        }
        text
    }

    /// ⟨|r − r(0)|⟩ of each particle over the frames within 0.005 of a temperature, without the drift of the geometric centre.
    fn displacements(&self, around: f64) -> Vec<f64> {
        let positions = self.positions();
        let count = self.start.len();
        let centred = |frame: usize, row: usize| -> Vector {
            std::array::from_fn(|axis| {
                let all = positions[frame].iter().map(|position| position[axis]);
                positions[frame][row][axis] - all.sum::<f64>() / count as f64
            })
        };
        let frames: Vec<usize> = (0..self.temperatures.len())
            .filter(|&frame| (self.temperatures[frame] - around).abs() < 0.00501)
            .collect();
        assert_eq!(frames.len(), 21);
        (0..count)
            .map(|row| {
                let first = centred(0, row);
                let lengths = frames
                    .iter()
                    .map(|&frame| distance(centred(frame, row), first));
                lengths.sum::<f64>() / frames.len() as f64
            })
            .collect()
    }
}

fn distance(a: Vector, b: Vector) -> f64 {
    (0..3)
        .map(|axis| (a[axis] - b[axis]).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// The distance to the nearest image in a cube.
fn periodic(a: Vector, b: Vector, edge: f64) -> f64 {
    let nearest = |axis: usize| {
        let between = a[axis] - b[axis];
        between - edge * (between / edge).round()
    };
    distance([0, 1, 2].map(nearest), [0.0; 3])
}

/// A run of `delta-star` with all its tables.
struct Answer {
    run: Run,
    tables: std::collections::HashMap<&'static str, Table>,
}

const TABLES: [&str; 6] = [
    "particles",
    "frames",
    "summary",
    "histogram",
    "clusters",
    "clustering",
];

fn answer(input: &str, flags: &[&str]) -> Answer {
    let scratch = Scratch::new();
    let paths = TABLES.map(|name| scratch.path(&format!("{name}.csv")));
    let named: Vec<String> = (1..TABLES.len())
        .map(|at| format!("{}={}", TABLES[at], paths[at]))
        .collect();
    let mut arguments = vec!["delta-star", input, "-o", &paths[0]];
    named
        .iter()
        .for_each(|table| arguments.extend(["--table", table]));
    arguments.extend(flags);
    let run = hyalo(&arguments).ok();
    let read = |name| {
        Table::parse(&std::fs::read_to_string(scratch.path(&format!("{name}.csv"))).unwrap())
    };
    Answer {
        run,
        tables: TABLES.map(|name| (name, read(name))).into(),
    }
}

impl Answer {
    fn movers(&self) -> Vec<usize> {
        let moved = self.tables["particles"].words("is_mover");
        (0..moved.len())
            .filter(|&row| moved[row] == "true")
            .collect()
    }

    /// Mean positions of the particles.
    fn places(&self) -> Vec<Vector> {
        let particles = &self.tables["particles"];
        let [x, y, z] = ["x", "y", "z"].map(|axis| particles.reals(axis));
        (0..x.len()).map(|row| [x[row], y[row], z[row]]).collect()
    }

    fn compared(&self, quantity: &str, matched: &str, column: &str) -> f64 {
        let rows = self.tables["clustering"]
            .only("quantity", quantity)
            .only("matched", matched);
        assert_eq!(rows.rows.len(), 1);
        rows.reals(column)[0]
    }
}

#[test]
fn planted_movers_are_found_and_no_others() {
    let scratch = Scratch::new();
    let planted = [3, 50, 51, 52, 120, 121, 200, 255, 256, 300, 301, 398];
    let glass = Glass::uniform(400, 1).moving(&planted);
    let input = scratch.file("glass.extxyz", glass.xyz());
    let found = answer(&input, &WINDOW);
    assert_eq!(found.movers(), planted);

    // Every number agrees with the plain loop; wrapping and unwrapping costs a few units in the last place of the coordinates.
    let particles = &found.tables["particles"];
    let (low, high) = (glass.displacements(LOW), glass.displacements(HIGH));
    let delta: Vec<f64> = low
        .iter()
        .zip(&high)
        .map(|(low, high)| (high - low).abs())
        .collect();
    assert!(worst(&particles.reals("displacement_low"), &low, 1e-12) < 1e-11);
    assert!(worst(&particles.reals("displacement_high"), &high, 1e-12) < 1e-11);
    assert!(worst(&particles.reals("delta_star"), &delta, 1e-12) < 1e-9);
    let between = particles.reals("displacement_between");
    for (row, between) in between.into_iter().enumerate() {
        // Jumps are 1.5 long; the mean of 21 vibrations of 0.2 along each axis is off by 0.06 or so.
        let expected = if planted.contains(&row) { 1.5 } else { 0.0 };
        assert!((between - expected).abs() < 0.35, "{row}: {between}");
    }

    let summary = &found.tables["summary"];
    assert_eq!(summary.words("species"), ["all", "A", "B"]);
    assert_eq!(summary.integers("particles"), [400, 200, 200]);
    assert_eq!(summary.integers("movers"), [12, 7, 5]);
    assert_eq!(summary.integers("frames_low"), [21; 3]);
    assert_eq!(summary.integers("frames_high"), [21; 3]);
    assert!(
        !found.run.stderr.contains("warning"),
        "{}",
        found.run.stderr
    );

    // Frames in the windows, each with its mean displacement.
    let frames = found.tables["frames"].only("species", "all");
    assert_eq!(frames.only("window", "low").rows.len(), 21);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let low_frames = frames.only("window", "low").reals("displacement");
    assert!((mean(&low_frames) / mean(&low) - 1.0).abs() < 1e-11);
}

/// By one frame at each temperature, vibrations pass for moves: |Δr| of one frame has a standard deviation of 0.135, differences of two exceed
/// 0.3 for some 11 in a hundred particles. With one frame in each window that is what comes out, with a warning.
#[test]
fn averaging_removes_false_movers() {
    let scratch = Scratch::new();
    let planted: Vec<usize> = (0..14).map(|k| 7 + 40 * k).collect();
    let glass = Glass::uniform(600, 2).moving(&planted);
    let input = scratch.file("glass.extxyz", glass.xyz());
    let averaged = answer(&input, &WINDOW);
    assert_eq!(averaged.movers(), planted);
    let single = answer(
        &input,
        &["--temperatures", "0.6,0.65", "--window", "0.0002"],
    );
    let movers = single.movers();
    assert!(planted.iter().all(|mover| movers.contains(mover)));
    let expected = 14.0 + 0.026 * 586.0;
    assert!(
        movers.len() as f64 > 2.0 * expected,
        "{} movers",
        movers.len()
    );
    let told = averaged.tables["summary"].integers("movers_of_single_frames");
    assert_eq!(told[0], movers.len() as i64);
    assert_eq!(told[0], told[1] + told[2]);
    for word in [
        "warning",
        "1 frame in a window",
        "frames_every=0.0005",
        "--window",
    ] {
        assert!(single.run.stderr.contains(word), "{}", single.run.stderr);
    }
}

/// Every measure beside a plain loop over all pairs.
#[test]
fn clusters_and_distances_agree_with_all_pairs() {
    let scratch = Scratch::new();
    let mut glass = Glass::uniform(500, 3);
    let mut planted = glass.nearest([0.2, 9.8, 5.0], 14);
    planted.extend(glass.nearest([5.0, 5.0, 5.0], 9));
    planted.extend([11, 12, 13, 14]);
    planted.sort_unstable();
    planted.dedup();
    let mut random = Random(8);
    glass.icosahedral = Some((0..500).map(|_| random.uniform() < 0.1).collect());
    let glass = glass.moving(&planted);
    let input = scratch.file("glass.extxyz", glass.xyz());
    let bond = 1.1;
    for window in ["low", "high"] {
        let flags = [
            &WINDOW[..],
            &["--bond-length", "1.1", "--structure-at", window],
        ]
        .concat();
        let found = answer(&input, &flags);
        let (movers, places) = (found.movers(), found.places());
        assert_eq!(movers, planted);
        let between = |a: usize, b: usize| periodic(places[a], places[b], glass.edge);

        // Labels are handed on until nothing changes.
        let mut labels: Vec<usize> = (0..movers.len()).collect();
        for _ in 0..movers.len() {
            for a in 0..movers.len() {
                for b in 0..movers.len() {
                    if between(movers[a], movers[b]) <= bond {
                        labels[a] = labels[a].min(labels[b]);
                    }
                }
            }
        }
        let mut sizes: Vec<i64> = (0..movers.len())
            .map(|label| labels.iter().filter(|&&other| other == label).count() as i64)
            .filter(|&size| size > 0)
            .collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let clusters = &found.tables["clusters"];
        assert_eq!(clusters.integers("size"), sizes);
        // Jumps take them apart.
        assert!(sizes[0] >= if window == "low" { 5 } else { 2 }, "{sizes:?}");
        // R_g² is the mean squared distance between pairs, halved; the clusters are smaller than half the box.
        for (at, radius) in clusters.reals("gyration_radius").into_iter().enumerate() {
            let numbers = found.tables["particles"].words("cluster");
            let number = (at + 1).to_string();
            let members: Vec<usize> = (0..500).filter(|&row| numbers[row] == number).collect();
            assert_eq!(members.len() as i64, sizes[at]);
            let squares = members
                .iter()
                .flat_map(|&a| members.iter().map(move |&b| between(a, b).powi(2)));
            let expected = (0.5 * squares.sum::<f64>()).sqrt() / members.len() as f64;
            assert!((radius - expected).abs() < 1e-9, "{radius} {expected}");
        }

        let icosahedral = glass.icosahedral.clone().unwrap();
        let to_icosahedra: Vec<f64> = (0..500)
            .map(|row| {
                let others = (0..500).filter(|&other| other != row && icosahedral[other]);
                others
                    .map(|other| between(row, other))
                    .fold(f64::INFINITY, f64::min)
            })
            .collect();
        let told = found.tables["particles"].reals("icosahedron_distance");
        assert!(worst(&told, &to_icosahedra, 1e-9) == 0.0);
        let mean = |values: &dyn Fn(usize) -> f64| {
            movers.iter().map(|&mover| values(mover)).sum::<f64>() / movers.len() as f64
        };
        let nearest_mover = mean(&|mover| {
            let others = movers.iter().filter(|&&other| other != mover);
            others
                .map(|&other| between(mover, other))
                .fold(f64::INFINITY, f64::min)
        });
        let fraction = mean(&|mover| f64::from(u8::from(icosahedral[mover])));
        for (quantity, expected) in [
            ("nearest_mover", nearest_mover),
            ("largest_cluster", sizes[0] as f64),
            ("icosahedron_distance", mean(&|mover| to_icosahedra[mover])),
            ("icosahedral_fraction", fraction),
        ] {
            for matched in ["number", "species", "diameter"] {
                let value = found.compared(quantity, matched, "value");
                assert!(
                    (value - expected).abs() < 1e-9,
                    "{quantity}: {value} {expected}"
                );
            }
        }
        if window == "high" {
            continue;
        }
        // Planted in two places, they cluster far beyond chance.
        for matched in ["number", "species", "diameter"] {
            assert!(found.compared("nearest_mover", matched, "z_score") < -5.0);
            assert_eq!(found.compared("nearest_mover", matched, "rank"), 0.0);
            assert!(found.compared("largest_cluster", matched, "rank") > 0.99);
        }
    }
}

/// Random subsets: the mean of a sample of n of N has the mean of all and the variance S²/n (1 − n/N); with strata, means and variances of the
/// parts add up. And the nearest of n − 1 uniformly random others in a volume V is farther than r with (1 − 4πr³/3V)^{n−1}.
#[test]
fn random_subsets_have_the_moments_of_sampling_theory() {
    let scratch = Scratch::new();
    let mut glass = Glass::uniform(600, 4);
    // Icosahedra keep to one half and mostly to one species, so that it matters where the movers are and of what species.
    let icosahedral =
        |(row, place): (usize, &Vector)| place[0] < 5.0 && row % 2 == 0 && row % 5 < 3;
    glass.icosahedral = Some(glass.start.iter().enumerate().map(icosahedral).collect());
    let planted: Vec<usize> = (0..40)
        .map(|k| if k % 4 == 0 { 15 * k + 1 } else { 14 * k })
        .collect();
    let glass = glass.moving(&planted);
    let input = scratch.file("glass.extxyz", glass.xyz());
    let subsets: f64 = 2000.0;
    let found = answer(&input, &[&WINDOW[..], &["--subsets", "2000"]].concat());
    let movers = found.movers();
    assert_eq!(movers.len(), planted.len());
    let distances = found.tables["particles"].reals("icosahedron_distance");
    let fractions: Vec<f64> = glass
        .icosahedral
        .as_ref()
        .unwrap()
        .iter()
        .map(|&is| f64::from(u8::from(is)))
        .collect();
    let all: Vec<usize> = (0..600).collect();
    let by_species: Vec<Vec<usize>> = (0..2)
        .map(|species| {
            all.iter()
                .copied()
                .filter(|row| row % 2 == species)
                .collect()
        })
        .collect();
    for (matched, strata) in [("number", vec![all.clone()]), ("species", by_species)] {
        for (quantity, values) in [
            ("icosahedron_distance", &distances),
            ("icosahedral_fraction", &fractions),
        ] {
            let (mut mean, mut variance) = (0.0, 0.0);
            for stratum in &strata {
                let size = stratum.len() as f64;
                let taken = movers
                    .iter()
                    .filter(|mover| stratum.contains(mover))
                    .count() as f64;
                let average = stratum.iter().map(|&row| values[row]).sum::<f64>() / size;
                let squares = stratum.iter().map(|&row| (values[row] - average).powi(2));
                let spread = squares.sum::<f64>() / (size - 1.0);
                mean += taken * average / movers.len() as f64;
                variance += taken * spread * (1.0 - taken / size) / (movers.len() as f64).powi(2);
            }
            let deviation = variance.sqrt();
            let found = |column| found.compared(quantity, matched, column);
            // Five standard errors of a mean, and of a standard deviation, over so many subsets.
            let off = (found("random_mean") - mean) / (deviation / subsets.sqrt());
            assert!(off.abs() < 5.0, "{quantity} {matched}: {off}");
            let ratio = found("random_standard_deviation") / deviation;
            assert!(
                (ratio - 1.0).abs() < 5.0 / (2.0 * subsets).sqrt(),
                "{quantity} {matched}: {ratio}"
            );
            let z = (found("value") - found("random_mean")) / found("random_standard_deviation");
            assert!((found("z_score") - z).abs() < 1e-9);
            assert!((found("z_score_error") - ((1.0 + 0.5 * z * z) / subsets).sqrt()).abs() < 1e-9);
        }
    }
    let (n, volume, steps) = (movers.len() as i32, glass.edge.powi(3), 10_000);
    let farther = |r: f64| {
        (1.0 - 4.0 * std::f64::consts::PI * r.powi(3) / (3.0 * volume))
            .max(0.0)
            .powi(n - 1)
    };
    let width = 5.0 / f64::from(steps);
    let expected: f64 = (0..steps)
        .map(|k| farther((f64::from(k) + 0.5) * width) * width)
        .sum();
    let mean = found.compared("nearest_mover", "number", "random_mean");
    // The 600 places are themselves one random choice, of some 600 × 599 / 2 distances: about a hundredth off.
    assert!((mean / expected - 1.0).abs() < 0.03, "{mean} {expected}");
}

/// A15 crystals hold two particles of icosahedral surroundings and six of fourteen neighbours in each cell, also when they vibrate.
fn a15() -> Glass {
    let (cells, a) = (4, 2.0);
    let sites: [Vector; 8] = [
        [0.0, 0.0, 0.0],
        [0.5, 0.5, 0.5],
        [0.25, 0.0, 0.5],
        [0.75, 0.0, 0.5],
        [0.5, 0.25, 0.0],
        [0.5, 0.75, 0.0],
        [0.0, 0.5, 0.25],
        [0.0, 0.5, 0.75],
    ];
    let start: Vec<Vector> = (0..cells * cells * cells * 8)
        .map(|row| {
            let cell = [
                row / 8 % cells,
                row / 8 / cells % cells,
                row / 8 / cells / cells,
            ];
            std::array::from_fn(|axis| a * (cell[axis] as f64 + sites[row % 8][axis] + 0.1))
        })
        .collect();
    let particles = start.len();
    Glass {
        edge: a * cells as f64,
        jump: vec![[0.0; 3]; particles],
        species: (0..particles)
            .map(|row| if row % 8 < 2 { "A" } else { "B" })
            .collect(),
        radius: vec![0.5; particles],
        amplitude: 0.02,
        start,
        ..Glass::uniform(0, 1)
    }
}

#[test]
fn icosahedra_are_found_by_tessellation_or_taken_from_the_column() {
    let scratch = Scratch::new();
    let mut glass = a15();
    let input = scratch.file("crystal.extxyz", glass.xyz());
    // Where nothing has moved, there is nothing to compare.
    let found = answer(&input, &WINDOW);
    assert_eq!(found.movers(), [] as [usize; 0]);
    assert!(found.tables["clustering"].rows.is_empty() && found.tables["clusters"].rows.is_empty());
    let told = found.tables["particles"].words("is_icosahedron");
    assert!((0..512).all(|row| told[row] == (row % 8 < 2).to_string()));
    assert!(found.tables["particles"].reals("icosahedron_fraction")[0] > 0.9);
    assert_eq!(
        found.tables["summary"].integers("icosahedra"),
        [128, 128, 0]
    );
    let distances = found.tables["particles"].reals("icosahedron_distance");
    // From corner to middle 3^{1/2}/2 a; from the others 5^{1/2}/4 a.
    let (near, far) = (2.0 * 5f64.sqrt() / 4.0, 3f64.sqrt());
    for (row, distance) in distances.into_iter().enumerate() {
        let expected = if row % 8 < 2 { far } else { near };
        assert!((distance - expected).abs() < 0.1, "{row}: {distance}");
    }
    let without = answer(&input, &[&WINDOW[..], &["--icosahedra", "none"]].concat());
    assert!(
        without.tables["particles"]
            .words("is_icosahedron")
            .iter()
            .all(|word| word.is_empty())
    );

    // What icosa writes is taken, and is the same.
    let annotated = hyalo(&["icosa", &input, "--annotate", "-", "-q"])
        .ok()
        .stdout;
    assert!(String::from_utf8_lossy(&annotated).contains("is_icosahedron:L:1"));
    let piped = answer(&scratch.file("annotated.extxyz", annotated), &WINDOW);
    assert_eq!(piped.tables["particles"], found.tables["particles"]);

    // The column has the last word.
    glass.icosahedral = Some((0..512).map(|row| row < 3).collect());
    let input = scratch.file("told.extxyz", glass.xyz());
    let found = answer(&input, &WINDOW);
    assert_eq!(found.tables["summary"].integers("icosahedra"), [3, 2, 1]);
}

#[test]
fn histograms_count_every_particle() {
    let scratch = Scratch::new();
    let planted: Vec<usize> = (0..30).map(|k| 10 * k + 1).collect();
    let glass = Glass::uniform(400, 6).moving(&planted);
    let input = scratch.file("glass.extxyz", glass.xyz());
    let found = answer(&input, &[&WINDOW[..], &["--bin-width", "0.04"]].concat());
    let histogram = &found.tables["histogram"];
    for (species, rows) in [("all", 0..2), ("A", 0..1), ("B", 1..2)] {
        let bins = histogram.only("species", species);
        let (low, high) = (bins.reals("diameter_low"), bins.reals("diameter_high"));
        let of = |bin: usize| {
            let inside = |row: &usize| (low[bin]..high[bin]).contains(&(2.0 * glass.radius[*row]));
            let rows: Vec<usize> = (0..400)
                .filter(|row| rows.contains(&(row % 2)))
                .filter(inside)
                .collect();
            let movers = rows.iter().filter(|row| planted.contains(row)).count();
            (rows.len() as i64, movers as i64)
        };
        let (count, movers) = (bins.integers("count"), bins.integers("movers"));
        for bin in 0..low.len() {
            assert_eq!((count[bin], movers[bin]), of(bin), "{species}, bin {bin}");
            assert!((high[bin] - low[bin] - 0.04).abs() < 1e-9);
        }
        assert_eq!(
            count.iter().sum::<i64>(),
            if species == "all" { 400 } else { 200 }
        );
        let integral = |column| bins.reals(column).iter().sum::<f64>() * 0.04;
        assert!((integral("density") - 1.0).abs() < 1e-12);
        let expected = if species == "A" { 0.0 } else { 1.0 };
        assert!((integral("mover_density") - expected).abs() < 1e-12);
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads_and_from_a_pipe() {
    let scratch = Scratch::new();
    let glass = Glass::uniform(300, 7).moving(&[5, 6, 7, 100, 200]);
    let text = glass.xyz();
    let input = scratch.file("glass.extxyz", &text);
    let outputs = |tag: &str, from: &str, threads: &str| -> Vec<Vec<u8>> {
        let tables = TABLES.map(|name| scratch.path(&format!("{tag}.{name}.csv")));
        let figures = ["trajectories", "slice", "histogram", "diameter"];
        let figures = figures.map(|name| (name, scratch.path(&format!("{tag}.{name}.svg"))));
        let mut arguments: Vec<String> = ["delta-star", from, "-j", threads, "-o", &tables[0]]
            .map(str::to_string)
            .into();
        arguments.extend(WINDOW.map(str::to_string));
        for (name, path) in TABLES.iter().zip(&tables).skip(1) {
            arguments.extend(["--table".to_string(), format!("{name}={path}")]);
        }
        for (name, path) in &figures {
            arguments.extend(["--plot".to_string(), format!("{name}={path}")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        common::hyalo_fed(&arguments, if from == "-" { text.as_bytes() } else { b"" }).ok();
        let paths = tables.iter().chain(figures.iter().map(|(_, path)| path));
        paths.map(|path| std::fs::read(path).unwrap()).collect()
    };
    let one = outputs("one", &input, "1");
    assert_eq!(one, outputs("three", &input, "3"));
    assert_eq!(one, outputs("pipe", "-", "2"));
    for svg in &one[TABLES.len()..] {
        let svg = std::str::from_utf8(svg).unwrap();
        resvg::usvg::Tree::from_str(svg, &Default::default()).unwrap();
        assert!(svg.len() > 5000 && !svg.contains("NaN"));
    }
    // Another seed gives other subsets, and the same movers.
    let seeded = answer(&input, &[&WINDOW[..], &["--seed", "2"]].concat());
    let again = answer(&input, &WINDOW);
    assert_eq!(seeded.tables["particles"], again.tables["particles"]);
    assert_ne!(seeded.tables["clustering"], again.tables["clustering"]);
}

#[test]
fn what_cannot_be_answered_is_refused_in_one_line() {
    let scratch = Scratch::new();
    let glass = Glass::uniform(20, 9);
    let input = scratch.file("glass.extxyz", glass.xyz());
    let bare = glass.xyz().replace(":radius:R:1", ":size:R:1");
    let bare = scratch.file("bare.extxyz", bare);
    let mut numbers = Glass::uniform(20, 9);
    numbers.icosahedral = Some(vec![true; 20]);
    let numbers = numbers
        .xyz()
        .replace(":is_icosahedron:L:1", ":is_icosahedron:S:1");
    let numbers = scratch.file("numbers.extxyz", numbers);
    let open = glass.xyz().replace("Lattice=\"10 0 0 0 10 0 0 0 10\" ", "");
    let open = scratch.file("open.extxyz", open);
    let mut returning = Glass::uniform(20, 9);
    let back: Vec<f64> = returning.temperatures.iter().rev().copied().collect();
    returning.temperatures.extend(back);
    let returning = scratch.file("returning.extxyz", returning.xyz());
    let cold = fixture("heat_unwrapped.lammpstrj.gz");
    let figure = scratch.path("figure.svg");
    let annotated = scratch.path("annotated.extxyz");
    let cases: [(&[&str], &[&str]); 18] = [
        (
            &[&input, "--temperatures", "0.65,0.6"],
            &["--temperatures 0.65,0.6", "lower first"],
        ),
        (
            &[&input, "--temperatures", "0.6"],
            &["--temperatures 0.6 ", "0.6,0.65"],
        ),
        (
            &[&input, "--window", "0.03"],
            &["--window 0.03", "overlap", "0.025"],
        ),
        (&[&input, "--window", "0"], &["--window 0 ", "positive"]),
        (
            &[&input, "--threshold", "-1"],
            &["--threshold -1", "positive"],
        ),
        (
            &[&input, "--bond-length", "nan"],
            &["--bond-length NaN", "positive"],
        ),
        (
            &[&input, "--bin-width", "0"],
            &["--bin-width 0", "positive"],
        ),
        (&[&input, "--subsets", "1"], &["--subsets 1"]),
        (
            &[&input, "--temperatures", "0.7,0.8"],
            &["no frame", "T = 0.7", "0.1000 to 0.6600", "--temperatures"],
        ),
        (
            &[&input, "--temperatures", "0.4,0.6"],
            &["no frame", "T = 0.4", "frames_every=0.0005", "--window"],
        ),
        (
            &[&returning],
            &["comes back", "around T = 0.6;", "--frames"],
        ),
        (&[&cold], &["frame 0", "no temperature", "--temperature"]),
        (
            &[&input, "--annotate", &annotated],
            &["--annotate", "last frame", "join it by id"],
        ),
        (
            &[&bare, "--plot", &figure],
            &["frame 0", "no diameters", "--diameters"],
        ),
        (
            &[&numbers],
            &["is_icosahedron", "true and false", "--icosahedra none"],
        ),
        (
            &[&open, "--unwrap", "none"],
            &["without a cell", "--icosahedra none"],
        ),
        (
            &[&input, "--table", "lags=x.csv"],
            &["no table 'lags'", "clustering"],
        ),
        (
            &[&input, "--plot", "msd=x.svg"],
            &["no such figure", "trajectories, slice"],
        ),
    ];
    for (arguments, words) in cases {
        let table = scratch.path("particles.csv");
        let message = hyalo(&[&["delta-star", "-o", &table], arguments].concat()).refused();
        for word in words {
            assert!(message.contains(word), "{word} in: {message}");
        }
        assert!(!scratch.names().iter().any(|name| name == "particles.csv"));
    }
    for slice in ["w", "z:1", "z:2:1", "z:a:b", "z:1:2:3"] {
        let run = hyalo(&["delta-star", &input, "--slice", slice]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains("z:2.5:4"), "{}", run.stderr);
    }
    // Without a cell all else can be answered.
    let run = hyalo(&[
        "delta-star",
        &open,
        "--unwrap",
        "none",
        "--icosahedra",
        "none",
        "--window",
        "0.005",
    ])
    .ok();
    assert_eq!(run.table().rows.len(), 20);
}
