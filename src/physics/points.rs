//! Points in a cell: which lies nearest, which hang together, how far the first shell of neighbours reaches.

use nalgebra::Vector3;

use crate::data::cell::Cell;

/// Points that have been put back into a cell and sorted into bins, so that neighbours are found without looking at all of them.
///
/// Along periodic edges every image counts, however skewed or small the cell is; along others there is only one.
pub struct Points {
    cell: Cell,
    /// Positions (length): put back into the cell along periodic edges.
    positions: Vec<Vector3<f64>>,
    bins: Bins,
    /// Points by bin: those of bin b are `members[starts[b]..starts[b + 1]]`.
    starts: Vec<u32>,
    members: Vec<u32>,
}

/// A grid of bins along the edges of a cell.
struct Bins {
    counts: [i64; 3],
    /// Fractional coordinate at which the bins begin, and the length of one.
    low: [f64; 3],
    step: [f64; 3],
    /// Smallest distance between opposite faces of a bin (length), along edges where bins have neighbours.
    width: f64,
}

/// Points in a bin, on the average.
const PER_BIN: f64 = 2.0;

impl Bins {
    fn new(cell: &Cell, fractional: &[Vector3<f64>]) -> Self {
        let periodic = cell.periodic();
        let (mut low, mut extent) = ([0.0; 3], [1.0; 3]);
        for axis in (0..3).filter(|&axis| !periodic[axis]) {
            let along = || fractional.iter().map(|s| s[axis]);
            low[axis] = along().fold(f64::INFINITY, f64::min).min(1e9);
            let high = along().fold(f64::NEG_INFINITY, f64::max).max(low[axis]);
            extent[axis] = (high - low[axis]).max(1e-3);
        }
        let faces = widths(cell);
        let size = |axis: usize| faces[axis] * extent[axis];
        let volume = size(0) * size(1) * size(2);
        let wanted = (volume * PER_BIN / fractional.len().max(1) as f64).cbrt();
        // Not more bins than points, however flat the cell is.
        let most = fractional.len().max(1) as f64;
        let counts = [0, 1, 2].map(|axis| {
            (size(axis) / wanted)
                .floor()
                .clamp(1.0, most.cbrt().ceil() * 4.0) as i64
        });
        let step = [0, 1, 2].map(|axis| extent[axis] / counts[axis] as f64);
        // A single bin along an edge without images has no neighbour there, however thin it is.
        let width = (0..3)
            .filter(|&axis| periodic[axis] || counts[axis] > 1)
            .map(|axis| faces[axis] * step[axis])
            .fold(f64::MAX, f64::min);
        Bins {
            counts,
            low,
            step,
            width,
        }
    }

    fn of(&self, fractional: &Vector3<f64>) -> [i64; 3] {
        [0, 1, 2].map(|axis| {
            let bin = (fractional[axis] - self.low[axis]) / self.step[axis];
            (bin.floor() as i64).clamp(0, self.counts[axis] - 1)
        })
    }

    fn index(&self, [a, b, c]: [i64; 3]) -> usize {
        ((a * self.counts[1] + b) * self.counts[2] + c) as usize
    }
}

/// Distances between opposite faces of a cell (length): V / |b × c| and so on.
pub fn widths(cell: &Cell) -> [f64; 3] {
    [0, 1, 2].map(|axis| {
        let (b, c) = (cell.edge((axis + 1) % 3), cell.edge((axis + 2) % 3));
        cell.volume() / b.cross(&c).norm()
    })
}

impl Points {
    /// Sorts points (length) into the bins of a cell; they may lie anywhere outside it.
    pub fn new(cell: &Cell, positions: &[Vector3<f64>]) -> Self {
        let periodic = cell.periodic();
        let fractional: Vec<Vector3<f64>> = positions
            .iter()
            .map(|position| {
                let mut s = cell.fractional(position);
                (0..3)
                    .filter(|&axis| periodic[axis])
                    .for_each(|axis| s[axis] -= s[axis].floor());
                s
            })
            .collect();
        let bins = Bins::new(cell, &fractional);
        let bin_of: Vec<usize> = fractional.iter().map(|s| bins.index(bins.of(s))).collect();
        let all = bins.counts.iter().product::<i64>() as usize;
        let mut starts = vec![0u32; all + 1];
        bin_of.iter().for_each(|&bin| starts[bin + 1] += 1);
        (0..all).for_each(|bin| starts[bin + 1] += starts[bin]);
        let mut next = starts.clone();
        let mut members = vec![0; positions.len()];
        for (point, &bin) in bin_of.iter().enumerate() {
            members[next[bin] as usize] = point as u32;
            next[bin] += 1;
        }
        Points {
            positions: fractional.iter().map(|s| cell.cartesian(s)).collect(),
            cell: cell.clone(),
            bins,
            starts,
            members,
        }
    }

