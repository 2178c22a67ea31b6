//! The program as its user meets it: started, read, stopped and killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod books;
mod broker_faults;
mod database;
mod database_faults;
mod demo;
mod forged;
mod killed;
mod mail;
mod mistakes;
mod order_file;
mod ordering;
mod program;
#[path = "../../../wharf-rabbitmq/tests/it/proxy.rs"]
mod proxy;
mod queues;
mod reconcile;
mod replay;
mod returning;
mod roles;
mod running;
mod shop;
mod stock;
mod verify;
