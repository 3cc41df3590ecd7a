//! Enums: numbers, some of which have names, so that unknown numbers are kept.

use super::{layout::Code, scope::Scope};
use crate::schema::{Enum, EnumId};

impl Scope<'_> {
    pub(super) fn emit_enum(&self, code: &mut Code, id: EnumId) {
        let of = self.context.schema.enumeration(id);
        if self.is_extern(&of.name) {
            return;
        }
        let name = self.type_name(&of.name);
        code.blank();
        code.docs(&of.docs, &of.name, &name);
        self.type_attributes(code, &of.path());
        code.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]");
        code.line(&format!("pub struct {name}(pub i32);"));
        code.blank();
        code.block(&format!("impl {name}"), |code| self.enumerators(code, of));
        code.blank();
        code.block(&format!("impl {} for {name}", self.prelude("Default")), |code| {
            let default =
                of.enumerators.first().map(|first| format!("Self::{}", self.const_name(&first.name)));
            code.block("fn default() -> Self", |code| code.line(default.as_deref().unwrap_or("Self(0)")));
        });
        self.enum_codec(code, of, &name);
        if self.context.has_json {
            self.enum_json(code, &name);
        }
    }

    fn enumerators(&self, code: &mut Code, of: &Enum) {
        for enumerator in &of.enumerators {
            let name = self.const_name(&enumerator.name);
            code.docs(&enumerator.docs, &enumerator.name, &name);
            code.assign(&format!("pub const {name}: Self"), &format!("Self({})", enumerator.value));
        }
        let option = self.prelude("Option");
        code.blank();
        code.line("/// The name of this number, if it has one; of several, the first.");
        code.block(&format!("pub fn name(self) -> {option}<&'static str>"), |code| {
            code.line("codegen::TarsEnum::name(self)");
        });
        code.blank();
        code.line("/// The number with this name.");
        code.block(&format!("pub fn from_name(name: &str) -> {option}<Self>"), |code| {
            code.line("codegen::TarsEnum::from_name(name)");
        });
    }

    fn enum_codec(&self, code: &mut Code, of: &Enum, name: &str) {
        code.blank();
        code.block(&format!("impl codegen::TarsEnum for {name}"), |code| {
            code.assign("const NAME: &'static str", &format!("\"{}.{}\"", of.module, of.name));
            let pair = |name: &String| [format!("\"{name}\""), format!("Self::{}.0", self.const_name(name))];
            let members: Vec<_> = of.enumerators.iter().map(|one| pair(&one.name)).collect();
            code.assign_pairs("const MEMBERS: &'static [(&'static str, i32)]", &members);
            code.blank();
            code.block("fn from_i32(number: i32) -> Self", |code| code.line("Self(number)"));
            code.blank();
            code.block("fn to_i32(self) -> i32", |code| code.line("self.0"));
        });
        code.blank();
        code.block(&format!("impl codegen::Encode for {name}"), |code| {
            code.block("fn encode(&self, w: &mut codegen::TarsWriter, tag: u8)", |code| {
                code.line("codegen::Encode::encode(&self.0, w, tag);");
            });
            code.blank();
            code.block(&format!("fn type_name(out: &mut {})", self.prelude("String")), |code| {
                code.line("<i32 as codegen::Encode>::type_name(out);");
            });
        });
        code.blank();
        code.block(&format!("impl<'de> codegen::Decode<'de> for {name}"), |code| {
            let parameters = ["r: &mut codegen::TarsReader<'de>", "head: codegen::Head"];
            let result = format!("{}<Self, codegen::DecodeError>", self.prelude("Result"));
            code.function("fn decode", &parameters, &result, |code| {
                code.line("<i32 as codegen::Decode>::decode(r, head).map(Self)");
            });
        });
    }
}
