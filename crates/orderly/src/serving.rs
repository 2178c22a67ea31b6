//! Serving HTTP until a stop is asked for.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::Router;
use orderly_security::{TokenPolicy, Tokens};
use tokio::net::TcpListener;

use crate::{
    app::App,
    config::{Config, Profile},
    exit::Unusable,
    http,
    role::Role,
    seed, signing_key,
    stop::Stop,
    welcome,
};

/// How long requests may go on after a stop was asked for.
const REQUESTS_DRAIN_MAX: Duration = Duration::from_secs(10);

/// Takes an address; nobody is answered before it is served. `setting` is what another one is chosen with.
pub(crate) async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let is_taken = error.kind() == ErrorKind::AddrInUse;
        let reason = if is_taken { "another program listens there".to_owned() } else { error.to_string() };
        Unusable(format!("{address} cannot be served: {reason}; choose another address with {setting}")).into()
    })
}

/// The API of a shop that is open: in development with something to sell. Says so on stdout.
#[expect(clippy::print_stdout, reason = "the first thing that whoever starts it wants to read")]
pub(crate) async fn open(
    app: &App,
    config: &Config,
    role: Role,
    address: SocketAddr,
    stop: &Stop,
) -> anyhow::Result<Router> {
    let laptop = match config.profile {
        Profile::Development => Some(seed::demo_shop(app).await?),
        Profile::Staging | Profile::Production => None,
    };
    let router = http::router(app, role, tokens(config)?, config.orders.currency, stop.clone());
    println!("{}", welcome::text(config, role, address, laptop));
    Ok(router)
}

/// Answers until a stop is asked for and the requests under way have their answers, or have had the time for them.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: &Stop) -> anyhow::Result<()> {
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().asked());
    let asked = stop.clone().asked();
    let given_up = async {
        asked.await;
        tokio::time::sleep(REQUESTS_DRAIN_MAX).await;
    };
    tokio::select! {
        outcome = server.into_future() => outcome.context("HTTP could not be served any more"),
        () = given_up => {
            tracing::warn!("requests did not end before the deadline; their connections are closed");
            Ok(())
        }
        () = stop.clone().asked_again() => Ok(()),
    }
}

fn tokens(config: &Config) -> anyhow::Result<Tokens> {
    let policy = TokenPolicy {
        issuer: config.jwt.issuer.clone(),
        audience: config.jwt.audience.clone(),
        lifetime_s: http::TOKEN_LIFETIME_S,
    };
    Ok(Tokens::new(&signing_key::of(config)?, policy))
}
