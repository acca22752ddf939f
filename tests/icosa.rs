//! Icosahedra and other structures: VoroTop's answers, the paper's counts, and laws.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use common::{Scratch, Table, hyalo};
use hyalo::data::cell::Cell;
use hyalo::physics::voronoi::{Tessellation, Weights, Workspace};
use nalgebra::Vector3;
use serde_json::Value;

/// Configurations that VoroTop has analysed.
const CONFIGURATIONS: [(&str, &str); 7] = [
    ("fcc_thermal", "vorotop/fcc_thermal.lammpstrj.gz"),
    ("bcc_thermal", "vorotop/bcc_thermal.lammpstrj.gz"),
    ("hcp_thermal", "vorotop/hcp_thermal.lammpstrj.gz"),
    ("random", "vorotop/random.lammpstrj.gz"),
    ("random_triclinic", "vorotop/random_triclinic.lammpstrj.gz"),
    ("glass_fast_minimum", "engine/glass_fast_minimum.extxyz.gz"),
    ("vhg_fast", "engine/vhg_fast.extxyz.gz"),
];

fn path(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    let bytes = std::fs::read(path(name)).unwrap();
    let mut text = String::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(&bytes[..]);
    decoder.read_to_string(&mut text).unwrap();
    text
}

/// What VoroTop says of a particle.
struct Known {
    faces: i64,
    /// Numbers of triangles, squares and so on.
    face_counts: Vec<i64>,
    code: String,
    symmetry_order: i64,
    chirality: i64,
}

/// VoroTop's answers by id.
fn known(name: &str) -> BTreeMap<i64, Known> {
    let lines = text(&format!("vorotop/{name}.vectors.gz"));
    let parse = |line: &str| {
        let words: Vec<&str> = line.split('\t').map(str::trim).collect();
        let numbers = words[2].trim_matches(['(', ')']).split(',');
        let known = Known {
            faces: words[1].parse().unwrap(),
            face_counts: numbers.map(|number| number.parse().unwrap()).collect(),
            code: words[3].to_string(),
            symmetry_order: words[4].parse().unwrap(),
            chirality: words[5].parse().unwrap(),
        };
        (words[0].parse().unwrap(), known)
    };
    lines.lines().map(parse).collect()
}

/// The rows of a table of `icosa`.
fn rows(table: &str, input: &str, flags: &[&str]) -> Vec<Value> {
    let scratch = Scratch::new();
    let output = scratch.path("rows.ndjson");
    let asked = format!("{table}={output}");
    let arguments = match table {
        "frames" => vec!["icosa", input, "-o", &output],
        _ => vec!["icosa", input, "-o", "/dev/null", "--table", &asked],
    };
    hyalo(&[&arguments[..], flags].concat()).ok();
    let text = std::fs::read_to_string(&output).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn codes_symmetries_and_chiralities_equal_those_of_vorotop() {
    for (name, input) in CONFIGURATIONS {
        let known = known(name);
        let rows = rows("particles", &path(input), &[]);
        assert_eq!(rows.len(), known.len(), "{name}");
        for row in rows {
            let id = row["id"].as_i64().unwrap();
            let known = &known[&id];
            assert_eq!(row["code"], known.code, "{name}: {id}");
            assert_eq!(row["symmetry_order"], known.symmetry_order, "{name}: {id}");
            assert_eq!(row["chirality"], known.chirality, "{name}: {id}");
            assert_eq!(row["n_faces"], known.faces, "{name}: {id}");
            let count = |at: usize| known.face_counts.get(at).copied().unwrap_or(0);
            for (at, column) in ["n3", "n4", "n5", "n6"].into_iter().enumerate() {
                assert_eq!(row[column], count(at), "{name}: {id}: {column}");
            }
            let more: i64 = known.face_counts.iter().skip(4).sum();
            assert_eq!(row["n7_plus"], more, "{name}: {id}");
            let is_icosahedron = known.face_counts == [0, 0, 12];
            assert_eq!(row["is_icosahedron"], is_icosahedron, "{name}: {id}");
            assert_eq!(
                row["structure"] == "icosahedron",
                is_icosahedron,
                "{name}: {id}"
            );
        }
    }
}

/// A filter of the codes that VoroTop found in a configuration, by the symmetry of the cells.
fn filter_by_symmetry(name: &str) -> String {
    let mut codes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for known in known(name).into_values() {
        codes
            .entry(symmetry(&known))
            .or_default()
            .insert(known.code);
    }
    let mut text = format!("#\tcells of {name}\n");
    for (number, (symmetry, codes)) in (1..).zip(&codes) {
        text += &format!("*\t{number}\t{symmetry}\tas VoroTop finds it\n");
        for code in codes {
            text += &format!("{number}\t{code}\n");
        }
    }
    text
}

fn symmetry(known: &Known) -> &'static str {
    match (known.symmetry_order, known.chirality) {
        (1, _) => "no symmetry",
        (_, 0) => "with a mirror",
        _ => "rotations only",
    }
}

