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
use self::scene::{Group, Point, Rect, Scene, Shape};
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
    let fonts = Fonts::new(dejavu::sans::regular(), dejavu::sans::oblique())?;
    let scene = layout::compose(figure, &fonts);
    let tree = outlined(&draw(&scene)?)?;
    match format {
        ImageFormat::Svg => Ok(written(&tree).into_bytes()),
        ImageFormat::Png => painted(&tree, &scene),
    }
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
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}in" height="{}in" viewBox="0 0 {width} {height}" stroke-linejoin="round">"#,
        scene.width / 72.0,
        scene.height / 72.0,
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
        // plotters has no path of several parts; one by one they would be twice as long.
        Shape::Area { parts, color } => {
            let [red, green, blue] = color;
            let color = format!("#{red:02x}{green:02x}{blue:02x}");
            let _ = write!(svg, r#"<path fill="{color}""#);
            if parts.len() > 1 {
                let _ = write!(svg, r#" stroke="{color}" stroke-width="{}""#, units(SEAM));
            }
            svg.push_str(r#" d=""#);
            svg.extend(parts.iter().map(outline));
            svg.push_str(r#""/>"#);
        }
        Shape::Disc {
            center,
            radius,
            color: fill,
        } => {
            let radius = units(*radius).max(1) as u32;
            let style = color(*fill).filled();
            with_plotters(svg, |canvas| {
                canvas.draw_circle(on_canvas(*center), radius, &style, true)
            })?;
        }
        Shape::Text {
            label,
            origin,
            rising,
        } => draw_text(svg, label, *origin, *rising)?,
    }
    Ok(())
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

/// Appends what plotters draws, without the head and foot of its document.
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
}
