//! What is read from where, and what is said about what is wrong.

use std::{fs, path::Path, time::Duration};

use insta::assert_snapshot;

use super::{Config, Flag, Profile, Sources, example};

fn problems(sources: &Sources) -> String {
    Config::load(sources).unwrap_err().to_string()
}

fn file(directory: &tempfile::TempDir, text: &str) -> std::path::PathBuf {
    let file = directory.path().join("orderly.toml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn without_any_source_development_works_on_one_machine() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.profile, Profile::Development);
    assert_eq!(config.data_dir, Path::new("./data"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert!(config.database.url.is_none() && config.jwt.key.is_none());
    assert!(config.pricing.trust_client);
    assert_eq!(config.expiry.stale_after, Duration::from_secs(600));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let text = "log = \"debug\"\n[payments]\ndelay = \"1s\"\nseed = 7\n[http]\nlisten = \"127.0.0.1:1\"\n";
    let sources = Sources::default()
        .with_file(file(&directory, text))
        .with_variable("ORDERLY_PAYMENTS__DELAY", "2s")
        .with_variable("ORDERLY_HTTP__LISTEN", "127.0.0.1:2")
        .with_flag(Flag::new("--listen", "http.listen", "127.0.0.1:3"));
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.log, "debug");
    assert_eq!(config.payments.seed, 7);
    assert_eq!(config.payments.delay, Duration::from_secs(2));
    assert_eq!(config.http.listen.port(), 3);
}

#[test]
fn the_name_that_others_know_a_setting_by_wins_over_ours_and_an_empty_variable_is_none() {
    let sources = Sources::default()
        .with_variable("ORDERLY_DATABASE__URL", "postgres://ours/x")
        .with_variable("DATABASE_URL", "postgres://theirs/x")
        .with_variable("ORDERLY_LOG", "");
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.database.url.unwrap().reveal(), "postgres://theirs/x");
    assert_eq!(config.log, "info");
}

#[test]
fn every_problem_is_told_at_once_with_its_place_its_key_and_what_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let text = "profil = \"staging\"\n[payments]\napproval_rate = 1.5\ndelay = [1]\n[orders]\nlines_max = 0\n";
    let sources = Sources::default()
        .with_file(file(&directory, text))
        .with_variable("ORDERLY_PAYMENT__DELAY", "1s")
        .with_variable("DATABASE_URL", "mysql://user:secret@host/db")
        .with_variable("AMQP_URL", "http://user:secret@host")
        .with_variable("ORDERLY_BROKER__PREFIX", "two words")
        .with_variable("REDIS_URL", "amqp://user:secret@host")
        .with_variable("ORDERLY_REDIS__PREFIX", "of orders")
        .with_flag(Flag::new("--set", "expiry.interval_seconds", "soon"));
    let place = directory.path().join("orderly.toml").display().to_string();
    let told = problems(&sources).replace(&place, "FILE");
    assert!(!told.contains("secret"));
    assert_snapshot!(told, @r"
    the configuration has 11 problems:
      database.url: this value is not allowed; allowed: postgres://user:password@host:port/database
        in environment variable DATABASE_URL
      broker.url: this value is not allowed; allowed: amqp://user:password@host:port/vhost
        in environment variable AMQP_URL
      broker.prefix: `two words` is not allowed; allowed: letters, digits, dashes, dots and underscores, 64 at most
        in environment variable ORDERLY_BROKER__PREFIX
      redis.url: this value is not allowed; allowed: redis://user:password@host:port/database
        in environment variable REDIS_URL
      redis.prefix: `of orders` is not allowed; allowed: 1 to 64 letters, digits, dashes, dots and underscores
        in environment variable ORDERLY_REDIS__PREFIX
      orders.lines_max: `0` is not allowed; allowed: 1 to 10000
        in FILE
      expiry.interval_seconds: `soon` is not allowed; allowed: 1 to 86400
        in flag --set
      payments.delay: a single value belongs here
        in FILE
      payments.approval_rate: `1.5` is not allowed; allowed: 0 to 1
        in FILE
      payment.delay: there is no such setting; `payments.delay` is one
        in environment variable ORDERLY_PAYMENT__DELAY
      profil: there is no such setting; `profile` is one
        in FILE
    ");
}

#[test]
fn outside_development_what_matters_has_no_default() {
    let sources = Sources::default().with_flag(Flag::new("--profile", "profile", "production"));
    assert_snapshot!(problems(&sources), @r"
    the configuration has 5 problems:
      database.url: outside development it must be set; allowed: postgres://user:password@host:port/database
        in no place: set DATABASE_URL or write it into orderly.toml
      transport: outside development it must be set; allowed: database or rabbitmq
        in no place: set ORDERLY_TRANSPORT or write it into orderly.toml
      jwt.key: outside development it must be set; allowed: at least 32 bytes, random
        in no place: set JWT_KEY or write it into orderly.toml
      jwt.issuer: outside development it must be set; allowed: a name
        in no place: set JWT_ISSUER or write it into orderly.toml
      jwt.audience: outside development it must be set; allowed: a name
        in no place: set JWT_AUDIENCE or write it into orderly.toml
    ");
}

#[test]
fn a_transport_needs_its_address_and_an_address_its_transport() {
    let named = |transport| Sources::default().with_flag(Flag::new("--set", "transport", transport));
    let url = "amqp://guest:guest@127.0.0.1";
    assert_snapshot!(problems(&named("rabbitmq")), @r"
    the configuration has 1 problem:
      transport: RabbitMQ has no address: set AMQP_URL or broker.url
        in flag --set
    ");
    assert_snapshot!(problems(&named("database").with_variable("AMQP_URL", url)), @r"
    the configuration has 1 problem:
      transport: broker.url has the address of a RabbitMQ: name that, or unset it
        in flag --set
    ");
    assert!(Config::load(&named("rabbitmq").with_variable("AMQP_URL", url)).is_ok());
    assert!(
        Config::load(&Sources::default().with_variable("AMQP_URL", url)).is_ok(),
        "in development it may go unsaid"
    );
}

#[test]
fn a_file_that_is_no_toml_does_not_hide_what_else_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let sources =
        Sources::default().with_file(file(&directory, "log = \n")).with_variable("ORDERLY_HTTP__LISTEN", "8080");
    let place = directory.path().join("orderly.toml").display().to_string();
    assert_snapshot!(problems(&sources).replace(&place, "FILE"), @r#"
    the configuration has 2 problems:
      TOML parse error at line 1, column 7
          |
        1 | log = 
          |       ^
        invalid string
        expected `"`, `'`
        in FILE
      http.listen: `8080` is not allowed; allowed: an address and port, such as 127.0.0.1:8080
        in environment variable ORDERLY_HTTP__LISTEN
    "#);
}

#[test]
fn a_wait_is_neither_zero_nor_without_end() {
    let sources = Sources::default()
        .with_variable("ORDERLY_FULFILMENT__OVERALL", "0s")
        .with_variable("ORDERLY_FULFILMENT__DELIVERY", "9000h")
        .with_variable("ORDERLY_FULFILMENT__SHIPPING_RETRIES_MAX", "11")
        .with_variable("ORDERLY_EXPIRY__START_DELAY_SECONDS", "61")
        .with_variable("ORDERLY_PAYMENTS__RETRY_DELAYS", "1s, 3s");
    assert_snapshot!(problems(&sources), @r"
    the configuration has 5 problems:
      fulfilment.overall: `0s` is not allowed; allowed: a duration from 1ms to 8760h, such as 300ms, 5m or 2h
        in environment variable ORDERLY_FULFILMENT__OVERALL
      fulfilment.delivery: `9000h` is not allowed; allowed: a duration from 1ms to 8760h, such as 300ms, 5m or 2h
        in environment variable ORDERLY_FULFILMENT__DELIVERY
      fulfilment.shipping_retries_max: `11` is not allowed; allowed: 0 to 10
        in environment variable ORDERLY_FULFILMENT__SHIPPING_RETRIES_MAX
      expiry.start_delay_seconds: `61` is not allowed; allowed: 0 to 60
        in environment variable ORDERLY_EXPIRY__START_DELAY_SECONDS
      payments.retry_delays: `1s, 3s` is not allowed; allowed: three durations, such as `1s, 3s, 7s`
        in environment variable ORDERLY_PAYMENTS__RETRY_DELAYS
    ");
}

#[test]
fn waits_that_do_not_fit_each_other_are_refused() {
    let sources = Sources::default()
        .with_variable("ORDERLY_FULFILMENT__OVERALL", "2m")
        .with_variable("ORDERLY_PAYMENTS__ASK_AGAIN_MAX", "1s")
        .with_variable("ORDERLY_SHIPPING__RETRY_DELAY_MAX", "900ms");
    assert_snapshot!(problems(&sources), @r"
    the configuration has 6 problems:
      fulfilment.payment_inquiry: it must be shorter than fulfilment.overall, 120s; an order would expire before
        in no place: this is the default
      fulfilment.shipping_inquiry: it must be shorter than fulfilment.overall, 120s; an order would expire before
        in no place: this is the default
      expiry.stale_after_seconds: it must not be longer than fulfilment.overall, 120s, after which every order expires
        in no place: this is the default
      payments.ask_again_min: it must not be longer than payments.ask_again_max, 1s
        in no place: this is the default
      shipping.retry_delay_min: it must not be longer than shipping.retry_delay_max, 900ms
        in no place: this is the default
      shipping.retry_delay_max: a silent carrier would be called for 72s, which must be longer than fulfilment waits for it: 900s, by fulfilment.shipping_inquiry and fulfilment.shipping_retries_max
        in environment variable ORDERLY_SHIPPING__RETRY_DELAY_MAX
    ");
}

#[test]
fn every_wait_is_what_the_sources_ask_for_unless_it_is_set() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(crate::app::order_settings(&config).deadlines, orderly_orders::Deadlines::default());
    assert_eq!(crate::app::payment_settings(&config), orderly_payments::Settings::default());
    assert_eq!(config.shipping.settings(), orderly_shipping::Settings::default());
    let expiry = [config.expiry.interval, config.expiry.start_delay, config.expiry.stale_after];
    assert_eq!(expiry, [60, 5, 600].map(Duration::from_secs));
}

#[test]
fn time_that_passes_faster_shortens_every_wait_and_every_delay() {
    let mut config = Config::load(&Sources::default()).unwrap();
    config.hasten(60.0);
    let told = format!("{:?}", (&config.fulfilment, &config.expiry, &config.payments.waits, &config.shipping));
    assert_snapshot!(told, @"(Fulfilment { overall: 30s, payment_inquiry: 2s, shipping_inquiry: 5s, shipping_retries_max: 2, delivery: 20160s, undoing: 10s, attention_period: 60s }, Expiry { interval: 1s, start_delay: 83.333333ms, stale_after: 10s, batch_max: 1000 }, PaymentWaits { retry_delays: [16.666667ms, 50ms, 116.666667ms], inquiry_period: 250ms, refund_period: 5s, ask_again_min: 83.333333ms, ask_again_max: 1s }, Shipping { retry_delay_min: 16.666667ms, retry_delay_max: 1s })");
    assert_snapshot!(format!("{:?} {:?}", config.payments.delay, config.carrier.delivery_delay), @"83.333333ms 33.333333ms");
    config.hasten(1e9);
    assert_eq!((config.expiry.interval, config.expiry.start_delay), (Duration::from_millis(1), Duration::ZERO));
}

#[test]
fn two_rates_that_make_more_than_one_are_refused() {
    let sources = Sources::default().with_variable("ORDERLY_PAYMENTS__APPROVAL_RATE", "0.8");
    assert_snapshot!(problems(&sources), @r"
    the configuration has 1 problem:
      payments.pending_rate: with payments.approval_rate it makes 1.3, more than 1
        in no place: this is the default
    ");
}

#[test]
fn mail_wants_a_server_and_a_sender_and_sends_no_password_in_the_clear() {
    let by_mail = || Sources::default().with_variable("ORDERLY_NOTIFICATIONS__SENDER", "smtp");
    assert_snapshot!(problems(&by_mail()), @"
    the configuration has 2 problems:
      notifications.smtp.url: with notifications.sender = smtp it must be set; allowed: smtps://user:password@host:port, smtp://user:password@host:port?tls=required, or without user and password smtp://host:port or smtp://host:port?tls=opportunistic
        in no place: set ORDERLY_NOTIFICATIONS__SMTP__URL or write it into orderly.toml
      notifications.from: with notifications.sender = smtp it must be set; allowed: an address, such as `Orderly <orders@example.com>`
        in no place: set ORDERLY_NOTIFICATIONS__FROM or write it into orderly.toml
    ");
    let given = |url, from| {
        by_mail()
            .with_variable("ORDERLY_NOTIFICATIONS__SMTP__URL", url)
            .with_variable("ORDERLY_NOTIFICATIONS__FROM", from)
    };
    let told = problems(&given("smtp://user:secret@host:587", "nobody"));
    assert!(!told.contains("secret"));
    assert_snapshot!(told, @"
    the configuration has 2 problems:
      notifications.smtp.url: this value is not allowed; allowed: smtps://user:password@host:port, smtp://user:password@host:port?tls=required, or without user and password smtp://host:port or smtp://host:port?tls=opportunistic
        in environment variable ORDERLY_NOTIFICATIONS__SMTP__URL
      notifications.from: `nobody` is not allowed; allowed: an address, such as `Orderly <orders@example.com>`
        in environment variable ORDERLY_NOTIFICATIONS__FROM
    ");
    for url in ["http://host", "smtp://", "smtp://host?tsl=required", "smtp://u:p@host?tls=opportunistic"] {
        assert!(problems(&given(url, "a@b.example")).contains("notifications.smtp.url"), "{url}");
    }
    for url in ["smtps://u:p@host", "smtp://u:p@host:2525?tls=required", "smtp://host?tls=opportunistic", "smtp://host"]
    {
        let config = Config::load(&given(url, "Orderly <orders@shop.example>")).unwrap();
        assert!(config.notifications.mail.is_some());
        assert!(!format!("{config:?}").contains("u:p"));
    }
    assert!(Config::load(&Sources::default()).unwrap().notifications.mail.is_none());
}

#[test]
fn secrets_do_not_show_themselves() {
    let sources = Sources::default()
        .with_variable("DATABASE_URL", "postgres://user:secret@host/db")
        .with_variable("JWT_KEY", "secret secret secret secret secret secret");
    assert!(!format!("{:?}", Config::load(&sources).unwrap()).contains("secret"));
}

#[test]
fn the_example_in_the_repository_names_every_setting() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example");
    let written = fs::read_to_string(file).unwrap_or_default();
    assert_eq!(written, example(), "run `cargo run -- check --example > .env.example`");
}
