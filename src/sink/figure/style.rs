//! Sizes of everything that is not data.

/// Sizes in points.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Type of the labels of the axes.
    pub label: f64,
    /// Type of the numbers at the ticks.
    pub number: f64,
    /// Type of the legend.
    pub legend: f64,
    /// Length of major ticks.
    pub major: f64,
    /// Length of minor ticks.
    pub minor: f64,
    /// Width of the frame and the major ticks.
    pub frame: f64,
    /// Between frame and numbers.
    pub gap: f64,
    /// Between the outermost ink and the border.
    pub edge: f64,
    /// Data lines are this many times as wide as asked.
    pub thickness: f64,
    /// Width of the colour bar, if there is room for one.
    pub bar: Option<f64>,
    /// Whether a legend above the frame makes the whole taller; else it takes from the frame.
    pub grows: bool,
}

/// The look of the main axes.
pub const MAIN: Style = Style {
    label: 8.5,
    number: 7.5,
    legend: 7.0,
    major: 3.6,
    minor: 2.0,
    frame: 0.6,
    gap: 3.2,
    edge: 3.0,
    thickness: 1.0,
    bar: Some(6.5),
    grows: true,
};

/// The look of the axes inside others.
pub const INSET: Style = Style {
    label: 6.5,
    number: 5.5,
    legend: 5.5,
    major: 2.4,
    minor: 1.3,
    frame: 0.45,
    gap: 2.0,
    edge: 1.5,
    thickness: 0.7,
    bar: None,
    grows: false,
};
