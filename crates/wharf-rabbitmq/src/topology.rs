//! What stands at the broker: a queue for each endpoint and those of its set-aside messages, an exchange for each message
//! name. Declared by whoever needs it first, always with the same arguments.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use wharf::{Code, Error, Outgoing, ports::Subscription};

use crate::{RabbitMqOptions, error::failed, link::Link};

/// The longest name that AMQP can carry, in bytes.
const NAME_MAX_BYTES: usize = 255;

/// Names and arguments of what is declared, and what this process has declared already.
#[derive(Debug)]
pub(crate) struct Topology {
    prefix: String,
    delivery_limit: u32,
    quorum_group_size: Option<u32>,
    copies_max: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Endpoints whose queues stand.
    declared: HashSet<String>,
    /// Endpoints of which the queue of what nobody knew stands too.
    skipped: HashSet<String>,
    /// Endpoints that take the messages of a key one at a time.
    in_turns: HashSet<String>,
    /// The names of the messages that this process consumes, by endpoint.
    consumed: HashMap<String, BTreeSet<String>>,
}

impl Topology {
    pub(crate) fn new(options: &RabbitMqOptions) -> Self {
        Self {
            prefix: options.prefix.clone(),
            delivery_limit: options.delivery_limit,
            quorum_group_size: options.quorum_group_size,
            copies_max: options.copies_max,
            state: Mutex::default(),
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The queue of an endpoint.
    pub(crate) fn queue(&self, endpoint: &str) -> Result<ShortString, Error> {
        short(format!("{}{endpoint}", self.prefix))
    }

    /// Where copies of dead letters stand, and where the broker puts what came back too often.
    pub(crate) fn error_queue(&self, endpoint: &str) -> Result<ShortString, Error> {
        short(format!("{}{endpoint}_error", self.prefix))
    }

    /// Where copies of those dead letters stand that nobody here knew.
    fn skipped_queue(&self, endpoint: &str) -> Result<ShortString, Error> {
        short(format!("{}{endpoint}_skipped", self.prefix))
    }

    /// The exchange of a message name.
    pub(crate) fn exchange(&self, message: &str) -> Result<ShortString, Error> {
        short(format!("{}{message}", self.prefix))
    }

    /// Endpoints whose queues this process has declared.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let mut endpoints: Vec<_> = self.lock().declared.iter().cloned().collect();
        endpoints.sort_unstable();
        endpoints
    }

    /// Declares the queue of an endpoint, unless this process has.
    pub(crate) async fn need_queue(&self, link: &Link, endpoint: &str) -> Result<(), Error> {
        if self.lock().declared.contains(endpoint) {
            return Ok(());
        }
        let channel = link.channel().await?;
        self.declare_queue(&channel, endpoint).await?;
        let consumed = self.lock().consumed.get(endpoint).cloned().unwrap_or_default();
        for message in consumed {
            self.bind(&channel, &message, endpoint).await?;
        }
        self.lock().declared.insert(endpoint.to_owned());
        close(&channel).await;
        Ok(())
    }

    /// Where the copy of a dead letter is to stand; a queue that is seldom wanted is declared only now.
    pub(crate) async fn need_queue_of_copies(&self, link: &Link, letter: &Outgoing) -> Result<ShortString, Error> {
        let endpoint = &*letter.endpoint;
        self.need_queue(link, endpoint).await?;
        let unknown = Code::MESSAGE_UNKNOWN.to_string();
        if letter.envelope.trail.death.as_ref().is_none_or(|death| death.code != unknown) {
            return self.error_queue(endpoint);
        }
        let queue = self.skipped_queue(endpoint)?;
        if !self.lock().skipped.contains(endpoint) {
            let channel = link.channel().await?;
            declare(&channel, &queue, self.copies()).await?;
            self.lock().skipped.insert(endpoint.to_owned());
            close(&channel).await;
        }
        Ok(queue)
    }

    /// Whether an endpoint takes the messages of a key one at a time. Then one process at a time is handed its messages.
    pub(crate) fn takes_turns(&self, endpoint: &str) -> bool {
        self.lock().in_turns.contains(endpoint)
    }

    /// Remembers which endpoints take turns. A queue that was declared otherwise is declared once more, so that it is
    /// noticed.
    pub(crate) fn know(&self, subscriptions: &[Subscription]) {
        let state = &mut *self.lock();
        let taking_turns = subscriptions.iter().filter(|subscription| subscription.takes_turns);
        let in_turns: HashSet<_> = taking_turns.map(|subscription| subscription.endpoint.to_string()).collect();
        for changed in in_turns.symmetric_difference(&state.in_turns) {
            state.declared.remove(changed);
        }
        state.in_turns = in_turns;
    }

    /// Remembers what is to be bound to the queues of this process's endpoints.
    pub(crate) fn bind_later(&self, consumed: &[Subscription]) {
        let state = &mut *self.lock();
        for subscription in consumed {
            let of_endpoint = state.consumed.entry(subscription.endpoint.to_string()).or_default();
            of_endpoint.insert(subscription.message.to_string());
            state.declared.remove(&*subscription.endpoint);
        }
    }

    /// After the broker has lost its memory, or the connection broke, nobody knows what still stands.
    pub(crate) fn forget(&self) {
        let state = &mut *self.lock();
        state.declared.clear();
        state.skipped.clear();
    }

    #[cfg(feature = "testing")]
    pub(crate) async fn remove(&self, link: &Link) -> Result<(), Error> {
        use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};

        let channel = link.channel().await?;
        for endpoint in self.endpoints() {
            for queue in [self.queue(&endpoint)?, self.error_queue(&endpoint)?, self.skipped_queue(&endpoint)?] {
                let removed = channel.queue_delete(queue, QueueDeleteOptions::default()).await;
                removed.map_err(|error| failed("remove a queue", error))?;
            }
        }
        let messages: BTreeSet<String> = self.lock().consumed.values().flatten().cloned().collect();
        for message in messages {
            let removed = channel.exchange_delete(self.exchange(&message)?, ExchangeDeleteOptions::default()).await;
            removed.map_err(|error| failed("remove an exchange", error))?;
        }
        close(&channel).await;
        Ok(())
    }

