//! Where nodes stand, and how far from each other.
//!
//! Latency may depend on distance, and a run's trace must not depend on the machine. So only operations whose
//! result IEEE 754 fixes are used; the cosine is a polynomial of our own.

use crate::plan::Place;

/// Metres of one degree of latitude.
const DEGREE: f64 = 111_195.0;

/// The distance between two places in metres, good to a few parts in a thousand within a county.
pub(super) fn metres(a: Place, b: Place) -> u64 {
    let north = (a.lat - b.lat) * DEGREE;
    let east = (a.lon - b.lon) * DEGREE * cosine((a.lat + b.lat) / 2.0);
    whole((north * north + east * east).sqrt())
}

/// The place so many metres east and north of another.
pub(super) fn beside(centre: Place, east: i64, north: i64) -> Place {
    let metres = |n: i64| i32::try_from(n).map_or(0.0, f64::from);
    let lat = centre.lat + metres(north) / DEGREE;
    Place { lat, lon: centre.lon + metres(east) / (DEGREE * cosine(centre.lat)) }
}

/// The cosine of an angle in degrees from -90 to 90; the error is below 1e-6.
fn cosine(degrees: f64) -> f64 {
    let x = degrees * core::f64::consts::PI / 180.0;
    let square = x * x;
    // The Taylor series to the twelfth power, innermost first.
    [132.0, 90.0, 56.0, 30.0, 12.0, 2.0].iter().fold(1.0, |inner, factor| 1.0 - square / factor * inner)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "distances on earth, never negative")]
fn whole(metres: f64) -> u64 {
    metres.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_is_near_enough() {
        for (degrees, value) in [(0.0, 1.0), (36.5, 0.803_856_860_6), (60.0, 0.5), (90.0, 0.0)] {
            assert!((cosine(degrees) - value).abs() < 1e-6, "{degrees}: {}", cosine(degrees));
        }
    }

    #[test]
    fn a_place_beside_another_is_as_far_as_was_said() {
        let centre = Place { lat: 36.5, lon: 118.5 };
        assert!(metres(centre, beside(centre, 3_000, -4_000)).abs_diff(5_000) <= 5);
        // Beijing to Jinan, 366 km on the sphere.
        let (one, two) = (Place { lat: 39.904, lon: 116.407 }, Place { lat: 36.651, lon: 117.120 });
        assert!(metres(one, two).abs_diff(366_800) < 1_500, "{}", metres(one, two));
    }
}
