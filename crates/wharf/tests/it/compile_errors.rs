//! What the compiler says to those who begin: the texts stand in `tests/compile_errors`, and change on purpose alone.
//!
//! Where they change on purpose: `TRYBUILD=overwrite cargo test -p wharf --test it compile_errors`, and read the diff.

#[test]
fn mistakes_are_explained_in_the_words_of_wharf() {
    let cases = trybuild::TestCases::new();
    // That one builds has all of them built, and not only checked: publishing a command is found by the code generator.
    cases.pass("tests/compile_errors/handlers_of_every_shape.rs");
    cases.compile_fail("tests/compile_errors/a*.rs");
}
