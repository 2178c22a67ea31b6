//! A Rust file seen as lines of code and lines of comment, so that a rule about one never trips over the other.

/// A file with what its text says told apart. Both views keep every character's line and column.
pub(crate) struct Source {
    /// From the workspace's folder, with `/`.
    pub(crate) path: String,
    pub(crate) first_line: String,
    /// The lines without comments, and without what stands inside string and character literals.
    pub(crate) code: Vec<String>,
    /// The lines with nothing but their comments.
    pub(crate) comments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    /// Block comments nest.
    BlockComment {
        depth: usize,
    },
    Text,
    /// Ends at a quote followed by that many `#`.
    RawText {
        hashes: usize,
    },
}

impl Source {
    pub(crate) fn new(path: String, text: &str) -> Self {
        let (code, comments) = split(text);
        let lines = |view: String| view.lines().map(str::to_owned).collect();
        let first_line = text.lines().next().unwrap_or_default().to_owned();
        Self { path, first_line, code: lines(code), comments: lines(comments) }
    }

    /// The folders and the file's name without `.rs`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.path.trim_end_matches(".rs").split('/')
    }

    /// The names of all functions that the file defines.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.code.iter().flat_map(|line| {
            let mut words = words(line).peekable();
            std::iter::from_fn(move || {
                words.by_ref().find(|(_, word)| *word == "fn")?;
                words.peek().map(|(_, name)| *name)
            })
        })
    }

    /// Whether the line, counted from 0, belongs to tests: a test folder, a test file, or a module below `#[cfg(test)]`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.names().any(|name| name == "tests") || self.unit_tests_begin().is_some_and(|first| line >= first)
    }

    fn unit_tests_begin(&self) -> Option<usize> {
        let is_module = |line: &String| line.trim_start().starts_with("mod ");
        (0..self.code.len())
            .find(|&line| self.code[line].trim() == "#[cfg(test)]" && self.code.get(line + 1).is_some_and(is_module))
    }
}

/// The identifiers and keywords of a line of code, with their columns in bytes.
pub(crate) fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.find(is_word)?;
        let tail = &rest[start..];
        let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        rest = &tail[end..];
        Some((line.len() - tail.len(), &tail[..end]))
    })
}

/// The text twice: once as code and once as comments, each with the other blanked out.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut comments = String::with_capacity(text.len());
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        let (next, length) = step(state, &chars, at);
        for &c in &chars[at..chars.len().min(at + length)] {
            let is_code = state == State::Code && !matches!(next, State::LineComment | State::BlockComment { .. });
            let is_comment = matches!(state, State::LineComment | State::BlockComment { .. })
                || matches!(next, State::LineComment | State::BlockComment { .. });
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if is_code { c } else { blank });
            comments.push(if is_comment { c } else { blank });
        }
        state = next;
        at += length;
    }
    (code, comments)
}

/// What the text at `at` leads to, and how many characters it takes to say so.
fn step(state: State, chars: &[char], at: usize) -> (State, usize) {
    let here = chars[at];
    let next = chars.get(at + 1).copied();
    match state {
        State::Code => match (here, next) {
            ('/', Some('/')) => (State::LineComment, 2),
            ('/', Some('*')) => (State::BlockComment { depth: 1 }, 2),
            ('"', _) => (State::Text, 1),
            ('r', Some('"' | '#')) if !continues_word(chars, at) => raw_text(chars, at),
            ('\'', _) => (State::Code, character_length(chars, at)),
            _ => (State::Code, 1),
        },
        State::LineComment if here == '\n' => (State::Code, 1),
        State::LineComment => (State::LineComment, 1),
        State::BlockComment { depth } => match (here, next) {
            ('/', Some('*')) => (State::BlockComment { depth: depth + 1 }, 2),
            ('*', Some('/')) if depth == 1 => (State::Code, 2),
            ('*', Some('/')) => (State::BlockComment { depth: depth - 1 }, 2),
            _ => (State::BlockComment { depth }, 1),
        },
        State::Text if here == '\\' => (State::Text, 2),
        State::Text if here == '"' => (State::Code, 1),
        State::Text => (State::Text, 1),
        State::RawText { hashes } => {
            let ends = here == '"' && (1..=hashes).all(|ahead| chars.get(at + ahead) == Some(&'#'));
            if ends { (State::Code, 1 + hashes) } else { (State::RawText { hashes }, 1) }
        }
    }
}

/// `r"`, `r#"`, … begin a raw string; `r#type` is a name.
fn raw_text(chars: &[char], at: usize) -> (State, usize) {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) == Some(&'"') { (State::RawText { hashes }, 2 + hashes) } else { (State::Code, 1) }
}

/// `r` or `br` at the end of a longer word begins nothing.
fn continues_word(chars: &[char], at: usize) -> bool {
    let is_word = |back: usize| at.checked_sub(back).is_some_and(|i| chars[i].is_alphanumeric() || chars[i] == '_');
    match at.checked_sub(1).map(|i| chars[i]) {
        Some('b' | 'c') => is_word(2),
        _ => is_word(1),
    }
}

/// A character literal counts as one piece; the quote of a lifetime stands alone.
fn character_length(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => chars[at + 3..].iter().position(|&c| c == '\'').map_or(1, |ahead| ahead + 4),
        (Some(_), Some('\'')) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn source(text: &str) -> Source {
        Source::new("crates/wharf/src/lib.rs".to_owned(), text)
    }

    #[test]
    fn comments_and_code_are_told_apart() {
        let source = source("a(); // b\n/* c /* d */ e */ f();\n/// g\nh();\n");
        assert_eq!(source.code, ["a();     ", "                  f();", "     ", "h();"]);
        assert_eq!(source.comments, ["     // b", "/* c /* d */ e */     ", "/// g", "    "]);
    }

    #[test]
    fn what_stands_in_a_literal_is_neither() {
        let text = "a(\"x // \\\" y\", 'z', '\"', '\\'', r#\"v \" w\"#, b\"u\"); fn f<'a>(r#type: &'a str) {}\n";
        let source = source(text);
        assert!(source.comments[0].trim().is_empty());
        for hidden in ["x", "y", "v", "w", "u"] {
            assert!(!super::words(&source.code[0]).any(|(_, word)| word == hidden), "{hidden} in {}", source.code[0]);
        }
        assert_eq!(source.functions().collect::<Vec<_>>(), ["f"]);
    }

    #[test]
    fn tests_are_told_from_the_code_they_test() {
        let unit = source("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n");
        assert!(!unit.is_test(0) && unit.is_test(2));
        let gated = source("#[cfg(test)]\nuse x::y;\nfn a() {}\n");
        assert!(!gated.is_test(2));
        assert!(Source::new("crates/wharf/tests/it/main.rs".to_owned(), "").is_test(0));
    }
}
