//! How far this process grows while it drains 200,000 messages that the server holds.

use crate::{
    noop,
    place::{Place, TAKES, fill},
    resident::Resident,
};

const MESSAGES: u64 = 200_000;
/// What the growth is to stay under.
const AIM_MIB: u64 = 32;

pub(crate) async fn measure(place: &Place) {
    for _ in 0..TAKES {
        fill(place, MESSAGES, noop::ENDPOINTS).await;
        let before = Resident::from_here();
        noop::our_rate(place, MESSAGES).await;
        println!("memory, {MESSAGES} drained: {} (aim: under {AIM_MIB} MiB)", before.growth());
    }
}
