//! Figures as SVG and PNG, in the style of physics journals. plotters, usvg, resvg and the fonts are named only here.
//!
//! A figure is laid out as shapes in points; plotters draws them as SVG; usvg turns text into outlines, so that the
//! figure looks the same everywhere; resvg makes the PNG from the same tree.

mod axis;
mod colors;
#[cfg(test)]
mod examples;
mod layers;
mod layout;
mod lines;
mod panel;
mod place;
mod scene;
mod style;
mod text;
mod ticks;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::{
    Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle,
};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use self::colors::{BLACK, Rgb};
use self::scene::{Group, Pen, Point, Rect, Scene, Shape};
use self::text::{Fonts, Label};
use crate::data::figure::{Dash, Figure};
use crate::error::{Error, Result};

/// Canvas units in a point. plotters rounds to whole units: a fine canvas keeps curves smooth.
const UNITS: f64 = 20.0;
/// Pixels of a PNG in an inch.
const DOTS_PER_INCH: f64 = 300.0;
/// Parts of one colour that touch are widened by this many points, so that no seam shows between them.
const SEAM: f64 = 0.15;
const FAMILY: &str = "DejaVu Sans";

/// The file formats of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// Scalable Vector Graphics, all text as outlines.
    Svg,
    /// Portable Network Graphics, 300 pixels to the inch.
    Png,
}

impl ImageFormat {
    /// The format that the ending of a file name asks for.
    pub fn from_path(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("svg") => Ok(ImageFormat::Svg),
            Some("png") => Ok(ImageFormat::Png),
            _ => Err(
                Error::new(format!("cannot tell the format of {}", path.display()))
                    .help("a figure ends in .svg or .png"),
            ),
        }
    }
}

/// Draws a figure, 3.4 inches wide; the same figure gives the same bytes.
pub fn render(figure: &Figure, format: ImageFormat) -> Result<Vec<u8>> {
    let scene = layout::compose(figure, &fonts()?);
    let tree = outlined(&draw(&scene)?)?;
    match format {
        ImageFormat::Svg => Ok(written(&tree).into_bytes()),
        ImageFormat::Png => painted(&tree, &scene),
    }
}

fn fonts() -> Result<Fonts> {
    Fonts::new(dejavu::sans::regular(), dejavu::sans::oblique())
}

/// The tree with its text laid out in the built-in fonts.
fn outlined(svg: &str) -> Result<usvg::Tree> {
    let mut fonts = fontdb::Database::new();
    for face in [dejavu::sans::regular(), dejavu::sans::oblique()] {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(face)));
    }
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        font_family: FAMILY.into(),
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options)
        .map_err(|error| Error::new(format!("cannot draw the figure: {error}")))
}

fn written(tree: &usvg::Tree) -> String {
    tree.to_string(&usvg::WriteOptions {
        coordinates_precision: 2,
        indent: usvg::Indent::None,
        ..usvg::WriteOptions::default()
    })
}

fn painted(tree: &usvg::Tree, scene: &Scene) -> Result<Vec<u8>> {
    let pixels = |points: f64| (points / 72.0 * DOTS_PER_INCH).round() as u32;
    let (width, height) = (pixels(scene.width), pixels(scene.height));
    let mut page = Pixmap::new(width, height)
        .ok_or_else(|| Error::new(format!("cannot draw a figure of {width} × {height} pixels")))?;
    page.fill(Color::WHITE);
    let scale = Transform::from_scale(
        width as f32 / tree.size().width(),
        height as f32 / tree.size().height(),
    );
    resvg::render(tree, scale, &mut page.as_mut());
    page.encode_png()
        .map_err(|error| Error::new(format!("cannot write the figure as PNG: {error}")))
}

/// The scene as SVG with text. What plotters cannot say (dashes, joins, clipping) is said by groups around what it draws.
fn draw(scene: &Scene) -> Result<String> {
    let (width, height) = (units(scene.width), units(scene.height));
    // SVG counts 96 pixels to the inch.
    let pixels = |points: f64| points / 72.0 * 96.0;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" viewBox="0 0 {width} {height}" stroke-linejoin="round">"#,
        pixels(scene.width),
        pixels(scene.height),
    );
    for (index, group) in scene.groups.iter().enumerate() {
        draw_group(&mut svg, group, index)?;
    }
    svg.push_str("</svg>");
    Ok(svg)
}

