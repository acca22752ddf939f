//! Figures like those of a paper on glasses, to test with and to look at.

use crate::data::figure::{Axes, Axis, Color, Dash, Figure, Layer, Scale, Stroke};

fn axis(label: &str, scale: Scale) -> Axis {
    Axis {
        label: label.into(),
        scale,
        ..Axis::default()
    }
}

/// Reproducible noise between 0 and 1.
fn noise() -> impl FnMut() -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn normal(noise: &mut impl FnMut() -> f64) -> f64 {
    (0..12).map(|_| noise()).sum::<f64>() - 6.0
}

/// ⟨Δr²⟩ against T while three glasses melt.
pub fn melting() -> Figure {
    let mut noise = noise();
    let mut melt = |onset: f64| -> Vec<(f64, f64)> {
        (0..=2000)
            .map(|i| {
                let t = 0.1 + 0.9 * f64::from(i) / 2000.0;
                let solid = 0.03 * t * (1.0 + 0.05 * noise());
                let liquid = 10f64.powf(2.3 - 4.0 / (1.0 + ((t - onset) / 0.035).exp()));
                (
                    t,
                    if i == 0 {
                        0.0
                    } else {
                        solid + 0.4 * liquid * t
                    },
                )
            })
            .collect()
    };
    let line = |points, series, label: &str| Layer::Line {
        points,
        stroke: Stroke::solid(series),
        label: Some(label.into()),
    };
    Figure {
        axes: Axes {
            x: axis("*T*", Scale::Linear),
            y: axis("⟨Δ*r*^{2}⟩", Scale::Log),
            layers: vec![
                Layer::HorizontalLine {
                    y: 1.0,
                    stroke: Stroke::dashed(Color::Grey),
                    label: None,
                },
                line(melt(0.50), Color::Series(0), "Bidisperse"),
                line(melt(0.56), Color::Series(2), "Polydisperse"),
                line(melt(0.72), Color::Series(1), "VHG"),
            ],
            legend_title: None,
            equal: false,
        },
        inset: None,
    }
}

fn displacements() -> Axes {
    let edges = |low: f64, high: f64, count: usize| -> Vec<f64> {
        (0..=count)
            .map(|i| low + (high - low) * i as f64 / count as f64)
            .collect()
    };
    let (columns, rows) = (200, 120);
    let x_edges = edges(0.4, 0.8, columns);
    let y_edges = edges(-2.2, 1.8, rows);
    let mut values = vec![0.0; columns * rows];
    let mut noise = noise();
    for ix in 0..columns {
        let t = 0.5 * (x_edges[ix] + x_edges[ix + 1]);
        let melted = 1.0 / (1.0 + ((0.68 - t) / 0.012).exp()) + if t > 0.6 { 0.01 } else { 0.0 };
        for _ in 0..4000 {
            let value = if noise() < melted {
                0.2 + 2.0 * (t - 0.6) + 0.25 * normal(&mut noise)
            } else {
                -0.9 + 0.5 * t.log10() + 0.18 * normal(&mut noise)
            };
            let row = (value - y_edges[0]) / (y_edges[1] - y_edges[0]);
            if (0.0..rows as f64).contains(&row) {
                values[ix * rows + row as usize] += 1.0;
            }
        }
    }
    Axes {
        x: axis("*T*", Scale::Linear),
        y: axis("log_{10} Δ*r*", Scale::Linear),
        layers: vec![Layer::Density {
            x_edges,
            y_edges,
            values,
            scale: Scale::Log,
            label: "particles".into(),
        }],
        legend_title: None,
        equal: false,
    }
}

/// log₁₀ Δr against T for all particles.
pub fn density() -> Figure {
    Figure {
        axes: displacements(),
        inset: None,
    }
}

fn histogram(peaks: &[(f64, f64, f64)], low: f64, high: f64, color: Color, label: &str) -> Layer {
    let bins = 80;
    let edges: Vec<f64> = (0..=bins)
        .map(|i| low + (high - low) * f64::from(i) / f64::from(bins))
        .collect();
    let total: f64 = peaks.iter().map(|peak| peak.0).sum();
    let mut noise = noise();
    let heights = edges
        .windows(2)
        .map(|bin| {
            let x = 0.5 * (bin[0] + bin[1]);
            let smooth: f64 = peaks
                .iter()
                .map(|(weight, center, width)| {
                    let z = (x - center) / width;
                    weight / (width * 2.5066) * (-0.5 * z * z).exp()
                })
                .sum();
            let height = smooth * (1.0 + 0.08 * normal(&mut noise));
            if smooth < 1e-3 * total { 0.0 } else { height }
        })
        .collect();
    Layer::Histogram {
        edges,
        heights,
        stroke: Stroke::solid(color),
        label: Some(label.into()),
    }
}

