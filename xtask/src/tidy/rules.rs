//! Rules about one file. Each says what is wrong and what to do instead.

use super::source::{Source, words};

const LINES_MAX: usize = 600;

/// Files that may still be longer, each with the length it may not exceed. Entries only ever shrink or leave.
const LONGER_FILES: &[(&str, usize)] = &[];

/// Names that say nothing, in any file or folder.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "manager", "managers"];

/// What a domain must not reach for: the runtime, storage, the wire.
const FOREIGN_TO_DOMAIN: &[&str] = &["wharf", "wharf_sqlite", "wharf_postgres", "async", "await", "tokio"];
const FOREIGN_TO_DOMAIN_BEGINNINGS: &[&str] = &["serde", "sqlx"];

/// A line, counted from 0, and what is wrong there.
type Finding = (usize, String);

const RULES: &[fn(&Source) -> Vec<Finding>] = &[
    says_what_it_is_for,
    is_not_too_long,
    has_a_telling_name,
    allows_with_a_reason,
    decides_every_event,
    does_not_sleep_in_tests,
    is_finished,
    keeps_the_domain_pure,
];

pub(super) fn problems(source: &Source) -> Vec<String> {
    let findings = RULES.iter().flat_map(|rule| rule(source));
    findings.map(|(line, message)| format!("{}:{}: {message}", source.path, line + 1)).collect()
}

fn says_what_it_is_for(source: &Source) -> Vec<Finding> {
    if source.first_line.starts_with("//! ") {
        return Vec::new();
    }
    vec![(0, "begin the file with a `//!` line that says what it is for".to_owned())]
}

fn is_not_too_long(source: &Source) -> Vec<Finding> {
    let longer = LONGER_FILES.iter().find(|(path, _)| *path == source.path);
    let lines_max = longer.map_or(LINES_MAX, |(_, lines)| *lines);
    let lines = source.code.len();
    if lines <= lines_max {
        return Vec::new();
    }
    vec![(lines_max, format!("{lines} lines, more than {lines_max}: look for the seam"))]
}

fn has_a_telling_name(source: &Source) -> Vec<Finding> {
    source
        .names()
        .filter(|name| name.split(['_', '-']).any(|word| EMPTY_NAMES.contains(&word)))
        .map(|name| (0, format!("the name `{name}` says nothing: put the thing beside its user")))
        .collect()
}

fn allows_with_a_reason(source: &Source) -> Vec<Finding> {
    let code = source.code.join("\n");
    attributes(&code)
        .filter(|(_, attribute)| {
            let has = |wanted: &str| words(attribute).any(|(_, word)| word == wanted);
            has("allow") && !has("reason")
        })
        .map(|(at, _)| (code[..at].matches('\n').count(), "an `allow` needs its `reason = \"…\"`".to_owned()))
        .collect()
}

/// `#[…]` and `#![…]` with their places, brackets matched.
fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices("#[").chain(code.match_indices("#![")).map(|(at, _)| {
        let mut depth = 0_usize;
        let end = code[at..].char_indices().find_map(|(i, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            (c == ']' && depth == 0).then_some(i)
        });
        (at, &code[at..end.map_or(code.len(), |end| at + end)])
    })
}

/// The file that implements `Saga`, or one beside it that holds its states.
pub(super) fn is_saga(source: &Source) -> bool {
    let in_fulfilment = source
        .path
        .strip_prefix("crates/orderly-orders/src/application/")
        .is_some_and(|rest| rest.starts_with("fulfilment"));
    in_fulfilment || source.code.iter().any(|line| line.contains("impl") && line.contains("Saga for "))
}

/// A new event that some state forgets must not pass, so a saga's arms name what they decide.
fn decides_every_event(source: &Source) -> Vec<Finding> {
    if !is_saga(source) {
        return Vec::new();
    }
    let arms = source.code.iter().enumerate().filter(|(line, _)| !source.is_test(*line));
    arms.filter(|(_, line)| line.match_indices("=>").any(|(at, _)| catches_all(&line[..at])))
        .map(|(line, _)| (line, "this arm decides events that it does not name: list them".to_owned()))
        .collect()
}

