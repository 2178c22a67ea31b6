//! `cargo xtask up`: a private PostgreSQL, RabbitMQ and Redis for development, in the foreground.

use std::{path::Path, process::ExitCode};

use anyhow::Result;

use crate::{
    postgres::{Durability, Server},
    rabbitmq::Broker,
    redis::Redis,
};

/// Their data end with them. Ctrl-C ends them, as any end of this process does.
pub(crate) fn run(root: &Path, durability: Durability) -> Result<ExitCode> {
    let mut server = Server::find_or_start(root, durability)?;
    println!("DATABASE_URL={}", server.url());
    let mut broker = Broker::find_or_start(root)?;
    println!("AMQP_URL={}", broker.url());
    let mut redis = Redis::find_or_start(root)?;
    println!("REDIS_URL={}", redis.url());
    if server.is_private() || broker.is_private() || redis.is_private() {
        println!("Ctrl-C stops what is private and removes its data.");
        server.wait()?;
        broker.wait()?;
        redis.wait()?;
    }
    Ok(ExitCode::SUCCESS)
}
