// @generated from module mod by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

#[doc(alias = "match")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Match {
    pub words: super::hygiene::Words,
}

impl codegen::TarsStruct for Match {
    const NAME: &'static str = "mod.match";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.words);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Match {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            words: r.require(0)?,
        })
    }
}

impl codegen::ToJson for Match {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "match", 1)?;
        object.field("words", &self.words)?;
        object.end()
    }
}

impl codegen::FromJson for Match {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            words: object.require("words")?,
        })
    }
}