#[test]
fn filters_sort_particles_as_the_codes_of_vorotop_say() {
    let scratch = Scratch::new();
    for (of, on) in [
        ("fcc_thermal", "hcp_thermal"),
        ("fcc_thermal", "fcc_thermal"),
        ("random", "random"),
        ("vhg_fast", "glass_fast_minimum"),
    ] {
        let filter = scratch.file("cells.filter", filter_by_symmetry(of));
        let in_filter: BTreeSet<String> = known(of).into_values().map(|known| known.code).collect();
        let (_, input) = CONFIGURATIONS
            .into_iter()
            .find(|(name, _)| *name == on)
            .unwrap();
        let expected = known(on);
        // With and without codes: the second looks at the faces first.
        let rows = rows("particles", &path(input), &["--filter", &filter]);
        let annotated = scratch.path("annotated.extxyz");
        hyalo(&[
            "icosa",
            &path(input),
            "--filter",
            &filter,
            "--annotate",
            &annotated,
            "--force",
            "-o",
            "/dev/null",
        ])
        .ok();
        let annotated = std::fs::read_to_string(&annotated).unwrap();
        let by_id = column(&annotated, "structure");
        let mut found = BTreeSet::new();
        for row in rows {
            let known = &expected[&row["id"].as_i64().unwrap()];
            let structure = in_filter.contains(&known.code).then(|| symmetry(known));
            assert_eq!(
                row["structure"].as_str(),
                structure,
                "{of} on {on}: {}",
                row["id"]
            );
            let word = structure.unwrap_or("none").replace(' ', "_");
            assert_eq!(
                by_id[&row["id"].as_i64().unwrap()],
                word,
                "{of} on {on}: {}",
                row["id"]
            );
            found.insert(structure);
        }
        assert!(found.len() >= 3, "{of} on {on}: {found:?}");
    }
}

/// A column of extended XYZ by id.
fn column(text: &str, name: &str) -> HashMap<i64, String> {
    let mut lines = text.lines().skip(1);
    let header = lines.next().unwrap();
    let (_, properties) = header.split_once("Properties=").unwrap();
    let words: Vec<&str> = properties.split(' ').next().unwrap().split(':').collect();
    let mut at = 0;
    let mut places = HashMap::new();
    for property in words.chunks(3) {
        places.insert(property[0], at);
        at += property[2].parse::<usize>().unwrap();
    }
    let value = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (
            words[places["id"]].parse().unwrap(),
            words[places[name]].to_string(),
        )
    };
    lines.map(value).collect()
}

#[test]
fn icosahedra_of_the_glasses_are_those_of_the_paper_s_normalisation() {
    // Icosahedra around small and large particles at the minimum of a glass and of the same homogenised.
    for (input, small, large) in [("glass_fast_minimum", 470, 14), ("vhg_fast", 536, 116)] {
        let table = hyalo(&["icosa", &path(&format!("engine/{input}.extxyz.gz"))])
            .ok()
            .table();
        assert_eq!(table.words("species"), ["all", "A", "B"]);
        assert_eq!(table.integers("particles"), [4000, 2032, 1968]);
        assert_eq!(table.integers("count"), [small + large, small, large]);
        let (small, large) = (small as f64, large as f64);
        assert_eq!(
            table.reals("fraction"),
            [(small + large) / 4000.0, small / 2032.0, large / 1968.0]
        );
        assert_eq!(
            table.reals("count_per_central"),
            [(small + large) / 2032.0, small / 2032.0, large / 2032.0]
        );
    }
    let input = path("engine/vhg_fast.extxyz.gz");
    let central = |species: &str| {
        hyalo(&["icosa", &input, "--central", species])
            .ok()
            .table()
            .reals("count_per_central")
    };
    assert_eq!(
        central("all"),
        [652.0 / 4000.0, 536.0 / 4000.0, 116.0 / 4000.0]
    );
    assert_eq!(
        central("B"),
        [652.0 / 1968.0, 536.0 / 1968.0, 116.0 / 1968.0]
    );
}

