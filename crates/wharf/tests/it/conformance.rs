//! The memory engine keeps the promises of every engine.

use wharf::testing::conformance::apart::InMemory;

use crate::on_memory::OnMemory;

wharf::conformance!(OnMemory);

mod apart {
    use super::*;
    wharf::conformance_apart!(OnMemory, InMemory);
}
