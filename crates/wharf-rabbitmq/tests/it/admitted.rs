//! Who may do what, and whom one talks to: rights and TLS, on a broker of the test's own.

use std::time::Duration;

use wharf::{
    Code, Error,
    ports::{Claim, Transport},
};
use wharf_rabbitmq::RabbitMq;

use crate::{leases::message, private::Private};

async fn connect(url: &str) -> Result<RabbitMq, Error> {
    RabbitMq::options(url)?.connect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_missing_and_tls_that_does_not_fit_are_told_in_one_line() {
    let Some(private) = Private::start().await else { return };
    let claim = Claim::new("hear", 1, Duration::from_secs(30));
    let told = |error: Error, code: Code, words: &[&str]| {
        let chain = error.chain();
        assert_eq!(error.code(), code, "{chain}");
        assert!(words.iter().all(|word| chain.contains(word)) && !chain.contains('\n'), "{words:?}: {chain}");
    };

    let error = connect(&private.url("no-vhost")).await.unwrap_err();
    told(error, Code::BROKER_VHOST_REFUSED, &["virtual host \"/\"", "as \"no-vhost\"", "refused"]);
    let error = connect(&private.url("no-configure")).await.unwrap().claim(&claim).await.unwrap_err();
    told(error, Code::BROKER_RIGHTS_MISSING, &["no right to configure", "\"hear", "'/'", "'no-configure'"]);

    // Somebody who may has declared it.
    let allowed = connect(&private.url("guest")).await.unwrap();
    allowed.claim(&claim).await.unwrap();
    allowed.close().await;
    let error = connect(&private.url("no-read")).await.unwrap().claim(&claim).await.unwrap_err();
    told(error, Code::BROKER_RIGHTS_MISSING, &["no right to read", "\"hear\"", "'/'", "'no-read'"]);
    let error = connect(&private.url("no-write")).await.unwrap().send(&[message("it")]).await.unwrap_err();
    told(error, Code::BROKER_RIGHTS_MISSING, &["no right to write", "'/'", "'no-write'"]);

    let (address, authorities) = (private.tls_address(), private.authorities());
    let trusting = format!("amqps://{address}?cacertfile={}", authorities.display());
    let safe = connect(&trusting).await.unwrap();
    safe.send(&[message("it")]).await.unwrap();
    assert_eq!(safe.claim(&claim).await.unwrap().deliveries.len(), 1);
    safe.close().await;
    let error = connect(&format!("amqps://{address}")).await.unwrap_err();
    told(error, Code::BROKER_TLS_UNFIT, &["cannot connect to RabbitMQ at 127.0.0.1:", "invalid peer certificate"]);
    let error = connect(&format!("amqp://{address}")).await.unwrap_err();
    told(error, Code::BROKER_TLS_UNFIT, &["cannot connect to RabbitMQ at 127.0.0.1:"]);
}
