//! Where the data are, so that legend and inset can keep out of their way.

use super::lines::cut;
use super::scene::{Point, Rect, Shape};

const PITCH: f64 = 1.5;
/// What comes closer than this touches.
const CLEARANCE: f64 = 1.5;

/// A coarse picture of which parts of a frame are taken.
#[derive(Clone)]
pub struct Occupancy {
    frame: Rect,
    columns: usize,
    taken: Vec<bool>,
}

impl Occupancy {
    /// What the shapes take of a frame.
    pub fn of<'a>(shapes: impl IntoIterator<Item = &'a Shape>, frame: Rect) -> Self {
        let cells = |length: f64| (length / PITCH).ceil().max(1.0) as usize;
        let columns = cells(frame.width());
        let mut occupancy = Occupancy {
            frame,
            columns,
            taken: vec![false; columns * cells(frame.height())],
        };
        for shape in shapes {
            match shape {
                Shape::Line { points, .. } => {
                    for pair in points.windows(2) {
                        occupancy.take_segment(pair[0], pair[1]);
                    }
                }
                Shape::Area { parts, .. } => {
                    for part in parts {
                        occupancy.take(part);
                    }
                }
                Shape::Tint { corners, .. } => {
                    for pair in corners.windows(2) {
                        occupancy.take_segment(pair[0], pair[1]);
                    }
                }
                Shape::Discs {
                    centers, radius, ..
                } => {
                    for &center in centers {
                        occupancy.take(&Rect::spanned(center, center).grown(*radius));
                    }
                }
                Shape::Circles { circles, .. } => {
                    for &(center, radius) in circles {
                        occupancy.take(&Rect::spanned(center, center).grown(radius));
                    }
                }
                Shape::Text { .. } => {}
            }
        }
        occupancy
    }

    fn take_segment(&mut self, from: Point, to: Point) {
        let Some((from, to)) = cut(from, to, &self.frame) else {
            return;
        };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = (dx.hypot(dy) / (0.5 * PITCH)).ceil().max(1.0);
        for step in 0..=steps as usize {
            let t = step as f64 / steps;
            let point = (from.0 + t * dx, from.1 + t * dy);
            self.take(&Rect::spanned(point, point));
        }
    }

    /// Marks a rectangle as taken.
    pub fn take(&mut self, rect: &Rect) {
        for index in self.cells(rect).collect::<Vec<_>>() {
            self.taken[index] = true;
        }
    }

    /// How much of the data a rectangle would hide or touch, in square points; infinite where it leaves the frame.
    pub fn hidden(&self, rect: &Rect) -> f64 {
        let inside = self.frame.grown(1e-6);
        if !inside.holds((rect.left, rect.top)) || !inside.holds((rect.right, rect.bottom)) {
            return f64::INFINITY;
        }
        let count = self
            .cells(&rect.grown(CLEARANCE))
            .filter(|&index| self.taken[index])
            .count();
        count as f64 * PITCH * PITCH
    }

    /// The cells that a rectangle touches.
    fn cells(&self, rect: &Rect) -> impl Iterator<Item = usize> + use<> {
        let columns = self.columns;
        let rows = self.taken.len() / columns;
        let range = |low: f64, high: f64, origin: f64, count: usize| {
            let index = |value: f64| ((value - origin) / PITCH).floor().clamp(-1.0, count as f64);
            let (low, high) = (index(low).max(0.0), index(high).min(count as f64 - 1.0));
            low as usize..(high + 1.0) as usize
        };
        let across = range(rect.left, rect.right, self.frame.left, columns);
        range(rect.top, rect.bottom, self.frame.top, rows)
            .flat_map(move |row| across.clone().map(move |column| row * columns + column))
    }

    /// The corner where a box of the given size hides least, at the given distance from the frame, and what it hides there.
    pub fn corner(&self, size: (f64, f64), distance: f64) -> (Rect, f64) {
        let room = self.room(size, distance);
        self.least(size, corners(&room))
    }

    /// The place where a box of the given size hides least: corners come first, then the middles of sides, then any other.
    pub fn anywhere(&self, size: (f64, f64), distance: f64) -> (Rect, f64) {
        const STEP: f64 = 6.0;
        let room = self.room(size, distance);
        let (center, middle) = room.center();
        let sides = [
            (center, room.top),
            (room.right, middle),
            (room.left, middle),
            (center, room.bottom),
        ];
        let steps = |length: f64| 1..(length / STEP).max(1.0) as usize;
        let others = steps(room.height()).flat_map(|down| {
            let y = room.top + down as f64 * STEP;
            steps(room.width()).map(move |across| (room.right - across as f64 * STEP, y))
        });
        self.least(size, corners(&room).into_iter().chain(sides).chain(others))
    }

    /// Where the upper left corner of a box may lie.
    fn room(&self, (width, height): (f64, f64), distance: f64) -> Rect {
        let room = self.frame.grown(-distance);
        Rect {
            right: room.right - width,
            bottom: room.bottom - height,
            ..room
        }
    }

    /// The first of the places that hides least.
    fn least(
        &self,
        (width, height): (f64, f64),
        places: impl IntoIterator<Item = Point>,
    ) -> (Rect, f64) {
        let mut best = (self.frame, f64::INFINITY);
        for (x, y) in places {
            let place = Rect::at(x, y, width, height);
            let hidden = self.hidden(&place);
            if hidden < best.1 {
                best = (place, hidden);
            }
            if hidden == 0.0 {
                break;
            }
        }
        best
    }
}

