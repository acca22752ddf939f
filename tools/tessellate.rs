//! Times the tessellator by itself, and Voro++ through its containers, on the first frame of a trajectory: `tessellate FILE REPEATS`, on one
//! core, where the frame has diameters and an orthogonal periodic cell. What OVITO computes too is summed up: volumes, faces with neighbour,
//! area and number of edges. Prints a line of JSON for each: kind, program, the seconds of each repeat, cells, volume, faces, edges.

use std::path::PathBuf;
use std::time::Instant;

use hyalo::data::frame::Frame;
use hyalo::physics::voronoi::{Tessellation, Weights, Workspace};
use hyalo::stream::attach::Attachments;
use hyalo::stream::bytes::Input;
use hyalo::stream::parallel::Workers;
use hyalo::stream::select::FrameRange;
use hyalo::stream::unwrap::Unwrap;
use hyalo::stream::{self, Options};
use voro_rs::prelude::*;

/// Volume, faces and edges of all cells.
#[derive(Default, PartialEq)]
struct Sums {
    volume: f64,
    faces: usize,
    edges: usize,
}

fn hyalo(frame: &Frame, weights: Weights) -> Sums {
    let cell = frame.cell.as_ref().expect("a cell");
    let tessellation = Tessellation::new(cell, &frame.positions, weights).expect("a tessellation");
    let mut workspace = Workspace::default();
    let mut sums = Sums::default();
    for &particle in tessellation.order() {
        let cell = tessellation
            .cell(particle as usize, &mut workspace)
            .expect("a cell");
        sums.volume += cell.volume();
        for face in cell.faces() {
            sums.faces += usize::from(face.neighbour.is_some() && face.area > 0.0);
            sums.edges += face.edges as usize;
        }
    }
    sums
}

/// Positions in the box, which Voro++ needs.
fn wrapped(frame: &Frame) -> Vec<[f64; 3]> {
    let cell = frame.cell.as_ref().expect("a cell");
    let fraction = |position| cell.fractional(position).map(|s: f64| s - s.floor());
    let wrapped = |position| (cell.cartesian(&fraction(position)) - cell.origin()).into();
    frame.positions.iter().map(wrapped).collect()
}

fn voro(frame: &Frame, radii: Option<&[f64]>) -> Sums {
    let edges = frame.cell.as_ref().expect("a cell").lengths();
    let count = frame.len() as f64;
    // Five particles a block, as its authors advise.
    let block = (edges.iter().product::<f64>() / count * 5.0).cbrt();
    let grid = edges.map(|edge| (edge / block).ceil() as i32);
    let mut sums = Sums::default();
    let mut add = |mut cell: VoroCellNbr| {
        sums.volume += cell.volume();
        let (areas, orders, neighbours) = (cell.face_areas(), cell.face_orders(), cell.neighbors());
        for ((area, edges), neighbour) in areas.into_iter().zip(orders).zip(neighbours) {
            sums.faces += usize::from(neighbour >= 0 && area > 0.0);
            sums.edges += edges as usize;
        }
    };
    let positions = wrapped(frame).into_iter().enumerate();
    match radii {
        None => {
            let mut container = ContainerStd::new([0.0; 3], edges, grid, [true; 3]);
            positions.for_each(|(at, position)| container.put(at as i32, position, 0.0));
            let mut each = LoopAll::of_container_std(&mut container);
            let mut has_more = each.start();
            while has_more {
                let cell: Option<VoroCellNbr> = container.compute_cell(&mut each);
                cell.into_iter().for_each(&mut add);
                has_more = each.inc();
            }
        }
        Some(radii) => {
            let mut container = ContainerRad::new([0.0; 3], edges, grid, [true; 3]);
            positions.for_each(|(at, position)| container.put(at as i32, position, radii[at]));
            let mut each = LoopAll::of_container_rad(&mut container);
            let mut has_more = each.start();
            while has_more {
                let cell: Option<VoroCellNbr> = container.compute_cell(&mut each);
                cell.into_iter().for_each(&mut add);
                has_more = each.inc();
            }
        }
    }
    sums
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().expect("a file"));
    let repeats: usize = arguments
        .next()
        .map_or(20, |text| text.parse().expect("a number"));
    let options = Options {
        format: None,
        atom_style: None,
        frames: FrameRange::ALL,
        reference: None,
        partial: false,
        species: Vec::new(),
        attachments: Attachments::default(),
        unwrap: Unwrap::None,
        without_hash: true,
    };
    let workers = Workers::new(1).expect("a worker");
    let mut trajectory = stream::open(&Input::File(path), &options, workers).expect("a trajectory");
    let frame = trajectory.frames.next().expect("a frame").expect("a frame");
    let radii: Vec<f64> = frame
        .diameters
        .iter()
        .flatten()
        .map(|diameter| 0.5 * diameter)
        .collect();
    assert_eq!(radii.len(), frame.len(), "the frame has diameters");
    for kind in ["plain", "radical"] {
        let is_radical = kind == "radical";
        let own = || {
            hyalo(
                &frame,
                if is_radical {
                    Weights::Radical(&radii)
                } else {
                    Weights::Plain
                },
            )
        };
        let theirs = || voro(&frame, is_radical.then_some(&radii[..]));
        let programs: [(&str, &dyn Fn() -> Sums); 2] = [("hyalo", &own), ("voro_rs", &theirs)];
        // In turn, so that whatever else the machine does meets both alike.
        let mut seconds = [const { Vec::new() }; 2];
        let mut sums = [Sums::default(), Sums::default()];
        for _ in 0..repeats {
            for (at, (_, run)) in programs.iter().enumerate() {
                let start = Instant::now();
                sums[at] = run();
                seconds[at].push(start.elapsed().as_secs_f64());
            }
        }
        for (((program, _), seconds), sums) in programs.iter().zip(seconds).zip(sums) {
            let Sums {
                volume,
                faces,
                edges,
            } = sums;
            println!(
                r#"{{"kind": "{kind}", "program": "{program}", "seconds": {seconds:?}, "cells": {}, "volume": {volume}, "faces": {faces}, "edges": {edges}}}"#,
                frame.len()
            );
        }
    }
}
