//! Standard normal deviates by the ziggurat method of Marsaglia and Tsang (2000), in `f32`.
//!
//! 128 layers of equal area. One 32-bit draw gives the layer (7 bits), the sign (1 bit) and the
//! magnitude (24 bits); 98.8% of all deviates need nothing more. Only `libm` is called, and only at
//! the edges, so the deviates are the same bits on every machine and in every build.

use crate::rng::Stream;

/// Where the tail starts: the right edge of layer 1.
const TAIL: f32 = 3.442_619_9;

/// No deviate is larger: the logarithm of a 24-bit fraction carries the tail at most 4.9 beyond [`TAIL`].
pub(crate) const BOUND: f32 = 9.0;

impl Stream {
    /// A standard normal deviate.
    #[inline]
    pub fn normal(&mut self) -> f32 {
        let bits = self.next_u32();
        let (layer, x) = candidate(bits);
        if x < EDGE[layer + 1] {
            return with_sign(x, bits);
        }
        // A copy goes down the rare path, so that the state can stay in registers on the common one.
        let mut copy = self.clone();
        let x = at_the_edge(&mut copy, bits);
        *self = copy;
        x
    }
}

/// Layer and magnitude that 32 bits stand for.
#[inline]
fn candidate(bits: u32) -> (usize, f32) {
    let layer = (bits & 0x7f) as usize;
    (layer, (bits >> 8) as f32 * (1.0 / (1u32 << 24) as f32) * EDGE[layer])
}

#[inline]
fn with_sign(x: f32, bits: u32) -> f32 {
    if bits & 0x80 != 0 { -x } else { x }
}

/// The rest of the method, once the draw `bits` did not fall inside its layer's rectangle.
#[cold]
fn at_the_edge(stream: &mut Stream, mut bits: u32) -> f32 {
    loop {
        let (layer, x) = candidate(bits);
        if x < EDGE[layer + 1] {
            return with_sign(x, bits);
        }
        if layer == 0 {
            return with_sign(tail(stream), bits);
        }
        // The wedge between the rectangle and the curve.
        let y = DENSITY[layer] + (DENSITY[layer + 1] - DENSITY[layer]) * stream.uniform();
        if y < libm::expf(-0.5 * x * x) {
            return with_sign(x, bits);
        }
        bits = stream.next_u32();
    }
}

/// A deviate beyond [`TAIL`], by Marsaglia's exponential rejection.
#[cold]
fn tail(stream: &mut Stream) -> f32 {
    loop {
        // 1 - u is in (0, 1]: the logarithm is finite.
        let x = libm::logf(1.0 - stream.uniform()) * (-1.0 / TAIL);
        let y = -libm::logf(1.0 - stream.uniform());
        if y + y > x * x {
            return TAIL + x;
        }
    }
}

/// Right edge of each layer; `EDGE[0]` is the width of a rectangle as large as the base with its tail.
#[rustfmt::skip]
static EDGE: [f32; 129] = [
    3.7130861, 3.4426198, 3.223085, 3.0832288, 2.9786963, 2.894344,
    2.8231254, 2.7611694, 2.7061136, 2.6564064, 2.6109722, 2.5690336,
    2.5300097, 2.4934545, 2.4590182, 2.4264207, 2.3954344, 2.3658714,
    2.3375752, 2.3104136, 2.284274, 2.2590597, 2.2346864, 2.2110815,
    2.1881804, 2.1659267, 2.1442702, 2.1231656, 2.1025732, 2.0824564,
    2.0627823, 2.0435216, 2.024647, 2.0061338, 1.9879596, 1.9701033,
    1.9525458, 1.9352692, 1.9182574, 1.9014946, 1.8849671, 1.8686612,
    1.8525645, 1.8366655, 1.820953, 1.8054168, 1.7900469, 1.7748344,
    1.7597703, 1.7448461, 1.7300541, 1.7153867, 1.7008367, 1.6863968,
    1.6720607, 1.6578219, 1.6436741, 1.6296115, 1.6156281, 1.6017184,
    1.5878769, 1.5740982, 1.5603772, 1.5467088, 1.5330878, 1.5195096,
    1.505969, 1.4924614, 1.478982, 1.465526, 1.4520886, 1.4386653,
    1.4252512, 1.4118418, 1.3984319, 1.385017, 1.3715922, 1.3581525,
    1.3446927, 1.331208, 1.3176928, 1.3041419, 1.2905496, 1.2769103,
    1.2632179, 1.2494665, 1.2356495, 1.2217603, 1.2077918, 1.1937367,
    1.1795874, 1.1653357, 1.1509728, 1.1364899, 1.121877, 1.1071236,
    1.0922189, 1.0771506, 1.061906, 1.0464709, 1.0308303, 1.0149674,
    0.99886423, 0.9825008, 0.96585506, 0.9489026, 0.9316162, 0.9139652,
    0.8959153, 0.87742746, 0.85845685, 0.83895224, 0.8188539, 0.79809207,
    0.77658397, 0.7542307, 0.7309119, 0.7064796, 0.6807479, 0.6534786,
    0.6243586, 0.5929629, 0.55869216, 0.52065605, 0.47743782, 0.42654797,
    0.36287144, 0.27232087, 0.0,
];

