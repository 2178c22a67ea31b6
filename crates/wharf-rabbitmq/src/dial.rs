//! Opening one connection to one host, within a time limit.

use std::{io, time::Duration};

use lapin::{
    Connection, ConnectionProperties,
    runtime::default_runtime,
    tcp::{AMQPUriTcpExt, OwnedTLSConfig},
    uri::AMQPUri,
};
use tokio::time::timeout;
use wharf::{Code, Error};

use crate::{
    address::Address,
    error::{not_connected, told},
    greeting,
};

/// Unless the address says how long.
const DIAL_DURATION_MAX: Duration = Duration::from_secs(10);

impl Address {
    /// Asks who answers there. It costs a connection of its own, but what was never logged in to can be left at once,
    /// where a broker that says nothing would otherwise keep a connection and its thread for as long as it likes.
    pub(crate) async fn greet(&self) -> Result<(), Error> {
        let greeted = timeout(self.patience(), async {
            let runtime = default_runtime().map_err(|error| self.not_reached(error))?;
            let stream = AMQPUriTcpExt::connect_with_config_async(&self.uri, self.tls.as_ref(), &runtime).await;
            let mut stream = stream.map_err(|error| self.not_reached(error.into()))?;
            greeting::check(&mut stream).await.map_err(|error| self.unfit(&error))
        });
        greeted.await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// A connection whose broker knows it by this name.
    pub(crate) async fn dial(&self, name: &str) -> Result<Connection, Error> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = default_runtime().map_err(|error| self.not_reached(error))?;
        let (tls, patience): (OwnedTLSConfig, Duration) = (self.tls.clone(), self.patience());
        // Awaited on a thread of the connection's own, which nothing else would end.
        let connect = async move |uri: AMQPUri, runtime| {
            let stream =
                timeout(patience, AMQPUriTcpExt::connect_with_config_async(&uri, tls.as_ref(), &runtime)).await;
            Ok(stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
        };
        let dialled = timeout(self.patience(), Connection::connector(self.uri.clone(), runtime, connect, properties));
        match dialled.await {
            Ok(connection) => connection.map_err(|error| self.not_reached(error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    fn patience(&self) -> Duration {
        self.uri.query.connection_timeout.map_or(DIAL_DURATION_MAX, Duration::from_millis)
    }

    fn not_reached(&self, error: lapin::Error) -> Error {
        not_connected(format!("cannot connect to {self}"), error)
    }

    fn unfit(&self, error: &Error) -> Error {
        Error::new(error.code(), format!("cannot connect to {self}: {}", told(error)))
    }

    fn timed_out(&self) -> Error {
        let message = format!("cannot connect to {self}: no answer within {:?}", self.patience());
        Error::new(Code::ENGINE_UNREACHABLE, message)
    }
}
