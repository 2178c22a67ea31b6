//! The payments module on the memory engine, beside a ledger in memory and a provider that follows a script.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use orderly_contracts::{
    CaptureId, Currency, CustomerId, Money, OrderId,
    payments::{PaymentApproved, PaymentDeclined, PaymentProcessingRequested, PaymentStarted, PaymentVoided},
};
use orderly_payments::{
    Answer, Capture, GatewayError, Inquiry, Ledger, PaymentGateway, Ports, Voided,
    domain::{AttemptState, Intent, IntentState, PaymentKey},
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
}

impl FakeLedger {
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

    async fn note_attempt(&self, _: &mut Tx, _: OrderId, number: u32, state: AttemptState) -> Result {
        self.attempts.lock().unwrap().insert(number, state);
        Ok(())
    }
}

/// A provider that answers as it was told, and notes what it was asked. A lost answer is an `Err` after the act.
#[derive(Default)]
pub(crate) struct ScriptedGateway {
    pub(crate) submits: Mutex<VecDeque<Result<Answer, GatewayError>>>,
    pub(crate) inquiries: Mutex<VecDeque<Inquiry>>,
    pub(crate) voids: Mutex<VecDeque<Voided>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl ScriptedGateway {
    fn note(&self, call: &str, key: PaymentKey) {
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
        Ok(self.inquiries.lock().unwrap().pop_front().expect("an answer to an inquiry"))
    }

    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError> {
        self.note("void", key);
        Ok(self.voids.lock().unwrap().pop_front().expect("an answer to a void"))
    }

    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError> {
        self.note("refund", key);
        Ok(())
    }
}

async fn take_note<M: Message>(_: Msg<M>) -> Result {
    Ok(())
}

/// The module in its harness, with its ledger and its provider.
pub(crate) async fn open() -> (Harness, Arc<FakeLedger>, Arc<ScriptedGateway>) {
    let clock = ManualClock::new();
    let (ledger, gateway) = (Arc::new(FakeLedger::default()), Arc::new(ScriptedGateway::default()));
    let ports = Ports { ledger: ledger.clone(), gateway: gateway.clone() };
    let saga = Module::new("saga", ()).endpoint("saga", |endpoint| {
        endpoint
            .consume("started", take_note::<PaymentStarted>)
            .consume("approved", take_note::<PaymentApproved>)
            .consume("declined", take_note::<PaymentDeclined>)
            .consume("voided", take_note::<PaymentVoided>)
    });
    let engine = Memory::with_clock(clock.clone());
    let worker = Worker::new(engine).module(orderly_payments::module(ports)).module(saga);
    (Harness::start(worker, clock).await, ledger, gateway)
}
