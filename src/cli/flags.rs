//! Flags that several commands have.

use std::path::PathBuf;

use clap::Args;
use shardcast_build::Builder;

/// How .tars files are read.
#[derive(Args, Debug, Default)]
pub(crate) struct Reading {
    /// Directory to search for includes; may be repeated
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    pub(crate) includes: Vec<PathBuf>,
    /// Character set of comments and strings, such as gbk [default: utf-8]
    #[arg(long, value_name = "NAME")]
    pub(crate) charset: Option<String>,
}

impl Reading {
    pub(crate) fn builder(&self) -> Builder {
        let mut builder = Builder::new().emit_rerun_if_changed(false);
        for directory in &self.includes {
            builder = builder.include(directory);
        }
        match &self.charset {
            Some(charset) => builder.charset(charset),
            None => builder,
        }
    }
}

/// A duration on the command line, where plain digits are seconds.
pub(crate) fn seconds_or_unit(text: &str) -> String {
    let seconds = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds { format!("{text}s") } else { text.to_owned() }
}