#[test]
fn frank_kasper_polyhedra_are_those_of_their_symmetries() {
    for name in ["glass_fast_minimum", "vhg_fast"] {
        let table = hyalo(&[
            "icosa",
            &path(&format!("engine/{name}.extxyz.gz")),
            "--types",
            "icosahedron,z14,Z15,z16",
        ])
        .ok()
        .table();
        let known = known(name);
        for (structure, face_counts, order) in [
            ("icosahedron", &[0, 0, 12][..], 120),
            ("Z14", &[0, 0, 12, 2], 24),
            ("Z15", &[0, 0, 12, 3], 12),
            ("Z16", &[0, 0, 12, 4], 24),
        ] {
            let is_it =
                |known: &&Known| known.face_counts == face_counts && known.symmetry_order == order;
            let expected = known.values().filter(is_it).count() as i64;
            assert!(expected > 0);
            let found = table
                .only("structure", structure)
                .only("species", "all")
                .integers("count");
            assert_eq!(found, [expected], "{name}: {structure}");
        }
    }
}

#[test]
fn the_commonest_codes_are_counted() {
    let known = known("vhg_fast");
    let mut counts: HashMap<&str, i64> = HashMap::new();
    known
        .values()
        .for_each(|known| *counts.entry(&known.code).or_insert(0) += 1);
    let rows = rows(
        "codes",
        &path("engine/vhg_fast.extxyz.gz"),
        &["--top", "30"],
    );
    assert_eq!(rows.len(), 30);
    let mut largest: Vec<i64> = counts.values().copied().collect();
    largest.sort_unstable_by(|a, b| b.cmp(a));
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["rank"], at as i64 + 1);
        assert_eq!(row["count"], largest[at]);
        assert_eq!(row["count"], counts[row["code"].as_str().unwrap()]);
        assert_eq!(row["fraction"], largest[at] as f64 / 4000.0);
        let is_it = |known: &&Known| known.code == row["code"];
        let chirality = known.values().find(is_it).unwrap().chirality;
        assert_eq!(row["is_chiral"], chirality != 0);
    }
}

#[test]
fn clusters_are_what_can_be_reached_from_face_to_face() {
    let text = text("engine/vhg_fast.extxyz.gz");
    let mut positions = vec![Vector3::zeros(); 4000];
    for line in text.lines().skip(2) {
        let words: Vec<f64> = line
            .split_whitespace()
            .map(|word| word.parse().unwrap_or(0.0))
            .collect();
        positions[words[0] as usize - 1] = Vector3::new(words[2], words[3], words[4]);
    }
    let edge = 17.471609294726;
    let cell = Cell::orthogonal([edge; 3]).unwrap();
    let tessellation = Tessellation::new(&cell, &positions, Weights::Plain).unwrap();
    let mut workspace = Workspace::default();
    let neighbours: Vec<Vec<usize>> = (0..4000)
        .map(|at| {
            let faces = tessellation.cell(at, &mut workspace).unwrap().faces();
            faces
                .iter()
                .map(|face| face.neighbour.unwrap() as usize)
                .collect()
        })
        .collect();
    let structure = |known: &Known| match (&known.face_counts[..], known.symmetry_order) {
        ([0, 0, 12], _) => Some("icosahedron"),
        ([0, 0, 12, 2], _) => Some("Z14"),
        _ => None,
    };
    let structures: Vec<Option<&str>> = known("vhg_fast").values().map(structure).collect();
    // Every particle of a structure in turn, with all that can be reached from it.
    let mut expected = Vec::new();
    let mut reached = vec![false; 4000];
    for start in 0..4000 {
        if structures[start].is_none() || reached[start] {
            continue;
        }
        let mut members = vec![start];
        reached[start] = true;
        let mut next = 0;
        while next < members.len() {
            for &neighbour in &neighbours[members[next]] {
                if structures[neighbour] == structures[start] && !reached[neighbour] {
                    reached[neighbour] = true;
                    members.push(neighbour);
                }
            }
            next += 1;
        }
        expected.push(members);
    }
    expected.sort_by_key(|members| std::cmp::Reverse(members.len()));
    let input = path("engine/vhg_fast.extxyz.gz");
    let types = ["--types", "icosahedron,Z14"];
    let clusters = rows("clusters", &input, &types);
    assert_eq!(clusters.len(), expected.len());
    let particles = rows("particles", &input, &types);
    for (at, (row, members)) in clusters.iter().zip(&expected).enumerate() {
        assert_eq!(row["cluster"], at as i64 + 1);
        assert_eq!(row["size"], members.len());
        assert_eq!(row["structure"].as_str(), structures[members[0]]);
        let numbered = |&&member: &&usize| particles[member]["cluster"] == row["cluster"];
        assert_eq!(members.iter().filter(numbered).count(), members.len());
    }
    let outside = particles
        .iter()
        .filter(|row| row["cluster"].is_null())
        .count();
    assert_eq!(outside + expected.iter().map(Vec::len).sum::<usize>(), 4000);
    let frames = rows("frames", &input, &types);
    let largest = |structure: &str| {
        let of = |members: &&Vec<usize>| structures[members[0]] == Some(structure);
        expected.iter().find(of).map(Vec::len).unwrap()
    };
    assert_eq!(frames[0]["largest_cluster"], largest("icosahedron"));
    assert_eq!(frames[1]["largest_cluster"], largest("Z14"));
    assert!(frames[2]["largest_cluster"].is_null());
}

