//! Replicas: inputs of the same name, such as runs that differ in their seed, and the figure that is their mean.

use super::figure::{Axes, Axis, Color, Dash, Figure, Layer, Scale};

/// Inputs by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// The inputs of each name, names in the order in which they first come.
    groups: Vec<(String, Vec<usize>)>,
}

impl Replicas {
    /// The inputs that share names are replicas of each other.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for (input, name) in names.into_iter().enumerate() {
            match groups.iter_mut().find(|group| group.0 == name) {
                Some(group) => group.1.push(input),
                None => groups.push((name.to_string(), vec![input])),
            }
        }
        Replicas { groups }
    }

    /// Whether there are any: a name that several inputs share.
    pub fn any(&self) -> bool {
        self.groups.iter().any(|group| group.1.len() > 1)
    }

    /// The number of an input among those of its name, from 1.
    pub fn number(&self, input: usize) -> usize {
        let place = |group: &(String, Vec<usize>)| group.1.iter().position(|one| *one == input);
        self.groups.iter().find_map(place).map_or(1, |at| at + 1)
    }

    /// The names with their inputs.
    pub fn groups(&self) -> &[(String, Vec<usize>)] {
        &self.groups
    }

    /// Sets of inputs with one of each name: the first of all, the second of all, and so on. A name with a single input is in every set.
    ///
    /// Errors: the names of which there are not as many as of the most common one.
    pub fn sets(&self) -> Result<Vec<Vec<usize>>, Vec<&str>> {
        let most = self.groups.iter().map(|group| group.1.len()).max();
        let most = most.unwrap_or(0);
        let few =
            |group: &&(String, Vec<usize>)| !matches!(group.1.len(), n if n == 1 || n == most);
        let few: Vec<&str> = self
            .groups
            .iter()
            .filter(few)
            .map(|group| &*group.0)
            .collect();
        if !few.is_empty() {
            return Err(few);
        }
        let one = |set: usize| {
            let groups = self.groups.iter();
            groups.map(|group| group.1[set % group.1.len()]).collect()
        };
        Ok((0..most).map(one).collect())
    }
}

/// The mean of figures of replicas. Lines become the mean of their y over the replicas at each x of the first one (the others are
/// interpolated; on a logarithmic axis it is the mean of the logarithms), with a band one standard deviation (divisor n − 1) wide on
/// either side; histograms likewise; straight lines lie at their mean place, markers of all are drawn. Lines belong together if they
/// have the same colour and dashes and come in the same order. Everything else, an inset too, is that of the first.
pub fn mean(figures: Vec<Figure>) -> Figure {
    let mut figures = figures.into_iter();
    let Some(mut first) = figures.next() else {
        return Figure::default();
    };
    let others: Vec<Vec<Layer>> = figures.map(|figure| figure.axes.layers).collect();
    if others.is_empty() {
        return first;
    }
    let Axes { x, y, layers, .. } = &mut first.axes;
    // What the first lacks, such as a temperature that was not found, comes last.
    let mut together: Vec<Vec<Layer>> = Vec::new();
    for replica in std::iter::once(std::mem::take(layers)).chain(others) {
        for (index, layer) in replica.iter().enumerate() {
            let alike = |other: &&Layer| kind(other) == kind(layer);
            let turn = replica[..index].iter().filter(alike).count();
            let mut known = together.iter_mut().filter(|group| alike(&&group[0]));
            match known.nth(turn) {
                Some(group) => group.push(layer.clone()),
                None => together.push(vec![layer.clone()]),
            }
        }
    }
    for group in together {
        layers.extend(mean_of(group, x, y));
    }
    // Bands lie behind all lines.
    layers.sort_by_key(|layer| !matches!(layer, Layer::Band { .. }));
    first
}

/// What layers of replicas have in common.
fn kind(layer: &Layer) -> (std::mem::Discriminant<Layer>, Option<(Color, Option<Dash>)>) {
    let look = match layer {
        Layer::Line { stroke, .. }
        | Layer::Histogram { stroke, .. }
        | Layer::VerticalLine { stroke, .. }
        | Layer::HorizontalLine { stroke, .. } => Some((stroke.color, Some(stroke.dash))),
        Layer::Markers { color, .. } | Layer::Bars { color, .. } | Layer::Band { color, .. } => {
            Some((*color, None))
        }
        Layer::Discs { .. } | Layer::Density { .. } => None,
    };
    (std::mem::discriminant(layer), look)
}

/// Mean and standard deviation of the values that are finite.
fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let sd = match values.len() {
        0 | 1 => 0.0,
        _ => (squares / (count - 1.0)).sqrt(),
    };
    (mean, sd)
}