/// `exp(-x²/2)` at each edge.
#[rustfmt::skip]
static DENSITY: [f32; 129] = [
    0.0010143525, 0.0026696292, 0.005548995, 0.008624485, 0.011839478, 0.015167298,
    0.018592102, 0.022103304, 0.025693292, 0.029356318, 0.033087887, 0.03688439,
    0.040742867, 0.044660863, 0.048636295, 0.0526674, 0.056752663, 0.06089077,
    0.06508058, 0.06932112, 0.073611505, 0.077950984, 0.0823389, 0.08677467,
    0.0912578, 0.095787846, 0.10036444, 0.104987256, 0.10965602, 0.11437051,
    0.119130544, 0.12393598, 0.12878671, 0.13368265, 0.13862377, 0.14361008,
    0.14864157, 0.15371831, 0.15884037, 0.16400786, 0.1692209, 0.17447963,
    0.17978427, 0.18513499, 0.19053204, 0.19597565, 0.20146611, 0.20700371,
    0.21258877, 0.21822165, 0.2239027, 0.22963232, 0.23541094, 0.241239,
    0.24711695, 0.2530453, 0.25902456, 0.2650553, 0.27113807, 0.2772735,
    0.2834622, 0.28970486, 0.29600215, 0.30235484, 0.30876362, 0.3152294,
    0.3217529, 0.3283351, 0.33497685, 0.34167916, 0.34844297, 0.35526937,
    0.3621595, 0.36911446, 0.37613547, 0.3832238, 0.3903808, 0.39760786,
    0.40490642, 0.41227803, 0.41972435, 0.427247, 0.43484783, 0.44252872,
    0.45029163, 0.4581387, 0.46607214, 0.4740943, 0.48220766, 0.49041483,
    0.49871865, 0.50712204, 0.5156282, 0.52424055, 0.5329627, 0.54179835,
    0.5507518, 0.5598274, 0.56903, 0.5783647, 0.58783704, 0.5974532,
    0.6072195, 0.6171434, 0.6272325, 0.63749546, 0.6479418, 0.658582,
    0.6694277, 0.68049186, 0.69178915, 0.7033361, 0.7151515, 0.7272569,
    0.73967725, 0.7524416, 0.7655842, 0.7791461, 0.793177, 0.8077383,
    0.8229072, 0.8387836, 0.8555006, 0.87324303, 0.89228165, 0.9130436,
    0.9362827, 0.9635997, 1.0,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    /// The tables are what the recurrence of the method gives in f64, rounded once.
    #[test]
    fn tables_are_their_recurrence() {
        let density = |x: f64| libm::exp(-0.5 * x * x);
        let right = 3.442_619_855_899_f64;
        let tail_area = libm::sqrt(core::f64::consts::FRAC_PI_2) * libm::erfc(right / libm::sqrt(2.0));
        let area = right * density(right) + tail_area;
        let (mut x, mut edges) = (right, std::vec![area / density(right)]);
        while edges.len() < 128 {
            edges.push(x);
            x = libm::sqrt(-2.0 * libm::log(area / x + density(x)));
        }
        edges.push(0.0);
        assert_eq!(TAIL, EDGE[1]);
        for (i, edge) in edges.iter().enumerate() {
            assert_eq!(EDGE[i], *edge as f32, "edge {i}");
            assert_eq!(DENSITY[i], density(*edge) as f32, "density {i}");
        }
    }

    /// Moments, tails and symmetry of four million deviates, each within 5 standard errors.
    #[test]
    fn deviates_are_standard_normal() {
        let mut stream = Stream::new(1, Purpose::Test, 0, 0);
        let count = 4_000_000;
        let (mut sums, mut beyond) = ([0.0f64; 4], [0u32; 4]);
        for _ in 0..count {
            let x = f64::from(stream.normal());
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum += x.powi(k as i32 + 1);
            }
            for (i, edge) in [1.0, 2.0, 3.0, 3.6].iter().enumerate() {
                beyond[i] += u32::from(x.abs() > *edge);
            }
        }
        let n = f64::from(count);
        for (k, (mean, variance)) in [(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)].iter().enumerate() {
            let z = (sums[k] / n - mean) / (variance / n).sqrt();
            assert!(z.abs() < 5.0, "moment {}: {z:.1} standard errors off", k + 1);
        }
        for (i, edge) in [1.0f64, 2.0, 3.0, 3.6].iter().enumerate() {
            let p = libm::erfc(edge / libm::sqrt(2.0));
            let z = (f64::from(beyond[i]) - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(z.abs() < 5.0, "beyond {edge}: {z:.1} standard errors off");
        }
    }
}
