//! Laws that hold whatever the numbers are.
//!
//! Positions, velocities and cells are multiples of powers of two, so that sums and differences of them are exact and so are the
//! displacements: they are compared bit by bit.

mod common;

use std::fmt::Write;

use common::{Random, Run, Scratch, Table, Vector, fixture, hyalo};

/// Edge vectors of a cell as LAMMPS has them: a = (lx, 0, 0), b = (xy, ly, 0), c = (xz, yz, lz).
#[derive(Clone, Copy)]
struct Edges {
    length: Vector,
    tilt: Vector,
}

impl Edges {
    fn new(length: Vector, tilt: Vector) -> Self {
        Edges { length, tilt }
    }

    /// How many cells along each edge a position is away from the cell at `origin`.
    fn images(&self, position: Vector, origin: Vector, periodic: [bool; 3]) -> [i64; 3] {
        let ([lx, ly, lz], [xy, xz, yz]) = (self.length, self.tilt);
        let [x, y, z]: Vector = std::array::from_fn(|axis| position[axis] - origin[axis]);
        let c = z / lz;
        let b = (y - yz * c) / ly;
        let a = (x - xy * b - xz * c) / lx;
        let fractional = [a, b, c];
        std::array::from_fn(|axis| {
            if periodic[axis] {
                fractional[axis].floor() as i64
            } else {
                0
            }
        })
    }

    fn shifted(&self, [x, y, z]: Vector, images: [i64; 3]) -> Vector {
        let ([lx, ly, lz], [xy, xz, yz]) = (self.length, self.tilt);
        let [a, b, c] = images.map(|image| image as f64);
        [
            x - a * lx - b * xy - c * xz,
            y - b * ly - c * yz,
            z - c * lz,
        ]
    }
}

/// Free flights: where each particle starts and how fast it is (length a frame).
struct Flights {
    start: Vec<Vector>,
    velocity: Vec<Vector>,
}

impl Flights {
    /// Starts in a cell of 8 × 8 × 8 at the origin, velocities up to ±2 a frame, all in multiples of 1/64.
    fn new(particles: usize, seed: u64) -> Self {
        Self::slower(1, particles, seed)
    }

    /// The same by a whole factor slower.
    fn slower(factor: i64, particles: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut vectors = |low, high| -> Vec<Vector> {
            (0..particles)
                .map(|_| std::array::from_fn(|_| random.integer(low, high) as f64 / 64.0))
                .collect()
        };
        Flights {
            start: vectors(0, 511),
            velocity: vectors(-128 / factor, 128 / factor),
        }
    }

    /// The same, begun inside a cell: where cells change, it matters in which one a particle is.
    fn within(mut self, cell: &Edges, origin: Vector, periodic: [bool; 3]) -> Self {
        for start in &mut self.start {
            *start = cell.shifted(*start, cell.images(*start, origin, periodic));
        }
        self
    }

    fn displacement(&self, particle: usize, frame: usize) -> Vector {
        self.velocity[particle].map(|velocity| velocity * frame as f64)
    }

    fn position(&self, particle: usize, frame: usize) -> Vector {
        let displacement = self.displacement(particle, frame);
        std::array::from_fn(|axis| self.start[particle][axis] + displacement[axis])
    }

    /// A dump of `frames` frames, put back into the cell of each frame at `origin`, with image flags.
    fn dump(
        &self,
        frames: usize,
        origin: Vector,
        periodic: [bool; 3],
        cell: impl Fn(usize) -> Edges,
    ) -> String {
        let mut text = String::new();
        for frame in 0..frames {
            let edges = cell(frame);
            let ([lx, ly, lz], [xy, xz, yz]) = (edges.length, edges.tilt);
            let [ox, oy, oz] = origin;
            let reach = [0.0, xy, xz, xy + xz];
            let low = reach.into_iter().fold(0.0, f64::min);
            let high = reach.into_iter().fold(0.0, f64::max);
            let flags = periodic
                .map(|periodic| if periodic { "pp" } else { "ff" })
                .join(" ");
            write!(
                text,
                "ITEM: TIMESTEP\n{frame}\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS xy xz yz {flags}\n{:?} {:?} {xy:?}\n{:?} {:?} {xz:?}\n{oz:?} {:?} {yz:?}\nITEM: ATOMS id type x y z ix iy iz\n",
                self.start.len(),
                ox + low,
                ox + lx + high,
                oy + yz.min(0.0),
                oy + ly + yz.max(0.0),
                oz + lz,
            )
            .unwrap();
            for particle in 0..self.start.len() {
                let position = self.position(particle, frame);
                let images = edges.images(position, origin, periodic);
                let [x, y, z] = edges.shifted(position, images);
                let [ix, iy, iz] = images;
                writeln!(
                    text,
                    "{} {} {x:?} {y:?} {z:?} {ix} {iy} {iz}",
                    particle + 1,
                    1 + particle % 2
                )
                .unwrap();
            }
        }
        text
    }
}

