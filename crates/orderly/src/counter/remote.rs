//! The counters of other processes: their HTTP API, as any client uses it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, anyhow};
use orderly_contracts::OrderId;
use orderly_orders::{PlaceOrder, ReturnItems};
use reqwest::{Response, StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use super::Refusal;
use crate::{config::ApiLogIn, exit::Unusable};

/// Longer than the API itself takes for any request.
const REQUEST_DURATION_MAX: Duration = Duration::from_secs(40);
/// What the API says when an order has gone too far.
const NO_LONGER_CANCELLABLE: &str = "no-longer-cancellable";

/// One API or several of one shop, asked in turn: who is away is asked again later, and the next one meanwhile.
pub(crate) struct Remote {
    http: reqwest::Client,
    addresses: Vec<Url>,
    next: AtomicUsize,
    log_in: ApiLogIn,
    /// What the last log-in brought.
    token: RwLock<Option<String>>,
}

impl Remote {
    /// Asks nobody yet.
    pub(crate) fn new(addresses: &[String], log_in: ApiLogIn) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(REQUEST_DURATION_MAX).build().context("there can be no HTTP")?;
        let addresses = addresses.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { http, addresses, next: AtomicUsize::new(0), log_in, token: RwLock::default() })
    }

    pub(super) async fn place(&self, wanted: &PlaceOrder) -> Result<(), Refusal> {
        let draft = &wanted.draft;
        let items = draft.lines.iter().map(|line| {
            let unit_price = line.unit_price.map(|price| price.to_string());
            json!({ "productId": line.product.0, "quantity": line.quantity, "unitPrice": unit_price })
        });
        let body = json!({
            "userId": draft.customer.0,
            "currency": draft.currency.to_string(),
            "reference": wanted.reference,
            "items": items.collect::<Vec<_>>(),
        });
        Ok(self.ask("/api/orders", &body).await?)
    }

    pub(super) async fn cancel(&self, order: OrderId, reference: &str) -> Result<(), Refusal> {
        match self.ask(&format!("/api/orders/{order}/cancel"), &json!({ "reference": reference })).await {
            Err(Problem::Refused { code, .. }) if code == NO_LONGER_CANCELLABLE => Ok(()),
            asked => Ok(asked?),
        }
    }

    pub(super) async fn take_back(&self, wanted: &ReturnItems) -> Result<(), Refusal> {
        let items = wanted.draft.lines.iter();
        let items =
            items.map(|line| json!({ "productId": line.product.0, "quantity": line.quantity, "fate": line.fate }));
        let body = json!({ "reference": wanted.reference, "items": items.collect::<Vec<_>>() });
        Ok(self.ask(&format!("/api/orders/{}/returns", wanted.order), &body).await?)
    }

    /// Asks the next of the addresses.
    async fn ask(&self, path: &str, body: &Value) -> Result<(), Problem> {
        let address = self.next();
        let token = self.token(address).await?;
        let answer = self.http.post(at(address, path)).bearer_auth(&token).json(body).send().await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.forget(&token).await;
            return Err(Problem::Passing(anyhow!("the token is not accepted any more")));
        }
        read(answer).await.map(drop)
    }

    fn next(&self) -> &Url {
        let nth = self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len();
        &self.addresses[nth]
    }

    /// Logs in if nobody has, or the last one's token was forgotten.
    async fn token(&self, address: &Url) -> Result<String, Problem> {
        if let Some(token) = self.token.read().await.as_ref() {
            return Ok(token.clone());
        }
        let mut token = self.token.write().await;
        if let Some(token) = token.as_ref() {
            return Ok(token.clone());
        }
        let ApiLogIn { user, password } = &self.log_in;
        let body = json!({ "email": user, "password": password.reveal() });
        let answer = read(self.http.post(at(address, "/api/auth/login")).json(&body).send().await?).await?;
        let fresh = answer["token"].as_str().ok_or_else(|| Problem::Passing(anyhow!("a log-in brought no token")))?;
        Ok(token.insert(fresh.to_owned()).clone())
    }

    /// Unless somebody has a newer one.
    async fn forget(&self, token: &str) {
        self.token.write().await.take_if(|known| known == token);
    }
}

/// Why an API did not do what it was asked to.
enum Problem {
    /// It is away, or not able to now.
    Passing(anyhow::Error),
    /// It said no.
    Refused { code: String, words: String },
}

async fn read(answer: Response) -> Result<Value, Problem> {
    let status = answer.status();
    let body: Value = answer.json().await?;
    if status.is_success() {
        return Ok(body);
    }
    let words = format!("HTTP {status}: {body}");
    if status.is_server_error() {
        return Err(Problem::Passing(anyhow!(words)));
    }
    // A problem's type is an address that ends in its code.
    let code = body["type"].as_str().and_then(|kind| kind.rsplit(['/', ':']).next()).unwrap_or_default();
    Err(Problem::Refused { code: code.to_owned(), words })
}

fn at(address: &Url, path: &str) -> Url {
    let mut url = address.clone();
    url.set_path(path);
    url
}

fn parse(text: &str) -> Result<Url, Unusable> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.has_host());
    url.ok_or_else(|| {
        Unusable(format!("--api {text} is no address of an API; write one such as http://127.0.0.1:8080"))
    })
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Self {
        Self::Passing(error.into())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Passing(error) => Self::Passing(error),
            Problem::Refused { words, .. } => Self::Final(anyhow!(words)),
        }
    }
}
