//! What becomes of a payment or a parcel, drawn from the seed and the key alone: a repeated key repeats its answer, on any machine.

use orderly_contracts::OrderId;
use orderly_payments::domain::PaymentKey;
use orderly_shipping::domain::ShipmentKey;

use crate::Simulators;

/// The seed of the settings' defaults, by which a visitor's first order goes through.
const DEMO_SEED: u64 = 1;
const FIRST_ORDER: i64 = 1;

/// What the provider will say once it has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Approved,
    /// It never decides.
    Pending,
    Declined,
}

impl Outcome {
    pub(super) const ALL: [Self; 3] = [Self::Approved, Self::Pending, Self::Declined];

    pub(super) fn draw(simulators: &Simulators, key: PaymentKey) -> Self {
        let share = share(simulators.seed, key.order, &key.to_string());
        if share < simulators.approval_rate {
            Self::Approved
        } else if share < simulators.approval_rate + simulators.pending_rate {
            Self::Pending
        } else {
            Self::Declined
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Pending => "pending",
            Self::Declined => "declined",
        }
    }
}

/// What the carrier does with a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    Taken,
    Refused,
    /// It does not answer.
    Silent,
}

impl Handling {
    pub(super) fn draw(simulators: &Simulators, key: ShipmentKey) -> Self {
        let share = share(simulators.seed, key.order, &key.to_string());
        let taken = 1.0 - simulators.refusal_rate - simulators.silence_rate;
        if share < taken {
            Self::Taken
        } else if share < taken + simulators.refusal_rate {
            Self::Refused
        } else {
            Self::Silent
        }
    }
}

/// Whether the answer to the first call under a key is lost on the way.
pub(super) fn is_lost(simulators: &Simulators, lost_rate: f64, order: OrderId, key: &str) -> bool {
    share(simulators.seed, order, &format!("lost:{key}")) < lost_rate
}

/// A number from 0 up to 1, evenly spread over keys. Under the demo seed the first order draws 0, which is approved and
/// taken whenever anything is.
fn share(seed: u64, order: OrderId, key: &str) -> f64 {
    if seed == DEMO_SEED && order.0 == FIRST_ORDER {
        return 0.0;
    }
    // The upper 53 bits: as many as an f64 holds exactly.
    (hash(seed, key) >> 11) as f64 / (1_u64 << 53) as f64
}

/// FNV-1a over the seed and the key, then the finalizer of SplitMix64, since FNV alone leaves the upper bits of short
/// texts much alike.
fn hash(seed: u64, key: &str) -> u64 {
    let fnv = seed
        .to_le_bytes()
        .into_iter()
        .chain(key.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