/// The rows of `--table displacements`.
#[track_caller]
fn displacements(scratch: &Scratch, dump: &str, arguments: &[&str]) -> Table {
    let path = scratch.path("displacements.csv");
    let table = format!("displacements={path}");
    let fixed = ["msd", dump, "--force", "--table", &table];
    hyalo(&[&fixed, arguments].concat()).ok();
    Table::parse(&std::fs::read_to_string(path).unwrap())
}

const AXES: [&str; 3] = ["displacement_x", "displacement_y", "displacement_z"];

#[test]
fn free_flights_come_out_as_velocity_times_time() {
    let scratch = Scratch::new();
    let box_of = |edge: f64| Edges::new([edge; 3], [0.0; 3]);
    let tilted = Edges::new([8.0, 8.0, 8.0], [3.0, -2.0, 1.5]);
    let strained = |frame: usize| {
        let f = frame as f64;
        Edges::new(
            [8.0 + f / 16.0, 8.0 - f / 64.0, 8.0 + f / 32.0],
            [3.0 - f / 8.0, -2.0, 1.5 + f / 64.0],
        )
    };
    type Cells<'a> = (&'a str, [bool; 3], Vector, Box<dyn Fn(usize) -> Edges + 'a>);
    let all = [true; 3];
    let cases: [Cells; 8] = [
        ("orthogonal", all, [0.0; 3], Box::new(|_| box_of(8.0))),
        (
            "away from the origin",
            all,
            [-3.5, 100.25, 7.0],
            Box::new(|_| box_of(8.0)),
        ),
        ("triclinic", all, [0.0; 3], Box::new(|_| tilted)),
        (
            "triclinic, away",
            all,
            [-1.5, 2.0, -3.0],
            Box::new(|_| tilted),
        ),
        (
            "slab",
            [true, true, false],
            [0.0; 3],
            Box::new(|_| box_of(8.0)),
        ),
        (
            "tilted wire",
            [false, true, false],
            [1.0, 0.5, 0.25],
            Box::new(|_| tilted),
        ),
        (
            "growing",
            all,
            [0.0; 3],
            Box::new(|frame| box_of(8.0 + frame as f64 / 16.0)),
        ),
        ("strained", all, [0.0; 3], Box::new(strained)),
    ];
    const FRAMES: usize = 20;
    for (name, periodic, origin, cell) in cases {
        let flights = Flights::new(64, 3).within(&cell(0), origin, periodic);
        let dump = scratch.file(
            "flights.lammpstrj",
            flights.dump(FRAMES, origin, periodic, cell),
        );
        for unwrap in ["auto", "images", "nearest"] {
            let table = displacements(&scratch, &dump, &["--drift", "keep", "--unwrap", unwrap]);
            assert_eq!(table.rows.len(), 64 * FRAMES);
            // In the cells that change, image flags count cells of the frame at hand: r + H n, exact, too.
            let mut largest = 0f64;
            let found = AXES.map(|axis| table.reals(axis));
            let (frames, ids) = (table.integers("frame"), table.integers("id"));
            for row in 0..table.rows.len() {
                let exact = flights.displacement(ids[row] as usize - 1, frames[row] as usize);
                let found = [found[0][row], found[1][row], found[2][row]];
                assert_eq!(
                    found, exact,
                    "{name}, {unwrap}, frame {}, id {}",
                    frames[row], ids[row]
                );
                largest = largest.max(exact[0].abs());
            }
            assert!(largest > 24.0, "the flights cross the cell several times");
        }
    }
}

