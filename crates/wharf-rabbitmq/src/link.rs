//! The connection to the broker: made when it is needed, and made anew when it has broken.

use std::sync::Arc;

use lapin::{Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions, uri::AMQPUri};
use tokio::sync::Mutex;
use wharf::{Code, Error};

use crate::error::failed;

/// A connection that worked when it was last looked at, and the channel that everything is published on.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    pub(crate) publishing: Channel,
}

/// Where the present connection is had.
#[derive(Debug)]
pub(crate) struct Links {
    uri: AMQPUri,
    present: Mutex<Option<Arc<Link>>>,
}

impl Links {
    pub(crate) fn new(uri: AMQPUri) -> Self {
        Self { uri, present: Mutex::default() }
    }

    /// The present connection; a new one where there is none that works.
    pub(crate) async fn get(&self) -> Result<Arc<Link>, Error> {
        let mut present = self.present.lock().await;
        if let Some(link) = present.as_ref().filter(|link| link.works()) {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(Link::open(&self.uri).await?);
        *present = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Ends the present connection. What was not acknowledged goes back to its queue.
    pub(crate) async fn close(&self) {
        if let Some(link) = self.present.lock().await.take() {
            // It may be broken already; then there is nobody to say good-bye to.
            let _ = link.connection.close(200, "closed".into()).await;
        }
    }
}

impl Link {
    async fn open(uri: &AMQPUri) -> Result<Self, Error> {
        let properties = ConnectionProperties::default().with_connection_name("wharf".into());
        let connection = Connection::connect_uri(uri.clone(), properties).await;
        let connection = connection.map_err(|error| {
            let authority = &uri.authority;
            let message = format!(
                "cannot connect to RabbitMQ at {}:{}, virtual host \"{}\", as \"{}\"",
                authority.host, authority.port, uri.vhost, authority.userinfo.username
            );
            Error::new(Code::ENGINE_UNREACHABLE, message).caused_by(error)
        })?;
        let publishing = connection.create_channel().await.map_err(|error| failed("open a channel", error))?;
        let confirmed = publishing.confirm_select(ConfirmSelectOptions::default()).await;
        confirmed.map_err(|error| failed("ask for confirms", error))?;
        Ok(Self { connection, publishing })
    }

    /// A channel of its own.
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        self.connection.create_channel().await.map_err(|error| failed("open a channel", error))
    }

    fn works(&self) -> bool {
        self.connection.status().connected() && self.publishing.status().connected()
    }
}
