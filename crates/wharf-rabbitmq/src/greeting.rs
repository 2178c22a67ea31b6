//! What a broker says of itself before anybody logs in: whether it is RabbitMQ, and new enough.

use std::io;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use lapin::types::{AMQPValue, FieldTable, parsing::parse_field_table};
use wharf::{Code, Error};

/// The first version whose quorum queues set messages aside at least once.
const VERSION_MIN: (u32, u32) = (3, 10);
/// `AMQP`, then 0-9-1.
const HELLO: &[u8; 8] = b"AMQP\x00\x00\x09\x01";
/// How a record of TLS that complains begins.
const TLS_ALERT: u8 = 21;
/// A frame with a method begins with its type, its channel and its size.
const METHOD: u8 = 1;
const HEAD_BYTES: usize = 7;
/// What Connection.Start begins with: its class, its id and the protocol's version.
const START: [u8; 4] = [0, 10, 0, 10];
const START_HEAD_BYTES: usize = 6;
/// RabbitMQ's are some 500 bytes long.
const GREETING_MAX_BYTES: usize = 64 * 1024;

/// Asks who answers, and says what is wrong with it.
pub(crate) async fn check(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), Error> {
    match greeting(stream).await {
        Ok(Greeting::Start(properties)) => judge(&properties),
        Ok(Greeting::Tls) => Err(Error::new(Code::BROKER_TLS_UNFIT, "what answers there speaks TLS: amqps://")),
        Ok(Greeting::Other) => Err(Error::new(Code::BROKER_UNFIT, "what answers there does not speak AMQP 0-9-1")),
        Err(error) => Err(Error::new(Code::ENGINE_UNREACHABLE, "it says nothing").caused_by(error)),
    }
}

enum Greeting {
    Start(FieldTable),
    Tls,
    Other,
}

async fn greeting(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Greeting> {
    stream.write_all(HELLO).await?;
    stream.flush().await?;
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head).await?;
    let [kind, _, _, size @ ..] = head;
    let size = u32::from_be_bytes(size) as usize;
    if kind == TLS_ALERT {
        return Ok(Greeting::Tls);
    }
    if kind != METHOD || size > GREETING_MAX_BYTES {
        return Ok(Greeting::Other);
    }
    let mut method = vec![0; size];
    stream.read_exact(&mut method).await?;
    let table = method.strip_prefix(&START).and_then(|rest| rest.get(START_HEAD_BYTES - START.len()..));
    let properties = table.and_then(|table| parse_field_table(table).ok());
    Ok(properties.map_or(Greeting::Other, |(_, properties)| Greeting::Start(properties)))
}

fn judge(properties: &FieldTable) -> Result<(), Error> {
    let (product, version) = (text(properties, "product"), text(properties, "version"));
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let known = parts.next().zip(parts.next());
    if product.contains("RabbitMQ") && known >= Some(VERSION_MIN) {
        return Ok(());
    }
    let (major, minor) = VERSION_MIN;
    let message = format!("{product} {version} answers there, and RabbitMQ {major}.{minor} or newer is needed");
    Err(Error::new(Code::BROKER_UNFIT, message))
}

fn text(properties: &FieldTable, name: &str) -> String {
    let text = properties.inner().get(name).and_then(AMQPValue::as_long_string);
    text.map_or_else(|| format!("(no {name})"), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(product: &str, version: &str) -> Option<String> {
        let mut properties = FieldTable::default();
        properties.insert("product".into(), AMQPValue::LongString(product.into()));
        properties.insert("version".into(), AMQPValue::LongString(version.into()));
        judge(&properties).err().map(|error| error.chain())
    }

    #[test]
    fn rabbitmq_before_3_10_and_other_brokers_are_told_apart() {
        for version in ["3.10.0", "3.10.8", "3.13.7", "4.0.1", "4.1.0-rc.1"] {
            assert_eq!(told("RabbitMQ", version), None, "{version}");
        }
        for version in ["3.9.29", "2.8.7", "", "unknown"] {
            let told = told("RabbitMQ", version).unwrap();
            assert!(told.contains(&format!("RabbitMQ {version} answers there")), "{told}");
            assert!(told.contains("RabbitMQ 3.10 or newer is needed"), "{told}");
        }
        assert!(told("LavinMQ", "3.12.0").unwrap().contains("LavinMQ 3.12.0 answers there"));
    }
}
