//! The words to avoid in documents, comments, messages and names, and what to write instead.
//!
//! `docs/glossary.md` has the terms of the project. This rule has the words that mislead a reader who knows the usual ones.

use super::{File, Finding, Tree};

/// Documents and code use plain, standard words.
pub(super) fn words_are_standard(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_covered(&file.path)) {
        let words = Words::of(file);
        for entry in
            AVOIDED.iter().filter(|entry| !entry.not_in.iter().any(|path| file.path.starts_with(path)))
        {
            for at in 0..words.0.len() {
                if let Some(found) = entry.found(&words, at) {
                    let what = format!("`{found}`");
                    findings.push(file.finding(words.0[at].line, what, entry.instead));
                }
            }
        }
        for token in file.code.iter().flat_map(|code| &code.tokens) {
            if let Some(name) = NAMES.iter().find(|name| token.text == **name) {
                findings.push(file.finding(token.line, format!("the name `{name}`"), NAME_TODO));
            }
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

/// A word or phrase to avoid.
struct Avoided {
    /// In lower case, with one blank between words. All of them mean the same; `…` is any one word.
    phrases: &'static [&'static str],
    instead: &'static str,
    /// Phrases in which the word has its ordinary meaning.
    except: &'static [&'static str],
    /// Files in which the word is the name of something else; the reason is beside the entry.
    not_in: &'static [&'static str],
}

impl Avoided {
    /// The phrase that begins at the word `at`.
    fn found(&self, words: &Words, at: usize) -> Option<&'static str> {
        let found = self.phrases.iter().find(|phrase| words.has(phrase, at, true))?;
        let is_ordinary = |phrase: &&&str| {
            let len = phrase.split(' ').count();
            (0..len).any(|before| at >= before && words.has(phrase, at - before, false))
        };
        (!self.except.iter().any(|phrase| is_ordinary(&phrase))).then_some(found)
    }
}

/// The words of a file, in order.
struct Words(Vec<Word>);

struct Word {
    /// In lower case.
    text: String,
    line: usize,
    /// Whether a sentence, a cell of a table or a name ends before it, so that no phrase goes across.
    is_first: bool,
}

impl Words {
    fn of(file: &File) -> Self {
        let is_document = file.path.ends_with(".md");
        let mut words = Vec::new();
        let mut in_block = false;
        for (number, line) in file.text.lines().enumerate() {
            if is_document && line.trim_start().starts_with("```") {
                in_block = !in_block;
            }
            // Blocks of a document quote output and code, and inline code quotes names: their sources are checked.
            match is_document {
                true if in_block => {}
                true => line.split('`').step_by(2).for_each(|prose| add(&mut words, prose, number + 1)),
                false => add(&mut words, line.trim_start().trim_start_matches(['/', '!', ' ']), number + 1),
            }
        }
        Self(words)
    }

    /// Whether the words from `at` on are those of `phrase`, if need be within one sentence.
    fn has(&self, phrase: &str, at: usize, within_sentence: bool) -> bool {
        phrase.split(' ').enumerate().all(|(index, expected)| {
            self.0.get(at + index).is_some_and(|word| {
                (index == 0 || !word.is_first || !within_sentence)
                    && (expected == "…" || expected == word.text)
            })
        })
    }
}

/// Adds the words of a piece of text. `snake_case` and `CamelCase` are as many words as they have parts.
fn add(words: &mut Vec<Word>, text: &str, line: usize) {
    let mut is_first = false;
    let mut last = ' ';
    for c in text.chars() {
        let is_part = c.is_alphabetic() || (c == '\'' && last.is_alphabetic());
        if is_part {
            let begins = !last.is_alphabetic() && last != '\'' || c.is_uppercase() && last.is_lowercase();
            match words.last_mut().filter(|_| !begins) {
                Some(word) => word.text.extend(c.to_lowercase()),
                None => {
                    words.push(Word { text: c.to_lowercase().collect(), line, is_first });
                    is_first = false;
                }
            }
        } else {
            is_first |= ".:;,|()[]{}<>\"=+*".contains(c);
        }
        last = c;
    }
}

fn is_covered(path: &str) -> bool {
    let is_text = path.ends_with(".md") || path.ends_with(".rs");
    is_text && !DEFINING.contains(&path) && COVERED.iter().any(|covered| path.starts_with(covered))
}

/// The documents and folders that the rule covers.
const COVERED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/",
    "bench/",
    "examples/",
    "scripts/",
    "src/cli/",
    "src/codegen/",
    "src/load/",
    "src/os/",
    "src/proto/",
    "src/runtime/",
    "tests/",
];

/// This rule and its tests, which contain the words.
const DEFINING: &[&str] = &["scripts/tidy/tests.rs", "scripts/tidy/words.rs"];

