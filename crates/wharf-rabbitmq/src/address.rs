//! Where the broker is: one host or several, each with credentials of its own, and whom to trust there.

use std::{fmt, fs};

use lapin::{
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use url::{Host, Url};
use wharf::{Code, Error};

/// The form of an address, for those who wrote another.
const FORM: &str = "amqp://user:password@host:5672/vhost";
/// More than a cluster has nodes.
const HOSTS_MAX: usize = 16;
/// How often the broker and this process hear of each other at least; silent for twice as long, a connection is given up.
const HEARTBEAT_SECONDS: u16 = 10;
/// What may stand behind the question mark, in the words of RabbitMQ's own clients.
const PARAMETERS: [&str; 6] =
    ["heartbeat", "connection_timeout", "channel_max", "frame_max", "auth_mechanism", "cacertfile"];

/// One host of the broker.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) uri: AMQPUri,
    pub(crate) tls: OwnedTLSConfig,
}

impl Address {
    /// Reads one address, or several that are parted by commas. What it says of a wrong one never holds a password.
    pub(crate) fn read_all(text: &str) -> Result<Vec<Self>, Error> {
        let mut parts: Vec<String> = Vec::new();
        for part in text.split(',') {
            let begins = ["amqp://", "amqps://"].iter().any(|scheme| part.trim_start().starts_with(scheme));
            match parts.last_mut().filter(|_| !begins) {
                // A comma of the address itself.
                Some(last) => last.extend([",", part]),
                None => parts.push(part.to_owned()),
            }
        }
        if parts.len() > HOSTS_MAX {
            return Err(unreadable(format_args!("{} hosts, at most {HOSTS_MAX}", parts.len())));
        }
        parts.iter().map(|part| Self::read(part.trim())).collect()
    }

    fn read(text: &str) -> Result<Self, Error> {
        let mut uri: AMQPUri = text.parse().map_err(unreadable)?;
        let url = Url::parse(text).map_err(unreadable)?;
        match url.host() {
            Some(Host::Ipv6(host)) => uri.authority.host = host.to_string(),
            Some(Host::Ipv4(_) | Host::Domain(_)) => {}
            None => return Err(unreadable("there is no host in it")),
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let mut tls = OwnedTLSConfig::default();
        for (name, value) in url.query_pairs() {
            if !PARAMETERS.contains(&&*name) {
                return Err(unreadable(format_args!("`{name}` means nothing here; {} do", PARAMETERS.join(", "))));
            }
            if name == "cacertfile" {
                tls.cert_chain = Some(read_authorities(&value)?);
            }
        }
        if tls.cert_chain.is_some() && uri.scheme == AMQPScheme::AMQP {
            return Err(unreadable("cacertfile is for amqps://"));
        }
        Ok(Self { uri, tls })
    }
}

/// Where and as whom, without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        let (vhost, user) = (&self.uri.vhost, &authority.userinfo.username);
        write!(f, "RabbitMQ at {}:{}, virtual host \"{vhost}\", as \"{user}\"", authority.host, authority.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn read_authorities(path: &str) -> Result<String, Error> {
    let cannot = |why: &dyn fmt::Display| {
        Error::new(Code::BROKER_TLS_UNFIT, format!("cannot read the certificates of cacertfile=\"{path}\": {why}"))
    };
    let pem = fs::read_to_string(path).map_err(|error| cannot(&error))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(cannot(&"there is none in it, in PEM"));
    }
    Ok(pem)
}

fn unreadable(why: impl fmt::Display) -> Error {
    Error::new(Code::BROKER_ADDRESS_UNREADABLE, format!("cannot read the address of RabbitMQ, {FORM}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        match Address::read_all(text) {
            Ok(addresses) => addresses.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.chain()],
        }
    }

    #[test]
    fn each_host_of_a_list_has_its_own_credentials_and_virtual_host() {
        assert_eq!(
            told("amqp://ann:one,two@a:1/%2f, amqps://bea:x@b/shop,amqp://[::1]:2/v"),
            [
                "RabbitMQ at a:1, virtual host \"/\", as \"ann\"",
                "RabbitMQ at b:5671, virtual host \"shop\", as \"bea\"",
                "RabbitMQ at ::1:2, virtual host \"v\", as \"guest\"",
            ]
        );
        assert_eq!(Address::read_all("amqp://ann:one,two@a").unwrap()[0].uri.authority.userinfo.password, "one,two");
    }

    #[test]
    fn a_heartbeat_is_asked_for_unless_the_address_says_another() {
        let heartbeat = |text: &str| Address::read_all(text).unwrap()[0].uri.query.heartbeat;
        assert_eq!(heartbeat("amqp://a"), Some(HEARTBEAT_SECONDS));
        assert_eq!(heartbeat("amqp://a/%2f?heartbeat=60"), Some(60));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (text, why) in [
            ("rabbit on the corner", "relative URL"),
            ("http://u:s3cret@a", "scheme"),
            ("amqp://u:s3cret@a:70000", "port"),
            ("amqp:///vhost", "no host"),
            ("amqp://u:s3cret@a?verify=verify_none", "`verify` means nothing here"),
            ("amqp://u:s3cret@a?cacertfile=/etc/hosts", "there is none in it"),
            (
                "amqps://u:s3cret@a?cacertfile=/no/where.pem",
                "cannot read the certificates of cacertfile=\"/no/where.pem\"",
            ),
            (&vec!["amqp://u:s3cret@a"; 17].join(","), "17 hosts, at most 16"),
        ] {
            let told = told(text);
            assert!(told[0].contains(why) && !told[0].contains("s3cret"), "{text}: {told:?}");
        }
    }
}