/// Corners in the order they are preferred.
fn corners(room: &Rect) -> [Point; 4] {
    [
        (room.right, room.top),
        (room.left, room.top),
        (room.right, room.bottom),
        (room.left, room.bottom),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::figure::Dash;
    use crate::sink::figure::colors::BLACK;
    use crate::sink::figure::scene::Pen;

    const FRAME: Rect = Rect {
        left: 10.0,
        top: 10.0,
        right: 110.0,
        bottom: 90.0,
    };

    fn line(points: &[Point]) -> Shape {
        Shape::Line {
            points: points.to_vec(),
            pen: Pen {
                color: BLACK,
                width: 1.0,
                dash: Dash::Solid,
            },
        }
    }

    #[test]
    fn takes_the_free_corner() {
        let rising = line(&[(10.0, 90.0), (110.0, 10.0)]);
        let (place, hidden) = Occupancy::of([&rising], FRAME).corner((30.0, 20.0), 5.0);
        assert_eq!((place.left, place.top, hidden), (15.0, 15.0, 0.0));
        let falling = line(&[(10.0, 10.0), (110.0, 90.0)]);
        let (place, hidden) = Occupancy::of([&falling], FRAME).corner((30.0, 20.0), 5.0);
        assert_eq!((place.right, place.top, hidden), (105.0, 15.0, 0.0));
    }

    #[test]
    fn takes_a_gap_when_corners_are_taken() {
        let cross = [
            line(&[(10.0, 10.0), (110.0, 90.0)]),
            line(&[(10.0, 90.0), (110.0, 10.0)]),
        ];
        let free = Occupancy::of(&cross, FRAME);
        assert!(free.corner((30.0, 20.0), 5.0).1 > 0.0);
        let (place, hidden) = free.anywhere((30.0, 12.0), 5.0);
        assert_eq!((place.center().0, place.top, hidden), (60.0, 15.0, 0.0));
    }

    #[test]
    fn too_large_a_box_is_nowhere() {
        let (_, hidden) = Occupancy::of([], FRAME).anywhere((300.0, 20.0), 5.0);
        assert!(hidden.is_infinite());
    }

    #[test]
    fn a_segment_through_the_frame_takes_it_even_with_both_ends_outside() {
        let across = line(&[(-1e9, 20.0), (1e9, 20.0)]);
        assert!(Occupancy::of([&across], FRAME).hidden(&Rect::at(50.0, 15.0, 10.0, 10.0)) > 0.0);
    }
}
