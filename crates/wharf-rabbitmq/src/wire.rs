//! A message as any AMQP client reads and writes it: plain JSON, with its envelope in properties and headers.
//!
//! Only a body and the name of the message, as `type` or as the exchange it came by, must be there. What else a foreign
//! client leaves out is filled in: a message without an id gets one with each delivery, and so may have its effects twice.

use std::sync::Arc;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use uuid::Uuid;
use wharf::{Envelope, Key, Kind, Outgoing, Priority, Tenant, Timestamp, Trail};

const VERSION: &str = "wharf-version";
const KIND: &str = "wharf-kind";
const KEY: &str = "wharf-key";
const TENANT: &str = "wharf-tenant";
const SENT_AT: &str = "wharf-sent-at";
const EXPIRES_AT: &str = "wharf-expires-at";
const REDRIVES: &str = "wharf-redrives";
const RANK: &str = "wharf-rank";
const TRAIL: &str = "wharf-trail";
const DEAD_ENDPOINT: &str = "wharf-dead-endpoint";
const DEAD_CODE: &str = "wharf-dead-code";
const DEAD_REASON: &str = "wharf-dead-reason";
const DEAD_ATTEMPTS: &str = "wharf-dead-attempts";

/// Written to disk before it is confirmed.
const PERSISTENT: u8 = 2;
const JSON: &str = "application/json";

/// The properties of a message that is sent. Times are microseconds since 1970.
pub(crate) fn properties(outgoing: &Outgoing) -> BasicProperties {
    let envelope = &outgoing.envelope;
    let mut headers = FieldTable::default();
    let mut set = |name: &str, value: AMQPValue| {
        headers.insert(name.into(), value);
    };
    let text = |value: &str| AMQPValue::LongString(value.into());
    set(VERSION, AMQPValue::LongInt(envelope.version.into()));
    set(KIND, text(kind_name(envelope.kind)));
    set(KEY, text(envelope.key.as_str()));
    set(TENANT, text(envelope.tenant.as_str()));
    set(SENT_AT, AMQPValue::LongLongInt(envelope.sent_at.as_micros()));
    set(REDRIVES, AMQPValue::LongLongInt(envelope.redrives.into()));
    set(RANK, AMQPValue::LongInt(envelope.priority.rank().into()));
    if let Some(at) = envelope.expires_at {
        set(EXPIRES_AT, AMQPValue::LongLongInt(at.as_micros()));
    }
    // For people; a copy that is put back is known by its trail.
    if let Some(death) = &envelope.trail.death {
        set(DEAD_ENDPOINT, text(&death.endpoint));
        set(DEAD_CODE, text(&death.code));
        set(DEAD_REASON, text(&death.reason));
        set(DEAD_ATTEMPTS, AMQPValue::LongLongInt(death.attempts.into()));
    }
    // A trail is made of strings and numbers, which JSON can always write.
    set(TRAIL, text(&serde_json::to_string(&envelope.trail).unwrap_or_default()));
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(JSON.into())
        .with_message_id(envelope.id.to_string().into())
        .with_type(ShortString::try_new(&*envelope.name).unwrap_or_default())
        .with_correlation_id(envelope.trail.correlation.to_string().into())
        .with_timestamp(u64::try_from(envelope.sent_at.as_micros() / 1_000_000).unwrap_or_default())
        .with_headers(headers)
}

/// Reads a message that came by the exchange of the name `sent_as`.
pub(crate) fn read(properties: &BasicProperties, sent_as: &str, body: Vec<u8>, now: Timestamp) -> (Envelope, Arc<str>) {
    let headers = Headers(properties.headers().as_ref());
    let name = properties.kind().as_ref().map_or(sent_as, ShortString::as_str);
    let id = properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
    let trail = headers.text(TRAIL).and_then(|json| serde_json::from_str(&json).ok());
    let envelope = Envelope {
        id: id.unwrap_or_else(Uuid::now_v7),
        name: Arc::from(name),
        version: headers.number(VERSION).map_or(1, |version| u16::try_from(version).unwrap_or(u16::MAX)),
        kind: headers.text(KIND).map_or(Kind::Event, |kind| read_kind(&kind)),
        key: Key::from_stored(headers.text(KEY).unwrap_or_default()),
        tenant: headers.text(TENANT).map_or_else(Tenant::default, |tenant| Tenant::new(&tenant)),
        sent_at: headers.number(SENT_AT).map_or(now, Timestamp::from_micros),
        attempt: 0,
        crashes: 0,
        redrives: headers.number(REDRIVES).and_then(|redrives| u32::try_from(redrives).ok()).unwrap_or(0),
        priority: Priority::from_rank(headers.number(RANK).and_then(|rank| i16::try_from(rank).ok()).unwrap_or(1)),
        expires_at: headers.number(EXPIRES_AT).map(Timestamp::from_micros),
        trail: trail.unwrap_or_else(|| Trail::begin(Arc::from("unknown"))),
    };
    // What is no text is no JSON either, and its handler's decoding says so.
    (envelope, String::from_utf8_lossy(&body).into())
}

/// The headers of a message, some of which a foreign client may have written as it liked.
struct Headers<'a>(Option<&'a FieldTable>);

impl Headers<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        let long = value.as_long_string().map(ToString::to_string);
        long.or_else(|| value.as_short_string().map(|text| text.as_str().to_owned()))
    }

    fn number(&self, name: &str) -> Option<i64> {
        let value = self.value(name)?;
        let long = value.as_long_long_int();
        long.or_else(|| value.as_long_int().map(i64::from)).or_else(|| value.as_short_int().map(i64::from))
    }

    fn value(&self, name: &str) -> Option<&AMQPValue> {
        self.0?.inner().get(name)
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "command",
        Kind::Event => "event",
        Kind::Job => "job",
    }
}

fn read_kind(name: &str) -> Kind {
    [Kind::Command, Kind::Job].into_iter().find(|kind| kind_name(*kind) == name).unwrap_or(Kind::Event)
}