    async fn declare_queue(&self, channel: &Channel, endpoint: &str) -> Result<(), Error> {
        let (queue, errors) = (self.queue(endpoint)?, self.error_queue(endpoint)?);
        declare(channel, &errors, self.copies()).await?;

        let mut arguments = self.quorum();
        let text = |value: &str| AMQPValue::LongString(value.into());
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(self.delivery_limit.into()));
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(errors.as_str()));
        // Nothing is dropped on the way there; a full queue refuses its publisher instead of dropping its head.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        if self.takes_turns(endpoint) {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        declare(channel, &queue, arguments).await
    }

    /// Lets other clients send a message to all of its consumers by its name alone.
    async fn bind(&self, channel: &Channel, message: &str, endpoint: &str) -> Result<(), Error> {
        let (exchange, queue) = (self.exchange(message)?, self.queue(endpoint)?);
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (fanout, none) = (ExchangeKind::Fanout, FieldTable::default);
        let declared = channel.exchange_declare(exchange.clone(), fanout, options, none()).await;
        declared.map_err(|error| failed(&format!("declare the exchange \"{exchange}\""), error))?;
        let what = format!("bind the queue \"{queue}\" to the exchange \"{exchange}\"");
        let bound = channel.queue_bind(queue, exchange, ShortString::default(), QueueBindOptions::default(), none());
        bound.await.map_err(|error| failed(&what, error))
    }

    fn quorum(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        if let Some(nodes) = self.quorum_group_size {
            arguments.insert("x-quorum-initial-group-size".into(), AMQPValue::LongLongInt(nodes.into()));
        }
        arguments
    }

    /// What the broker itself sets aside is no copy, and must not be dropped to make room.
    fn copies(&self) -> FieldTable {
        let mut arguments = self.quorum();
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(self.copies_max.into()));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        arguments
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn declare(channel: &Channel, queue: &ShortString, arguments: FieldTable) -> Result<(), Error> {
    let declared = channel.queue_declare(queue.clone(), QueueDeclareOptions::durable(), arguments).await;
    declared.map_err(|error| failed(&format!("declare the queue \"{queue}\""), error)).map(drop)
}

/// Gives a channel back. One that has broken meanwhile is none any more.
async fn close(channel: &Channel) {
    let _ = channel.close(200, "done".into()).await;
}

fn short(name: String) -> Result<ShortString, Error> {
    ShortString::try_new(name.clone()).map_err(|_| {
        let message = format!("\"{name}\" is longer than the {NAME_MAX_BYTES} bytes that RabbitMQ takes for a name");
        Error::new(Code::ENGINE_FAILED, message)
    })
}
