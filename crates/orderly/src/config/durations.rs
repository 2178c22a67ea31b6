//! How long everything may take that waits for others: the saga, its sweep, payments, shipping and the simulated providers.

use std::time::Duration;

use super::{
    Config,
    reader::Reader,
    setting::Setting,
    values::{batch, positive, retries, seconds, some_seconds, three},
};

const ALLOWED: &str = "a duration from 1ms to 8760h, such as 300ms, 5m or 2h";

/// No period is shorter, however fast time goes: a schedule of wharf's needs as much.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long fulfilment waits for what.
#[derive(Debug)]
pub(crate) struct Fulfilment {
    pub(crate) overall: Duration,
    pub(crate) payment_inquiry: Duration,
    pub(crate) shipping_inquiry: Duration,
    pub(crate) shipping_retries_max: u8,
    pub(crate) delivery: Duration,
    pub(crate) undoing: Duration,
    pub(crate) attention_period: Duration,
}

/// The sweep that finds orders to which nothing happens.
#[derive(Debug)]
pub(crate) struct Expiry {
    pub(crate) interval: Duration,
    pub(crate) start_delay: Duration,
    pub(crate) stale_after: Duration,
    pub(crate) batch_max: u32,
}

/// When the payment provider is turned to again, and when the simulated one wants to be.
#[derive(Debug)]
pub(crate) struct PaymentWaits {
    pub(crate) retry_delays: [Duration; 3],
    pub(crate) inquiry_period: Duration,
    pub(crate) refund_period: Duration,
    pub(crate) ask_again_min: Duration,
    pub(crate) ask_again_max: Duration,
}

/// When a silent carrier is turned to again.
#[derive(Debug)]
pub(crate) struct Shipping {
    pub(crate) retry_delay_min: Duration,
    pub(crate) retry_delay_max: Duration,
}

impl Fulfilment {
    pub(super) fn read(read: &mut Reader) -> Self {
        let mut wait = |key, meaning, default| read.or(Setting::new(key, ALLOWED, positive).meaning(meaning), default);
        Self {
            overall: wait(
                "fulfilment.overall",
                "From creation to the carrier's acceptance; then an order expires.",
                "30m",
            ),
            payment_inquiry: wait(
                "fulfilment.payment_inquiry",
                "How long there may be no news of a payment before the provider is asked what became of it.",
                "2m",
            ),
            shipping_inquiry: wait(
                "fulfilment.shipping_inquiry",
                "How long the carrier may be silent before it is asked again.",
                "5m",
            ),
            delivery: wait(
                "fulfilment.delivery",
                "From the carrier's acceptance to the customer's door; then a person is called.",
                "336h",
            ),
            undoing: wait(
                "fulfilment.undoing",
                "How long a step of the way back may take before a person is called.",
                "10m",
            ),
            attention_period: wait(
                "fulfilment.attention_period",
                "How often a step that needs attention is asked for again.",
                "1h",
            ),
            shipping_retries_max: read.or(
                Setting::new("fulfilment.shipping_retries_max", "0 to 10", retries)
                    .meaning("How often a silent carrier is asked again before the order is cancelled."),
                "2",
            ),
        }
    }
}

impl Expiry {
    pub(super) fn read(read: &mut Reader) -> Self {
        Self {
            interval: read.or(
                Setting::new("expiry.interval_seconds", "1 to 86400", seconds)
                    .meaning("How often orders without an update are looked for."),
                "60",
            ),
            start_delay: read.or(
                Setting::new("expiry.start_delay_seconds", "0 to 60", some_seconds)
                    .meaning("How long after its start a worker first looks for them."),
                "5",
            ),
            stale_after: read.or(
                Setting::new("expiry.stale_after_seconds", "1 to 86400", seconds)
                    .meaning("How long an unpaid order may go without an update."),
                "600",
            ),
            batch_max: read.or(
                Setting::new("expiry.batch_max", "1 to 10000", batch)
                    .meaning("How many orders expire at once at most; more raise an alarm, and expire next time."),
                "1000",
            ),
        }
    }
}

