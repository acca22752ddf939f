//! A figure as data: what is drawn, not how. Analyses describe, the sink draws.

/// One figure: a set of axes, and perhaps a smaller one inside it.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// The main axes.
    pub axes: Axes,
    /// A smaller set of axes drawn inside the main ones, in the corner where it hides the least data. Room is made
    /// for it above the data if the vertical range of the main axes is left open.
    pub inset: Option<Axes>,
}

/// A framed pair of axes with layers of data, drawn in order.
#[derive(Clone, Debug, Default)]
pub struct Axes {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, from the back to the front.
    pub layers: Vec<Layer>,
    /// Title of the legend, if it needs one.
    pub legend_title: Option<String>,
    /// Whether a unit is as long on both (linear) axes, as in a map: the figure is as tall as that takes, between a quarter of its width
    /// and twice and a half as much.
    pub equal: bool,
}

/// One axis. Labels are Unicode with a little markup: `*x*` is italic, `_{…}` lowered, `^{…}` raised (one right behind the
/// other stand above each other). It holds for the labels of layers and the title of the legend too.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// The label: `*T*`, `⟨Δ*r*^{2}⟩`.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Limits, reversed if the first is larger; what the data need, and legend and inset above them, where `None`.
    pub range: Option<(f64, f64)>,
    /// Names of the places 0, 1, 2 … in place of numbers, with the markup of labels.
    pub categories: Vec<String>,
}

/// How values map to lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Proportional.
    #[default]
    Linear,
    /// Logarithmic to base 10; values that are not positive are left out.
    Log,
}

/// Something drawn in axes. Points that are not finite interrupt lines.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A line through points.
    Line {
        /// The points (x, y).
        points: Vec<(f64, f64)>,
        /// Colour, dashes and width.
        stroke: Stroke,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
    /// The area between two curves, pale and behind what is drawn after it: the spread around a line.
    Band {
        /// The points (x, lower y, upper y).
        points: Vec<[f64; 3]>,
        /// The colour that it is a tint of.
        color: Color,
    },
    /// Single markers.
    Markers {
        /// The points (x, y).
        points: Vec<(f64, f64)>,
        /// Colour of the markers.
        color: Color,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
    /// Discs whose size is data, one over the other in their order; without an outline they look like one area.
    Discs {
        /// The discs (x, y, diameter), the diameter in units of the horizontal axis.
        discs: Vec<[f64; 3]>,
        /// Colour inside, if any.
        fill: Option<Color>,
        /// The line around each, if any.
        outline: Option<Stroke>,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
    /// The outline of a histogram, closed down to the axis.
    Histogram {
        /// The B + 1 edges of the bins, increasing.
        edges: Vec<f64>,
        /// The B heights.
        heights: Vec<f64>,
        /// Colour, dashes and width.
        stroke: Stroke,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
    /// Bars that lie along x, from 0.
    Bars {
        /// The bars: middle along y, thickness, and length along x.
        bars: Vec<[f64; 3]>,
        /// Their colour.
        color: Color,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
    /// A density map on a rectangular grid, with a colour bar (but not in an inset). Cells of value 0 or NaN are left blank.
    Density {
        /// The X + 1 edges along x, increasing.
        x_edges: Vec<f64>,
        /// The Y + 1 edges along y, increasing.
        y_edges: Vec<f64>,
        /// The X × Y values, y fastest: `values[ix * Y + iy]`.
        values: Vec<f64>,
        /// Linear or logarithmic colours.
        scale: Scale,
        /// Label of the colour bar.
        label: String,
    },
    /// A straight line across the axes at x.
    VerticalLine {
        /// Where.
        x: f64,
        /// Colour, dashes and width.
        stroke: Stroke,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
    /// A straight line across the axes at y.
    HorizontalLine {
        /// Where.
        y: f64,
        /// Colour, dashes and width.
        stroke: Stroke,
        /// Entry in the legend, if any.
        label: Option<String>,
    },
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its dashes.
    pub dash: Dash,
    /// Its width in points.
    pub width: f64,
}

impl Stroke {
    /// A solid line of the usual width in the given colour.
    pub fn solid(color: Color) -> Self {
        Stroke {
            color,
            dash: Dash::Solid,
            width: 1.1,
        }
    }

    /// The line of the n-th of several inputs: colours and dashes differ, so that one shows where another lies on it.
    pub fn nth(index: usize) -> Self {
        let dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][index % 3];
        Stroke {
            dash,
            ..Stroke::solid(Color::Series(index))
        }
    }

    /// A thin dashed line in the given colour.
    pub fn dashed(color: Color) -> Self {
        Stroke {
            color,
            dash: Dash::Dashed,
            width: 0.8,
        }
    }
}

/// Dashes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Unbroken.
    Solid,
    /// Dashed.
    Dashed,
    /// Dotted.
    Dotted,
}

/// A colour by its part in the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Black: the reference, frames, guides.
    Black,
    /// Grey: what stays in the background.
    Grey,
    /// Light grey: areas and crowds behind what matters.
    LightGrey,
    /// The n-th of a series of colours that colour-blind readers can tell apart (Okabe and Ito 2008), repeating.
    Series(usize),
}