/// Two populations of particles, caged and free, at three temperatures, with the whole ramp as an inset.
pub fn populations() -> Figure {
    let at = |caged: f64, free: f64, color, label: &str| {
        let peaks = [(caged, -0.9, 0.16), (1.0 - caged, free, 0.24)];
        histogram(&peaks, -2.0, 2.0, color, label)
    };
    Figure {
        axes: Axes {
            x: axis("log_{10} Δ*r*", Scale::Linear),
            y: axis("probability density", Scale::Linear),
            layers: vec![
                at(0.93, 0.15, Color::Black, "*T* = 0.65"),
                at(0.35, 0.35, Color::Series(1), "*T* = 0.70"),
                at(0.0, 0.75, Color::Series(0), "*T* = 0.75"),
            ],
            legend_title: None,
            equal: false,
        },
        inset: Some(displacements()),
    }
}

/// The diameters of a binary mixture before and after, in large numbers.
pub fn diameters() -> Figure {
    let peaks = [(0.5e6, 1.0, 0.035), (0.5e6, 1.2, 0.03)];
    Figure {
        axes: Axes {
            x: axis("*σ*_{*i*}", Scale::Linear),
            y: axis("particles", Scale::Linear),
            layers: vec![
                Layer::VerticalLine {
                    x: 1.0,
                    stroke: Stroke::dashed(Color::Black),
                    label: None,
                },
                Layer::VerticalLine {
                    x: 1.2,
                    stroke: Stroke::dashed(Color::Black),
                    label: Some("before".into()),
                },
                histogram(&peaks, 0.8, 1.4, Color::Series(1), "all"),
                histogram(&peaks[..1], 0.8, 1.4, Color::Series(0), "small"),
            ],
            legend_title: Some("VHG".into()),
            equal: false,
        },
        inset: None,
    }
}

/// Markers with lines through them, a fit, and points without a place.
pub fn markers() -> Figure {
    let point = |i: i32, slope: f64| {
        let x = 10f64.powf(0.12 * f64::from(i));
        (x, 0.02 * x.powf(slope))
    };
    let mut layers = Vec::new();
    for (n, slope) in [0.5, 1.0, 1.9].into_iter().enumerate() {
        let label = Some(format!("*δ*^{{∗}}_{{{n}}} ∼ *t*^{{{slope}}}"));
        let mut points: Vec<_> = (0..34).map(|i| point(i, slope)).collect();
        layers.push(Layer::Line {
            points: points.clone(),
            stroke: Stroke {
                dash: [Dash::Solid, Dash::Dashed, Dash::Dotted][n],
                ..Stroke::solid(Color::Series(n))
            },
            label: label.clone(),
        });
        points.push((f64::NAN, 1.0));
        points.push((-3.0, 1.0));
        layers.push(Layer::Markers {
            points,
            color: Color::Series(n),
            label,
        });
    }
    Figure {
        axes: Axes {
            x: axis("*t* / *τ*_{LJ}", Scale::Log),
            y: axis("Δ*P*_{2,*i*}  (*ε*/*σ*^{3})", Scale::Log),
            layers,
            legend_title: None,
            equal: false,
        },
        inset: None,
    }
}

/// A narrow logarithmic axis, a crowd of markers, and curves in every corner so that the legend must go elsewhere.
pub fn crowded() -> Figure {
    let mut noise = noise();
    let points = (0..3000).map(|_| (noise() * 30.0 - 15.0, 0.3 + 2.0 * noise()));
    Figure {
        axes: Axes {
            x: axis("*x* − *x*_{0}", Scale::Linear),
            y: Axis {
                range: Some((0.3, 2.3)),
                ..axis("*y*", Scale::Log)
            },
            layers: vec![
                Layer::Markers {
                    points: points.collect(),
                    color: Color::Series(5),
                    label: Some("all particles".into()),
                },
                Layer::Line {
                    points: vec![(-15.0, 0.3), (15.0, 2.3)],
                    stroke: Stroke::solid(Color::Black),
                    label: Some("*y* ∝ e^{*x*/*x*_{0}}".into()),
                },
                Layer::HorizontalLine {
                    y: 0.7,
                    stroke: Stroke::dashed(Color::Series(1)),
                    label: Some("⟨*y*⟩".into()),
                },
            ],
            legend_title: None,
            equal: false,
        },
        inset: None,
    }
}

/// Eight decaying curves under a title, large times, a line in a small inset with its own legend.
pub fn relaxation() -> Figure {
    let curve = |tau: f64, stretch: f64| -> Vec<(f64, f64)> {
        (0..400)
            .map(|i| {
                let t = 5000.0 * f64::from(i);
                (t, (-(t / tau).powf(stretch)).exp())
            })
            .collect()
    };
    let line = |points, n, label: String| Layer::Line {
        points,
        stroke: Stroke::solid(Color::Series(n)),
        label: Some(label),
    };
    Figure {
        axes: Axes {
            x: axis("*t*", Scale::Linear),
            y: axis("*F*_{s}(*q*, *t*)", Scale::Linear),
            layers: (0..6)
                .map(|n| {
                    let tau = 2e5 / 4f64.powi(n);
                    let label = format!("0.{}", 45 + 5 * n);
                    line(curve(tau, 0.6), n as usize, label)
                })
                .collect(),
            legend_title: Some("*T*".into()),
            equal: false,
        },
        inset: Some(Axes {
            x: axis("1/*T*", Scale::Linear),
            y: axis("*τ*_{α}", Scale::Log),
            layers: vec![
                Layer::Markers {
                    points: (0..6)
                        .map(|n| (1.0 / (0.45 + 0.05 * f64::from(n)), 2e5 / 4f64.powi(n)))
                        .collect(),
                    color: Color::Black,
                    label: Some("this work".into()),
                },
                Layer::Line {
                    points: vec![(1.4, 80.0), (2.25, 3e5)],
                    stroke: Stroke::dashed(Color::Series(1)),
                    label: Some("Arrhenius".into()),
                },
            ],
            legend_title: None,
            equal: false,
        }),
    }
}