impl PaymentWaits {
    pub(super) fn read(read: &mut Reader) -> Self {
        let retry_delays = read.or(
            Setting::new("payments.retry_delays", "three durations, such as `1s, 3s, 7s`", three).meaning(
                "Before the payment provider is called once more after a lost answer, and up to a quarter more.",
            ),
            "1s, 3s, 7s",
        );
        let mut wait = |key, meaning, default| read.or(Setting::new(key, ALLOWED, positive).meaning(meaning), default);
        Self {
            retry_delays,
            inquiry_period: wait(
                "payments.inquiry_period",
                "How often a payment provider that does not answer is asked what became of a payment.",
                "15s",
            ),
            refund_period: wait(
                "payments.refund_period",
                "How often a payment provider that does not answer is asked to give back what is owed.",
                "5m",
            ),
            ask_again_min: wait(
                "payments.ask_again_min",
                "When the simulated payment provider first wants to be asked again about what it has not decided.",
                "5s",
            ),
            ask_again_max: wait("payments.ask_again_max", "How long it wants to be left alone at most.", "1m"),
        }
    }
}

impl Shipping {
    pub(super) fn read(read: &mut Reader) -> Self {
        let mut wait = |key, meaning, default| read.or(Setting::new(key, ALLOWED, positive).meaning(meaning), default);
        Self {
            retry_delay_min: wait(
                "shipping.retry_delay_min",
                "Before a silent carrier is called a second time; doubled before each that follows, 30 times.",
                "1s",
            ),
            retry_delay_max: wait("shipping.retry_delay_max", "Beyond this it is not doubled.", "1m"),
        }
    }

    pub(crate) fn settings(&self) -> orderly_shipping::Settings {
        let Self { retry_delay_min, retry_delay_max } = *self;
        orderly_shipping::Settings { retry_delay_min, retry_delay_max }
    }
}

impl Config {
    /// Refuses durations that are right by themselves, but not beside the others.
    pub(super) fn check_durations(&self, read: &mut Reader) {
        let Fulfilment { overall, payment_inquiry, shipping_inquiry, shipping_retries_max, .. } = self.fulfilment;
        let PaymentWaits { ask_again_min, ask_again_max, .. } = self.payments.waits;
        let Shipping { retry_delay_min, retry_delay_max } = self.shipping;
        let silence = shipping_inquiry.saturating_mul(u32::from(shipping_retries_max) + 1);
        let patience = self.shipping.settings().patience();
        let mut order = |holds: bool, key: &str, sentence: String| {
            if !holds {
                read.refuse(key, sentence);
            }
        };
        for (key, inquiry) in
            [("fulfilment.payment_inquiry", payment_inquiry), ("fulfilment.shipping_inquiry", shipping_inquiry)]
        {
            order(
                inquiry < overall,
                key,
                format!("it must be shorter than fulfilment.overall, {overall:?}; an order would expire before"),
            );
        }
        order(
            self.expiry.stale_after <= overall,
            "expiry.stale_after_seconds",
            format!("it must not be longer than fulfilment.overall, {overall:?}, after which every order expires"),
        );
        order(
            ask_again_min <= ask_again_max,
            "payments.ask_again_min",
            format!("it must not be longer than payments.ask_again_max, {ask_again_max:?}"),
        );
        order(
            retry_delay_min <= retry_delay_max,
            "shipping.retry_delay_min",
            format!("it must not be longer than shipping.retry_delay_max, {retry_delay_max:?}"),
        );
        order(
            patience > silence,
            "shipping.retry_delay_max",
            format!(
                "a silent carrier would be called for {patience:?}, which must be longer than fulfilment waits for it: \
                 {silence:?}, by fulfilment.shipping_inquiry and fulfilment.shipping_retries_max"
            ),
        );
    }

    /// Lets all of it pass so many times faster: whatever waits for others, and the others too.
    pub(crate) fn hasten(&mut self, times: f64) {
        let Fulfilment { overall, payment_inquiry, shipping_inquiry, delivery, undoing, attention_period, .. } =
            &mut self.fulfilment;
        let Expiry { interval, start_delay, stale_after, batch_max: _ } = &mut self.expiry;
        let PaymentWaits { retry_delays, inquiry_period, refund_period, ask_again_min, ask_again_max } =
            &mut self.payments.waits;
        let [first, second, third] = retry_delays;
        let Shipping { retry_delay_min, retry_delay_max } = &mut self.shipping;
        let waits =
            [overall, payment_inquiry, shipping_inquiry, delivery, undoing, attention_period, interval, stale_after];
        let calls = [first, second, third, inquiry_period, refund_period, ask_again_min, ask_again_max];
        for wait in waits.into_iter().chain(calls).chain([retry_delay_min, retry_delay_max]) {
            *wait = wait.div_f64(times).max(SHORTEST);
        }
        for delay in [start_delay, &mut self.payments.delay, &mut self.carrier.delivery_delay] {
            *delay = delay.div_f64(times);
        }
    }
}