fn mean_of(replicas: Vec<Layer>, x_axis: &Axis, y_axis: &Axis) -> Vec<Layer> {
    let mut first = replicas[0].clone();
    let mut band = None;
    match &mut first {
        Layer::Line { points, stroke, .. } => {
            let lines: Vec<&[(f64, f64)]> = replicas.iter().filter_map(points_of).collect();
            let mut area = Vec::new();
            for (index, point) in points.iter_mut().enumerate() {
                let at = lines.iter().map(|line| height(line, point.0, index));
                let (mean, sd) = on_axis(y_axis.scale, at);
                point.1 = mean(0.0);
                area.push([point.0, mean(-sd), mean(sd)]);
            }
            band = Some((area, stroke.color));
        }
        Layer::Histogram {
            edges,
            heights,
            stroke,
            ..
        } => {
            let bars: Vec<(&[f64], &[f64])> = replicas.iter().filter_map(bars_of).collect();
            let all = joined(bars.iter().flat_map(|(edges, _)| edges.iter().copied()));
            let mut area = Vec::new();
            let means = all.windows(2).map(|bin| {
                let middle = 0.5 * (bin[0] + bin[1]);
                let (mean, sd) = moments(bars.iter().map(|bars| level(bars, middle)));
                area.extend(bin.iter().map(|x| [*x, (mean - sd).max(0.0), mean + sd]));
                mean
            });
            *heights = means.collect();
            *edges = all;
            band = Some((area, stroke.color));
        }
        Layer::VerticalLine { x, .. } => {
            let places = replicas.iter().map(|layer| match layer {
                Layer::VerticalLine { x, .. } => *x,
                _ => f64::NAN,
            });
            *x = on_axis(x_axis.scale, places).0(0.0);
        }
        Layer::HorizontalLine { y, .. } => {
            let places = replicas.iter().map(|layer| match layer {
                Layer::HorizontalLine { y, .. } => *y,
                _ => f64::NAN,
            });
            *y = on_axis(y_axis.scale, places).0(0.0);
        }
        Layer::Markers { points, .. } => {
            let others = replicas[1..].iter().filter_map(points_of);
            points.extend(others.flatten());
        }
        Layer::Band { .. } | Layer::Discs { .. } | Layer::Bars { .. } | Layer::Density { .. } => {}
    }
    // A spread of nothing, as of inputs that are all the same, needs no area.
    let band = band
        .filter(|(area, _)| area.iter().any(|[_, low, high]| high > low))
        .map(|(points, color)| Layer::Band { points, color });
    band.into_iter().chain([first]).collect()
}

/// The mean of values as an axis shows them, as a function of a distance from it, and their standard deviation there.
fn on_axis(scale: Scale, values: impl Iterator<Item = f64>) -> (impl Fn(f64) -> f64, f64) {
    let shown = |value: f64| match scale {
        Scale::Linear => value,
        Scale::Log => value.ln(),
    };
    let (mean, sd) = moments(values.map(shown));
    let back = move |by: f64| match scale {
        Scale::Linear => mean + by,
        Scale::Log => (mean + by).exp(),
    };
    (back, sd)
}

fn points_of(layer: &Layer) -> Option<&[(f64, f64)]> {
    match layer {
        Layer::Line { points, .. } | Layer::Markers { points, .. } => Some(points),
        _ => None,
    }
}

fn bars_of(layer: &Layer) -> Option<(&[f64], &[f64])> {
    match layer {
        Layer::Histogram { edges, heights, .. } => Some((edges, heights)),
        _ => None,
    }
}

/// The height of a line at x: that of its point of the same number if it is there, else between neighbours; NaN beyond its ends.
fn height(line: &[(f64, f64)], x: f64, number: usize) -> f64 {
    let close = |other: f64| (other - x).abs() <= 1e-9 * x.abs().max(other.abs());
    if let Some(point) = line.get(number).filter(|point| close(point.0)) {
        return point.1;
    }
    let between = |pair: &&[(f64, f64)]| {
        let (low, high) = (pair[0].0.min(pair[1].0), pair[0].0.max(pair[1].0));
        (low..=high).contains(&x) && low < high
    };
    line.windows(2).find(between).map_or(f64::NAN, |pair| {
        let part = (x - pair[0].0) / (pair[1].0 - pair[0].0);
        pair[0].1 + part * (pair[1].1 - pair[0].1)
    })
}

/// Edges in order, those that round-off tells apart only once.
fn joined(edges: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut edges: Vec<f64> = edges.collect();
    edges.sort_by(f64::total_cmp);
    let span = edges
        .first()
        .zip(edges.last())
        .map_or(0.0, |(first, last)| last - first);
    edges.dedup_by(|next, kept| *next - *kept <= 1e-9 * span);
    edges
}

