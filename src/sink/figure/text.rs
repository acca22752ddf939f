//! Text with a little markup, set with the metrics of the fonts that will draw it.

use ab_glyph::{Font, FontRef, GlyphId};

use crate::error::{Error, Result};

/// Height of capitals and digits over the size of the font (DejaVu Sans).
pub const CAPITAL: f64 = 0.729;
const ASCENT: f64 = 0.76;
const DESCENT: f64 = 0.21;
const SCRIPT_SIZE: f64 = 0.7;
const RAISED: f64 = 0.38;
const LOWERED: f64 = 0.17;
const SCRIPT_GAP: f64 = 0.05;

/// The two faces that set every text.
pub struct Fonts {
    upright: FontRef<'static>,
    oblique: FontRef<'static>,
}

/// Characters in one face and size on one baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub text: String,
    pub oblique: bool,
    /// Points to the em.
    pub size: f64,
    /// Where it begins, from the origin of the label.
    pub x: f64,
    /// Where its baseline lies below that of the label.
    pub y: f64,
}

/// A text that has been set: its runs and its size in points around the baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Label {
    pub runs: Vec<Run>,
    pub width: f64,
    pub ascent: f64,
    pub descent: f64,
}

impl Label {
    /// From the top to the bottom.
    pub fn height(&self) -> f64 {
        self.ascent + self.descent
    }
}

impl Fonts {
    /// Reads the two faces from the bytes of TrueType files.
    pub fn new(upright: &'static [u8], oblique: &'static [u8]) -> Result<Self> {
        let read = |bytes| {
            FontRef::try_from_slice(bytes)
                .map_err(|error| Error::new(format!("cannot read a built-in font: {error}")))
        };
        Ok(Fonts {
            upright: read(upright)?,
            oblique: read(oblique)?,
        })
    }

    /// Sets a text: `*x*` is italic, `_{…}` lowered, `^{…}` raised. A mark without its partner stands for itself.
    pub fn set(&self, markup: &str, size: f64) -> Label {
        let mut setter = Setter {
            fonts: self,
            label: Label::default(),
            last: None,
        };
        setter.set(markup, size, 0.0, false);
        setter.label
    }

    /// Sets a text in the given size, or smaller if it is wider than the limit.
    pub fn set_within(&self, markup: &str, size: f64, limit: f64) -> Label {
        let label = self.set(markup, size);
        if label.width <= limit || limit <= 0.0 {
            return label;
        }
        self.set(markup, size * limit / label.width)
    }

    fn face(&self, oblique: bool) -> &FontRef<'static> {
        if oblique {
            &self.oblique
        } else {
            &self.upright
        }
    }
}

struct Setter<'a> {
    fonts: &'a Fonts,
    label: Label,
    last: Option<GlyphId>,
}

impl Setter<'_> {
    fn set(&mut self, markup: &str, size: f64, baseline: f64, italic: bool) {
        let mut italic = italic;
        let mut rest = markup;
        // Where a script began, and which: one of the other kind right behind it goes above or below.
        let mut stack: Option<(char, f64)> = None;
        while let Some(character) = rest.chars().next() {
            if let Some((inside, behind)) = script(rest) {
                let end = self.label.width;
                let start = match stack {
                    Some((other, start)) if other != character => start,
                    _ => end + SCRIPT_GAP * size,
                };
                let shift = if character == '^' { -RAISED } else { LOWERED };
                self.label.width = start;
                self.last = None;
                self.set(inside, SCRIPT_SIZE * size, baseline + shift * size, italic);
                self.label.width = self.label.width.max(end);
                self.last = None;
                stack = Some((character, start));
                rest = behind;
                continue;
            }
            rest = &rest[character.len_utf8()..];
            if character == '*' && (italic || rest.contains('*')) {
                italic = !italic;
            } else if !character.is_control() {
                stack = None;
                self.push(character, size, baseline, italic);
            }
        }
    }

    fn push(&mut self, character: char, size: f64, y: f64, italic: bool) {
        // A plain space would vanish at the ends of an SVG text.
        let character = if character == ' ' {
            '\u{a0}'
        } else {
            character
        };
        let oblique = italic && self.fonts.oblique.glyph_id(character).0 != 0;
        let face = self.fonts.face(oblique);
        let glyph = face.glyph_id(character);
        let em = size / f64::from(face.units_per_em().unwrap_or(2048.0));
        let label = &mut self.label;
        match (label.runs.last_mut(), self.last) {
            (Some(run), Some(last)) if run.oblique == oblique && run.size == size && run.y == y => {
                label.width += em * f64::from(face.kern_unscaled(last, glyph));
                run.text.push(character);
            }
            _ => label.runs.push(Run {
                text: character.to_string(),
                oblique,
                size,
                x: label.width,
                y,
            }),
        }
        label.width += em * f64::from(face.h_advance_unscaled(glyph));
        label.ascent = label.ascent.max(ASCENT * size - y);
        label.descent = label.descent.max(DESCENT * size + y);
        self.last = Some(glyph);
    }
}

