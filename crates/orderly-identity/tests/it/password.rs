//! A password worth the name, which shows itself to nobody.

use orderly_identity::domain::{Password, PasswordHash, PasswordWeakness};

#[test]
fn the_demo_passwords_keep_the_policy() {
    for text in ["Admin123!", "Test123!"] {
        assert_eq!(Password::parse(text).unwrap().reveal(), text);
    }
}

#[test]
fn a_weak_password_is_told_everything_it_lacks() {
    let weak = Password::parse("").unwrap_err();
    insta::assert_snapshot!(weak, @"a password needs at least 8 characters, a small letter, a capital letter, a digit");
    let long = Password::parse("aA1".repeat(50)).unwrap_err();
    assert_eq!(long.weaknesses, [PasswordWeakness::TooLong]);
}

#[test]
fn length_is_counted_in_characters() {
    assert_eq!(Password::parse("Äé1ßßßß").unwrap_err().weaknesses, [PasswordWeakness::TooShort]);
    assert!(Password::parse("Äé1ßßßßß").is_ok());
}

#[test]
fn neither_password_nor_hash_shows_itself_in_logs() {
    assert_eq!(format!("{:?}", Password::parse("Admin123!").unwrap()), "Password(…)");
    assert_eq!(format!("{:?}", PasswordHash::from_stored("$argon2id$…")), "PasswordHash(…)");
}
