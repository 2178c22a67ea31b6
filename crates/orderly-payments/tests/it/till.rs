//! The payments module on the memory engine, beside a ledger in memory and a provider that follows a script.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use orderly_contracts::{
    CaptureId, Currency, CustomerId, Money, OrderId,
    payments::{
        PaymentApproved, PaymentDeclined, PaymentDisputed, PaymentFailed, PaymentProcessingRequested, PaymentStarted,
        PaymentVoided,
    },
};
use orderly_payments::{
    Answer, Capture, GatewayError, Inquiry, Ledger, PaymentGateway, Ports, Refunds, Settings, Voided,
    domain::{AttemptState, Intent, IntentState, PaymentKey, Refund, RefundKey},
};
use wharf::{
    Memory, Message, Module, Msg, Result, Tenant, Tx, Worker,
    testing::{Harness, ManualClock},
};

pub(crate) const ORDER: OrderId = OrderId(7);

pub(crate) fn total() -> Money {
    Money::new(12_999, Currency::USD)
}

pub(crate) fn request() -> PaymentProcessingRequested {
    PaymentProcessingRequested { order: ORDER, customer: CustomerId(2), amount: total() }
}

pub(crate) fn capture() -> Capture {
    Capture { id: CaptureId::new("cap-1"), amount: total() }
}

pub(crate) fn pending() -> Answer {
    Answer::Pending { ask_again_after: Duration::from_secs(5) }
}

/// A ledger in memory.
#[derive(Default)]
pub(crate) struct FakeLedger {
    intents: Mutex<BTreeMap<OrderId, Intent>>,
    pub(crate) attempts: Mutex<BTreeMap<u32, AttemptState>>,
    /// Captures that are not the intent's, and whether they were given back.
    pub(crate) strays: Mutex<BTreeMap<String, bool>>,
    pub(crate) dispute: Mutex<Option<String>>,
    refunds: Mutex<Vec<Refund>>,
    refund_attempts: Mutex<BTreeMap<(i64, u32), AttemptState>>,
}

