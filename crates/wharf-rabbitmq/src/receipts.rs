//! Acknowledging: what was handed out up to some message and is all done is acknowledged by one word to the broker.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{join, join_all};
use lapin::{Acker, options::BasicAckOptions};

use crate::{error::failed, link::in_time};

/// Which messages of one channel the broker was told of. It numbers them from 1, one by one.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    highest: u64,
    /// Those below the highest that it was not told of: what is out, and no more than that.
    missing: BTreeSet<u64>,
}

/// What acknowledges one message.
#[derive(Debug)]
pub(crate) struct Receipt {
    channel: Arc<Acknowledged>,
    number: u64,
    acker: Acker,
}

impl Receipt {
    pub(crate) fn new(channel: &Arc<Acknowledged>, number: u64, acker: Acker) -> Self {
        Self { channel: Arc::clone(channel), number, acker }
    }

    /// Whether the channel still lives that the message came by.
    pub(crate) fn is_usable(&self) -> bool {
        self.acker.usable()
    }

    /// Of this message, or of all up to it. Whether the broker was told.
    async fn acknowledge(&self, multiple: bool) -> bool {
        let told = self.acker.ack(BasicAckOptions { multiple });
        in_time(async { told.await.map_err(|error| failed("acknowledge", error)) }).await.unwrap_or(false)
    }
}

impl Acknowledged {
    /// The highest of these numbers, which are in order, below which none is missing.
    fn all_up_to(&self, numbers: impl Iterator<Item = u64>) -> Option<u64> {
        let known = self.lock();
        let untold = known.missing.iter().copied().chain(known.highest + 1..);
        untold.zip(numbers).take_while(|(untold, number)| untold == number).map(|(_, number)| number).last()
    }

    /// Notes those that the broker was told of, and no sooner: to tell it of one twice, by itself and then along with
    /// others, costs the channel.
    fn note(&self, told: impl Iterator<Item = u64>) {
        let known = &mut *self.lock();
        for number in told {
            if number > known.highest {
                known.missing.extend(known.highest + 1..number);
                known.highest = number;
            } else {
                known.missing.remove(&number);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Acknowledges them all; for each whether the broker was told.
pub(crate) async fn acknowledge(receipts: Vec<Option<Receipt>>) -> Vec<bool> {
    let mut told = vec![false; receipts.len()];
    let mut channels: Vec<Vec<(usize, Receipt)>> = Vec::new();
    for (place, receipt) in receipts.into_iter().enumerate() {
        let Some(receipt) = receipt else { continue };
        let of_channel = |channel: &&mut Vec<(usize, Receipt)>| {
            channel.first().is_some_and(|(_, first)| Arc::ptr_eq(&first.channel, &receipt.channel))
        };
        match channels.iter_mut().find(of_channel) {
            Some(channel) => channel.push((place, receipt)),
            None => channels.push(vec![(place, receipt)]),
        }
    }
    for (place, was_told) in join_all(channels.into_iter().map(acknowledge_of_channel)).await.into_iter().flatten() {
        told[place] = was_told;
    }
    told
}

async fn acknowledge_of_channel(mut receipts: Vec<(usize, Receipt)>) -> Vec<(usize, bool)> {
    receipts.sort_unstable_by_key(|(_, receipt)| receipt.number);
    let Some(channel) = receipts.first().map(|(_, first)| Arc::clone(&first.channel)) else { return Vec::new() };
    let all_up_to = channel.all_up_to(receipts.iter().map(|(_, receipt)| receipt.number));
    let (together, single): (Vec<_>, Vec<_>) =
        receipts.iter().partition(|(_, receipt)| Some(receipt.number) <= all_up_to);
    let last = async {
        match together.last() {
            Some((_, last)) => last.acknowledge(true).await,
            None => false,
        }
    };
    let each = join_all(single.iter().map(|(_, receipt)| receipt.acknowledge(false)));
    let (together_told, single_told) = join(last, each).await;
    channel.note(receipts.iter().map(|(_, receipt)| receipt.number));
    let together = together.iter().map(|(place, _)| (*place, together_told));
    together.chain(single.iter().map(|(place, _)| *place).zip(single_told)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together_are_acknowledged_those_below_which_none_is_missing() {
        let known = Acknowledged::default();
        let all_up_to = |numbers: &[u64]| known.all_up_to(numbers.iter().copied());
        assert_eq!(all_up_to(&[]), None);
        assert_eq!(all_up_to(&[2, 3]), None, "1 is missing");
        assert_eq!(all_up_to(&[1, 2, 4]), Some(2), "3 is missing");
        known.note([1, 4, 5].into_iter());
        assert_eq!(all_up_to(&[3]), None, "2 is missing");
        assert_eq!(all_up_to(&[2]), Some(2));
        assert_eq!(all_up_to(&[2, 3, 6, 8]), Some(6), "7 is missing");
        known.note([2, 3].into_iter());
        assert_eq!(all_up_to(&[6]), Some(6));
    }

    #[test]
    fn one_that_is_out_for_long_is_all_that_is_remembered() {
        let known = Acknowledged::default();
        known.note(2..=100_000);
        assert_eq!(known.lock().missing, BTreeSet::from([1]));
        assert_eq!(known.all_up_to([1, 100_001].into_iter()), Some(100_001));
        known.note([1].into_iter());
        assert_eq!(known.lock().missing, BTreeSet::new());
    }
}