#[test]
fn a_sheared_cell_that_is_flipped_back_does_not_break_the_paths() {
    // Each frame tilts the cell by 1/2; LAMMPS flips it when it leans by more than half an edge: the same lattice by other edges.
    let scratch = Scratch::new();
    let flights = Flights::slower(2, 64, 4);
    let cell = |frame: usize| {
        let lean = 0.5 * frame as f64;
        let flips = (lean / 8.0).round();
        Edges::new([8.0; 3], [lean - 8.0 * flips, 0.0, 0.0])
    };
    let dump = flights.dump(30, [0.0; 3], [true; 3], cell);
    assert!(dump.contains("\n-3.5 8.0 -3.5\n"), "it is flipped");
    let dump = scratch.file("sheared.lammpstrj", dump);
    for unwrap in ["images", "nearest"] {
        let table = displacements(&scratch, &dump, &["--drift", "keep", "--unwrap", unwrap]);
        let found = table.reals(AXES[0]);
        let (frames, ids) = (table.integers("frame"), table.integers("id"));
        for row in 0..table.rows.len() {
            let exact = flights.displacement(ids[row] as usize - 1, frames[row] as usize)[0];
            assert_eq!(
                found[row], exact,
                "{unwrap}, frame {}, id {}",
                frames[row], ids[row]
            );
        }
    }
}

#[test]
fn the_nearest_image_agrees_with_the_image_flags_of_lammps() {
    for (name, frames) in [
        ("heat_wrapped.lammpstrj.gz", 41),
        ("triclinic_wrapped.lammpstrj", 8),
        ("triclinic_scaled.lammpstrj.bz2", 8),
        ("general.lammpstrj", 4),
        ("general_restricted.lammpstrj", 4),
        ("slab_ppf.lammpstrj", 5),
        ("slab_psm.lammpstrj", 5),
    ] {
        let scratch = Scratch::new();
        let file = fixture(name);
        let of = |unwrap| displacements(&scratch, &file, &["--drift", "keep", "--unwrap", unwrap]);
        let (flags, nearest) = (of("images"), of("nearest"));
        assert_eq!(
            flags.integers("frame").last(),
            Some(&(frames - 1)),
            "{name}"
        );
        // The same r, and the same H n but for a constant number of cells, which adds a few last places of a length of 10.
        let mut worst = 0f64;
        for axis in AXES {
            for (flags, nearest) in flags.reals(axis).iter().zip(nearest.reals(axis)) {
                worst = worst.max((flags - nearest).abs());
            }
        }
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-12, "{name}: {worst:e}");
    }
}

#[test]
fn a_particle_that_goes_too_far_for_the_nearest_image_is_told() {
    let scratch = Scratch::new();
    let cell = |_| Edges::new([8.0; 3], [0.0; 3]);
    for (step, allowed) in [
        (3.0, true),
        (3.1875, true),
        (3.25, false),
        (4.0, false),
        (4.75, false),
        (5.0, true),
    ] {
        let flights = Flights {
            start: vec![[1.0; 3]; 2],
            velocity: vec![[0.0; 3], [0.0, step, 0.0]],
        };
        let dump = scratch.file("jump.lammpstrj", flights.dump(2, [0.0; 3], [true; 3], cell));
        let run = hyalo(&["msd", &dump, "--unwrap", "nearest"]);
        assert_eq!(run.code == 0, allowed, "{step}: {}", run.stderr);
        if !allowed {
            let message = run.stderr;
            for part in ["frame 1", "particle 2", "ambiguous"] {
                assert!(message.contains(part), "{part}: {message}");
            }
        }
    }
}

fn all(run: Run) -> Vec<f64> {
    run.ok().table().only("species", "all").reals("msd")
}

