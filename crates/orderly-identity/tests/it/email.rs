//! One person, one address, which no log repeats.

use orderly_identity::domain::{Email, EmailError};
use proptest::prelude::*;

#[test]
fn an_address_is_trimmed_and_small() {
    assert_eq!(Email::parse(" Admin@Example.COM ").unwrap().as_str(), "admin@example.com");
    assert!(Email::parse("o'neil+shop@mail.example.co.uk").is_ok());
}

#[test]
fn what_looks_like_no_address_is_refused() {
    let long = format!("{}@example.com", "a".repeat(65));
    for text in [
        "",
        "a",
        "@",
        "a@",
        "@b.c",
        "a@b",
        "a@b.",
        "a@.b",
        "a@b..c",
        "a@b.c@d.e",
        "a b@c.d",
        "a@-b.c",
        "a@b c.d",
        &long,
    ] {
        assert_eq!(Email::parse(text), Err(EmailError), "{text:?}");
    }
}

#[test]
fn an_address_does_not_show_itself_in_logs() {
    assert_eq!(format!("{:?}", Email::parse("test@example.com").unwrap()), "Email(…)");
}

proptest! {
    #[test]
    fn reading_an_address_twice_changes_nothing(text in "[A-Za-z.+]{1,8}@[a-zA-Z-]{1,6}\\.[A-Z]{2,3}") {
        if let Ok(email) = Email::parse(&text) {
            prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let _ = Email::parse(&text);
    }
}
