//! How long the .tars compiler takes for a large file: from the bytes on disk to Rust on disk.
#![forbid(unsafe_code)]

use std::{env, error::Error, fmt::Write, fs, time::Instant};

use clap::Parser;
use shardcast_bench::machine;
use shardcast_build::Builder;

#[derive(Parser)]
struct Args {
    /// Structs in the file.
    #[arg(long, default_value_t = 1000)]
    structs: usize,
    /// Fields of each struct.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=255))]
    fields: u8,
    /// Rounds; the best one counts.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let directory = env::temp_dir().join(format!("shardcast-bench-idl-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let path = directory.join("big.tars");
    let source = source(args.structs, args.fields);
    fs::write(&path, &source)?;
    let builder = Builder::new().emit_rerun_if_changed(false).out_dir(directory.join("out"));
    let mut best_ms = f64::INFINITY;
    let mut written = 0;
    for _ in 0..args.rounds {
        let _ = fs::remove_dir_all(directory.join("out"));
        let start = Instant::now();
        let generated = builder.generate(&[&path])?;
        best_ms = best_ms.min(start.elapsed().as_secs_f64() * 1000.0);
        written = generated.files.iter().map(|file| fs::metadata(file).map_or(0, |file| file.len())).sum();
    }
    fs::remove_dir_all(&directory)?;
    shardcast_bench::say!("{}", machine::describe());
    let (structs, fields, read) = (args.structs, args.fields, source.len());
    shardcast_bench::say!(
        "{structs} structs of {fields} fields, {read} bytes to {written} bytes of Rust: {best_ms:.0} ms"
    );
    Ok(())
}

/// One module with documented structs that hold each other and all kinds of fields.
fn source(structs: usize, fields: u8) -> String {
    let mut text = "module Big\n{\n".to_owned();
    for number in 0..structs {
        write!(text, "    // Number {number}.\n    struct Struct{number}\n    {{\n").expect("text takes all");
        for tag in 0..fields {
            let declaration = TYPES[usize::from(tag) % TYPES.len()];
            let declaration = declaration.replace("Before", &format!("Struct{}", number.saturating_sub(1)));
            let declaration = declaration.replace("name_", &format!("f{tag}_"));
            writeln!(text, "        {tag} {declaration}; // field {tag}").expect("text takes all");
        }
        text.push_str("    };\n");
    }
    text.push_str("};\n");
    text
}

const TYPES: &[&str] = &[
    "require int name_id",
    "require long name_stamp",
    "optional string name_of = \"nobody\"",
    "optional bool name_active = true",
    "optional double name_score = 0.5",
    "optional vector<int> name_values",
    "optional map<string, string> name_labels",
    "optional unsigned int name_count = 7",
    "optional vector<byte> name_raw",
    "optional vector<Before> name_inner",
];