/// rustfmt gives every arm a line of its own, or several. Whether what stands before a `=>` ends in a pattern that fits anything: `_`, a lone name, or a tuple with a `_`.
fn catches_all(before: &str) -> bool {
    let arm = before.rsplit([';', '{', '}']).next().unwrap_or(before).trim();
    let pattern = arm.split(" if ").next().unwrap_or(arm).trim();
    pattern.split('|').map(str::trim).any(|alternative| {
        let is_name = alternative.starts_with(|c: char| c.is_lowercase() || c == '_')
            && alternative.chars().all(|c| c.is_alphanumeric() || c == '_');
        let is_tuple_with_gap = alternative
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .is_some_and(|inner| inner.split(',').any(|part| part.trim() == "_"));
        (is_name && !["true", "false"].contains(&alternative)) || is_tuple_with_gap
    })
}

fn does_not_sleep_in_tests(source: &Source) -> Vec<Finding> {
    let sleeps = |line: &str| words(line).any(|(at, word)| word == "sleep" && line[at + word.len()..].starts_with('('));
    source
        .code
        .iter()
        .enumerate()
        .filter(|(line, code)| source.is_test(*line) && sleeps(code))
        .map(|(line, _)| (line, "a test does not sleep: wind the clock or await a signal".to_owned()))
        .collect()
}

fn is_finished(source: &Source) -> Vec<Finding> {
    let unwritten = |line: &str| {
        words(line)
            .find(|(at, word)| ["todo", "unimplemented"].contains(word) && line[at + word.len()..].starts_with('!'))
            .map(|(_, word)| format!("`{word}!` is left: write it, or leave it out"))
    };
    let marked = |line: &str| {
        words(line)
            .find(|(_, word)| ["TODO", "FIXME", "XXX"].contains(word))
            .map(|(_, word)| format!("`{word}` is left: do it, or file it"))
    };
    let in_code = source.code.iter().map(|line| unwritten(line)).enumerate();
    let in_comments = source.comments.iter().map(|line| marked(line)).enumerate();
    in_code.chain(in_comments).filter_map(|(line, found)| Some((line, found?))).collect()
}

