//! The worker as a process: on PostgreSQL where `DATABASE_URL` names one, else on a SQLite file.

mod stop;

use std::{env, error::Error};

use wharf::Worker;
use wharf_postgres::Postgres;
use wharf_sqlite::Sqlite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    match env::var("DATABASE_URL") {
        Ok(address) => {
            let engine = Postgres::connect(&address).await?;
            work(Worker::new(engine.clone())).await?;
            engine.close().await;
        }
        Err(_) => {
            let engine = Sqlite::open("worker.db").await?;
            work(Worker::new(engine.clone())).await?;
            engine.close().await;
        }
    }
    Ok(())
}

/// Runs until it is asked to stop. What is under way then has half a minute to end.
async fn work(worker: Worker) -> Result<(), Box<dyn Error>> {
    let worker = worker.module(my_worker::module()).ready().await?;
    let stop = stop::requests()?;
    println!("working; stop with Ctrl-C");
    worker.run_until(stop).await;
    Ok(())
}