#[test]
fn a_uniform_translation_is_drift() {
    let scratch = Scratch::new();
    let mut flights = Flights::new(64, 5);
    flights.velocity = vec![[0.5, -1.25, 2.0]; 64];
    let cell = |_| Edges::new([8.0; 3], [1.0, 0.0, -2.0]);
    let dump = scratch.file(
        "drift.lammpstrj",
        flights.dump(16, [0.0; 3], [true; 3], cell),
    );
    // 64 is a power of two, and so is 48 × 1 + 16 × 5 = 128: the centre is exact.
    let table = (1..=64).fold("id,mass\n".to_string(), |text, id| {
        format!("{text}{id},{}\n", if id % 4 == 0 { 5 } else { 1 })
    });
    let masses = scratch.file("masses.csv", table);
    for further in [&[][..], &["--masses", &masses]] {
        let removed = all(hyalo(&[&["msd", &dump], further].concat()));
        assert_eq!(removed, [0.0; 16], "{further:?}");
    }
    let speed = 0.25 + 1.5625 + 4.0;
    let exact: Vec<f64> = (0..16)
        .map(|frame| speed * (frame * frame) as f64)
        .collect();
    assert_eq!(all(hyalo(&["msd", &dump, "--drift", "keep"])), exact);
    // By lag, too, where every origin gives the same: exactly, by the sum over origins.
    let by_lag = ["msd", &dump, "--drift", "keep", "--lags", "linear"];
    assert_eq!(all(hyalo(&by_lag)), exact[1..]);
    let by_lag = all(hyalo(&["msd", &dump, "--lags", "linear"]));
    assert_eq!(by_lag, [0.0; 15]);
}

#[test]
fn the_centre_is_that_of_mass() {
    // Half weigh 1 and fly at 3 u, half weigh 3 and fly at −u: the centre of mass rests, the geometric centre does not.
    let scratch = Scratch::new();
    let mut flights = Flights::new(32, 6);
    let unit = [0.25, 0.5, -0.125];
    for (particle, velocity) in flights.velocity.iter_mut().enumerate() {
        let factor = if particle % 2 == 0 { 3.0 } else { -1.0 };
        *velocity = unit.map(|value| factor * value);
    }
    let square: f64 = unit.iter().map(|value| value * value).sum();
    let cell = |_| Edges::new([8.0; 3], [0.0; 3]);
    let dump = scratch.file(
        "masses.lammpstrj",
        flights.dump(9, [0.0; 3], [true; 3], cell),
    );
    let msd = |arguments: &[&str], species: &str| {
        let table = hyalo(&[&["msd", &dump], arguments].concat()).ok().table();
        table.only("species", species).reals("msd")
    };
    let growing = |speed: f64| -> Vec<f64> {
        (0..9)
            .map(|frame| speed * square * (frame * frame) as f64)
            .collect()
    };
    let weighted = ["--masses", "1=1,2=3"];
    for arguments in [&weighted[..], &["--drift", "keep"]] {
        assert_eq!(msd(arguments, "1"), growing(9.0));
        assert_eq!(msd(arguments, "2"), growing(1.0));
        assert_eq!(msd(arguments, "all"), growing(5.0));
    }
    // Without masses the geometric centre goes at u: 3 − 1 and −1 − 1 are left.
    assert_eq!(msd(&[], "1"), growing(4.0));
    assert_eq!(msd(&[], "2"), growing(4.0));
}

#[test]
fn species_add_up_to_all() {
    for (name, drift) in [
        ("heat_wrapped.lammpstrj.gz", "remove"),
        ("heat_wrapped.lammpstrj.gz", "keep"),
        ("triclinic.extxyz", "remove"),
        ("triclinic_group.lammpstrj", "keep"),
    ] {
        let file = fixture(name);
        for lags in [&[][..], &["--lags", "linear"]] {
            let table = hyalo(&[&["msd", &file, "--drift", drift], lags].concat())
                .ok()
                .table();
            let of = |species: &str| -> Vec<(f64, f64)> {
                let table = table.only("species", species);
                table
                    .reals("particles")
                    .into_iter()
                    .zip(table.reals("msd"))
                    .collect()
            };
            let mut names = table.words("species");
            names.sort_unstable();
            names.dedup();
            let parts: Vec<Vec<(f64, f64)>> = names
                .iter()
                .filter(|name| **name != "all")
                .map(|name| of(name))
                .collect();
            assert_eq!(parts.len(), 2);
            for (row, (particles, msd)) in of("all").into_iter().enumerate() {
                let sum: f64 = parts.iter().map(|part| part[row].0 * part[row].1).sum();
                assert_eq!(parts.iter().map(|part| part[row].0).sum::<f64>(), particles);
                // Round-off of sums of at most 1000 positive terms.
                assert!(
                    (sum - particles * msd).abs() <= 1e-13 * sum,
                    "{name}, row {row}"
                );
            }
        }
    }
}