fn keeps_the_domain_pure(source: &Source) -> Vec<Finding> {
    if !source.names().any(|name| name == "domain") || !source.path.contains("/src/") {
        return Vec::new();
    }
    let is_foreign = |word: &str| {
        FOREIGN_TO_DOMAIN.contains(&word) || FOREIGN_TO_DOMAIN_BEGINNINGS.iter().any(|start| word.starts_with(start))
    };
    let lines = source.code.iter().enumerate();
    lines
        .filter_map(|(line, code)| {
            let (_, word) = words(code).find(|(_, word)| is_foreign(word))?;
            Some((line, format!("a domain knows no `{word}`: it belongs in the application or in infrastructure")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, problems};
    use crate::tidy::Source;

    const PLAIN: &str = "crates/wharf/src/envelope.rs";
    const SAGA: &str = "crates/orderly-orders/src/application/fulfilment/paid.rs";
    const DOMAIN: &str = "crates/orderly-orders/src/domain/order.rs";

    /// What the rules say about a file with these lines below its first.
    fn found(path: &str, lines: &str) -> Vec<String> {
        problems(&Source::new(path.to_owned(), &format!("//! What it is for.\n{lines}\n")))
    }

    fn is_found(path: &str, lines: &str, message: &str) -> bool {
        let found = found(path, lines);
        match &found[..] {
            [] => false,
            [only] => {
                assert!(only.contains(message), "{only}");
                true
            }
            [..] => panic!("more than one: {found:#?}"),
        }
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        let problem = "crates/wharf/src/envelope.rs:1: begin the file with a `//!` line that says what it is for";
        assert_eq!(problems(&Source::new(PLAIN.to_owned(), "use std::fmt;\n")), [problem]);
        assert_eq!(problems(&Source::new(PLAIN.to_owned(), "")), [problem]);
        assert_eq!(found(PLAIN, "use std::fmt;"), [""; 0]);
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        assert_eq!(found(PLAIN, "\n".repeat(LINES_MAX - 2).as_str()), [""; 0]);
        assert!(is_found(PLAIN, "\n".repeat(LINES_MAX).as_str(), "look for the seam"));
    }

    #[test]
    fn a_name_that_says_nothing_is_found_in_files_and_folders() {
        assert!(is_found("crates/wharf/src/utils.rs", "", "`utils` says nothing"));
        assert!(is_found("crates/wharf/tests/common/mod.rs", "", "`common` says nothing"));
        assert!(is_found("crates/wharf/src/job_manager.rs", "", "`job_manager` says nothing"));
        assert_eq!(found("crates/wharf/src/subtypes.rs", ""), [""; 0]);
    }

    #[test]
    fn an_allow_without_its_reason_is_found() {
        let message = "an `allow` needs its `reason";
        assert!(is_found(PLAIN, "#[allow(dead_code)]", message));
        assert!(is_found(PLAIN, "#![allow(\n    dead_code\n)]", message));
        assert!(is_found(PLAIN, "#[cfg_attr(test, allow(dead_code))]", message));
        assert_eq!(found(PLAIN, "#[allow(dead_code, reason = \"shown in docs\")]"), [""; 0]);
        assert_eq!(found(PLAIN, "// #[allow(dead_code)]\nfn allow() {}"), [""; 0]);
    }

    #[test]
    fn a_saga_that_does_not_decide_every_event_is_found() {
        let message = "decides events that it does not name";
        for arm in [
            "_ => stay(),",
            "_ if late => stay(),",
            "other => stay(),",
            "Event::Paid(_) | _ => stay(),",
            "(State::Paid, _) => stay(),",
        ] {
            assert!(is_found(SAGA, &format!("match event {{\n    {arm}\n}}"), message), "{arm}");
        }
        assert!(is_found(PLAIN, "impl wharf::Saga for Fulfilment {\n    _ => stay(),\n}", message));
    }

    #[test]
    fn a_saga_that_names_its_events_passes() {
        let arms =
            "Event::Paid(_) | Event::Created { .. } => stay(),\ntrue => x,\nSome(_) => y,\n(A, B(_)) => z,\n|_| x";
        assert_eq!(found(SAGA, arms), [""; 0]);
        assert_eq!(found(PLAIN, "_ => stay(),"), [""; 0], "other files may have wildcards");
        assert_eq!(found(SAGA, "#[cfg(test)]\nmod tests {\n    _ => x,\n}"), [""; 0]);
    }

    #[test]
    fn a_test_that_sleeps_is_found() {
        let message = "a test does not sleep";
        assert!(is_found("crates/wharf/tests/it/main.rs", "tokio::time::sleep(one).await;", message));
        assert!(is_found(PLAIN, "#[cfg(test)]\nmod tests {\n    thread::sleep(one);\n}", message));
        assert_eq!(found(PLAIN, "tokio::time::sleep(one).await;"), [""; 0]);
        assert_eq!(found("crates/wharf/tests/it/main.rs", "fn nobody_sleeps() {} // sleep("), [""; 0]);
    }

    #[test]
    fn unfinished_work_is_found() {
        assert!(is_found(PLAIN, "fn a() { todo!() }", "`todo!` is left"));
        assert!(is_found(PLAIN, "fn a() { unimplemented!(\"b\") }", "`unimplemented!` is left"));
        assert!(is_found(PLAIN, "// FIXME: soon", "`FIXME` is left"));
        assert!(is_found(PLAIN, "/* XXX */", "`XXX` is left"));
        assert_eq!(found(PLAIN, "let fixme = \"FIXME\";"), [""; 0]);
    }

    #[test]
    fn a_domain_that_reaches_outward_is_found() {
        for line in
            ["use wharf::Message;", "async fn a() {}", "#[derive(Serialize)] use serde::Serialize;", "use sqlx::Row;"]
        {
            assert!(is_found(DOMAIN, line, "a domain knows no `"), "{line}");
        }
        assert!(is_found(
            "crates/orderly-orders/src/domain.rs",
            "use serde_json::Value;",
            "a domain knows no `serde_json`"
        ));
        assert_eq!(
            found(DOMAIN, "/// Asynchronous wharf messages stay outside: async, serde.\nuse orderly_contracts::Money;"),
            [""; 0]
        );
        assert_eq!(found(PLAIN, "use serde::Serialize;"), [""; 0]);
    }
}
