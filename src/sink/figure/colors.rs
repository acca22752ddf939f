//! The colours of series and of density maps.

use crate::data::figure::Color;

/// Red, green and blue, sRGB.
pub type Rgb = [u8; 3];

pub const BLACK: Rgb = [0, 0, 0];
pub const WHITE: Rgb = [255, 255, 255];
const GREY: Rgb = [140, 140, 140];
const LIGHT_GREY: Rgb = [214, 214, 214];

/// The palette of Okabe and Ito without black (a colour of its own) and yellow (too faint on white), strongest first.
const SERIES: [Rgb; 6] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
];

/// The colour on the page.
pub fn rgb(color: Color) -> Rgb {
    match color {
        Color::Black => BLACK,
        Color::Grey => GREY,
        Color::LightGrey => LIGHT_GREY,
        Color::Series(n) => SERIES[n % SERIES.len()],
    }
}

/// The colour of a density between 0 (light) and 1 (dark).
///
/// Lightness falls linearly in the Oklab space while the hue turns from green to violet, so equal steps look equal, also
/// in grey print and to colour-blind readers; the lightest is still told apart from the blank page.
pub fn density(fraction: f64) -> Rgb {
    let t = fraction.clamp(0.0, 1.0);
    let lightness = 0.91 - 0.66 * t;
    let hue = (165.0 + 125.0 * t).to_radians();
    let chroma = 0.055 + 0.03 * t + 0.27 * t * (1.0 - t);
    oklab(lightness, chroma * hue.cos(), chroma * hue.sin())
}

/// sRGB of a colour in Oklab (Ottosson 2020), cut off at the gamut.
fn oklab(lightness: f64, a: f64, b: f64) -> Rgb {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
    .map(|linear| {
        let encoded = if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        (255.0 * encoded.clamp(0.0, 1.0)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Rgb) -> f64 {
        0.2126 * f64::from(color[0]) + 0.7152 * f64::from(color[1]) + 0.0722 * f64::from(color[2])
    }

    #[test]
    fn series_repeat_and_differ() {
        assert_eq!(rgb(Color::Series(1)), rgb(Color::Series(7)));
        for (i, color) in SERIES.iter().enumerate() {
            assert!(!SERIES[..i].contains(color));
            assert!(luminance(*color) < 190.0, "too faint on white");
        }
    }

    #[test]
    fn density_darkens_steadily() {
        let shades: Vec<f64> = (0..=32)
            .map(|i| luminance(density(f64::from(i) / 32.0)))
            .collect();
        assert!(shades.windows(2).all(|pair| pair[1] < pair[0]));
        assert!(shades[0] < 235.0, "the lightest must differ from the page");
        assert!(shades[32] < 40.0);
    }

    #[test]
    fn oklab_knows_white() {
        assert_eq!(oklab(1.0, 0.0, 0.0), WHITE);
    }
}
