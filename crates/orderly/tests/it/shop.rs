//! `orderly up` on a free port, and somebody who talks to it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::{
    Agent, Body,
    http::{Request, Response},
};

use crate::program::{Answer, Orderly, Running};

/// Providers that answer at once and approve everything.
pub(crate) const QUICK: [&str; 8] = [
    "--set",
    "payments.delay=0s",
    "--set",
    "carrier.delivery_delay=0s",
    "--set",
    "payments.approval_rate=1",
    "--set",
    "payments.pending_rate=0",
];

/// A shop that is open. Killed when it is dropped.
pub(crate) struct Shop {
    url: String,
    agent: Agent,
    pub(crate) running: Running,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) enum User {
    Customer,
    Admin,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Shop {
    /// Opens it and waits until it can be talked to.
    pub(crate) fn open(orderly: &Orderly) -> Self {
        Self::open_with(orderly, &[])
    }

    /// The same with more arguments.
    pub(crate) fn open_with(orderly: &Orderly, args: &[&str]) -> Self {
        Self::open_as(orderly, "up", args)
    }

    /// The same by a command of another name, which serves the API too.
    pub(crate) fn open_as(orderly: &Orderly, command: &str, args: &[&str]) -> Self {
        let args = [&[command, "--listen", "127.0.0.1:0", "--set", "log=warn"], &QUICK[..], args].concat();
        let mut running = orderly.start(&args);
        let url = running.wait_for_line("API").trim_end_matches("/api").to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { url, agent, running }
    }

    /// A token of a demo user.
    pub(crate) fn token(&self, user: User) -> String {
        let (email, password) = match user {
            User::Customer => ("test@example.com", "Test123!"),
            User::Admin => ("admin@example.com", "Admin123!"),
        };
        let reply = self.post("", "/api/auth/login", &json!({ "email": email, "password": password }));
        reply.expect(200).json()["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Reply {
        self.send(Request::get(self.address(path)), token, "")
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        let request = Request::post(self.address(path)).header("content-type", "application/json");
        self.send(request, token, &body.to_string())
    }

    pub(crate) fn put(&self, token: &str, path: &str, body: &Value) -> Reply {
        let request = Request::put(self.address(path)).header("content-type", "application/json");
        self.send(request, token, &body.to_string())
    }

    /// Anything at all.
    pub(crate) fn send(&self, request: ureq::http::request::Builder, token: &str, body: &str) -> Reply {
        let request =
            if token.is_empty() { request } else { request.header("authorization", format!("Bearer {token}")) };
        Reply::read(self.agent.run(request.body(body.to_owned()).unwrap()).unwrap())
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Places an order and gives its number.
    pub(crate) fn order(&self, token: &str, body: &Value) -> i64 {
        self.post(token, "/api/orders", body).expect(201).json()["id"].as_i64().unwrap()
    }

    /// The statuses an order went through until it came to its end, as `Pending → Validated`.
    pub(crate) fn story(&self, token: &str, order: i64) -> String {
        let events = self.get(token, &format!("/api/orders/{order}/events?waitSeconds=20")).expect(200).json();
        let statuses = events["items"].as_array().unwrap().iter().map(|event| event["status"].as_str().unwrap());
        statuses.collect::<Vec<_>>().join(" → ")
    }

    /// Asks again until the answer is as wanted: what follows an order's end is under way when the end is told.
    pub(crate) fn get_until(&self, token: &str, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.get(token, path).expect(200).json();
            if is_wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays {answer:#}");
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn close(self) -> Answer {
        self.running.ask_to_stop();
        self.running.finish()
    }
}

impl Reply {
    fn read(mut response: Response<Body>) -> Self {
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let text = response.body_mut().read_to_string().unwrap();
        Self { status: response.status().as_u16(), headers, text }
    }

    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
