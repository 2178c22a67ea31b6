//! A token is read back as who it was issued to, until it expires, and by nobody else's key.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use orderly_contracts::{CustomerId, Role, Tenant};
use orderly_security::{CLOCK_SKEW_MAX_S, Principal, SecretTooShort, SigningSecret, TokenError, TokenPolicy, Tokens};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW_S: i64 = 1_700_000_000;
const LIFETIME_S: i64 = 3_600;
const SECRET: [u8; 32] = [7; 32];

fn tokens_of(secret: [u8; 32], issuer: &str, audience: &str) -> Tokens {
    let policy = TokenPolicy { issuer: issuer.to_owned(), audience: audience.to_owned(), lifetime_s: LIFETIME_S };
    Tokens::new(&SigningSecret::new(secret).unwrap(), policy)
}

fn tokens() -> Tokens {
    tokens_of(SECRET, "orderly", "orderly-api")
}

fn somebody() -> Principal {
    Principal {
        id: CustomerId(7),
        email: "test@example.com".to_owned(),
        role: Role::Customer,
        tenant: Tenant::default(),
    }
}

fn claims() -> Value {
    json!({
        "sub": "7", "email": "test@example.com", "role": "customer", "tenant": "default",
        "iat": NOW_S, "exp": NOW_S + LIFETIME_S, "iss": "orderly", "aud": "orderly-api",
    })
}

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(&SECRET)).unwrap()
}

#[test]
fn a_token_speaks_for_whom_it_was_issued_to() {
    let token = tokens().issue(&somebody(), NOW_S).unwrap();
    assert_eq!(tokens().verify(&token, NOW_S), Ok(somebody()));
}

#[test]
fn the_claims_are_the_published_ones() {
    assert_eq!(tokens().verify(&signed(Algorithm::HS256, &claims()), NOW_S), Ok(somebody()));
}

#[test]
fn a_token_holds_until_its_expiry_and_not_a_second_longer() {
    let token = tokens().issue(&somebody(), NOW_S).unwrap();
    assert!(tokens().verify(&token, NOW_S + LIFETIME_S - 1).is_ok());
    assert_eq!(tokens().verify(&token, NOW_S + LIFETIME_S), Err(TokenError::Expired));
}

#[test]
fn clocks_may_differ_a_little_and_no_more() {
    let token = tokens().issue(&somebody(), NOW_S + CLOCK_SKEW_MAX_S).unwrap();
    assert!(tokens().verify(&token, NOW_S).is_ok());
    assert_eq!(tokens().verify(&token, NOW_S - 1), Err(TokenError::FromTheFuture));
}

#[test]
fn another_key_opens_nothing() {
    let token = tokens_of([8; 32], "orderly", "orderly-api").issue(&somebody(), NOW_S).unwrap();
    assert_eq!(tokens().verify(&token, NOW_S), Err(TokenError::WrongSignature));
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let other_audience = tokens_of(SECRET, "orderly", "billing").issue(&somebody(), NOW_S).unwrap();
    assert_eq!(tokens().verify(&other_audience, NOW_S), Err(TokenError::WrongAudience));
    let other_issuer = tokens_of(SECRET, "mallory", "orderly-api").issue(&somebody(), NOW_S).unwrap();
    assert_eq!(tokens().verify(&other_issuer, NOW_S), Err(TokenError::WrongIssuer));
}

#[test]
fn an_unsigned_token_is_refused() {
    // {"typ":"JWT","alg":"none"} before the claims of a good token, with and without its signature.
    let token = signed(Algorithm::HS256, &claims());
    let mut parts = token.split('.').skip(1);
    let (body, signature) = (parts.next().unwrap(), parts.next().unwrap());
    let none = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0";
    for unsigned in [format!("{none}.{body}."), format!("{none}.{body}"), format!("{none}.{body}.{signature}")] {
        assert_eq!(tokens().verify(&unsigned, NOW_S), Err(TokenError::Malformed));
    }
}

#[test]
fn the_right_key_in_another_algorithm_is_refused() {
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = signed(algorithm, &claims());
        assert_eq!(tokens().verify(&token, NOW_S), Err(TokenError::WrongAlgorithm));
    }
}

#[test]
fn every_claim_is_needed_and_read_strictly() {
    for claim in ["sub", "email", "role", "tenant", "iat", "exp", "iss", "aud"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(claim);
        let token = signed(Algorithm::HS256, &without);
        assert_eq!(tokens().verify(&token, NOW_S), Err(TokenError::Malformed), "{claim}");
    }
    for (claim, wrong) in [("sub", json!("admin")), ("role", json!("root")), ("exp", json!("tomorrow"))] {
        let mut changed = claims();
        changed[claim] = wrong;
        let token = signed(Algorithm::HS256, &changed);
        assert_eq!(tokens().verify(&token, NOW_S), Err(TokenError::Malformed), "{claim}");
    }
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    assert_eq!(SigningSecret::new([0; 31]), Err(SecretTooShort { length: 31 }));
    assert_eq!(format!("{:?}", SigningSecret::new(SECRET).unwrap()), "SigningSecret(…)");
    assert!(!format!("{:?}", tokens()).contains('7'));
}

proptest! {
    #[test]
    fn any_text_is_refused_and_none_upsets_us(text: String) {
        prop_assert!(tokens().verify(&text, NOW_S).is_err());
    }

    /// Changing any character of a token makes it worthless: only the same bits can come back.
    #[test]
    fn a_forged_character_is_noticed(place: prop::sample::Index, forged in "[A-Za-z0-9_-]") {
        let token = tokens().issue(&somebody(), NOW_S).unwrap();
        let place = place.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(place..=place, &forged);
        prop_assert_eq!(tokens().verify(&changed, NOW_S).is_ok(), changed == token);
    }
}
