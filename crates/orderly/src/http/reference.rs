//! A client's own name for something: short enough to be kept.

use super::{limits::REFERENCE_LENGTH_MAX_CHARS as MOST, problem::FieldError};

pub(super) fn check_reference(reference: Option<&str>) -> Result<(), FieldError> {
    match reference.map(|text| text.chars().count()) {
        None | Some(1..=MOST) => Ok(()),
        Some(length) => Err(FieldError {
            field: "reference".to_owned(),
            code: "reference-length",
            message: format!("A reference has 1 to {MOST} characters, not {length}."),
        }),
    }
}