fn draw_group(svg: &mut String, group: &Group, index: usize) -> Result<()> {
    match &group.clip {
        Some(rect) => {
            let _ = write!(
                svg,
                r#"<clipPath id="frame{index}"><path d="{}"/></clipPath><g clip-path="url(#frame{index})">"#,
                outline(rect)
            );
        }
        None => svg.push_str("<g>"),
    }
    for shape in &group.shapes {
        draw_shape(svg, shape)?;
    }
    svg.push_str("</g>");
    Ok(())
}

fn draw_shape(svg: &mut String, shape: &Shape) -> Result<()> {
    match shape {
        Shape::Line { points, pen } => {
            let dashes = match pen.dash {
                Dash::Solid => "none".to_string(),
                Dash::Dashed => pattern(&[4.0, 2.2], pen.width),
                Dash::Dotted => pattern(&[1.1, 1.7], pen.width),
            };
            let _ = write!(svg, r#"<g stroke-dasharray="{dashes}">"#);
            let style = ShapeStyle {
                color: color(pen.color).to_rgba(),
                filled: false,
                stroke_width: units(pen.width).max(1) as u32,
            };
            let points: Vec<_> = points.iter().map(|&point| on_canvas(point)).collect();
            with_plotters(svg, |canvas| canvas.draw_path(points, &style))?;
            svg.push_str("</g>");
        }
        Shape::Area { parts, color } => {
            let seam = if parts.len() > 1 { SEAM } else { 0.0 };
            fill(svg, *color, seam, parts.iter().map(outline));
        }
        Shape::Tint { corners, color } => tint(svg, corners, *color),
        Shape::Discs {
            centers,
            radius,
            color,
        } => {
            let discs = centers.iter().map(|&center| disc(center, *radius));
            fill(svg, *color, 0.0, discs);
        }
        Shape::Circles { circles, fill, pen } => draw_circles(svg, circles, *fill, *pen),
        Shape::Text {
            label,
            origin,
            rising,
        } => draw_text(svg, label, *origin, *rising)?,
    }
    Ok(())
}

/// One path of many parts, which plotters has not: part by part the file would be several times as long.
fn fill(
    svg: &mut String,
    [red, green, blue]: Rgb,
    border: f64,
    parts: impl Iterator<Item = String>,
) {
    let color = format!("#{red:02x}{green:02x}{blue:02x}");
    let _ = write!(
        svg,
        r#"<path fill="{color}" stroke="{color}" stroke-width="{}" d=""#,
        units(border)
    );
    svg.extend(parts);
    svg.push_str(r#""/>"#);
}

/// A polygon that lets what is behind it show.
fn tint(svg: &mut String, corners: &[Point], [red, green, blue]: Rgb) {
    let _ = write!(
        svg,
        r##"<path fill="#{red:02x}{green:02x}{blue:02x}" fill-opacity="0.22" d="M"##
    );
    for &corner in corners {
        let (x, y) = on_canvas(corner);
        let _ = write!(svg, "{x} {y} ");
    }
    svg.push_str(r#"Z"/>"#);
}

/// Circles as paths of their own where outlines lie over each other, else as one.
fn draw_circles(svg: &mut String, circles: &[(Point, f64)], fill: Option<Rgb>, pen: Option<Pen>) {
    let hex = |[red, green, blue]: Rgb| format!("#{red:02x}{green:02x}{blue:02x}");
    let inside = fill.map_or("none".to_string(), hex);
    let (around, width) = match pen {
        Some(pen) => (hex(pen.color), units(pen.width).max(1)),
        None => ("none".to_string(), 0),
    };
    let _ = write!(
        svg,
        r#"<g fill="{inside}" stroke="{around}" stroke-width="{width}">"#
    );
    let together = if pen.is_some() {
        1
    } else {
        circles.len().max(1)
    };
    for group in circles.chunks(together) {
        svg.push_str(r#"<path d=""#);
        svg.extend(
            group
                .iter()
                .map(|(center, radius)| circle(*center, *radius)),
        );
        svg.push_str(r#""/>"#);
    }
    svg.push_str("</g>");
}

fn draw_text(svg: &mut String, label: &Label, origin: Point, rising: bool) -> Result<()> {
    // plotters lowers a text that hangs from its top by this many ems, and writes font sizes divided by a constant.
    const DROP: f64 = 0.76;
    const SHRINK: f64 = 1.24;
    for run in &label.runs {
        let style = if run.oblique {
            FontStyle::Oblique
        } else {
            FontStyle::Normal
        };
        let size = run.size * UNITS * SHRINK;
        let font = FontDesc::new(FontFamily::Name(FAMILY), size, style);
        let (right, down) = (run.x, run.y - DROP * run.size);
        let (place, font) = if rising {
            (
                (origin.0 + down, origin.1 - right),
                font.transform(FontTransform::Rotate270),
            )
        } else {
            ((origin.0 + right, origin.1 + down), font)
        };
        let black = color(BLACK);
        let style = TextStyle::from(font).color(&black);
        with_plotters(svg, |canvas| {
            canvas.draw_text(&run.text, &style, on_canvas(place))
        })?;
    }
    Ok(())
}

/// Appends what plotters draws, without the start and the end of its document.
fn with_plotters<E: std::fmt::Display>(
    svg: &mut String,
    draw: impl FnOnce(&mut SVGBackend) -> std::result::Result<(), E>,
) -> Result<()> {
    let mut document = String::new();
    let mut canvas = SVGBackend::with_string(&mut document, (1, 1));
    draw(&mut canvas).map_err(|error| Error::new(format!("cannot draw the figure: {error}")))?;
    drop(canvas);
    let body = document
        .split_once('\n')
        .map_or("", |(_, body)| body)
        .trim_end()
        .trim_end_matches("</svg>");
    svg.push_str(body);
    Ok(())
}

fn units(points: f64) -> i32 {
    (points * UNITS).round() as i32
}

fn on_canvas((x, y): Point) -> (i32, i32) {
    (units(x), units(y))
}

fn color([red, green, blue]: Rgb) -> RGBColor {
    RGBColor(red, green, blue)
}

fn outline(rect: &Rect) -> String {
    let (left, top) = on_canvas((rect.left, rect.top));
    let (right, bottom) = on_canvas((rect.right, rect.bottom));
    format!("M{left} {top}H{right}V{bottom}H{left}Z")
}

/// A circle as two arcs.
fn circle((x, y): Point, radius: f64) -> String {
    let ((left, middle), r) = (on_canvas((x - radius, y)), units(radius));
    format!(
        "M{left} {middle}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z",
        d = 2 * r
    )
}

/// A circle as a polygon with so many sides that they cannot be seen.
fn disc((x, y): Point, radius: f64) -> String {
    let sides = (14.0 * radius).ceil().clamp(8.0, 48.0);
    let corners = (0..sides as usize).map(|side| {
        let angle = std::f64::consts::TAU * side as f64 / sides;
        let (x, y) = on_canvas((x + radius * angle.cos(), y + radius * angle.sin()));
        format!("{x} {y} ")
    });
    format!("M{}Z", corners.collect::<String>())
}

/// Dashes and gaps, given in widths of the line.
fn pattern(widths: &[f64], width: f64) -> String {
    let lengths = widths
        .iter()
        .map(|length| units(length * width).to_string());
    lengths.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::figure::{Axes, Axis, Color as Hue, Layer, Scale, Stroke};

    fn svg(figure: &Figure) -> String {
        String::from_utf8(render(figure, ImageFormat::Svg).unwrap()).unwrap()
    }

    fn with_layers(layers: Vec<Layer>) -> Figure {
        let mut figure = Figure::default();
        figure.axes.layers = layers;
        figure
    }

    fn line(points: &[(f64, f64)]) -> Layer {
        Layer::Line {
            points: points.to_vec(),
            stroke: Stroke::solid(Hue::Black),
            label: Some("line".into()),
        }
    }

    /// Writes the examples where `HYALO_FIGURES` says, to be looked at.
    #[test]
    fn examples_can_be_looked_at() {
        let Some(folder) = std::env::var_os("HYALO_FIGURES") else {
            return;
        };
        for (name, figure) in examples::all() {
            for (format, ending) in [(ImageFormat::Svg, "svg"), (ImageFormat::Png, "png")] {
                let bytes = render(&figure, format).unwrap();
                std::fs::write(Path::new(&folder).join(name).with_extension(ending), bytes)
                    .unwrap();
            }
        }
    }

    #[test]
    fn endings_choose_the_format() {
        let format = |name: &str| ImageFormat::from_path(Path::new(name));
        assert_eq!(format("a/b.svg").unwrap(), ImageFormat::Svg);
        assert_eq!(format("B.PNG").unwrap(), ImageFormat::Png);
        for name in ["figure.pdf", "figure", ".svg"] {
            let message = format(name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(".svg or .png"));
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn svg_has_outlines_for_text_and_is_small() {
        for (name, figure) in examples::all() {
            let svg = svg(&figure);
            assert!(!svg.contains("<text"), "{name}");
            assert!(!svg.contains("font"), "{name}");
            assert!(svg.contains(r#"width="326.4""#), "{name}");
            assert!(svg.len() < 1_000_000, "{name}: {} bytes", svg.len());
        }
    }

    #[test]
    fn same_figure_same_bytes() {
        for format in [ImageFormat::Svg, ImageFormat::Png] {
            let draw = || render(&examples::populations(), format).unwrap();
            assert_eq!(draw(), draw());
        }
    }

    #[test]
    fn svg_and_png_look_the_same() {
        let figure = examples::relaxation();
        let png = Pixmap::decode_png(&render(&figure, ImageFormat::Png).unwrap()).unwrap();
        assert_eq!((png.width(), png.height()), (1020, 972));
        // No fonts here: what the SVG shows must not need any.
        let tree = usvg::Tree::from_str(&svg(&figure), &usvg::Options::default()).unwrap();
        let mut again = Pixmap::new(png.width(), png.height()).unwrap();
        let scale = png.width() as f32 / tree.size().width();
        resvg::render(
            &tree,
            Transform::from_scale(scale, scale),
            &mut again.as_mut(),
        );
        // Rounding may move an edge by a quarter of a pixel, the step of the renderer.
        let differing = png
            .data()
            .iter()
            .zip(again.data())
            .filter(|(a, b)| a.abs_diff(**b) > 70)
            .count();
        assert!(differing < png.data().len() / 10_000, "{differing} bytes");
    }

    #[test]
    fn lines_end_at_the_frame() {
        let mut figure = with_layers(vec![line(&[(-1e30, -1e30), (1e30, 1e30)])]);
        figure.axes.x.range = Some((0.0, 1.0));
        figure.axes.y.range = Some((0.0, 1.0));
        let svg = svg(&figure);
        assert!(svg.contains("clip-path") && svg.len() < 100_000);
    }

    #[test]
    fn degenerate_data_are_drawn_without_panic() {
        let nothing = f64::NAN;
        let stroke = Stroke::dashed(Hue::Grey);
        let histogram = |edges: &[f64], heights: &[f64]| Layer::Histogram {
            edges: edges.to_vec(),
            heights: heights.to_vec(),
            stroke,
            label: None,
        };
        let density = |x: &[f64], y: &[f64], values: &[f64]| Layer::Density {
            x_edges: x.to_vec(),
            y_edges: y.to_vec(),
            values: values.to_vec(),
            scale: Scale::Log,
            label: String::new(),
        };
        let cases = [
            vec![line(&[])],
            vec![line(&[(1.0, 2.0)])],
            vec![line(&[(0.0, 0.0), (0.0, 0.0)])],
            vec![line(&[(nothing, 1.0), (2.0, f64::INFINITY)])],
            vec![line(&[(-1e308, -1e308), (1e308, 1e308)])],
            vec![line(&[(1e-310, 5e-324), (2e-310, 1e-323)])],
            vec![line(&[(1e15, 1.0), (1e15 + 1.0, 1.0 + 1e-16)])],
            vec![line(&[(-3.0, -1.0), (-2.0, -5.0)])],
            vec![Layer::Markers {
                points: Vec::new(),
                color: Hue::Black,
                label: Some("none".into()),
            }],
            vec![Layer::Discs {
                discs: vec![[0.0, 0.0, 1.0], [nothing, 1.0, 1.0], [1.0, 1.0, -1.0]],
                fill: Some(Hue::LightGrey),
                outline: Some(stroke),
                label: Some("discs".into()),
            }],
            vec![Layer::Discs {
                discs: vec![[2.0, 1.0, 1e300], [1.0, 1.0, f64::INFINITY]],
                fill: None,
                outline: None,
                label: None,
            }],
            vec![histogram(&[], &[])],
            vec![histogram(&[1.0], &[2.0])],
            vec![histogram(&[0.0, 1.0, 2.0], &[0.0, nothing, 3.0])],
            vec![histogram(&[0.0, 1.0, 2.0], &[0.0, 0.0])],
            vec![density(&[], &[], &[])],
            vec![density(&[0.0, 1.0], &[0.0, 1.0], &[0.0])],
            vec![density(&[0.0, 1.0], &[0.0, 1.0], &[5.0])],
            vec![density(
                &[0.0, 1.0, 2.0],
                &[0.0, 1.0],
                &[nothing, -2.0, 7.0],
            )],
            vec![Layer::VerticalLine {
                x: nothing,
                stroke,
                label: Some("*".into()),
            }],
            vec![Layer::HorizontalLine {
                y: 0.0,
                stroke,
                label: Some(String::new()),
            }],
        ];
        for (number, layers) in cases.into_iter().enumerate() {
            for (x, y) in [(Scale::Linear, Scale::Linear), (Scale::Log, Scale::Log)] {
                for range in [
                    None,
                    Some((1.0, 1.0)),
                    Some((3.0, -1.0)),
                    Some((0.0, nothing)),
                ] {
                    let mut figure = with_layers(layers.clone());
                    figure.axes.x.scale = x;
                    figure.axes.y.scale = y;
                    figure.axes.y.range = range;
                    figure.axes.x.range = range;
                    figure.axes.equal = number % 2 == 0;
                    figure.inset = Some(figure.axes.clone());
                    let svg = svg(&figure);
                    assert!(
                        !svg.contains("NaN") && !svg.contains("inf"),
                        "case {number}"
                    );
                }
            }
        }
    }

    #[test]
    fn text_is_drawn_where_it_was_laid_out() {
        let label = fonts().unwrap().set("HHH*HH*^{HH}", 10.0);
        let (width, height) = (label.width, text::CAPITAL * 10.0 + 3.8 - 0.3 * 7.29);
        for (rising, expected) in [
            (false, [50.0, 60.0 - height, 50.0 + width, 60.0]),
            (true, [50.0 - height, 60.0 - width, 50.0, 60.0]),
        ] {
            let scene = Scene {
                width: 100.0,
                height: 100.0,
                groups: vec![Group {
                    clip: None,
                    shapes: vec![Shape::Text {
                        label: label.clone(),
                        origin: (50.0, 60.0),
                        rising,
                    }],
                }],
            };
            let tree = outlined(&draw(&scene).unwrap()).unwrap();
            // The box of a text is that of its lines, the box of outlines that of its ink.
            let tree = usvg::Tree::from_str(&written(&tree), &usvg::Options::default()).unwrap();
            let ink = tree.root().abs_bounding_box();
            let ink = [ink.left(), ink.top(), ink.right(), ink.bottom()];
            for (drawn, wanted) in ink
                .map(|pixels| f64::from(pixels) * 0.75)
                .iter()
                .zip(expected)
            {
                // Letters don't fill their advances.
                assert!((drawn - wanted).abs() < 1.3, "{ink:?} {expected:?}");
            }
        }
    }

    #[test]
    fn cells_meet_without_seams() {
        let edges = |count: usize| (0..=count).map(|i| i as f64).collect::<Vec<_>>();
        let (columns, rows) = (47, 31);
        let figure = with_layers(vec![Layer::Density {
            x_edges: edges(columns),
            y_edges: edges(rows),
            // Shades that cannot be joined, all of them dark.
            values: (0..columns * rows)
                .map(|i| 80.0 + (i % 7) as f64 * 3.0)
                .collect(),
            scale: Scale::Linear,
            label: String::new(),
        }]);
        let png = Pixmap::decode_png(&render(&figure, ImageFormat::Png).unwrap()).unwrap();
        for x in 200..700 {
            for y in 100..600 {
                let pixel = png.pixel(x, y).unwrap();
                assert!(pixel.red() < 90, "light pixel at {x}, {y}: {pixel:?}");
            }
        }
    }

    #[test]
    fn labels_may_hold_anything() {
        let figure = Figure {
            axes: Axes {
                x: Axis {
                    label: "a < b & \"c\" \u{0} ^{_{ * 字 𝒳 </svg>".repeat(20),
                    ..Axis::default()
                },
                ..Axes::default()
            },
            inset: None,
        };
        assert!(svg(&figure).contains("<path"));
    }
}
