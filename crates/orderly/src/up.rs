//! `orderly up`: API, worker and periodic tasks in one process, until it is told to stop.

use std::{io::ErrorKind, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use orderly_security::{TokenPolicy, Tokens};
use tokio::{net::TcpListener, sync::oneshot};
use wharf::Ended;

use crate::{
    app::App,
    config::{Config, Profile},
    exit::Unusable,
    http, seed, signing_key,
    stop::{Stop, end_at_once},
    welcome,
};

/// How long requests may go on after a stop was asked for.
const REQUESTS_DRAIN_MAX: Duration = Duration::from_secs(10);

/// Stops in the order in which work comes in: no new requests, then no new deliveries, then no database.
#[expect(clippy::print_stdout, reason = "the first thing that whoever starts it wants to read")]
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals().context("signals cannot be listened for")?;
    let listener = listen(config.http.listen).await?;
    let address = listener.local_addr()?;
    let app = App::start(config).await?;
    let laptop = match config.profile {
        Profile::Development => Some(seed::demo_shop(&app).await?),
        Profile::Staging | Profile::Production => None,
    };
    let router = http::router(&app, tokens(config)?, config.orders.currency, stop.clone());

    let (served, all_served) = oneshot::channel();
    let worker = tokio::spawn(app.run_until_or_abort(
        async {
            let _ = all_served.await;
        },
        stop.clone().asked_again(),
    ));
    println!("{}", welcome::text(config, address, laptop));
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().asked());
    let asked = stop.clone().asked();
    let given_up = async {
        asked.await;
        tokio::time::sleep(REQUESTS_DRAIN_MAX).await;
    };
    let outcome = tokio::select! {
        outcome = server.into_future() => outcome,
        () = given_up => {
            tracing::warn!("requests did not end before the deadline; their connections are closed");
            Ok(())
        }
        () = stop.clone().asked_again() => Ok(()),
    };
    let _ = served.send(());
    if worker.await.context("the worker ended badly")? == Ended::Aborted {
        tracing::warn!("stopped at once; what was under way is done again by whoever comes next");
        end_at_once();
    }
    outcome.context("HTTP could not be served any more")?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let is_taken = error.kind() == ErrorKind::AddrInUse;
        let reason = if is_taken { "another program listens there".to_owned() } else { error.to_string() };
        let advice = "choose another address with --listen or http.listen";
        Unusable(format!("{address} cannot be served: {reason}; {advice}")).into()
    })
}

fn tokens(config: &Config) -> anyhow::Result<Tokens> {
    let policy = TokenPolicy {
        issuer: config.jwt.issuer.clone(),
        audience: config.jwt.audience.clone(),
        lifetime_s: http::TOKEN_LIFETIME_S,
    };
    Ok(Tokens::new(&signing_key::of(config)?, policy))
}
