//! All errors of a configuration, each shown at its place.

use std::ops::Range;

use ariadne::{Config, IndexType, Label, ReportKind, sources};

use super::layers::Inputs;

/// One error.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Where it is.
    pub(crate) place: Place,
    /// The message.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

/// Where something was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// These bytes of the file.
    File(Range<usize>),
    /// The value of this environment variable.
    Variable(String),
    /// This environment variable itself.
    VariableName(String),
    /// This flag.
    Flag(&'static str),
    /// Nowhere: something is missing.
    Nowhere,
}

/// All errors of one configuration; at least one.
#[derive(Debug)]
pub(crate) struct Report {
    inputs: Inputs,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(inputs: Inputs, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| match &problem.place {
            Place::File(span) => (0, span.start),
            Place::Variable(_) | Place::VariableName(_) => (1, 0),
            Place::Flag(_) => (2, 0),
            Place::Nowhere => (3, 0),
        });
        Self { inputs, problems }
    }

    /// The errors, with their source lines; colours are for terminals.
    pub(crate) fn render(&self, colours: bool) -> String {
        let mut text: String =
            self.problems.iter().map(|problem| self.render_one(problem, colours)).collect();
        let count = self.problems.len();
        let subject = self.inputs.file.as_ref().map_or("", |file| file.name.as_str());
        let subject = if subject.is_empty() { String::new() } else { format!(" {subject}") };
        let errors = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
        text.push_str(&format!("configuration{subject} is not valid: {errors}\n"));
        text
    }

    fn render_one(&self, problem: &Problem, colours: bool) -> String {
        let Some((name, text, span)) = self.locate(&problem.place) else {
            let help = problem.help.as_ref().map_or(String::new(), |help| format!("  Help: {help}\n"));
            return format!("Error: {}\n{help}", problem.message);
        };
        // Without colours, only a label with a text is drawn.
        let label = problem.help.as_deref().unwrap_or("here");
        let label = Label::new((name.clone(), span.clone())).with_message(label);
        let report = ariadne::Report::build(ReportKind::Error, (name.clone(), span))
            .with_config(Config::default().with_color(colours).with_index_type(IndexType::Byte))
            .with_message(&problem.message)
            .with_label(label)
            .finish();
        let mut written = Vec::new();
        match report.write(sources([(name, text)]), &mut written) {
            Ok(()) => {
                let text = String::from_utf8_lossy(&written);
                text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
            }
            Err(_) => format!("Error: {}\n", problem.message),
        }
    }

    /// The name and text of the source, and the bytes to point at.
    fn locate(&self, place: &Place) -> Option<(String, String, Range<usize>)> {
        match place {
            Place::File(span) => {
                let file = self.inputs.file.as_ref()?;
                let end = span.end.min(file.text.len());
                Some((file.name.clone(), hide_tokens(&file.text), span.start.min(end)..end))
            }
            Place::Variable(name) | Place::VariableName(name) => {
                let (_, value) = self.inputs.variables.iter().find(|(other, _)| other == name)?;
                let value = if name.ends_with("__TOKEN") { "*".repeat(value.len()) } else { value.clone() };
                let text = format!("{name}={value}");
                let of_name = value.is_empty() || matches!(place, Place::VariableName(_));
                let span = if of_name { 0..name.len() } else { name.len() + 1..text.len() };
                Some(("environment".to_owned(), text, span))
            }
            Place::Flag(name) => {
                let flag = self.inputs.flags.iter().find(|flag| flag.name == *name)?;
                let text = format!("{name} {}", flag.text);
                let span = name.len() + 1..text.len();
                Some(("command line".to_owned(), text, span))
            }
            Place::Nowhere => None,
        }
    }
}

/// The text with each byte after `token =` replaced, since a report may end in a log. All positions stay the same.
fn hide_tokens(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let value_at = line.match_indices("token").find_map(|(at, key)| {
            let rest = line[at + key.len()..].trim_start_matches(['"', '\'', ' ', '\t']).strip_prefix('=')?;
            Some(line.len() - rest.len())
        });
        let (shown, secret) = line.split_at(value_at.unwrap_or(line.len()));
        hidden.push_str(shown);
        hidden.extend(secret.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }));
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_no_token_and_moves_nothing() {
        let text = "[admin]\ntoken = \"s3cret\"\ntoken_file = \"where\"\nadmin = { \"token\"=\"s3crét\" }\n";
        let hidden = hide_tokens(text);
        assert!(!hidden.contains("cr") && hidden.contains("token_file = \"where\""), "{hidden}");
        let ends = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(ends(&hidden), ends(text));
    }
}
