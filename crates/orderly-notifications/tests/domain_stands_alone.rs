//! The fence of the domain: its files compile here on their own, with the outside masked.
//!
//! In this crate `wharf`, `serde` and the rest are other names for `core`, which has nothing of what they offer. A domain
//! file that reaches for one of them does not compile, and the tests fail.

extern crate core as argon2;
extern crate core as async_trait;
extern crate core as serde;
extern crate core as serde_json;
extern crate core as tokio;
extern crate core as tracing;
extern crate core as uuid;
extern crate core as wharf;

#[allow(dead_code, unused_imports, reason = "compiled for its imports alone")]
#[path = "../src/domain/mod.rs"]
pub mod domain;

#[test]
fn the_domain_compiles_without_the_outside() {}
