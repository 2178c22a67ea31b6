//! What a customer is told of an order comes by mail, where a mail server is named.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    program::Orderly,
    shop::{Shop, User},
};

/// A mail that takes longer was lost.
const MAIL_MAX: Duration = Duration::from_secs(30);

#[test]
fn what_a_customer_is_told_comes_by_mail_on_sqlite() {
    what_a_customer_is_told_comes_by_mail(&Orderly::on_sqlite());
}

#[test]
fn what_a_customer_is_told_comes_by_mail_on_postgresql() {
    what_a_customer_is_told_comes_by_mail(&Orderly::on_postgres());
}

fn what_a_customer_is_told_comes_by_mail(orderly: &Orderly) {
    let (url, mails) = open_mail_server();
    let settings =
        ["notifications.sender=smtp", &format!("notifications.smtp.url={url}"), "notifications.from=a@b.example"];
    let args: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let shop = Shop::open_with(orderly, &args);
    let customer = shop.token(User::Customer);
    shop.post(&customer, "/api/orders", &json!({"items": [{"productId": 3}]})).expect(201);
    let mut subjects: Vec<_> = (0..3)
        .map(|_| {
            let mail = mails.recv_timeout(MAIL_MAX).expect("a mail comes");
            assert!(mail.contains("\nTo: test@example.com\n"), "{mail}");
            mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
        })
        .collect();
    subjects.sort();
    assert_eq!(subjects, ["Order #1 completed", "Order #1 delivered", "Order #1 shipped"]);
    assert_eq!(shop.story(&customer, 1).split(" → ").last(), Some("Delivered"));
}

/// A mail server on loopback, and what it takes. It ends with the test.
fn open_mail_server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (taken, mails) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let taken = taken.clone();
            thread::spawn(move || serve(stream, &taken));
        }
    });
    (url, mails)
}

/// Takes whatever it is given.
fn serve(mut stream: TcpStream, taken: &Sender<String>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let mut reply = "220 mail.test";
    loop {
        write!(stream, "{reply}\r\n").ok()?;
        reply = if lines.next()? == "DATA" {
            stream.write_all(b"354 go on\r\n").ok()?;
            let mail: Vec<_> = lines.by_ref().take_while(|line| line != ".").collect();
            taken.send(mail.join("\n")).ok()?;
            "250 taken"
        } else {
            "250 fine"
        };
    }
}