#[test]
fn inherent_structures_are_those_of_the_minimum() {
    let (start, minimum) = (
        path("engine/glass_fast.extxyz.gz"),
        path("engine/glass_fast_minimum.extxyz.gz"),
    );
    // The minimum is another program's: its positions differ by less than any cell notices.
    let by_id = |rows: Vec<Value>| -> Vec<(Value, Value)> {
        rows.iter()
            .map(|row| (row["id"].clone(), row["code"].clone()))
            .collect()
    };
    let found = by_id(rows("particles", &start, &["--inherent"]));
    assert_eq!(found, by_id(rows("particles", &minimum, &[])));
    assert_ne!(found, by_id(rows("particles", &start, &[])));
    // What is annotated is the minimum, and that is its own.
    let scratch = Scratch::new();
    let annotated = scratch.path("minimum.extxyz");
    hyalo(&[
        "icosa",
        &start,
        "--inherent",
        "--annotate",
        &annotated,
        "-o",
        "/dev/null",
    ])
    .ok();
    let once = std::fs::read_to_string(&annotated).unwrap();
    assert_eq!(found, by_id(rows("particles", &annotated, &[])));
    let again = scratch.path("again.extxyz");
    hyalo(&[
        "icosa",
        &annotated,
        "--inherent",
        "--annotate",
        &again,
        "-o",
        "/dev/null",
    ])
    .ok();
    assert_eq!(once, std::fs::read_to_string(&again).unwrap());
}

#[test]
fn radical_cells_of_equal_spheres_are_plain() {
    let input = path("vorotop/hcp_thermal.lammpstrj.gz");
    let radical = ["--tessellation", "radical", "--diameters", "1=1.3"];
    let codes = |flags: &[&str]| -> Vec<Value> {
        rows("particles", &input, flags)
            .iter()
            .map(|row| row["code"].clone())
            .collect()
    };
    assert_eq!(codes(&radical), codes(&[]));
    let glass = path("engine/vhg_fast.extxyz.gz");
    let count = |kind: &str| {
        hyalo(&["icosa", &glass, "--tessellation", kind])
            .ok()
            .table()
            .integers("count")[0]
    };
    assert_ne!(count("radical"), count("plain"));
}

#[test]
fn a_covered_radical_cell_has_no_code() {
    let scratch = Scratch::new();
    // A small sphere inside a large one, among others.
    let dump = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id type x y z radius
1 1 2 2 2 3\n2 2 2.5 2.2 2.1 0.1\n3 1 7 3 6 1\n4 1 4 8 7 1\n";
    let input = scratch.file("covered.lammpstrj", dump);
    let rows = rows("particles", &input, &["--tessellation", "radical"]);
    assert!(rows[1]["code"].is_null() && rows[1]["structure"].is_null());
    assert_eq!(rows[1]["n_faces"], 0);
    assert!(rows[0]["code"].is_string());
}