    /// Some of the points, in the same cell.
    pub fn subset(&self, chosen: &[usize]) -> Points {
        let positions: Vec<Vector3<f64>> =
            chosen.iter().map(|&point| self.positions[point]).collect();
        Points::new(&self.cell, &positions)
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The cell.
    pub fn cell(&self) -> &Cell {
        &self.cell
    }

    /// The points (length), put back into the cell along periodic edges.
    pub fn positions(&self) -> &[Vector3<f64>] {
        &self.positions
    }

    /// The points in bins whose indices differ from those of `bin` by `ring` along one edge and by no more along the others, each with the
    /// vector to add for its image. Images beyond the first bin count of a periodic edge are bins too.
    fn ring(&self, bin: [i64; 3], ring: i64, mut visit: impl FnMut(usize, &Vector3<f64>)) {
        let periodic = self.cell.periodic();
        let counts = self.bins.counts;
        for a in -ring..=ring {
            for b in -ring..=ring {
                let on_face = a.abs() == ring || b.abs() == ring;
                let step = if on_face || ring == 0 { 1 } else { 2 * ring };
                let mut c = -ring;
                while c <= ring {
                    let at = [bin[0] + a, bin[1] + b, bin[2] + c];
                    c += step;
                    let inside =
                        (0..3).all(|axis| periodic[axis] || (0..counts[axis]).contains(&at[axis]));
                    if !inside {
                        continue;
                    }
                    let image = [0, 1, 2].map(|axis| at[axis].div_euclid(counts[axis]) as i32);
                    let shift = match image {
                        [0, 0, 0] => Vector3::zeros(),
                        image => self.cell.translation(image),
                    };
                    let index = self
                        .bins
                        .index([0, 1, 2].map(|axis| at[axis].rem_euclid(counts[axis])));
                    let members = self.starts[index] as usize..self.starts[index + 1] as usize;
                    for &point in &self.members[members] {
                        visit(point as usize, &shift);
                    }
                }
            }
        }
    }

    /// The point nearest to a place (length) and its distance (length), leaving one point and all its images out if `except` says so.
    pub fn nearest(&self, place: &Vector3<f64>, except: Option<usize>) -> Option<(usize, f64)> {
        if self.len() == usize::from(except.is_some()) || self.is_empty() {
            return None;
        }
        let (place, bin) = self.inside(place);
        let mut best: Option<(usize, f64)> = None;
        for ring in 0.. {
            self.ring(bin, ring, |point, shift| {
                if Some(point) == except {
                    return;
                }
                let square = (self.positions[point] + shift - place).norm_squared();
                if best.is_none_or(|(_, least)| square < least) {
                    best = Some((point, square));
                }
            });
            // What lies in rings farther out is at least as far as the bins between are wide.
            let reached = ring as f64 * self.bins.width;
            if let Some((point, square)) = best.filter(|(_, square)| *square <= reached * reached) {
                return Some((point, square.sqrt()));
            }
        }
        unreachable!("there is a point")
    }

    /// Visits every point (or image of one) no farther than `radius` (length) from point `index`, with the vector to it; the point itself
    /// is left out, its images are not.
    pub fn within(&self, index: usize, radius: f64, mut visit: impl FnMut(usize, Vector3<f64>)) {
        let (place, bin) = self.inside(&self.positions[index]);
        let rings = (radius / self.bins.width).ceil() as i64;
        for ring in 0..=rings {
            self.ring(bin, ring, |point, shift| {
                let between = self.positions[point] + shift - place;
                let itself = point == index && *shift == Vector3::zeros();
                if !itself && between.norm_squared() <= radius * radius {
                    visit(point, between);
                }
            });
        }
    }

    /// A place put back into the cell, and its bin.
    fn inside(&self, place: &Vector3<f64>) -> (Vector3<f64>, [i64; 3]) {
        let periodic = self.cell.periodic();
        let mut s = self.cell.fractional(place);
        (0..3)
            .filter(|&axis| periodic[axis])
            .for_each(|axis| s[axis] -= s[axis].floor());
        (self.cell.cartesian(&s), self.bins.of(&s))
    }

    /// (V/N)^{1/3}: the mean distance between points (length), 0 where there is none.
    pub fn spacing(&self) -> f64 {
        match self.len() {
            0 => 0.0,
            count => (self.cell.volume() / count as f64).cbrt(),
        }
    }

    /// The distance (length) of the first minimum of the pair distribution g(r), behind its highest peak below 1.6 (V/N)^{1/3} and below
    /// 1.75 (V/N)^{1/3}; `None` where there is no minimum worth the name, as in a gas.
    ///
    /// Bins of a hundredth of (V/N)^{1/3}, smoothed over seven. Of a flat minimum, as in a crystal, the middle.
    pub fn first_minimum(&self) -> Option<f64> {
        const BINS: usize = 200;
        const PEAK: usize = 160;
        const LAST: usize = 175;
        let width = 0.01 * self.spacing();
        let mut counts = [0.0; BINS];
        for index in 0..self.len() {
            self.within(index, BINS as f64 * width, |_, between| {
                let bin = (between.norm() / width) as usize;
                if bin < BINS {
                    counts[bin] += 1.0;
                }
            });
        }
        let shell = |bin: usize| ((bin + 1) as f64).powi(3) - (bin as f64).powi(3);
        let density: Vec<f64> = (0..BINS).map(|bin| counts[bin] / shell(bin)).collect();
        let smooth: Vec<f64> = (3..BINS - 3)
            .map(|bin| density[bin - 3..=bin + 3].iter().sum::<f64>())
            .collect();
        let value = |bin: usize| smooth[bin - 3];
        let peak = (50..PEAK).max_by(|&a, &b| value(a).total_cmp(&value(b)).then(b.cmp(&a)))?;
        let lowest = (peak..LAST).min_by(|&a, &b| value(a).total_cmp(&value(b)))?;
        if value(lowest) >= 0.7 * value(peak) {
            return None;
        }
        let low = |&bin: &usize| value(bin) <= value(lowest) + 0.01 * value(peak);
        let last = (lowest..LAST).take_while(low).last()?;
        Some(0.5 * (lowest + last + 1) as f64 * width)
    }
}

/// Points that hang together by bonds.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Indices of its points, increasing.
    pub members: Vec<usize>,
    /// Mean position (length), each point at the image where it hangs together with the first.
    pub centre: Vector3<f64>,
    /// R_g = (⟨|r − ⟨r⟩|²⟩)^{1/2} (length); `None` where the cluster reaches its own image through a periodic cell, so that it has no end.
    pub gyration_radius: Option<f64>,
}

