//! Positions that are continuous in time.

use std::str::FromStr;

use nalgebra::{Matrix3, Vector3};

use crate::data::cell::Cell;
use crate::data::frame::{Coordinates, Frame};
use crate::error::{Error, Result};

/// Where the number of cells that a particle has crossed comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unwrap {
    /// Unwrapped positions as they are, else image flags, else the nearest image.
    #[default]
    Auto,
    /// Image flags only.
    Images,
    /// The image nearest to the frame before, whatever flags there are.
    Nearest,
    /// Positions as they stand in the input.
    None,
}

impl Unwrap {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Unwrap::Auto => "auto",
            Unwrap::Images => "images",
            Unwrap::Nearest => "nearest",
            Unwrap::None => "none",
        }
    }
}

impl FromStr for Unwrap {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Unwrap::Auto),
            "images" => Ok(Unwrap::Images),
            "nearest" => Ok(Unwrap::Nearest),
            "none" => Ok(Unwrap::None),
            _ => Err("write auto, images, nearest or none".to_string()),
        }
    }
}

/// Largest displacement between two frames, in cell edges, at which the nearest image is trusted. A particle that really moved by more than
/// half an edge would show up as one that moved by less; long before one does, others come close.
const TRUSTED: f64 = 0.4;

/// Unwraps the frames of a trajectory one after the other.
pub struct Unwrapper {
    mode: Unwrap,
    /// What the positions of the first frame are, and that frame.
    kind: Option<(&'static str, usize)>,
    before: Option<Before>,
}

/// The frame before: its ids, its cell, fractional coordinates as stored, and the cells crossed since the first frame.
struct Before {
    ids: Vec<i64>,
    cell: Cell,
    fractional: Vec<Vector3<f64>>,
    images: Vec<[i32; 3]>,
    ordinal: usize,
}

impl Unwrapper {
    /// An unwrapper that has not seen a frame.
    pub fn new(mode: Unwrap) -> Self {
        Unwrapper {
            mode,
            kind: None,
            before: None,
        }
    }

    /// Unwraps the next frame: r + H n with n from the image flags, else such that each particle is at the image nearest to where it was
    /// in the frame before. Non-periodic directions are left alone.
    ///
    /// Errors: no cell; flags that are asked for and missing; positions of another kind than those of the first frame; particles that come or go, or that move by more than 0.4 of a cell edge
    /// between two frames, where the nearest image is used.
    pub fn apply(&mut self, mut frame: Frame) -> Result<Frame> {
        let ordinal = frame.ordinal;
        let words = frame.coordinates.words();
        let (kind, first) = *self.kind.get_or_insert((words, ordinal));
        if self.mode == Unwrap::Auto && kind != words {
            let what = format!("its positions are {words}, those of frame {first} {kind}");
            return Err(Error::new(what)
                .help("use one kind of frames with --frames, or --unwrap nearest or none")
                .in_frame(ordinal));
        }
        match (self.mode, &frame.coordinates) {
            (Unwrap::None, _) | (Unwrap::Auto, Coordinates::Unwrapped) => Ok(frame),
            (Unwrap::Auto | Unwrap::Images, Coordinates::Images(images)) => {
                let cell = frame.cell.as_ref().ok_or_else(|| no_cell(ordinal))?;
                let periodic = cell.periodic();
                for (position, image) in frame.positions.iter_mut().zip(images) {
                    if *image != [0; 3] {
                        *position += cell.translation(
                            [0, 1, 2].map(|axis| if periodic[axis] { image[axis] } else { 0 }),
                        );
                    }
                }
                frame.coordinates = Coordinates::Unwrapped;
                Ok(frame)
            }
            (Unwrap::Images, _) => Err(Error::new("the frame has no image flags")
                .help("use --unwrap auto or nearest")
                .in_frame(ordinal)),
            (Unwrap::Auto | Unwrap::Nearest, _) => {
                self.nearest(&mut frame)?;
                frame.coordinates = Coordinates::Unwrapped;
                Ok(frame)
            }
        }
    }