#[test]
fn what_cannot_be_done_is_refused_in_one_line() {
    let scratch = Scratch::new();
    let tilted = path("vorotop/random_triclinic.lammpstrj.gz");
    let glass = path("engine/vhg_fast.extxyz.gz");
    let broken = scratch.file("broken.filter", "# by hand\n*\t1\tA\n1\t(1,2,3,1)\n");
    let icosahedra = scratch.file("ico.filter", {
        let code = known("vhg_fast")
            .into_values()
            .find(|known| known.symmetry_order == 120)
            .unwrap()
            .code;
        format!("*\t1\tICO\n1\t{code}\n")
    });
    let missing = scratch.path("missing.filter");
    for (arguments, says) in [
        (
            vec![&*tilted, "--inherent", "--diameters", "1=1"],
            "frame 0: an inherent structure needs an orthogonal cell that is periodic in x, y and z",
        ),
        (
            vec![&path("vorotop/random.lammpstrj.gz"), "--inherent"],
            "frame 0: an inherent structure needs diameters",
        ),
        (
            vec![&*tilted, "--tessellation", "radical"],
            "frame 0: the radical tessellation needs diameters",
        ),
        (
            vec![&*glass, "--central", "C"],
            "there is no species 'C'; --central takes all, or one of A, B",
        ),
        (vec![&*glass, "--top", "0"], "--top 0 leaves no code"),
        (
            vec![&*glass, "--inherent", "--potential", "soft"],
            "there is no potential 'soft'",
        ),
        (
            vec![&*glass, "--filter", &broken],
            "broken.filter: line 3: the code goes from 1 to 2 but not from 2 to 1",
        ),
        (
            vec![&*glass, "--filter", &missing],
            "missing.filter: No such file or directory",
        ),
        (
            vec![&*glass, "--filter", &icosahedra, "--types", "icosahedron"],
            "ico.filter: the same code belongs to 'icosahedron' and to 'ICO'",
        ),
        (
            vec![&*glass, "--filter", &icosahedra, "--filter", &icosahedra],
            "ico.filter: two structures are called 'ICO'",
        ),
        (
            vec![&*glass, "--against", "temperature"],
            "frame 0: the frame has no temperature",
        ),
    ] {
        let output = scratch.path("never.csv");
        let message = hyalo(&[&["icosa", "-o", &output], &arguments[..]].concat()).refused();
        assert!(message.contains(says), "{message}\nnot: {says}");
        assert!(!scratch.names().contains(&"never.csv".to_string()));
    }
}

#[test]
fn nothing_depends_on_the_number_of_threads() {
    let input = common::fixture("heat_wrapped.lammpstrj.gz");
    let outputs = |threads: &str| {
        let scratch = Scratch::new();
        let [frames, particles, codes, clusters, annotated] =
            ["f.csv", "p.parquet", "c.csv", "l.csv", "a.extxyz"].map(|name| scratch.path(name));
        let tables = [
            ("particles", &particles),
            ("codes", &codes),
            ("clusters", &clusters),
        ]
        .map(|(name, path)| format!("{name}={path}"));
        hyalo(&[
            "icosa",
            &input,
            "--diameters",
            "1=1.0,2=1.2",
            "--frames",
            "::4",
            "--types",
            "icosahedron,Z14",
            "-j",
            threads,
            "-o",
            &frames,
            "--table",
            &tables[0],
            "--table",
            &tables[1],
            "--table",
            &tables[2],
            "--annotate",
            &annotated,
        ])
        .ok();
        [frames, particles, codes, clusters, annotated].map(|path| std::fs::read(path).unwrap())
    };
    let one = outputs("1");
    assert!(one == outputs("3"));
    let table = Table::parse(std::str::from_utf8(&one[0]).unwrap());
    assert_eq!(table.rows.len(), 11 * 3 * 2);
    // The default sees the same icosahedra without codes.
    let alone = hyalo(&["icosa", &input, "--frames", "::4"]).ok().table();
    assert_eq!(
        alone.integers("count"),
        table.only("structure", "icosahedron").integers("count")
    );
}
