//! The double loop over all pairs: the oracle that the fast kernels are held to.

use super::{PerParticle, Totals};
use crate::physics::potential::Potential;

/// Forces, sums over all pairs, and sums over the pairs of each particle, from the nearest image of every pair.
pub fn evaluate(
    potential: &Potential,
    edges: [f64; 3],
    diameters: &[f64],
    positions: &[Vec<f64>; 3],
    forces: &mut [Vec<f64>; 3],
) -> (Totals, PerParticle) {
    let n = diameters.len();
    let zeros = || vec![0.0; n];
    let mut totals = Totals::default();
    let mut each = PerParticle {
        energy: zeros(),
        virial: zeros(),
        virial_slope: zeros(),
        virial_tensor: std::array::from_fn(|_| zeros()),
    };
    forces.iter_mut().for_each(|forces| *forces = zeros());
    for i in 0..n {
        for j in 0..i {
            let d: [f64; 3] = std::array::from_fn(|axis| {
                let d = positions[axis][i] - positions[axis][j];
                d - edges[axis] * (d / edges[axis]).round()
            });
            let pair = potential.mixing.pair(diameters[i], diameters[j]);
            let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            if r2.sqrt() >= potential.cutoff * pair.diameter {
                continue;
            }
            let terms = potential.of_pair(&pair, r2.sqrt());
            totals.energy += terms.energy;
            totals.virial += terms.virial;
            let force = d.map(|d| terms.virial / r2 * d);
            for axis in 0..3 {
                forces[axis][i] += force[axis];
                forces[axis][j] -= force[axis];
            }
            for (k, slope) in [i, j].into_iter().zip(pair.slopes) {
                each.energy[k] += 0.5 * terms.energy;
                each.virial[k] += terms.virial;
                each.virial_slope[k] += terms.virial_slope * 2.0 * slope / pair.diameter;
                for (component, (a, b)) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
                    .into_iter()
                    .enumerate()
                {
                    each.virial_tensor[component][k] += 0.5 * d[a] * force[b];
                }
            }
        }
    }
    (totals, each)
}