    fn nearest(&mut self, frame: &mut Frame) -> Result<()> {
        let cell = frame.cell.as_ref().ok_or_else(|| no_cell(frame.ordinal))?;
        let periodic = cell.periodic();
        let fractional: Vec<Vector3<f64>> = frame
            .positions
            .iter()
            .map(|position| cell.fractional(position))
            .collect();
        if let Some(before) = &mut self.before
            && let Some(flip) = flip(&before.cell, cell)
        {
            before.express_in(&flip);
        }
        let images = match &self.before {
            None => vec![[0; 3]; frame.len()],
            Some(_) if frame.unordered => {
                let what = "the dump has no column id, so particles cannot be followed through the periodic cell";
                return Err(Error::new(what)
                    .help("dump the ids; or use --ordered if the particles stand in the same order in every frame")
                    .in_frame(frame.ordinal));
            }
            Some(before) if before.ids != frame.ids => {
                let what = format!(
                    "the particles are not those of frame {}, so they cannot be followed through the periodic cell",
                    before.ordinal
                );
                return Err(Error::new(what)
                    .help("dump image flags or unwrapped positions, or use --unwrap none")
                    .in_frame(frame.ordinal));
            }
            Some(before) => {
                let mut images = before.images.clone();
                for row in 0..frame.len() {
                    for axis in (0..3).filter(|&axis| periodic[axis]) {
                        let moved = fractional[row][axis] - before.fractional[row][axis];
                        let crossed = moved.round();
                        if (moved - crossed).abs() > TRUSTED {
                            let what = format!(
                                "particle {} moved by {:.2} of the cell since frame {}: its image is ambiguous",
                                frame.ids[row],
                                (moved - crossed).abs(),
                                before.ordinal
                            );
                            let help = "use every frame, dump more often, or dump image flags or unwrapped positions";
                            return Err(Error::new(what).help(help).in_frame(frame.ordinal));
                        }
                        images[row][axis] -= crossed as i32;
                    }
                }
                images
            }
        };
        for (position, image) in frame.positions.iter_mut().zip(&images) {
            if *image != [0; 3] {
                *position += cell.translation(*image);
            }
        }
        self.before = Some(Before {
            ids: frame.ids.clone(),
            cell: cell.clone(),
            fractional,
            images,
            ordinal: frame.ordinal,
        });
        Ok(())
    }
}

impl Before {
    /// Counts in the edges of a flipped cell.
    fn express_in(&mut self, flip: &Matrix3<f64>) {
        for fractional in &mut self.fractional {
            *fractional = flip * *fractional;
        }
        for image in &mut self.images {
            let counted = flip * Vector3::from(image.map(f64::from));
            *image = [0, 1, 2].map(|axis| counted[axis] as i32);
        }
    }
}

/// The edges of a cell in terms of the next one's, in whole numbers, if these are other edges of the same lattice: LAMMPS flips a sheared
/// cell that leans too far. `None` if the edges are the same but for a strain.
fn flip(before: &Cell, now: &Cell) -> Option<Matrix3<f64>> {
    let edges = [0, 1, 2].map(|axis| now.fractional(&(now.origin() + before.edge(axis))));
    let flip = Matrix3::from_columns(&edges).map(f64::round);
    let periodic = now.periodic();
    let is_own =
        |row: usize, column: usize| flip[(row, column)] == f64::from(u8::from(row == column));
    let is_same = |axis: usize| (0..3).all(|other| is_own(axis, other) && is_own(other, axis));
    let is_flipped = (0..3).any(|axis| !is_same(axis))
        && (0..3).all(|axis| periodic[axis] || is_same(axis))
        && flip.determinant() == 1.0;
    is_flipped.then_some(flip)
}

fn no_cell(ordinal: usize) -> Error {
    Error::new("the input has no cell, so positions cannot be unwrapped")
        .help("give the cell with --cell LX,LY,LZ, or use --unwrap none if the positions are unwrapped already")
        .in_frame(ordinal)
}