const fn avoided(phrases: &'static [&'static str], instead: &'static str) -> Avoided {
    Avoided { phrases, instead, except: &[], not_in: &[] }
}

const AVOIDED: &[Avoided] = &[
    Avoided {
        phrases: &["mistake", "mistakes"],
        instead: "write `error`",
        // A key of the JSON of a reload.
        except: &["rename mistakes"],
        not_in: &[],
    },
    avoided(&["told", "untold"], "say who reports what to whom: `reported`, `returned`, `informed`"),
    avoided(&["heard", "hear", "hears", "unheard"], "write `received`, or what was received"),
    Avoided {
        phrases: &["nobody", "whoever", "whomever", "whosoever"],
        instead: "name the thing or the reader: `no peer`, `a subscriber that`",
        except: &[],
        // A value in test data.
        not_in: &["bench/bin/idl.rs", "examples/idl/", "src/codegen/tests/"],
    },
    Avoided {
        phrases: &["is no …", "are no …", "was no …", "were no …"],
        instead: "write `is not a`, or `invalid`",
        except: &[
            "there is no",
            "there are no",
            "there was no",
            "there were no",
            "is no longer",
            "are no longer",
            "was no longer",
            "were no longer",
            "is there no",
            "are there no",
        ],
        not_in: &[],
    },
    avoided(&["hold up", "holds up", "held up", "holding up"], "write `delay`"),
    avoided(&["let go", "lets go", "letting go"], "write `released`, `closed` or `removed`"),
    Avoided {
        phrases: &["stands", "stand", "stood"],
        instead: "write `exists`, `is`, or what it does",
        except: &["stands for", "stand for"],
        not_in: &[],
    },
    avoided(&["speak of", "speaks of", "spoken of", "spoken here", "not spoken"], "write `support`"),
    avoided(&["called as"], "write `named`"),
    avoided(&["without a word", "a last word"], "say what happens, for example `unexpectedly`"),
    avoided(&["what there is", "is what there"], "name the thing, and its bound"),
    avoided(&["about the same ones"], "write `duplicate`"),
    avoided(&["door", "doors", "rung"], "write `inbox`, and `notified`"),
    avoided(&["owe", "owes", "owed", "owing"], "write `pending`, `pending response`"),
    avoided(&["settle", "settles", "settled", "settling"], "write `finish`, `report`, or what is decided"),
    Avoided {
        phrases: &["pace", "paces", "paced", "pacer"],
        instead: "write `rate limit`",
        // A metric.
        except: &["keep pace", "keeps pace", "connection paced total"],
        // Earlier keys of the configuration, and the label of a metric.
        not_in: &[
            "src/cli/config/catalog.rs",
            "src/cli/config/layers/tests.rs",
            "src/runtime/counters/push.rs",
            "src/runtime/stats/push.rs",
            "src/runtime/tests/it/schedule.rs",
        ],
    },
    Avoided {
        phrases: &["class", "classes"],
        instead: "write `priority`",
        // A folder of sysfs, and the earlier name of an option.
        except: &["sys class", "alias class"],
        // Earlier keys of the configuration, the option, sysfs, and HTML.
        not_in: &[
            "src/cli/config/catalog.rs",
            "src/cli/config/layers/tests.rs",
            "src/cli/tests/topics.rs",
            "src/cli/tests/tune.rs",
            "src/load/report/html/",
        ],
    },
    avoided(&["hole", "holes"], "write `gap`"),
    Avoided {
        phrases: &["unasked"],
        instead: "write `automatic`, or `without a request`",
        // A metric.
        except: &["push unasked refused total"],
        not_in: &[],
    },
    avoided(&["errand", "errands"], "write `task`"),
    avoided(&["wither", "withers", "withered"], "write `shut down`"),
    avoided(&["loud", "loudly", "mute", "mutes", "muted"], "write `notifications on` or `off`"),
    Avoided {
        phrases: &["behind"],
        instead: "write `after`, or `below` in a file",
        // One thing hidden by another, and lateness.
        except: &[
            "nothing behind",
            "behind a trait",
            "behind one",
            "falls behind",
            "fall behind",
            "fell behind",
            "falling behind",
        ],
        not_in: &[],
    },
    Avoided {
        phrases: &["floor", "floors"],
        instead: "write `layer` or `baseline`",
        // Of a number, and the name of a program.
        except: &["f floor", "floor as", "log floor", "bench floor"],
        not_in: &[],
    },
    avoided(&["as ever"], "leave it out"),
];

/// Names that say nothing about what they name.
const NAMES: &[&str] = &["Answer", "Behind", "Here", "Said", "Side", "Told"];

const NAME_TODO: &str = "name what it is";
