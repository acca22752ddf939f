//! Lines cut down to what can be seen of them.

use super::scene::{Point, Rect};

/// Splits a line at its gaps, cuts it at a rectangle, and leaves out points that would not change what is seen.
pub fn visible(points: impl IntoIterator<Item = Option<Point>>, within: &Rect) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = Vec::new();
    let mut previous: Option<Point> = None;
    let mut finish = |piece: &mut Vec<Point>| {
        if piece.len() > 1 {
            pieces.push(thinned(piece));
        }
        piece.clear();
    };
    for point in points {
        if let (Some(from), Some(to)) = (previous, point) {
            if let Some((start, end)) = cut(from, to, within) {
                if piece.last() != Some(&start) {
                    finish(&mut piece);
                    piece.push(start);
                }
                piece.push(end);
            } else {
                finish(&mut piece);
            }
        } else {
            finish(&mut piece);
        }
        previous = point;
    }
    finish(&mut piece);
    pieces
}

/// The part of a segment inside a rectangle (Liang and Barsky).
pub fn cut(from: Point, to: Point, within: &Rect) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (step, room) in [
        (-dx, from.0 - within.left),
        (dx, within.right - from.0),
        (-dy, from.1 - within.top),
        (dy, within.bottom - from.1),
    ] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else {
            leave = leave.min(room / step);
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    (enter <= leave).then(|| {
        (
            if enter > 0.0 { at(enter) } else { from },
            if leave < 1.0 { at(leave) } else { to },
        )
    })
}

/// Of consecutive points in the same narrow column only the first, the lowest, the highest and the last make a difference.
fn thinned(points: &[Point]) -> Vec<Point> {
    const COLUMN: f64 = 0.2;
    let column = |point: &Point| (point.0 / COLUMN).floor();
    let mut kept = Vec::new();
    for run in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &usize, b: &usize| run[*a].1.total_cmp(&run[*b].1);
        let mut stay = [
            0,
            (0..run.len()).min_by(by_height).unwrap_or(0),
            (0..run.len()).max_by(by_height).unwrap_or(0),
            run.len() - 1,
        ];
        stay.sort_unstable();
        let mut last = None;
        for index in stay {
            if last != Some(index) {
                kept.push(run[index]);
            }
            last = Some(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Rect = Rect {
        left: 0.0,
        top: 0.0,
        right: 100.0,
        bottom: 50.0,
    };

    #[test]
    fn gaps_and_borders_interrupt() {
        let points = [
            Some((-10.0, 10.0)),
            Some((10.0, 10.0)),
            None,
            Some((20.0, 20.0)),
            Some((20.0, 90.0)),
            Some((30.0, 90.0)),
            Some((30.0, 20.0)),
        ];
        assert_eq!(
            visible(points, &PAGE),
            [
                vec![(0.0, 10.0), (10.0, 10.0)],
                vec![(20.0, 20.0), (20.0, 50.0)],
                vec![(30.0, 50.0), (30.0, 20.0)],
            ]
        );
    }

    #[test]
    fn long_lines_keep_their_extremes() {
        let points: Vec<Point> = (0..100_000)
            .map(|i| (f64::from(i) * 1e-3, 25.0 + f64::from(i * 7919 % 41) - 20.0))
            .collect();
        let pieces = visible(points.iter().copied().map(Some), &PAGE);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].len() <= 4 * 501);
        let top = pieces[0].iter().map(|point| point.1).fold(50.0, f64::min);
        assert_eq!(top, 5.0);
        assert_eq!(pieces[0].last(), points.last());
    }

    #[test]
    fn far_points_do_not_bend_the_line() {
        let pieces = visible([Some((0.0, 0.0)), Some((1e12, 5e11))], &PAGE);
        let end = pieces[0][1];
        assert!((end.0 - 100.0).abs() < 1e-6 && (end.1 - 50.0).abs() < 1e-6);
    }
}