impl FakeLedger {
    /// Every attempt, as `lost, approved`.
    pub(crate) fn attempts(&self) -> String {
        let attempts = self.attempts.lock().unwrap();
        attempts.values().map(|state| state.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Every stray capture, as `cap-2 given back`.
    pub(crate) fn strays(&self) -> String {
        let told = |(id, is_back): (&String, &bool)| format!("{id} {}", if *is_back { "given back" } else { "kept" });
        self.strays.lock().unwrap().iter().map(told).collect::<Vec<_>>().join(", ")
    }

    /// Every refund of a return, as `refund:7:1 of 10.00 made`.
    pub(crate) fn refunds(&self) -> String {
        let told = |refund: &Refund| {
            format!("{} of {} {}", refund.key(), refund.amount(), if refund.is_made() { "made" } else { "open" })
        };
        self.refunds.lock().unwrap().iter().map(told).collect::<Vec<_>>().join(", ")
    }

    /// Every attempt at a refund, as `lost, approved`.
    pub(crate) fn refund_attempts(&self, number: i64) -> String {
        let attempts = self.refund_attempts.lock().unwrap();
        let attempts = attempts.iter().filter(|((of, _), _)| *of == number);
        attempts.map(|(_, state)| state.as_str()).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn state(&self) -> Option<IntentState> {
        self.intents.lock().unwrap().get(&ORDER).map(|intent| intent.state().clone())
    }
}

#[async_trait]
impl Ledger for FakeLedger {
    async fn look_up(&self, _: &Tenant, order: OrderId) -> Result<Option<Intent>> {
        Ok(self.intents.lock().unwrap().get(&order).cloned())
    }

    async fn find(&self, _: &mut Tx, order: OrderId) -> Result<Option<Intent>> {
        Ok(self.intents.lock().unwrap().get(&order).cloned())
    }

    async fn save(&self, _: &mut Tx, intent: &Intent) -> Result {
        self.intents.lock().unwrap().insert(intent.key().order, intent.clone());
        Ok(())
    }

    async fn book_stray(&self, _: &mut Tx, _: OrderId, capture: &Capture) -> Result<bool> {
        let mut strays = self.strays.lock().unwrap();
        let is_new = !strays.contains_key(capture.id.as_str());
        strays.entry(capture.id.as_str().to_owned()).or_insert(false);
        Ok(is_new)
    }

    async fn stray_is_refunded(&self, _: &mut Tx, _: OrderId, capture: &CaptureId) -> Result {
        self.strays.lock().unwrap().insert(capture.as_str().to_owned(), true);
        Ok(())
    }

    async fn note_dispute(&self, _: &mut Tx, _: OrderId, reason: &str) -> Result<bool> {
        let mut dispute = self.dispute.lock().unwrap();
        let is_first = dispute.is_none();
        dispute.get_or_insert_with(|| reason.to_owned());
        Ok(is_first)
    }

    async fn note_attempt(&self, _: &mut Tx, _: OrderId, number: u32, state: AttemptState) -> Result {
        self.attempts.lock().unwrap().insert(number, state);
        Ok(())
    }
}

#[async_trait]
impl Refunds for FakeLedger {
    async fn look_up(&self, _: &Tenant, key: RefundKey) -> Result<Option<Refund>> {
        Ok(self.refunds.lock().unwrap().iter().find(|refund| refund.key() == key).copied())
    }

    async fn of_order(&self, _: &mut Tx, order: OrderId) -> Result<Vec<Refund>> {
        Ok(self.refunds.lock().unwrap().iter().filter(|refund| refund.key().order == order).copied().collect())
    }

    async fn add(&self, _: &mut Tx, refund: &Refund) -> Result {
        self.refunds.lock().unwrap().push(*refund);
        Ok(())
    }

    async fn is_made(&self, _: &mut Tx, key: RefundKey) -> Result {
        let mut refunds = self.refunds.lock().unwrap();
        for refund in refunds.iter_mut().filter(|refund| refund.key() == key) {
            *refund = Refund::from_stored(key, refund.amount(), true);
        }
        Ok(())
    }

    async fn note_attempt(&self, _: &mut Tx, key: RefundKey, number: u32, state: AttemptState) -> Result {
        self.refund_attempts.lock().unwrap().insert((key.number.0, number), state);
        Ok(())
    }
}

/// A provider that answers as it was told, and notes what it was asked. A lost answer is an `Err` after the act.
#[derive(Default)]
pub(crate) struct ScriptedGateway {
    pub(crate) submits: Mutex<VecDeque<Result<Answer, GatewayError>>>,
    pub(crate) inquiries: Mutex<VecDeque<Result<Inquiry, GatewayError>>>,
    pub(crate) voids: Mutex<VecDeque<Voided>>,
    pub(crate) asked: Mutex<Vec<String>>,
    /// How many refunds of a single capture fail from now on.
    pub(crate) refunds_to_fail: Mutex<u32>,
    /// What was given back for returns.
    given_back: Mutex<BTreeMap<String, Money>>,
    /// How the next refunds of returns go; when none is left, they go well.
    pub(crate) trouble: Mutex<VecDeque<Trouble>>,
}

/// What goes wrong with a refund of a return, or with the question about it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// The provider does not hear it.
    Down,
    /// The provider acts, and its answer is lost.
    AnswerLost,
    /// The provider gave back another amount than it was asked for.
    Contradiction,
}

impl ScriptedGateway {
    fn note(&self, call: &str, key: impl std::fmt::Display) {
        self.asked.lock().unwrap().push(format!("{call} {key}"));
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl PaymentGateway for ScriptedGateway {
    async fn submit(&self, key: PaymentKey, _: Money) -> Result<Answer, GatewayError> {
        self.note("submit", key);
        self.submits.lock().unwrap().pop_front().expect("an answer to a submit")
    }

    async fn inquire(&self, key: PaymentKey) -> Result<Inquiry, GatewayError> {
        self.note("inquire", key);
        self.inquiries.lock().unwrap().pop_front().expect("an answer to an inquiry")
    }

    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError> {
        self.note("void", key);
        Ok(self.voids.lock().unwrap().pop_front().expect("an answer to a void"))
    }

    async fn refund_capture(&self, key: PaymentKey, capture: &CaptureId) -> Result<(), GatewayError> {
        self.note(&format!("refund {capture} of"), key);
        let mut to_fail = self.refunds_to_fail.lock().unwrap();
        match to_fail.checked_sub(1) {
            Some(left) => {
                *to_fail = left;
                Err(GatewayError("timeout".to_owned()))
            }
            None => Ok(()),
        }
    }

    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError> {
        self.note("refund", key);
        Ok(())
    }

    async fn refund_part(&self, _: PaymentKey, refund: RefundKey, amount: Money) -> Result<(), GatewayError> {
        self.note("refund part", refund);
        let trouble = self.trouble.lock().unwrap().pop_front();
        let given_back = match trouble {
            Some(Trouble::Down) => return Err(GatewayError("refused".to_owned())),
            Some(Trouble::Contradiction) => Money::new(1, amount.currency),
            Some(Trouble::AnswerLost) | None => amount,
        };
        let before = self.given_back.lock().unwrap().insert(refund.to_string(), given_back);
        assert_eq!(before, None, "given back twice");
        match trouble {
            None => Ok(()),
            Some(_) => Err(GatewayError("timeout".to_owned())),
        }
    }

    async fn inquire_refund(&self, refund: RefundKey) -> Result<Option<Money>, GatewayError> {
        self.note("inquire", refund);
        Ok(self.given_back.lock().unwrap().get(&refund.to_string()).copied())
    }
}

async fn take_note<M: Message>(_: Msg<M>) -> Result {
    Ok(())
}

/// The module in its harness, with its ledger and its provider.
pub(crate) async fn open() -> (Harness, Arc<FakeLedger>, Arc<ScriptedGateway>) {
    let clock = ManualClock::new();
    let (ledger, gateway) = (Arc::new(FakeLedger::default()), Arc::new(ScriptedGateway::default()));
    let ports = Ports {
        ledger: ledger.clone(),
        refunds: ledger.clone(),
        gateway: gateway.clone(),
        settings: Settings::default(),
    };
    let saga = Module::new("saga", ()).endpoint("saga", |endpoint| {
        endpoint
            .consume("started", take_note::<PaymentStarted>)
            .consume("approved", take_note::<PaymentApproved>)
            .consume("declined", take_note::<PaymentDeclined>)
            .consume("failed", take_note::<PaymentFailed>)
            .consume("disputed", take_note::<PaymentDisputed>)
            .consume("voided", take_note::<PaymentVoided>)
    });
    let engine = Memory::with_clock(clock.clone());
    let worker = Worker::new(engine).module(orderly_payments::module(ports)).module(saga);
    (Harness::start(worker, clock).await, ledger, gateway)
}