/// Splits `_{…}` or `^{…}` off the front: what is inside, and what follows.
fn script(text: &str) -> Option<(&str, &str)> {
    let body = text
        .strip_prefix("_{")
        .or_else(|| text.strip_prefix("^{"))?;
    let mut depth = 1;
    for (at, character) in body.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&body[..at], &body[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fonts() -> Fonts {
        super::super::fonts().unwrap()
    }

    fn texts(label: &Label) -> Vec<(&str, bool)> {
        let runs = label.runs.iter();
        runs.map(|run| (run.text.as_str(), run.oblique)).collect()
    }

    #[test]
    fn italics_and_scripts() {
        let label = fonts().set("⟨Δ*r*^{2}⟩ = *x*_{*i*0}", 10.0);
        assert_eq!(
            texts(&label),
            [
                ("⟨Δ", false),
                ("r", true),
                ("2", false),
                ("⟩\u{a0}=\u{a0}", false),
                ("x", true),
                ("i", true),
                ("0", false),
            ]
        );
        let raised = &label.runs[2];
        assert_eq!((raised.size, raised.y), (7.0, -3.8));
        assert!((label.runs[5].y - 1.7).abs() < 1e-12);
        assert!(label.runs.windows(2).all(|pair| pair[0].x < pair[1].x));
        assert!(label.ascent > 8.0 && label.descent > 3.0);
    }

    #[test]
    fn widths_are_those_of_the_font() {
        // DejaVu Sans: digits advance 1303 of 2048 units, the minus sign 1716.
        let fonts = fonts();
        assert!((fonts.set("007", 20.48).width - 3.0 * 13.03).abs() < 1e-6);
        assert!((fonts.set("−", 20.48).width - 17.16).abs() < 1e-6);
        let power = fonts.set("10^{−3}", 20.48);
        let expected = 2.0 * 13.03 + 0.7 * (17.16 + 13.03) + SCRIPT_GAP * 20.48;
        assert!((power.width - expected).abs() < 1e-6);
        assert!((fonts.set_within("007", 20.48, 10.0).width - 10.0).abs() < 1e-4);
    }

    #[test]
    fn scripts_of_both_kinds_are_stacked() {
        let label = fonts().set("T_{g}^{VHG} K", 10.0);
        assert_eq!(label.runs[1].x, label.runs[2].x);
        let end = label.runs[2].x + fonts().set("VHG", 7.0).width;
        assert!((label.runs[3].x - end).abs() < 1e-6);
    }

    #[test]
    fn marks_without_partner_stand_for_themselves() {
        let plain = |markup: &str| -> String {
            let label = fonts().set(markup, 10.0);
            label.runs.iter().map(|run| run.text.as_str()).collect()
        };
        assert_eq!(plain("δ*"), "δ*");
        assert_eq!(plain("a_b^c"), "a_b^c");
        assert_eq!(plain("a_{b"), "a_{b");
        assert_eq!(plain("^{}"), "");
        assert_eq!(plain("*a* * 2"), "a\u{a0}*\u{a0}2");
        assert_eq!(plain(""), "");
    }

    #[test]
    fn every_sign_of_the_field_has_a_glyph() {
        let fonts = fonts();
        for sign in "⟨⟩Δσδτεαβγρφχλμηκωπ∗²⁻−×·±≤≥≈∝∞√∑∫∂Å°½→…–".chars()
        {
            assert_ne!(fonts.upright.glyph_id(sign).0, 0, "{sign}");
        }
    }

    #[test]
    fn italics_fall_back_to_upright() {
        let label = fonts().set("*⟨r⟩*", 10.0);
        let covered = fonts().oblique.glyph_id('⟨').0 != 0;
        assert_eq!(label.runs[0].oblique, covered);
        assert!(
            label
                .runs
                .iter()
                .any(|run| run.oblique && run.text.contains('r'))
        );
        let label = fonts().set("*√r*", 10.0);
        let face = |oblique| fonts().face(oblique).glyph_id('√').0;
        assert_eq!(label.runs[0].oblique, face(true) != 0);
        assert_ne!(face(label.runs[0].oblique), 0);
    }
}