/// The clusters of points that are joined by bonds no longer than `bond` (length), single points among them: the largest first, and of equal
/// ones that of the lowest index.
pub fn clusters(points: &Points, bond: f64) -> Vec<Cluster> {
    let mut place: Vec<Option<Vector3<f64>>> = vec![None; points.len()];
    let mut clusters = Vec::new();
    for first in 0..points.len() {
        if place[first].is_some() {
            continue;
        }
        place[first] = Some(points.positions[first]);
        let (mut members, mut next, mut endless) = (vec![first], 0, false);
        while let Some(&member) = members.get(next) {
            next += 1;
            let here = place[member].expect("members have their place");
            points.within(member, bond, |other, between| {
                let there = here + between;
                match place[other] {
                    Some(known) => endless |= (known - there).norm_squared() > 1e-12 * bond * bond,
                    None => {
                        place[other] = Some(there);
                        members.push(other);
                    }
                }
            });
        }
        members.sort_unstable();
        let places = || members.iter().filter_map(|&member| place[member]);
        let count = members.len() as f64;
        let centre = places().sum::<Vector3<f64>>() / count;
        let square = places()
            .map(|place| (place - centre).norm_squared())
            .sum::<f64>()
            / count;
        clusters.push(Cluster {
            centre,
            gyration_radius: (!endless).then(|| square.sqrt()),
            members,
        });
    }
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.members.len()));
    clusters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::random::{Purpose, Random};
    use nalgebra::Matrix3;

    /// Points that reach far beyond the cell.
    fn scattered(cell: &Cell, count: usize, seed: u64) -> Vec<Vector3<f64>> {
        let mut random = Random::new(seed, Purpose::Positions, 0, 0);
        let mut place = || Vector3::from_fn(|_, _| 4.0 * random.uniform() - 1.5);
        (0..count).map(|_| cell.cartesian(&place())).collect()
    }

    fn cells() -> Vec<Cell> {
        let cell = |columns: [[f64; 3]; 3], periodic| {
            Cell::new(
                columns.map(Vector3::from),
                Vector3::new(-3.0, 7.0, 1.0),
                periodic,
            )
            .unwrap()
        };
        let cube = [[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]];
        let skewed = [[6.0, 0.0, 0.0], [5.0, 4.0, 0.0], [-4.0, 3.0, 5.0]];
        let flat = [[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.7]];
        vec![
            cell(cube, [true; 3]),
            cell(skewed, [true; 3]),
            cell(flat, [true; 3]),
            cell(cube, [true, false, true]),
            cell(skewed, [false, true, false]),
            cell(cube, [false; 3]),
        ]
    }

    /// Every vector between two points, by so many images that none in reach is missed.
    fn images(cell: &Cell, from: &Vector3<f64>, to: &Vector3<f64>) -> Vec<Vector3<f64>> {
        let reach = [0, 1, 2].map(|axis| if cell.periodic()[axis] { 5 } else { 0 });
        let mut between = Vec::new();
        for a in -reach[0]..=reach[0] {
            for b in -reach[1]..=reach[1] {
                for c in -reach[2]..=reach[2] {
                    between.push(to + cell.translation([a, b, c]) - from);
                }
            }
        }
        between
    }

    #[test]
    fn nearest_and_within_agree_with_all_images() {
        for (case, cell) in cells().iter().enumerate() {
            for count in [1, 2, 25] {
                let points = Points::new(cell, &scattered(cell, count, case as u64));
                let positions = points.positions();
                for (index, place) in positions.iter().enumerate() {
                    let all: Vec<(usize, f64)> = (0..count)
                        .flat_map(|other| {
                            let between = images(cell, place, &positions[other]).into_iter();
                            between.map(move |between| (other, between.norm()))
                        })
                        .collect();
                    let others = all.iter().filter(|(other, _)| *other != index);
                    let least = others.map(|pair| pair.1).min_by(f64::total_cmp);
                    let found = points
                        .nearest(place, Some(index))
                        .map(|(_, distance)| distance);
                    match (found, least) {
                        (None, None) => assert_eq!(count, 1),
                        (Some(found), Some(least)) => {
                            assert!(
                                (found - least).abs() < 1e-12,
                                "{case} {count}: {found} {least}"
                            );
                        }
                        other => panic!("{other:?}"),
                    }
                    let radius = 1.9;
                    let mut expected: Vec<usize> = all
                        .iter()
                        .filter(|pair| pair.1 <= radius && pair.1 > 0.0)
                        .map(|pair| pair.0)
                        .collect();
                    let mut found = Vec::new();
                    points.within(index, radius, |other, between| {
                        assert!(between.norm() <= radius);
                        found.push(other);
                    });
                    expected.sort_unstable();
                    found.sort_unstable();
                    assert_eq!(found, expected, "case {case}");
                }
            }
        }
    }

    /// Joined by repeatedly giving both ends of every bond the smaller label.
    fn labels(distances: &[Vec<f64>], bond: f64) -> Vec<usize> {
        let mut labels: Vec<usize> = (0..distances.len()).collect();
        loop {
            let before = labels.clone();
            for (a, row) in distances.iter().enumerate() {
                for b in (0..a).filter(|&b| row[b] <= bond) {
                    let least = labels[a].min(labels[b]);
                    (labels[a], labels[b]) = (least, least);
                }
            }
            if labels == before {
                return labels;
            }
        }
    }

    #[test]
    fn clusters_agree_with_labels() {
        for (case, cell) in cells().iter().enumerate() {
            let points = Points::new(cell, &scattered(cell, 30, 7 + case as u64));
            let distance = |a: &Vector3<f64>, b: &Vector3<f64>| {
                let between = images(cell, a, b).into_iter();
                between
                    .map(|between| between.norm())
                    .fold(f64::INFINITY, f64::min)
            };
            let from = |a| points.positions().iter().map(|b| distance(a, b)).collect();
            let distances: Vec<Vec<f64>> = points.positions().iter().map(from).collect();
            for bond in [0.3, 0.8, 1.3] {
                let labels = labels(&distances, bond);
                let found = clusters(&points, bond);
                assert!(
                    found
                        .windows(2)
                        .all(|pair| pair[0].members.len() >= pair[1].members.len())
                );
                assert_eq!(
                    found
                        .iter()
                        .map(|cluster| cluster.members.len())
                        .sum::<usize>(),
                    30
                );
                for cluster in &found {
                    let label = labels[cluster.members[0]];
                    let expected: Vec<usize> =
                        (0..30).filter(|&point| labels[point] == label).collect();
                    assert_eq!(cluster.members, expected, "case {case}, bond {bond}");
                }
            }
        }
    }

    /// A rod of m points a distance d apart has R_g = d ((m² − 1)/12)^{1/2}, across the border too; one that closes upon itself has no end.
    #[test]
    fn rods_have_the_gyration_radius_of_rods() {
        let cell = Cell::orthogonal([10.0, 10.0, 10.0]).unwrap();
        let rod = |count: usize| -> Vec<Vector3<f64>> {
            (0..count)
                .map(|at| Vector3::new(7.5 + at as f64, 0.2, 9.9))
                .collect()
        };
        let found = clusters(&Points::new(&cell, &rod(6)), 1.1);
        let expected = (35.0f64 / 12.0).sqrt();
        assert_eq!(found.len(), 1);
        assert!((found[0].gyration_radius.unwrap() - expected).abs() < 1e-12);
        assert!((found[0].centre - Vector3::new(10.0, 0.2, 9.9)).norm() < 1e-12);
        assert_eq!(
            clusters(&Points::new(&cell, &rod(10)), 1.1)[0].gyration_radius,
            None
        );
    }

    #[test]
    fn widths_are_those_of_the_inverse() {
        for cell in cells() {
            // The rows of H⁻¹ are normal to the faces and as long as one over the distance between them.
            let inverse: Matrix3<f64> = cell.matrix().try_inverse().unwrap();
            for (axis, width) in widths(&cell).into_iter().enumerate() {
                assert!((width * inverse.row(axis).norm() - 1.0).abs() < 1e-12);
            }
        }
    }

    /// An FCC crystal: neighbours at a/2^{1/2} and a, nothing between; and points without order.
    #[test]
    fn the_first_minimum_lies_between_the_shells() {
        let a = 4.0f64.cbrt();
        let cell = Cell::orthogonal([6.0 * a; 3]).unwrap();
        let mut random = Random::new(1, Purpose::Positions, 0, 0);
        let mut crystal = Vec::new();
        for cube in 0..216 {
            for corner in [
                [0.0, 0.0, 0.0],
                [0.5, 0.5, 0.0],
                [0.5, 0.0, 0.5],
                [0.0, 0.5, 0.5],
            ] {
                let at = [cube % 6, cube / 6 % 6, cube / 36];
                crystal.push(Vector3::from_fn(|axis, _| {
                    a * (f64::from(at[axis]) + corner[axis]) + 0.04 * random.gaussian()
                }));
            }
        }
        let minimum = Points::new(&cell, &crystal).first_minimum().unwrap();
        assert!(
            minimum > a / 2f64.sqrt() + 0.12 && minimum < a - 0.12,
            "{minimum}"
        );
        let gas = Points::new(&cell, &scattered(&cell, 864, 5));
        assert_eq!(gas.first_minimum(), None);
    }
}