/// A density map with linear colours and small numbers, on logarithmic axes, under a line with a label.
pub fn small_numbers() -> Figure {
    let edges = |count: i32, low: f64, high: f64| -> Vec<f64> {
        (0..=count)
            .map(|i| low * (high / low).powf(f64::from(i) / f64::from(count)))
            .collect()
    };
    let (x_edges, y_edges) = (edges(30, 1e-3, 3e2), edges(20, 0.5, 40.0));
    let values = (0..600)
        .map(|i| 7e-6 * (1.0 + (f64::from(i / 20) * 0.3).sin() * (f64::from(i % 20) * 0.4).cos()))
        .collect();
    Figure {
        axes: Axes {
            x: axis("*t*", Scale::Log),
            y: axis("*r*", Scale::Log),
            layers: vec![
                Layer::Density {
                    x_edges,
                    y_edges,
                    values,
                    scale: Scale::Linear,
                    label: "*G*_{s}(*r*, *t*)".into(),
                },
                Layer::Line {
                    points: vec![(1e-3, 0.6), (3e2, 30.0)],
                    stroke: Stroke::solid(Color::Series(1)),
                    label: Some("ballistic".into()),
                },
            ],
            legend_title: None,
            equal: false,
        },
        inset: None,
    }
}

/// A slice through a crowd of particles: the region of some, all as circles, a few in colour.
pub fn slice() -> Figure {
    let mut noise = noise();
    let mut discs = |count: usize, diameter: f64| -> Vec<[f64; 3]> {
        (0..count)
            .map(|_| [17.0 * noise(), 12.0 * noise(), diameter + 0.2 * noise()])
            .collect()
    };
    let layer = |discs, fill, outline: Option<(Color, f64)>, label: &str| Layer::Discs {
        discs,
        fill,
        outline: outline.map(|(color, width)| Stroke {
            width,
            ..Stroke::solid(color)
        }),
        label: Some(label.into()),
    };
    let (region, others, movers) = (discs(40, 2.2), discs(260, 0.9), discs(25, 0.8));
    Figure {
        axes: Axes {
            x: Axis {
                range: Some((0.0, 17.0)),
                ..axis("*x*", Scale::Linear)
            },
            y: Axis {
                range: Some((0.0, 12.0)),
                ..axis("*y*", Scale::Linear)
            },
            layers: vec![
                layer(region, Some(Color::LightGrey), None, "icosahedra"),
                layer(others, None, Some((Color::Grey, 0.4)), "all"),
                layer(
                    movers,
                    Some(Color::Series(1)),
                    Some((Color::Black, 0.4)),
                    "movers",
                ),
            ],
            legend_title: None,
            equal: true,
        },
        inset: None,
    }
}

/// The commonest of two kinds of things with names.
pub fn named() -> Figure {
    let names = ["⟨0,0,12,0⟩", "⟨0,2,8,2⟩", "⟨0,1,10,2⟩", "⟨1,2,5,4,1⟩"];
    let bars = |side: f64, lengths: [f64; 4], series, label: &str| Layer::Bars {
        bars: (0..4)
            .map(|at| [at as f64 + 0.2 * side, 0.36, lengths[at]])
            .collect(),
        color: Color::Series(series),
        label: Some(label.into()),
    };
    Figure {
        axes: Axes {
            x: axis("fraction", Scale::Linear),
            y: Axis {
                range: Some((3.6, -0.6)),
                categories: names.map(String::from).to_vec(),
                ..Axis::default()
            },
            layers: vec![
                bars(-1.0, [0.16, 0.06, 0.05, 0.02], 0, "glass"),
                bars(1.0, [0.09, 0.07, 0.04, 0.03], 1, "liquid"),
            ],
            ..Axes::default()
        },
        inset: None,
    }
}

/// Every example with a name.
pub fn all() -> Vec<(&'static str, Figure)> {
    vec![
        ("melting", melting()),
        ("populations", populations()),
        ("density", density()),
        ("diameters", diameters()),
        ("markers", markers()),
        ("crowded", crowded()),
        ("relaxation", relaxation()),
        ("small_numbers", small_numbers()),
        ("slice", slice()),
        ("named", named()),
        ("empty", Figure::default()),
    ]
}