/// The height of a histogram at x, 0 beyond its ends.
fn level((edges, heights): &(&[f64], &[f64]), x: f64) -> f64 {
    let above = edges.partition_point(|edge| *edge <= x);
    let bin = above.checked_sub(1).and_then(|bin| heights.get(bin));
    bin.copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::figure::Stroke;

    fn line(points: &[(f64, f64)], label: &str) -> Layer {
        Layer::Line {
            points: points.to_vec(),
            stroke: Stroke::nth(0),
            label: Some(label.to_string()),
        }
    }

    fn figure(layers: Vec<Layer>, scale: Scale) -> Figure {
        let mut figure = Figure::default();
        figure.axes.layers = layers;
        figure.axes.y.scale = scale;
        figure
    }

    #[test]
    fn inputs_of_one_name_are_replicas() {
        let replicas = Replicas::of(["a", "b", "a", "c", "b"]);
        assert!(replicas.any() && !Replicas::of(["a", "b"]).any());
        let numbers: Vec<usize> = (0..5).map(|input| replicas.number(input)).collect();
        assert_eq!(numbers, [1, 1, 2, 1, 2]);
        assert_eq!(replicas.sets(), Ok(vec![vec![0, 1, 3], vec![2, 4, 3]]));
        let uneven = Replicas::of(["a", "a", "a", "b", "b"]);
        assert_eq!(uneven.sets(), Err(vec!["b"]));
    }

    #[test]
    fn lines_become_their_mean_and_a_band() {
        let one = line(&[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)], "a");
        // Another grid: at 1 it is 4; it does not reach 2.
        let other = line(&[(0.0, 3.0), (0.5, 3.0), (1.5, 5.0)], "other");
        let figures = [one, other].map(|layer| figure(vec![layer], Scale::Linear));
        let mean = mean(figures.to_vec());
        let half = 2f64.sqrt();
        match &mean.axes.layers[..] {
            [
                Layer::Band { points: band, .. },
                Layer::Line { points, label, .. },
            ] => {
                assert_eq!(points[..], [(0.0, 2.0), (1.0, 3.0), (2.0, 3.0)]);
                assert_eq!(label.as_deref(), Some("a"));
                let expected = [[2.0 - half, 2.0 + half], [3.0 - half, 3.0 + half], [3.0; 2]];
                for ([_, low, high], expected) in band.iter().zip(expected) {
                    assert!(
                        (low - expected[0]).abs() < 1e-14 && (high - expected[1]).abs() < 1e-14
                    );
                }
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn on_a_logarithmic_axis_logarithms_are_averaged() {
        let figures = [1.0, 100.0].map(|y| figure(vec![line(&[(0.0, y)], "a")], Scale::Log));
        match &mean(figures.to_vec()).axes.layers[..] {
            [Layer::Band { points: band, .. }, Layer::Line { points, .. }] => {
                assert!((points[0].1 - 10.0).abs() < 1e-12);
                // The standard deviation of 0 and 2 is √2.
                assert!((band[0][1].log10() - (1.0 - 2f64.sqrt())).abs() < 1e-12);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn histograms_with_other_bins_are_averaged_as_densities() {
        let bars = |edges: &[f64], heights: &[f64]| Layer::Histogram {
            edges: edges.to_vec(),
            heights: heights.to_vec(),
            stroke: Stroke::nth(0),
            label: None,
        };
        let figures = [
            bars(&[0.0, 1.0, 2.0], &[0.25, 0.75]),
            bars(&[0.5, 1.0, 1.5], &[1.0, 1.0]),
        ];
        let figures = figures.map(|layer| figure(vec![layer], Scale::Linear));
        match &mean(figures.to_vec()).axes.layers[..] {
            [Layer::Band { .. }, Layer::Histogram { edges, heights, .. }] => {
                assert_eq!(edges[..], [0.0, 0.5, 1.0, 1.5, 2.0]);
                assert_eq!(heights[..], [0.125, 0.625, 0.875, 0.375]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_layer_that_a_replica_lacks_is_the_mean_of_the_others() {
        let upright = |x: f64, series| Layer::VerticalLine {
            x,
            stroke: Stroke::nth(series),
            label: None,
        };
        let figures = vec![
            figure(vec![upright(1.0, 0), upright(5.0, 1)], Scale::Linear),
            figure(vec![upright(7.0, 1), upright(2.0, 2)], Scale::Linear),
        ];
        let places = |layer: &Layer| match layer {
            Layer::VerticalLine { x, .. } => *x,
            other => panic!("{other:?}"),
        };
        let layers = mean(figures).axes.layers;
        assert_eq!(
            layers.iter().map(places).collect::<Vec<_>>(),
            [1.0, 6.0, 2.0]
        );
    }
}