#[test]
fn the_temperature_at_the_threshold_is_interpolated() {
    // Four particles whose squared displacements add up to 4 × 3 × frame, as any whole number is a sum of four squares.
    let squares: [[i64; 4]; 6] = [
        [0, 0, 0, 0],
        [3, 1, 1, 1],
        [4, 2, 2, 0],
        [5, 3, 1, 1],
        [6, 2, 2, 2],
        [7, 3, 1, 1],
    ];
    let scratch = Scratch::new();
    let mut text = String::new();
    for (frame, moved) in squares.iter().enumerate() {
        assert_eq!(
            moved.iter().map(|value| value * value).sum::<i64>(),
            12 * frame as i64
        );
        let temperature = 0.25 + 0.125 * frame as f64;
        writeln!(text, "4\nLattice=\"64 0 0 0 64 0 0 0 64\" Properties=species:S:1:pos:R:3:id:I:1 Timestep={frame} temperature={temperature}").unwrap();
        for (row, moved) in moved.iter().enumerate() {
            writeln!(text, "A {} {row} 0 {}", 10 + moved, row + 1).unwrap();
        }
    }
    let file = scratch.file("linear.extxyz", &text);
    let run = hyalo(&["msd", &file, "--drift", "keep"]).ok();
    assert_eq!(
        run.table().only("species", "all").reals("msd"),
        [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    );
    // ⟨Δr²⟩ = 24 (T − 0.25).
    for (threshold, temperature) in [
        ("1", "0.2917"),
        ("3", "0.3750"),
        ("4.5", "0.4375"),
        ("7.2", "0.5500"),
        ("14.7", "0.8625"),
        ("15", "0.8750"),
    ] {
        let run = hyalo(&["msd", &file, "--drift", "keep", "--threshold", threshold]).ok();
        let expected = format!("reaches {threshold} at T = {temperature};");
        assert!(run.stderr.contains(&expected), "{expected} {}", run.stderr);
    }
    let run = hyalo(&["msd", &file, "--drift", "keep", "--threshold", "15.1"]).ok();
    assert!(
        run.stderr.contains("stays below 15.1 (last 15.0000)"),
        "{}",
        run.stderr
    );
    // On the other abscissas: the step where there is no temperature.
    let bare = scratch.file("bare.extxyz", text.replace("temperature", "other"));
    let run = hyalo(&["msd", &bare, "--drift", "keep", "--threshold", "7.5"]).ok();
    assert!(run.stderr.contains("at step 2"), "{}", run.stderr);
    let run = hyalo(&[
        "msd",
        &bare,
        "--drift",
        "keep",
        "--threshold",
        "7.5",
        "--timestep",
        "0.5",
    ])
    .ok();
    assert!(run.stderr.contains("at t = 1.250000;"), "{}", run.stderr);
}

#[test]
fn histograms_count_every_particle_once() {
    let scratch = Scratch::new();
    let path = scratch.path("histogram.csv");
    let table = format!("histogram={path}");
    let file = fixture("heat_wrapped.lammpstrj.gz");
    let particles = displacements(&scratch, &file, &[]);
    hyalo(&["msd", &file, "--table", &table, "--bin-width", "0.125"]).ok();
    let table = Table::parse(&std::fs::read_to_string(path).unwrap());
    for frame in ["1", "17", "40"] {
        let (bins, particles) = (table.only("frame", frame), particles.only("frame", frame));
        for (species, count) in [("all", 1000), ("1", 499), ("2", 501)] {
            let bins = bins.only("species", species);
            let lengths = match species {
                "all" => particles.reals("displacement"),
                species => particles.only("species", species).reals("displacement"),
            };
            assert_eq!(bins.integers("count").iter().sum::<i64>(), count);
            let edges = bins
                .reals("log10_displacement_low")
                .into_iter()
                .zip(bins.reals("log10_displacement_high"));
            for ((low, high), (counted, density)) in edges.zip(
                bins.integers("count")
                    .into_iter()
                    .zip(bins.reals("density")),
            ) {
                let inside = lengths
                    .iter()
                    .filter(|length| (low..high).contains(&length.log10()))
                    .count();
                assert_eq!(counted, inside as i64);
                assert!((density - inside as f64 / (count as f64 * 0.125)).abs() < 1e-14);
            }
        }
    }
}
