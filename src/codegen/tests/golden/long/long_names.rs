// @generated from module LongNames by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

/// A comment as long as a line may get in practice: it is not broken, because rustfmt does not break comments either, as long as nobody asks it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnEnumerationWithQuiteSomeEnumerators(pub i32);

impl AnEnumerationWithQuiteSomeEnumerators {
    pub const THE_FIRST_ENUMERATOR_OF_THEM_ALL: Self = Self(0);
    pub const THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS: Self =
        Self(-2147483648);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for AnEnumerationWithQuiteSomeEnumerators {
    fn default() -> Self {
        Self::THE_FIRST_ENUMERATOR_OF_THEM_ALL
    }
}

impl codegen::TarsEnum for AnEnumerationWithQuiteSomeEnumerators {
    const NAME: &'static str = "LongNames.AnEnumerationWithQuiteSomeEnumerators";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        (
            "THE_FIRST_ENUMERATOR_OF_THEM_ALL",
            Self::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0,
        ),
        (
            "THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS",
            Self::THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS.0,
        ),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for AnEnumerationWithQuiteSomeEnumerators {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for AnEnumerationWithQuiteSomeEnumerators {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for AnEnumerationWithQuiteSomeEnumerators {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for AnEnumerationWithQuiteSomeEnumerators {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

impl codegen::serde::Serialize for AnEnumerationWithQuiteSomeEnumerators {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for AnEnumerationWithQuiteSomeEnumerators {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Two(pub i32);

impl Two {
    pub const FIRST_OF_TWO_ENUMERATORS: Self = Self(0);
    pub const SECOND_OF_TWO: Self = Self(1);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for Two {
    fn default() -> Self {
        Self::FIRST_OF_TWO_ENUMERATORS
    }
}

impl codegen::TarsEnum for Two {
    const NAME: &'static str = "LongNames.Two";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("FIRST_OF_TWO_ENUMERATORS", Self::FIRST_OF_TWO_ENUMERATORS.0),
        ("SECOND_OF_TWO", Self::SECOND_OF_TWO.0),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Two {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Two {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Two {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Two {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

impl codegen::serde::Serialize for Two {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for Two {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Three(pub i32);

impl Three {
    pub const ALPHA: Self = Self(0);
    pub const BETA: Self = Self(1);
    pub const GAMMA: Self = Self(2);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for Three {
    fn default() -> Self {
        Self::ALPHA
    }
}

impl codegen::TarsEnum for Three {
    const NAME: &'static str = "LongNames.Three";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("ALPHA", Self::ALPHA.0),
        ("BETA", Self::BETA.0),
        ("GAMMA", Self::GAMMA.0),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Three {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Three {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Three {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Three {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

impl codegen::serde::Serialize for Three {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for Three {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mixed(pub i32);

impl Mixed {
    pub const SHORT: Self = Self(0);
    #[doc(alias = "eAnEnumeratorThatIsNotShortAtAllByItself")]
    pub const E_AN_ENUMERATOR_THAT_IS_NOT_SHORT_AT_ALL_BY_ITSELF: Self = Self(1);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for Mixed {
    fn default() -> Self {
        Self::SHORT
    }
}

impl codegen::TarsEnum for Mixed {
    const NAME: &'static str = "LongNames.Mixed";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("SHORT", Self::SHORT.0),
        (
            "eAnEnumeratorThatIsNotShortAtAllByItself",
            Self::E_AN_ENUMERATOR_THAT_IS_NOT_SHORT_AT_ALL_BY_ITSELF.0,
        ),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Mixed {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Mixed {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Mixed {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Mixed {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

impl codegen::serde::Serialize for Mixed {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for Mixed {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

pub const SHORT_TEXT: &str = "short";

pub const A_CONST_WITH_A_LONG_NAME_AND_A_TEXT: &str =
    "this text just fits a line of its own, if it is alone there.";

pub const A_CONST_WITH_A_LONGER_TEXT: &str = "this text fits no line at all, because it has more than a hundred characters: it goes on and on, as texts do.";

pub const A_CONST_OF_AN_ENUM: AnEnumerationWithQuiteSomeEnumerators =
    AnEnumerationWithQuiteSomeEnumerators::THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AStructureWithANameThatIsLongerThanUsual {
    #[doc(alias = "theFirstFieldOfThemAllWhichHasALongName")]
    pub the_first_field_of_them_all_which_has_a_long_name: i32,
    #[doc(alias = "theSecondFieldWithADefault")]
    pub the_second_field_with_a_default: String,
    #[doc(alias = "theThirdFieldWithADefaultThatIsLong")]
    pub the_third_field_with_a_default_that_is_long: String,
    pub d: String,
    #[doc(alias = "theFieldWithALongTypeAndALongName")]
    pub the_field_with_a_long_type_and_a_long_name:
        codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>,
    #[doc(alias = "theFieldOfAnEnumWithDefault")]
    pub the_field_of_an_enum_with_default: AnEnumerationWithQuiteSomeEnumerators,
    pub number: i64,
    #[doc(alias = "theFieldThatTakesItsDefaultFromAnEnumerator")]
    pub the_field_that_takes_its_default_from_an_enumerator: i32,
    pub s: i16,
    #[doc(alias = "theFieldThatHasAFixedSizeAndALongName")]
    pub the_field_that_has_a_fixed_size_and_a_long_name: Vec<Vec<i32>>,
    pub deep: codegen::BTreeMap<
        MapKeyStructure,
        codegen::BTreeMap<String, codegen::BTreeMap<String, Vec<codegen::BTreeMap<i64, String>>>>,
    >,
}

impl Default for AStructureWithANameThatIsLongerThanUsual {
    fn default() -> Self {
        Self {
            the_first_field_of_them_all_which_has_a_long_name: 0,
            the_second_field_with_a_default: "a default".into(),
            the_third_field_with_a_default_that_is_long: "a default that is not short, but rather long".into(),
            d: "a default that is so long that it does not fit one line with anything else on it at all, no.".into(),
            the_field_with_a_long_type_and_a_long_name: Default::default(),
            the_field_of_an_enum_with_default: AnEnumerationWithQuiteSomeEnumerators::THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS,
            number: -9223372036854775808,
            the_field_that_takes_its_default_from_an_enumerator: AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0,
            s: AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0 as i16,
            the_field_that_has_a_fixed_size_and_a_long_name: Default::default(),
            deep: Default::default(),
        }
    }
}

impl codegen::TarsStruct for AStructureWithANameThatIsLongerThanUsual {
    const NAME: &'static str = "LongNames.AStructureWithANameThatIsLongerThanUsual";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.the_first_field_of_them_all_which_has_a_long_name);
        w.optional_or(1, &self.the_second_field_with_a_default, "a default");
        w.optional_or(
            2,
            &self.the_third_field_with_a_default_that_is_long,
            "a default that is not short, but rather long",
        );
        w.optional_or(
            3,
            &self.d,
            "a default that is so long that it does not fit one line with anything else on it at all, no.",
        );
        w.optional(4, &self.the_field_with_a_long_type_and_a_long_name);
        w.field(5, &self.the_field_of_an_enum_with_default);
        w.optional_or(6, &self.number, &-9223372036854775808);
        w.optional_or(
            7,
            &self.the_field_that_takes_its_default_from_an_enumerator,
            &AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0,
        );
        w.optional_or(
            8,
            &self.s,
            &(AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0 as i16),
        );
        w.optional(200, &self.the_field_that_has_a_fixed_size_and_a_long_name);
        w.optional(201, &self.deep);
    }
}

impl<'de> codegen::DecodeStruct<'de> for AStructureWithANameThatIsLongerThanUsual {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            the_first_field_of_them_all_which_has_a_long_name: r.require(0)?,
            the_second_field_with_a_default: r.optional_or_else(1, || "a default".into())?,
            the_third_field_with_a_default_that_is_long: r.optional_or_else(
                2,
                || "a default that is not short, but rather long".into(),
            )?,
            d: r.optional_or_else(
                3,
                || "a default that is so long that it does not fit one line with anything else on it at all, no.".into(),
            )?,
            the_field_with_a_long_type_and_a_long_name: r.optional(4)?,
            the_field_of_an_enum_with_default: r.optional_or(
                5,
                AnEnumerationWithQuiteSomeEnumerators::THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS,
            )?,
            number: r.optional_or(6, -9223372036854775808)?,
            the_field_that_takes_its_default_from_an_enumerator: r.optional_or(
                7,
                AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0,
            )?,
            s: r.optional_or(
                8,
                AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0 as i16,
            )?,
            the_field_that_has_a_fixed_size_and_a_long_name: r.optional_at_most(200, 12)?,
            deep: r.optional(201)?,
        })
    }
}

impl codegen::ToJson for AStructureWithANameThatIsLongerThanUsual {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(
            serializer,
            "AStructureWithANameThatIsLongerThanUsual",
            11,
        )?;
        object.field(
            "theFirstFieldOfThemAllWhichHasALongName",
            &self.the_first_field_of_them_all_which_has_a_long_name,
        )?;
        object.field(
            "theSecondFieldWithADefault",
            &self.the_second_field_with_a_default,
        )?;
        object.field(
            "theThirdFieldWithADefaultThatIsLong",
            &self.the_third_field_with_a_default_that_is_long,
        )?;
        object.field("d", &self.d)?;
        object.field(
            "theFieldWithALongTypeAndALongName",
            &self.the_field_with_a_long_type_and_a_long_name,
        )?;
        object.field(
            "theFieldOfAnEnumWithDefault",
            &self.the_field_of_an_enum_with_default,
        )?;
        object.field("number", &self.number)?;
        object.field(
            "theFieldThatTakesItsDefaultFromAnEnumerator",
            &self.the_field_that_takes_its_default_from_an_enumerator,
        )?;
        object.field("s", &self.s)?;
        object.field(
            "theFieldThatHasAFixedSizeAndALongName",
            &self.the_field_that_has_a_fixed_size_and_a_long_name,
        )?;
        object.field("deep", &self.deep)?;
        object.end()
    }
}

impl codegen::FromJson for AStructureWithANameThatIsLongerThanUsual {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            the_first_field_of_them_all_which_has_a_long_name: object.require(
                "theFirstFieldOfThemAllWhichHasALongName",
            )?,
            the_second_field_with_a_default: object.optional_or_else(
                "theSecondFieldWithADefault",
                || "a default".into(),
            )?,
            the_third_field_with_a_default_that_is_long: object.optional_or_else(
                "theThirdFieldWithADefaultThatIsLong",
                || "a default that is not short, but rather long".into(),
            )?,
            d: object.optional_or_else(
                "d",
                || "a default that is so long that it does not fit one line with anything else on it at all, no.".into(),
            )?,
            the_field_with_a_long_type_and_a_long_name: object.optional(
                "theFieldWithALongTypeAndALongName",
            )?,
            the_field_of_an_enum_with_default: object.optional_or(
                "theFieldOfAnEnumWithDefault",
                AnEnumerationWithQuiteSomeEnumerators::THE_SECOND_ENUMERATOR_WHICH_IS_NOT_SHORTER_THAN_THE_FIRST_ONE_BUT_LONGER_BY_SOME_WORDS,
            )?,
            number: object.optional_or("number", -9223372036854775808)?,
            the_field_that_takes_its_default_from_an_enumerator: object.optional_or(
                "theFieldThatTakesItsDefaultFromAnEnumerator",
                AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0,
            )?,
            s: object.optional_or(
                "s",
                AnEnumerationWithQuiteSomeEnumerators::THE_FIRST_ENUMERATOR_OF_THEM_ALL.0 as i16,
            )?,
            the_field_that_has_a_fixed_size_and_a_long_name: object.optional_at_most(
                "theFieldThatHasAFixedSizeAndALongName",
                12,
            )?,
            deep: object.optional("deep")?,
        })
    }
}

impl codegen::serde::Serialize for AStructureWithANameThatIsLongerThanUsual {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for AStructureWithANameThatIsLongerThanUsual {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[doc(alias = "map_key_structure")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MapKeyStructure {
    pub y: String,
    pub x: i32,
}

impl codegen::TarsStruct for MapKeyStructure {
    const NAME: &'static str = "LongNames.map_key_structure";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.x);
        w.field(1, &self.y);
    }
}

impl<'de> codegen::DecodeStruct<'de> for MapKeyStructure {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            x: r.require(0)?,
            y: r.require(1)?,
        })
    }
}

impl codegen::ToJson for MapKeyStructure {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "map_key_structure", 2)?;
        object.field("x", &self.x)?;
        object.field("y", &self.y)?;
        object.end()
    }
}

impl codegen::FromJson for MapKeyStructure {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            x: object.require("x")?,
            y: object.require("y")?,
        })
    }
}

impl codegen::serde::Serialize for MapKeyStructure {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for MapKeyStructure {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tiny {
    pub a: i32,
}

impl codegen::TarsStruct for Tiny {
    const NAME: &'static str = "LongNames.Tiny";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.a);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Tiny {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self { a: r.require(0)? })
    }
}

impl codegen::ToJson for Tiny {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Tiny", 1)?;
        object.field("a", &self.a)?;
        object.end()
    }
}

impl codegen::FromJson for Tiny {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            a: object.require("a")?,
        })
    }
}

impl codegen::serde::Serialize for Tiny {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for Tiny {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

/// The result and the `out` parameters of `anOperationWithManyParameters`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AnInterfaceWithANameOfSomeLengthAnOperationWithManyParametersReply {
    /// The result.
    pub ret: i32,
    #[doc(alias = "theFifthParameter")]
    pub the_fifth_parameter: AStructureWithANameThatIsLongerThanUsual,
    pub two: Two,
    #[doc(alias = "theSixthParameterOfThem")]
    pub the_sixth_parameter_of_them: String,
}

/// The `out` parameters of `out15`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AnInterfaceWithANameOfSomeLengthOut15Reply {
    pub a: i32,
    pub b: i32,
    pub c: i32,
    pub d: i32,
    pub e: i32,
    pub f: i32,
    pub g: i32,
    pub h: i32,
    pub i: i32,
    pub j: i32,
    pub k: i32,
    pub l: i32,
    pub m: i32,
    pub n: i32,
    pub o: i32,
}

/// The result and the `out` parameters of `x`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AnInterfaceWithANameOfSomeLengthXReply {
    /// The result.
    pub ret: i32,
    pub o: Vec<i32>,
}

/// Handles the calls of `AnInterfaceWithANameOfSomeLength`.
#[doc(alias = "AnInterfaceWithANameOfSomeLength")]
pub trait AnInterfaceWithANameOfSomeLengthServant: 'static {
    #[doc(alias = "anOperationWithoutParameters")]
    fn an_operation_without_parameters(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    #[doc(alias = "anOperationWithALongResultType")]
    fn an_operation_with_a_long_result_type(
        &self,
        cx: &codegen::CallContext,
        the_first_parameter_of_them_all: i32,
    ) -> impl codegen::Future<
        Output = Result<
            codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>,
            codegen::Failure,
        >,
    >;

    #[doc(alias = "anOperationWithManyParameters")]
    fn an_operation_with_many_parameters(
        &self,
        cx: &codegen::CallContext,
        the_first_parameter: i32,
        the_second_parameter: String,
        the_third_parameter: AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: Vec<codegen::BTreeMap<String, MapKeyStructure>>,
    ) -> impl codegen::Future<
        Output = Result<
            AnInterfaceWithANameOfSomeLengthAnOperationWithManyParametersReply,
            codegen::Failure,
        >,
    >;

    fn takes(
        &self,
        cx: &codegen::CallContext,
        the_key_which_selects_the_server: String,
        things: Vec<
            codegen::BTreeMap<
                AStructureWithANameThatIsLongerThanUsual,
                AStructureWithANameThatIsLongerThanUsual,
            >,
        >,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn fifteen(
        &self,
        cx: &codegen::CallContext,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn out15(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<
        Output = Result<AnInterfaceWithANameOfSomeLengthOut15Reply, codegen::Failure>,
    >;

    fn x(
        &self,
        cx: &codegen::CallContext,
        the_parameter_that_has_a_fixed_size_and_a_long_name: Vec<i32>,
    ) -> impl codegen::Future<Output = Result<AnInterfaceWithANameOfSomeLengthXReply, codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `AnInterfaceWithANameOfSomeLength` for a servant, and encodes its results.
#[derive(Debug)]
pub struct AnInterfaceWithANameOfSomeLengthDispatcher<S>(codegen::Rc<S>);

impl<S: AnInterfaceWithANameOfSomeLengthServant> AnInterfaceWithANameOfSomeLengthDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S> codegen::Dispatcher for AnInterfaceWithANameOfSomeLengthDispatcher<S>
where
    S: AnInterfaceWithANameOfSomeLengthServant,
{
    fn functions(&self) -> &'static [&'static str] {
        &[
            "anOperationWithoutParameters",
            "anOperationWithALongResultType",
            "anOperationWithManyParameters",
            "takes",
            "fifteen",
            "out15",
            "x",
        ]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "anOperationWithoutParameters" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::an_operation_without_parameters(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "anOperationWithALongResultType" => {
                let mut arguments = call.arguments()?;
                let the_first_parameter_of_them_all =
                    arguments.take(1, "theFirstParameterOfThemAll")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::an_operation_with_a_long_result_type(
                            &servant,
                            &cx,
                            the_first_parameter_of_them_all,
                        );
                        (answer.await, cx)
                    },
                    |w, result| w.put_result(result),
                );
            }
            "anOperationWithManyParameters" => {
                let mut arguments = call.arguments()?;
                let the_first_parameter = arguments.take(1, "theFirstParameter")?;
                let the_second_parameter = arguments.take(2, "theSecondParameter")?;
                let the_third_parameter = arguments.take(3, "theThirdParameter")?;
                let the_fourth_parameter = arguments.take(4, "theFourthParameter")?;
                call.answer(
                    move |cx| async move {
                        let answer = S::an_operation_with_many_parameters(
                            &servant,
                            &cx,
                            the_first_parameter,
                            the_second_parameter,
                            the_third_parameter,
                            the_fourth_parameter,
                        );
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret);
                        w.put(5, "theFifthParameter", &reply.the_fifth_parameter);
                        w.put(6, "two", &reply.two);
                        w.put(
                            7,
                            "theSixthParameterOfThem",
                            &reply.the_sixth_parameter_of_them,
                        );
                    },
                );
            }
            "takes" => {
                let mut arguments = call.arguments()?;
                let the_key_which_selects_the_server =
                    arguments.take(1, "theKeyWhichSelectsTheServer")?;
                let things = arguments.take(2, "things")?;
                call.answer(
                    move |cx| async move {
                        let answer =
                            S::takes(&servant, &cx, the_key_which_selects_the_server, things);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "fifteen" => {
                let mut arguments = call.arguments()?;
                let a = arguments.take(1, "a")?;
                let b = arguments.take(2, "b")?;
                let c = arguments.take(3, "c")?;
                let d = arguments.take(4, "d")?;
                let e = arguments.take(5, "e")?;
                let f = arguments.take(6, "f")?;
                let g = arguments.take(7, "g")?;
                let h = arguments.take(8, "h")?;
                let i = arguments.take(9, "i")?;
                let j = arguments.take(10, "j")?;
                let k = arguments.take(11, "k")?;
                let l = arguments.take(12, "l")?;
                let m = arguments.take(13, "m")?;
                let n = arguments.take(14, "n")?;
                let o = arguments.take(15, "o")?;
                call.answer(
                    move |cx| async move {
                        let answer =
                            S::fifteen(&servant, &cx, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "out15" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::out15(&servant, &cx);
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put(1, "a", &reply.a);
                        w.put(2, "b", &reply.b);
                        w.put(3, "c", &reply.c);
                        w.put(4, "d", &reply.d);
                        w.put(5, "e", &reply.e);
                        w.put(6, "f", &reply.f);
                        w.put(7, "g", &reply.g);
                        w.put(8, "h", &reply.h);
                        w.put(9, "i", &reply.i);
                        w.put(10, "j", &reply.j);
                        w.put(11, "k", &reply.k);
                        w.put(12, "l", &reply.l);
                        w.put(13, "m", &reply.m);
                        w.put(14, "n", &reply.n);
                        w.put(15, "o", &reply.o);
                    },
                );
            }
            "x" => {
                let mut arguments = call.arguments()?;
                let the_parameter_that_has_a_fixed_size_and_a_long_name =
                    arguments.take_at_most(1, "theParameterThatHasAFixedSizeAndALongName", 12)?;
                call.answer(
                    move |cx| async move {
                        let answer = S::x(
                            &servant,
                            &cx,
                            the_parameter_that_has_a_fixed_size_and_a_long_name,
                        );
                        (answer.await, cx)
                    },
                    |w, reply| {
                        w.put_result(&reply.ret);
                        w.put(2, "o", &reply.o);
                    },
                );
            }
            _ => return Err(call.unknown_function()),
        }
        Ok(())
    }

    fn connection_opened(&self, connection: &codegen::Connection) {
        self.0.connection_opened(connection);
    }

    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        self.0.connection_closed(connection, why);
    }
}

/// Makes pushes for clients that receive `AnInterfaceWithANameOfSomeLength`.
#[derive(Clone, Copy, Debug)]
pub struct AnInterfaceWithANameOfSomeLengthSender;

impl AnInterfaceWithANameOfSomeLengthSender {
    #[doc(alias = "anOperationWithoutParameters")]
    pub fn an_operation_without_parameters() -> codegen::PushPacket {
        codegen::PushPacket::new("anOperationWithoutParameters", |_| {})
    }

    #[doc(alias = "anOperationWithALongResultType")]
    pub fn an_operation_with_a_long_result_type(
        ret: &codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>,
        the_first_parameter_of_them_all: i32,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("anOperationWithALongResultType", |w| {
            w.put_result(ret);
            w.put(
                1,
                "theFirstParameterOfThemAll",
                &the_first_parameter_of_them_all,
            );
        })
    }

    #[doc(alias = "anOperationWithManyParameters")]
    pub fn an_operation_with_many_parameters(
        ret: i32,
        the_first_parameter: i32,
        the_second_parameter: &str,
        the_third_parameter: &AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: &[codegen::BTreeMap<String, MapKeyStructure>],
        the_fifth_parameter: &AStructureWithANameThatIsLongerThanUsual,
        two: Two,
        the_sixth_parameter_of_them: &str,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("anOperationWithManyParameters", |w| {
            w.put_result(&ret);
            w.put(1, "theFirstParameter", &the_first_parameter);
            w.put(2, "theSecondParameter", the_second_parameter);
            w.put(3, "theThirdParameter", the_third_parameter);
            w.put(4, "theFourthParameter", the_fourth_parameter);
            w.put(5, "theFifthParameter", the_fifth_parameter);
            w.put(6, "two", &two);
            w.put(7, "theSixthParameterOfThem", the_sixth_parameter_of_them);
        })
    }

    pub fn takes(
        the_key_which_selects_the_server: &str,
        things: &[codegen::BTreeMap<
            AStructureWithANameThatIsLongerThanUsual,
            AStructureWithANameThatIsLongerThanUsual,
        >],
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("takes", |w| {
            w.put(
                1,
                "theKeyWhichSelectsTheServer",
                the_key_which_selects_the_server,
            );
            w.put(2, "things", things);
        })
    }

    pub fn fifteen(
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("fifteen", |w| {
            w.put(1, "a", &a);
            w.put(2, "b", &b);
            w.put(3, "c", &c);
            w.put(4, "d", &d);
            w.put(5, "e", &e);
            w.put(6, "f", &f);
            w.put(7, "g", &g);
            w.put(8, "h", &h);
            w.put(9, "i", &i);
            w.put(10, "j", &j);
            w.put(11, "k", &k);
            w.put(12, "l", &l);
            w.put(13, "m", &m);
            w.put(14, "n", &n);
            w.put(15, "o", &o);
        })
    }

    pub fn out15(
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("out15", |w| {
            w.put(1, "a", &a);
            w.put(2, "b", &b);
            w.put(3, "c", &c);
            w.put(4, "d", &d);
            w.put(5, "e", &e);
            w.put(6, "f", &f);
            w.put(7, "g", &g);
            w.put(8, "h", &h);
            w.put(9, "i", &i);
            w.put(10, "j", &j);
            w.put(11, "k", &k);
            w.put(12, "l", &l);
            w.put(13, "m", &m);
            w.put(14, "n", &n);
            w.put(15, "o", &o);
        })
    }

    pub fn x(
        ret: i32,
        the_parameter_that_has_a_fixed_size_and_a_long_name: &[i32],
        o: &[i32],
    ) -> codegen::PushPacket {
        codegen::PushPacket::new("x", |w| {
            w.put_result(&ret);
            w.put(
                1,
                "theParameterThatHasAFixedSizeAndALongName",
                the_parameter_that_has_a_fixed_size_and_a_long_name,
            );
            w.put(2, "o", o);
        })
    }
}

/// Calls the operations of `AnInterfaceWithANameOfSomeLength`.
#[doc(alias = "AnInterfaceWithANameOfSomeLength")]
#[derive(Clone, Debug)]
pub struct AnInterfaceWithANameOfSomeLengthProxy(codegen::Proxy);

impl AnInterfaceWithANameOfSomeLengthProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    #[doc(alias = "anOperationWithoutParameters")]
    pub fn an_operation_without_parameters(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "anOperationWithoutParameters", |_| {}, |_| Ok(()))
    }

    #[doc(alias = "anOperationWithALongResultType")]
    pub fn an_operation_with_a_long_result_type(
        &self,
        the_first_parameter_of_them_all: i32,
    ) -> codegen::Call<codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>>
    {
        codegen::Proxy::call(
            &self.0,
            "anOperationWithALongResultType",
            |w| {
                w.put(
                    1,
                    "theFirstParameterOfThemAll",
                    &the_first_parameter_of_them_all,
                );
            },
            |r| r.take_result(),
        )
    }

    #[doc(alias = "anOperationWithManyParameters")]
    pub fn an_operation_with_many_parameters(
        &self,
        the_first_parameter: i32,
        the_second_parameter: &str,
        the_third_parameter: &AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: &[codegen::BTreeMap<String, MapKeyStructure>],
    ) -> codegen::Call<AnInterfaceWithANameOfSomeLengthAnOperationWithManyParametersReply> {
        codegen::Proxy::call(
            &self.0,
            "anOperationWithManyParameters",
            |w| {
                w.put(1, "theFirstParameter", &the_first_parameter);
                w.put(2, "theSecondParameter", the_second_parameter);
                w.put(3, "theThirdParameter", the_third_parameter);
                w.put(4, "theFourthParameter", the_fourth_parameter);
            },
            |r| {
                Ok(
                    AnInterfaceWithANameOfSomeLengthAnOperationWithManyParametersReply {
                        ret: r.take_result()?,
                        the_fifth_parameter: r.take(5, "theFifthParameter")?,
                        two: r.take(6, "two")?,
                        the_sixth_parameter_of_them: r.take(7, "theSixthParameterOfThem")?,
                    },
                )
            },
        )
    }

    pub fn takes(
        &self,
        the_key_which_selects_the_server: &str,
        things: &[codegen::BTreeMap<
            AStructureWithANameThatIsLongerThanUsual,
            AStructureWithANameThatIsLongerThanUsual,
        >],
    ) -> codegen::Call<()> {
        let call = codegen::Proxy::call(
            &self.0,
            "takes",
            |w| {
                w.put(
                    1,
                    "theKeyWhichSelectsTheServer",
                    the_key_which_selects_the_server,
                );
                w.put(2, "things", things);
            },
            |_| Ok(()),
        );
        call.route_key(the_key_which_selects_the_server)
    }

    pub fn fifteen(
        &self,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) -> codegen::Call<()> {
        codegen::Proxy::call(
            &self.0,
            "fifteen",
            |w| {
                w.put(1, "a", &a);
                w.put(2, "b", &b);
                w.put(3, "c", &c);
                w.put(4, "d", &d);
                w.put(5, "e", &e);
                w.put(6, "f", &f);
                w.put(7, "g", &g);
                w.put(8, "h", &h);
                w.put(9, "i", &i);
                w.put(10, "j", &j);
                w.put(11, "k", &k);
                w.put(12, "l", &l);
                w.put(13, "m", &m);
                w.put(14, "n", &n);
                w.put(15, "o", &o);
            },
            |_| Ok(()),
        )
    }

    pub fn out15(&self) -> codegen::Call<AnInterfaceWithANameOfSomeLengthOut15Reply> {
        codegen::Proxy::call(
            &self.0,
            "out15",
            |_| {},
            |r| {
                Ok(AnInterfaceWithANameOfSomeLengthOut15Reply {
                    a: r.take(1, "a")?,
                    b: r.take(2, "b")?,
                    c: r.take(3, "c")?,
                    d: r.take(4, "d")?,
                    e: r.take(5, "e")?,
                    f: r.take(6, "f")?,
                    g: r.take(7, "g")?,
                    h: r.take(8, "h")?,
                    i: r.take(9, "i")?,
                    j: r.take(10, "j")?,
                    k: r.take(11, "k")?,
                    l: r.take(12, "l")?,
                    m: r.take(13, "m")?,
                    n: r.take(14, "n")?,
                    o: r.take(15, "o")?,
                })
            },
        )
    }

    pub fn x(
        &self,
        the_parameter_that_has_a_fixed_size_and_a_long_name: &[i32],
    ) -> codegen::Call<AnInterfaceWithANameOfSomeLengthXReply> {
        codegen::Proxy::call(
            &self.0,
            "x",
            |w| {
                w.put(
                    1,
                    "theParameterThatHasAFixedSizeAndALongName",
                    the_parameter_that_has_a_fixed_size_and_a_long_name,
                );
            },
            |r| {
                Ok(AnInterfaceWithANameOfSomeLengthXReply {
                    ret: r.take_result()?,
                    o: r.take_at_most(2, "o", 4)?,
                })
            },
        )
    }
}

impl From<codegen::Proxy> for AnInterfaceWithANameOfSomeLengthProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `AnInterfaceWithANameOfSomeLength`.
#[doc(alias = "AnInterfaceWithANameOfSomeLength")]
pub trait AnInterfaceWithANameOfSomeLengthReceiver: Send + Sync + 'static {
    #[doc(alias = "anOperationWithoutParameters")]
    fn an_operation_without_parameters(&self) {}

    #[doc(alias = "anOperationWithALongResultType")]
    fn an_operation_with_a_long_result_type(
        &self,
        ret: codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>,
        the_first_parameter_of_them_all: i32,
    ) {
    }

    #[doc(alias = "anOperationWithManyParameters")]
    fn an_operation_with_many_parameters(
        &self,
        ret: i32,
        the_first_parameter: i32,
        the_second_parameter: String,
        the_third_parameter: AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: Vec<codegen::BTreeMap<String, MapKeyStructure>>,
        the_fifth_parameter: AStructureWithANameThatIsLongerThanUsual,
        two: Two,
        the_sixth_parameter_of_them: String,
    ) {
    }

    fn takes(
        &self,
        the_key_which_selects_the_server: String,
        things: Vec<
            codegen::BTreeMap<
                AStructureWithANameThatIsLongerThanUsual,
                AStructureWithANameThatIsLongerThanUsual,
            >,
        >,
    ) {
    }

    fn fifteen(
        &self,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) {
    }

    fn out15(
        &self,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) {
    }

    fn x(
        &self,
        ret: i32,
        the_parameter_that_has_a_fixed_size_and_a_long_name: Vec<i32>,
        o: Vec<i32>,
    ) {
    }

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "anOperationWithoutParameters" => Self::an_operation_without_parameters(&self),
                "anOperationWithALongResultType" => {
                    let mut arguments = push.arguments()?;
                    Self::an_operation_with_a_long_result_type(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "theFirstParameterOfThemAll")?,
                    );
                }
                "anOperationWithManyParameters" => {
                    let mut arguments = push.arguments()?;
                    Self::an_operation_with_many_parameters(
                        &self,
                        arguments.take_result()?,
                        arguments.take(1, "theFirstParameter")?,
                        arguments.take(2, "theSecondParameter")?,
                        arguments.take(3, "theThirdParameter")?,
                        arguments.take(4, "theFourthParameter")?,
                        arguments.take(5, "theFifthParameter")?,
                        arguments.take(6, "two")?,
                        arguments.take(7, "theSixthParameterOfThem")?,
                    );
                }
                "takes" => {
                    let mut arguments = push.arguments()?;
                    Self::takes(
                        &self,
                        arguments.take(1, "theKeyWhichSelectsTheServer")?,
                        arguments.take(2, "things")?,
                    );
                }
                "fifteen" => {
                    let mut arguments = push.arguments()?;
                    Self::fifteen(
                        &self,
                        arguments.take(1, "a")?,
                        arguments.take(2, "b")?,
                        arguments.take(3, "c")?,
                        arguments.take(4, "d")?,
                        arguments.take(5, "e")?,
                        arguments.take(6, "f")?,
                        arguments.take(7, "g")?,
                        arguments.take(8, "h")?,
                        arguments.take(9, "i")?,
                        arguments.take(10, "j")?,
                        arguments.take(11, "k")?,
                        arguments.take(12, "l")?,
                        arguments.take(13, "m")?,
                        arguments.take(14, "n")?,
                        arguments.take(15, "o")?,
                    );
                }
                "out15" => {
                    let mut arguments = push.arguments()?;
                    Self::out15(
                        &self,
                        arguments.take(1, "a")?,
                        arguments.take(2, "b")?,
                        arguments.take(3, "c")?,
                        arguments.take(4, "d")?,
                        arguments.take(5, "e")?,
                        arguments.take(6, "f")?,
                        arguments.take(7, "g")?,
                        arguments.take(8, "h")?,
                        arguments.take(9, "i")?,
                        arguments.take(10, "j")?,
                        arguments.take(11, "k")?,
                        arguments.take(12, "l")?,
                        arguments.take(13, "m")?,
                        arguments.take(14, "n")?,
                        arguments.take(15, "o")?,
                    );
                }
                "x" => {
                    let mut arguments = push.arguments()?;
                    Self::x(
                        &self,
                        arguments.take_result()?,
                        arguments.take_at_most(
                            1,
                            "theParameterThatHasAFixedSizeAndALongName",
                            12,
                        )?,
                        arguments.take_at_most(2, "o", 4)?,
                    );
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Takes the results of calls of `AnInterfaceWithANameOfSomeLength`, given to a function `async_…`.
pub trait AnInterfaceWithANameOfSomeLengthCallback: Send + Sync + 'static {
    /// The result of `anOperationWithoutParameters`.
    fn callback_an_operation_without_parameters(&self) {}

    /// `anOperationWithoutParameters` has failed with this code.
    fn callback_an_operation_without_parameters_exception(&self, code: i32) {}

    /// The result of `anOperationWithALongResultType`.
    fn callback_an_operation_with_a_long_result_type(
        &self,
        ret: codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>,
    ) {
    }

    /// `anOperationWithALongResultType` has failed with this code.
    fn callback_an_operation_with_a_long_result_type_exception(&self, code: i32) {}

    /// The result of `anOperationWithManyParameters`.
    fn callback_an_operation_with_many_parameters(
        &self,
        ret: i32,
        the_fifth_parameter: AStructureWithANameThatIsLongerThanUsual,
        two: Two,
        the_sixth_parameter_of_them: String,
    ) {
    }

    /// `anOperationWithManyParameters` has failed with this code.
    fn callback_an_operation_with_many_parameters_exception(&self, code: i32) {}

    /// The result of `takes`.
    fn callback_takes(&self) {}

    /// `takes` has failed with this code.
    fn callback_takes_exception(&self, code: i32) {}

    /// The result of `fifteen`.
    fn callback_fifteen(&self) {}

    /// `fifteen` has failed with this code.
    fn callback_fifteen_exception(&self, code: i32) {}

    /// The result of `out15`.
    fn callback_out15(
        &self,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) {
    }

    /// `out15` has failed with this code.
    fn callback_out15_exception(&self, code: i32) {}

    /// The result of `x`.
    fn callback_x(&self, ret: i32, o: Vec<i32>) {}

    /// `x` has failed with this code.
    fn callback_x_exception(&self, code: i32) {}
}

impl AnInterfaceWithANameOfSomeLengthProxy {
    /// Calls `anOperationWithoutParameters` and waits for its result.
    pub fn an_operation_without_parameters_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.an_operation_without_parameters();
        call.wait()
    }

    /// Calls `anOperationWithoutParameters` and gives its result to `callback`.
    pub fn async_an_operation_without_parameters(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
    ) {
        let call = self.an_operation_without_parameters();
        call.then(move |result| match result {
            Ok(()) => callback.callback_an_operation_without_parameters(),
            Err(error) => callback.callback_an_operation_without_parameters_exception(error.code()),
        });
    }

    /// Calls `anOperationWithoutParameters`; the future gives its result.
    pub fn promise_an_operation_without_parameters(&self) -> codegen::CallFuture<()> {
        let call = self.an_operation_without_parameters();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `anOperationWithALongResultType` and waits for its result.
    pub fn an_operation_with_a_long_result_type_sync(
        &self,
        the_first_parameter_of_them_all: i32,
    ) -> Result<
        codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>,
        codegen::RpcError,
    > {
        let call = self.an_operation_with_a_long_result_type(the_first_parameter_of_them_all);
        call.wait()
    }

    /// Calls `anOperationWithALongResultType` and gives its result to `callback`.
    pub fn async_an_operation_with_a_long_result_type(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
        the_first_parameter_of_them_all: i32,
    ) {
        let call = self.an_operation_with_a_long_result_type(the_first_parameter_of_them_all);
        call.then(move |result| match result {
            Ok(ret) => callback.callback_an_operation_with_a_long_result_type(ret),
            Err(error) => {
                callback.callback_an_operation_with_a_long_result_type_exception(error.code())
            }
        });
    }

    /// Calls `anOperationWithALongResultType`; the future gives its result.
    pub fn promise_an_operation_with_a_long_result_type(
        &self,
        the_first_parameter_of_them_all: i32,
    ) -> codegen::CallFuture<codegen::BTreeMap<String, Vec<AStructureWithANameThatIsLongerThanUsual>>>
    {
        let call = self.an_operation_with_a_long_result_type(the_first_parameter_of_them_all);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `anOperationWithManyParameters` and waits for its result.
    pub fn an_operation_with_many_parameters_sync(
        &self,
        the_first_parameter: i32,
        the_second_parameter: &str,
        the_third_parameter: &AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: &[codegen::BTreeMap<String, MapKeyStructure>],
    ) -> Result<AnInterfaceWithANameOfSomeLengthAnOperationWithManyParametersReply, codegen::RpcError>
    {
        let call = self.an_operation_with_many_parameters(
            the_first_parameter,
            the_second_parameter,
            the_third_parameter,
            the_fourth_parameter,
        );
        call.wait()
    }

    /// Calls `anOperationWithManyParameters` and gives its result to `callback`.
    pub fn async_an_operation_with_many_parameters(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
        the_first_parameter: i32,
        the_second_parameter: &str,
        the_third_parameter: &AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: &[codegen::BTreeMap<String, MapKeyStructure>],
    ) {
        let call = self.an_operation_with_many_parameters(
            the_first_parameter,
            the_second_parameter,
            the_third_parameter,
            the_fourth_parameter,
        );
        call.then(move |result| match result {
            Ok(reply) => callback.callback_an_operation_with_many_parameters(
                reply.ret,
                reply.the_fifth_parameter,
                reply.two,
                reply.the_sixth_parameter_of_them,
            ),
            Err(error) => {
                callback.callback_an_operation_with_many_parameters_exception(error.code())
            }
        });
    }

    /// Calls `anOperationWithManyParameters`; the future gives its result.
    pub fn promise_an_operation_with_many_parameters(
        &self,
        the_first_parameter: i32,
        the_second_parameter: &str,
        the_third_parameter: &AStructureWithANameThatIsLongerThanUsual,
        the_fourth_parameter: &[codegen::BTreeMap<String, MapKeyStructure>],
    ) -> codegen::CallFuture<AnInterfaceWithANameOfSomeLengthAnOperationWithManyParametersReply>
    {
        let call = self.an_operation_with_many_parameters(
            the_first_parameter,
            the_second_parameter,
            the_third_parameter,
            the_fourth_parameter,
        );
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `takes` and waits for its result.
    pub fn takes_sync(
        &self,
        the_key_which_selects_the_server: &str,
        things: &[codegen::BTreeMap<
            AStructureWithANameThatIsLongerThanUsual,
            AStructureWithANameThatIsLongerThanUsual,
        >],
    ) -> Result<(), codegen::RpcError> {
        let call = self.takes(the_key_which_selects_the_server, things);
        call.wait()
    }

    /// Calls `takes` and gives its result to `callback`.
    pub fn async_takes(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
        the_key_which_selects_the_server: &str,
        things: &[codegen::BTreeMap<
            AStructureWithANameThatIsLongerThanUsual,
            AStructureWithANameThatIsLongerThanUsual,
        >],
    ) {
        let call = self.takes(the_key_which_selects_the_server, things);
        call.then(move |result| match result {
            Ok(()) => callback.callback_takes(),
            Err(error) => callback.callback_takes_exception(error.code()),
        });
    }

    /// Calls `takes`; the future gives its result.
    pub fn promise_takes(
        &self,
        the_key_which_selects_the_server: &str,
        things: &[codegen::BTreeMap<
            AStructureWithANameThatIsLongerThanUsual,
            AStructureWithANameThatIsLongerThanUsual,
        >],
    ) -> codegen::CallFuture<()> {
        let call = self.takes(the_key_which_selects_the_server, things);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `fifteen` and waits for its result.
    pub fn fifteen_sync(
        &self,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) -> Result<(), codegen::RpcError> {
        let call = self.fifteen(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
        call.wait()
    }

    /// Calls `fifteen` and gives its result to `callback`.
    pub fn async_fifteen(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) {
        let call = self.fifteen(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
        call.then(move |result| match result {
            Ok(()) => callback.callback_fifteen(),
            Err(error) => callback.callback_fifteen_exception(error.code()),
        });
    }

    /// Calls `fifteen`; the future gives its result.
    pub fn promise_fifteen(
        &self,
        a: i32,
        b: i32,
        c: i32,
        d: i32,
        e: i32,
        f: i32,
        g: i32,
        h: i32,
        i: i32,
        j: i32,
        k: i32,
        l: i32,
        m: i32,
        n: i32,
        o: i32,
    ) -> codegen::CallFuture<()> {
        let call = self.fifteen(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `out15` and waits for its result.
    pub fn out15_sync(
        &self,
    ) -> Result<AnInterfaceWithANameOfSomeLengthOut15Reply, codegen::RpcError> {
        let call = self.out15();
        call.wait()
    }

    /// Calls `out15` and gives its result to `callback`.
    pub fn async_out15(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
    ) {
        let call = self.out15();
        call.then(move |result| match result {
            Ok(reply) => callback.callback_out15(
                reply.a, reply.b, reply.c, reply.d, reply.e, reply.f, reply.g, reply.h, reply.i,
                reply.j, reply.k, reply.l, reply.m, reply.n, reply.o,
            ),
            Err(error) => callback.callback_out15_exception(error.code()),
        });
    }

    /// Calls `out15`; the future gives its result.
    pub fn promise_out15(&self) -> codegen::CallFuture<AnInterfaceWithANameOfSomeLengthOut15Reply> {
        let call = self.out15();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `x` and waits for its result.
    pub fn x_sync(
        &self,
        the_parameter_that_has_a_fixed_size_and_a_long_name: &[i32],
    ) -> Result<AnInterfaceWithANameOfSomeLengthXReply, codegen::RpcError> {
        let call = self.x(the_parameter_that_has_a_fixed_size_and_a_long_name);
        call.wait()
    }

    /// Calls `x` and gives its result to `callback`.
    pub fn async_x(
        &self,
        callback: codegen::Arc<dyn AnInterfaceWithANameOfSomeLengthCallback>,
        the_parameter_that_has_a_fixed_size_and_a_long_name: &[i32],
    ) {
        let call = self.x(the_parameter_that_has_a_fixed_size_and_a_long_name);
        call.then(move |result| match result {
            Ok(reply) => callback.callback_x(reply.ret, reply.o),
            Err(error) => callback.callback_x_exception(error.code()),
        });
    }

    /// Calls `x`; the future gives its result.
    pub fn promise_x(
        &self,
        the_parameter_that_has_a_fixed_size_and_a_long_name: &[i32],
    ) -> codegen::CallFuture<AnInterfaceWithANameOfSomeLengthXReply> {
        let call = self.x(the_parameter_that_has_a_fixed_size_and_a_long_name);
        codegen::IntoFuture::into_future(call)
    }
}

/// Handles the calls of `Short`.
#[doc(alias = "Short")]
pub trait ShortServant: 'static {
    fn a(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn b(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn c(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn d(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn e(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn f(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn g(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn h(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn i(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn j(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn k(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn l(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn m(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn n(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn o(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn p(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn q(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn r(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn s(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn t(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn u(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn v(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn longest_1(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Short` for a servant, and encodes its results.
#[derive(Debug)]
pub struct ShortDispatcher<S>(codegen::Rc<S>);

impl<S: ShortServant> ShortDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: ShortServant> codegen::Dispatcher for ShortDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[
            "a",
            "b",
            "c",
            "d",
            "e",
            "f",
            "g",
            "h",
            "i",
            "j",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "q",
            "r",
            "s",
            "t",
            "u",
            "v",
            "longest_1",
        ]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "a" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::a(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "b" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::b(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "c" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::c(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "d" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::d(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "e" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::e(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "f" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::f(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "g" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::g(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "h" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::h(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "i" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::i(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "j" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::j(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "k" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::k(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "l" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::l(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "m" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::m(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "n" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::n(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "o" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::o(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "p" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::p(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "q" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::q(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "r" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::r(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "s" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::s(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "t" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::t(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "u" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::u(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "v" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::v(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "longest_1" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::longest_1(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            _ => return Err(call.unknown_function()),
        }
        Ok(())
    }

    fn connection_opened(&self, connection: &codegen::Connection) {
        self.0.connection_opened(connection);
    }

    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        self.0.connection_closed(connection, why);
    }
}

/// Makes pushes for clients that receive `Short`.
#[derive(Clone, Copy, Debug)]
pub struct ShortSender;

impl ShortSender {
    pub fn a() -> codegen::PushPacket {
        codegen::PushPacket::new("a", |_| {})
    }

    pub fn b() -> codegen::PushPacket {
        codegen::PushPacket::new("b", |_| {})
    }

    pub fn c() -> codegen::PushPacket {
        codegen::PushPacket::new("c", |_| {})
    }

    pub fn d() -> codegen::PushPacket {
        codegen::PushPacket::new("d", |_| {})
    }

    pub fn e() -> codegen::PushPacket {
        codegen::PushPacket::new("e", |_| {})
    }

    pub fn f() -> codegen::PushPacket {
        codegen::PushPacket::new("f", |_| {})
    }

    pub fn g() -> codegen::PushPacket {
        codegen::PushPacket::new("g", |_| {})
    }

    pub fn h() -> codegen::PushPacket {
        codegen::PushPacket::new("h", |_| {})
    }

    pub fn i() -> codegen::PushPacket {
        codegen::PushPacket::new("i", |_| {})
    }

    pub fn j() -> codegen::PushPacket {
        codegen::PushPacket::new("j", |_| {})
    }

    pub fn k() -> codegen::PushPacket {
        codegen::PushPacket::new("k", |_| {})
    }

    pub fn l() -> codegen::PushPacket {
        codegen::PushPacket::new("l", |_| {})
    }

    pub fn m() -> codegen::PushPacket {
        codegen::PushPacket::new("m", |_| {})
    }

    pub fn n() -> codegen::PushPacket {
        codegen::PushPacket::new("n", |_| {})
    }

    pub fn o() -> codegen::PushPacket {
        codegen::PushPacket::new("o", |_| {})
    }

    pub fn p() -> codegen::PushPacket {
        codegen::PushPacket::new("p", |_| {})
    }

    pub fn q() -> codegen::PushPacket {
        codegen::PushPacket::new("q", |_| {})
    }

    pub fn r() -> codegen::PushPacket {
        codegen::PushPacket::new("r", |_| {})
    }

    pub fn s() -> codegen::PushPacket {
        codegen::PushPacket::new("s", |_| {})
    }

    pub fn t() -> codegen::PushPacket {
        codegen::PushPacket::new("t", |_| {})
    }

    pub fn u() -> codegen::PushPacket {
        codegen::PushPacket::new("u", |_| {})
    }

    pub fn v() -> codegen::PushPacket {
        codegen::PushPacket::new("v", |_| {})
    }

    pub fn longest_1() -> codegen::PushPacket {
        codegen::PushPacket::new("longest_1", |_| {})
    }
}

/// Calls the operations of `Short`.
#[doc(alias = "Short")]
#[derive(Clone, Debug)]
pub struct ShortProxy(codegen::Proxy);

impl ShortProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    pub fn a(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "a", |_| {}, |_| Ok(()))
    }

    pub fn b(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "b", |_| {}, |_| Ok(()))
    }

    pub fn c(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "c", |_| {}, |_| Ok(()))
    }

    pub fn d(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "d", |_| {}, |_| Ok(()))
    }

    pub fn e(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "e", |_| {}, |_| Ok(()))
    }

    pub fn f(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "f", |_| {}, |_| Ok(()))
    }

    pub fn g(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "g", |_| {}, |_| Ok(()))
    }

    pub fn h(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "h", |_| {}, |_| Ok(()))
    }

    pub fn i(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "i", |_| {}, |_| Ok(()))
    }

    pub fn j(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "j", |_| {}, |_| Ok(()))
    }

    pub fn k(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "k", |_| {}, |_| Ok(()))
    }

    pub fn l(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "l", |_| {}, |_| Ok(()))
    }

    pub fn m(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "m", |_| {}, |_| Ok(()))
    }

    pub fn n(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "n", |_| {}, |_| Ok(()))
    }

    pub fn o(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "o", |_| {}, |_| Ok(()))
    }

    pub fn p(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "p", |_| {}, |_| Ok(()))
    }

    pub fn q(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "q", |_| {}, |_| Ok(()))
    }

    pub fn r(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "r", |_| {}, |_| Ok(()))
    }

    pub fn s(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "s", |_| {}, |_| Ok(()))
    }

    pub fn t(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "t", |_| {}, |_| Ok(()))
    }

    pub fn u(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "u", |_| {}, |_| Ok(()))
    }

    pub fn v(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "v", |_| {}, |_| Ok(()))
    }

    pub fn longest_1(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "longest_1", |_| {}, |_| Ok(()))
    }
}

impl From<codegen::Proxy> for ShortProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Short`.
#[doc(alias = "Short")]
pub trait ShortReceiver: Send + Sync + 'static {
    fn a(&self) {}

    fn b(&self) {}

    fn c(&self) {}

    fn d(&self) {}

    fn e(&self) {}

    fn f(&self) {}

    fn g(&self) {}

    fn h(&self) {}

    fn i(&self) {}

    fn j(&self) {}

    fn k(&self) {}

    fn l(&self) {}

    fn m(&self) {}

    fn n(&self) {}

    fn o(&self) {}

    fn p(&self) {}

    fn q(&self) {}

    fn r(&self) {}

    fn s(&self) {}

    fn t(&self) {}

    fn u(&self) {}

    fn v(&self) {}

    fn longest_1(&self) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "a" => Self::a(&self),
                "b" => Self::b(&self),
                "c" => Self::c(&self),
                "d" => Self::d(&self),
                "e" => Self::e(&self),
                "f" => Self::f(&self),
                "g" => Self::g(&self),
                "h" => Self::h(&self),
                "i" => Self::i(&self),
                "j" => Self::j(&self),
                "k" => Self::k(&self),
                "l" => Self::l(&self),
                "m" => Self::m(&self),
                "n" => Self::n(&self),
                "o" => Self::o(&self),
                "p" => Self::p(&self),
                "q" => Self::q(&self),
                "r" => Self::r(&self),
                "s" => Self::s(&self),
                "t" => Self::t(&self),
                "u" => Self::u(&self),
                "v" => Self::v(&self),
                "longest_1" => Self::longest_1(&self),
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Takes the results of calls of `Short`, given to a function `async_…`.
pub trait ShortCallback: Send + Sync + 'static {
    /// The result of `a`.
    fn callback_a(&self) {}

    /// `a` has failed with this code.
    fn callback_a_exception(&self, code: i32) {}

    /// The result of `b`.
    fn callback_b(&self) {}

    /// `b` has failed with this code.
    fn callback_b_exception(&self, code: i32) {}

    /// The result of `c`.
    fn callback_c(&self) {}

    /// `c` has failed with this code.
    fn callback_c_exception(&self, code: i32) {}

    /// The result of `d`.
    fn callback_d(&self) {}

    /// `d` has failed with this code.
    fn callback_d_exception(&self, code: i32) {}

    /// The result of `e`.
    fn callback_e(&self) {}

    /// `e` has failed with this code.
    fn callback_e_exception(&self, code: i32) {}

    /// The result of `f`.
    fn callback_f(&self) {}

    /// `f` has failed with this code.
    fn callback_f_exception(&self, code: i32) {}

    /// The result of `g`.
    fn callback_g(&self) {}

    /// `g` has failed with this code.
    fn callback_g_exception(&self, code: i32) {}

    /// The result of `h`.
    fn callback_h(&self) {}

    /// `h` has failed with this code.
    fn callback_h_exception(&self, code: i32) {}

    /// The result of `i`.
    fn callback_i(&self) {}

    /// `i` has failed with this code.
    fn callback_i_exception(&self, code: i32) {}

    /// The result of `j`.
    fn callback_j(&self) {}

    /// `j` has failed with this code.
    fn callback_j_exception(&self, code: i32) {}

    /// The result of `k`.
    fn callback_k(&self) {}

    /// `k` has failed with this code.
    fn callback_k_exception(&self, code: i32) {}

    /// The result of `l`.
    fn callback_l(&self) {}

    /// `l` has failed with this code.
    fn callback_l_exception(&self, code: i32) {}

    /// The result of `m`.
    fn callback_m(&self) {}

    /// `m` has failed with this code.
    fn callback_m_exception(&self, code: i32) {}

    /// The result of `n`.
    fn callback_n(&self) {}

    /// `n` has failed with this code.
    fn callback_n_exception(&self, code: i32) {}

    /// The result of `o`.
    fn callback_o(&self) {}

    /// `o` has failed with this code.
    fn callback_o_exception(&self, code: i32) {}

    /// The result of `p`.
    fn callback_p(&self) {}

    /// `p` has failed with this code.
    fn callback_p_exception(&self, code: i32) {}

    /// The result of `q`.
    fn callback_q(&self) {}

    /// `q` has failed with this code.
    fn callback_q_exception(&self, code: i32) {}

    /// The result of `r`.
    fn callback_r(&self) {}

    /// `r` has failed with this code.
    fn callback_r_exception(&self, code: i32) {}

    /// The result of `s`.
    fn callback_s(&self) {}

    /// `s` has failed with this code.
    fn callback_s_exception(&self, code: i32) {}

    /// The result of `t`.
    fn callback_t(&self) {}

    /// `t` has failed with this code.
    fn callback_t_exception(&self, code: i32) {}

    /// The result of `u`.
    fn callback_u(&self) {}

    /// `u` has failed with this code.
    fn callback_u_exception(&self, code: i32) {}

    /// The result of `v`.
    fn callback_v(&self) {}

    /// `v` has failed with this code.
    fn callback_v_exception(&self, code: i32) {}

    /// The result of `longest_1`.
    fn callback_longest_1(&self) {}

    /// `longest_1` has failed with this code.
    fn callback_longest_1_exception(&self, code: i32) {}
}

impl ShortProxy {
    /// Calls `a` and waits for its result.
    pub fn a_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.a();
        call.wait()
    }

    /// Calls `a` and gives its result to `callback`.
    pub fn async_a(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.a();
        call.then(move |result| match result {
            Ok(()) => callback.callback_a(),
            Err(error) => callback.callback_a_exception(error.code()),
        });
    }

    /// Calls `a`; the future gives its result.
    pub fn promise_a(&self) -> codegen::CallFuture<()> {
        let call = self.a();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `b` and waits for its result.
    pub fn b_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.b();
        call.wait()
    }

    /// Calls `b` and gives its result to `callback`.
    pub fn async_b(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.b();
        call.then(move |result| match result {
            Ok(()) => callback.callback_b(),
            Err(error) => callback.callback_b_exception(error.code()),
        });
    }

    /// Calls `b`; the future gives its result.
    pub fn promise_b(&self) -> codegen::CallFuture<()> {
        let call = self.b();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `c` and waits for its result.
    pub fn c_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.c();
        call.wait()
    }

    /// Calls `c` and gives its result to `callback`.
    pub fn async_c(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.c();
        call.then(move |result| match result {
            Ok(()) => callback.callback_c(),
            Err(error) => callback.callback_c_exception(error.code()),
        });
    }

    /// Calls `c`; the future gives its result.
    pub fn promise_c(&self) -> codegen::CallFuture<()> {
        let call = self.c();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `d` and waits for its result.
    pub fn d_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.d();
        call.wait()
    }

    /// Calls `d` and gives its result to `callback`.
    pub fn async_d(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.d();
        call.then(move |result| match result {
            Ok(()) => callback.callback_d(),
            Err(error) => callback.callback_d_exception(error.code()),
        });
    }

    /// Calls `d`; the future gives its result.
    pub fn promise_d(&self) -> codegen::CallFuture<()> {
        let call = self.d();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `e` and waits for its result.
    pub fn e_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.e();
        call.wait()
    }

    /// Calls `e` and gives its result to `callback`.
    pub fn async_e(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.e();
        call.then(move |result| match result {
            Ok(()) => callback.callback_e(),
            Err(error) => callback.callback_e_exception(error.code()),
        });
    }

    /// Calls `e`; the future gives its result.
    pub fn promise_e(&self) -> codegen::CallFuture<()> {
        let call = self.e();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `f` and waits for its result.
    pub fn f_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.f();
        call.wait()
    }

    /// Calls `f` and gives its result to `callback`.
    pub fn async_f(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.f();
        call.then(move |result| match result {
            Ok(()) => callback.callback_f(),
            Err(error) => callback.callback_f_exception(error.code()),
        });
    }

    /// Calls `f`; the future gives its result.
    pub fn promise_f(&self) -> codegen::CallFuture<()> {
        let call = self.f();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `g` and waits for its result.
    pub fn g_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.g();
        call.wait()
    }

    /// Calls `g` and gives its result to `callback`.
    pub fn async_g(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.g();
        call.then(move |result| match result {
            Ok(()) => callback.callback_g(),
            Err(error) => callback.callback_g_exception(error.code()),
        });
    }

    /// Calls `g`; the future gives its result.
    pub fn promise_g(&self) -> codegen::CallFuture<()> {
        let call = self.g();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `h` and waits for its result.
    pub fn h_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.h();
        call.wait()
    }

    /// Calls `h` and gives its result to `callback`.
    pub fn async_h(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.h();
        call.then(move |result| match result {
            Ok(()) => callback.callback_h(),
            Err(error) => callback.callback_h_exception(error.code()),
        });
    }

    /// Calls `h`; the future gives its result.
    pub fn promise_h(&self) -> codegen::CallFuture<()> {
        let call = self.h();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `i` and waits for its result.
    pub fn i_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.i();
        call.wait()
    }

    /// Calls `i` and gives its result to `callback`.
    pub fn async_i(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.i();
        call.then(move |result| match result {
            Ok(()) => callback.callback_i(),
            Err(error) => callback.callback_i_exception(error.code()),
        });
    }

    /// Calls `i`; the future gives its result.
    pub fn promise_i(&self) -> codegen::CallFuture<()> {
        let call = self.i();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `j` and waits for its result.
    pub fn j_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.j();
        call.wait()
    }

    /// Calls `j` and gives its result to `callback`.
    pub fn async_j(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.j();
        call.then(move |result| match result {
            Ok(()) => callback.callback_j(),
            Err(error) => callback.callback_j_exception(error.code()),
        });
    }

    /// Calls `j`; the future gives its result.
    pub fn promise_j(&self) -> codegen::CallFuture<()> {
        let call = self.j();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `k` and waits for its result.
    pub fn k_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.k();
        call.wait()
    }

    /// Calls `k` and gives its result to `callback`.
    pub fn async_k(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.k();
        call.then(move |result| match result {
            Ok(()) => callback.callback_k(),
            Err(error) => callback.callback_k_exception(error.code()),
        });
    }

    /// Calls `k`; the future gives its result.
    pub fn promise_k(&self) -> codegen::CallFuture<()> {
        let call = self.k();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `l` and waits for its result.
    pub fn l_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.l();
        call.wait()
    }

    /// Calls `l` and gives its result to `callback`.
    pub fn async_l(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.l();
        call.then(move |result| match result {
            Ok(()) => callback.callback_l(),
            Err(error) => callback.callback_l_exception(error.code()),
        });
    }

    /// Calls `l`; the future gives its result.
    pub fn promise_l(&self) -> codegen::CallFuture<()> {
        let call = self.l();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `m` and waits for its result.
    pub fn m_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.m();
        call.wait()
    }

    /// Calls `m` and gives its result to `callback`.
    pub fn async_m(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.m();
        call.then(move |result| match result {
            Ok(()) => callback.callback_m(),
            Err(error) => callback.callback_m_exception(error.code()),
        });
    }

    /// Calls `m`; the future gives its result.
    pub fn promise_m(&self) -> codegen::CallFuture<()> {
        let call = self.m();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `n` and waits for its result.
    pub fn n_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.n();
        call.wait()
    }

    /// Calls `n` and gives its result to `callback`.
    pub fn async_n(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.n();
        call.then(move |result| match result {
            Ok(()) => callback.callback_n(),
            Err(error) => callback.callback_n_exception(error.code()),
        });
    }

    /// Calls `n`; the future gives its result.
    pub fn promise_n(&self) -> codegen::CallFuture<()> {
        let call = self.n();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `o` and waits for its result.
    pub fn o_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.o();
        call.wait()
    }

    /// Calls `o` and gives its result to `callback`.
    pub fn async_o(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.o();
        call.then(move |result| match result {
            Ok(()) => callback.callback_o(),
            Err(error) => callback.callback_o_exception(error.code()),
        });
    }

    /// Calls `o`; the future gives its result.
    pub fn promise_o(&self) -> codegen::CallFuture<()> {
        let call = self.o();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `p` and waits for its result.
    pub fn p_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.p();
        call.wait()
    }

    /// Calls `p` and gives its result to `callback`.
    pub fn async_p(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.p();
        call.then(move |result| match result {
            Ok(()) => callback.callback_p(),
            Err(error) => callback.callback_p_exception(error.code()),
        });
    }

    /// Calls `p`; the future gives its result.
    pub fn promise_p(&self) -> codegen::CallFuture<()> {
        let call = self.p();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `q` and waits for its result.
    pub fn q_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.q();
        call.wait()
    }

    /// Calls `q` and gives its result to `callback`.
    pub fn async_q(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.q();
        call.then(move |result| match result {
            Ok(()) => callback.callback_q(),
            Err(error) => callback.callback_q_exception(error.code()),
        });
    }

    /// Calls `q`; the future gives its result.
    pub fn promise_q(&self) -> codegen::CallFuture<()> {
        let call = self.q();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `r` and waits for its result.
    pub fn r_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.r();
        call.wait()
    }

    /// Calls `r` and gives its result to `callback`.
    pub fn async_r(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.r();
        call.then(move |result| match result {
            Ok(()) => callback.callback_r(),
            Err(error) => callback.callback_r_exception(error.code()),
        });
    }

    /// Calls `r`; the future gives its result.
    pub fn promise_r(&self) -> codegen::CallFuture<()> {
        let call = self.r();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `s` and waits for its result.
    pub fn s_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.s();
        call.wait()
    }

    /// Calls `s` and gives its result to `callback`.
    pub fn async_s(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.s();
        call.then(move |result| match result {
            Ok(()) => callback.callback_s(),
            Err(error) => callback.callback_s_exception(error.code()),
        });
    }

    /// Calls `s`; the future gives its result.
    pub fn promise_s(&self) -> codegen::CallFuture<()> {
        let call = self.s();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `t` and waits for its result.
    pub fn t_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.t();
        call.wait()
    }

    /// Calls `t` and gives its result to `callback`.
    pub fn async_t(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.t();
        call.then(move |result| match result {
            Ok(()) => callback.callback_t(),
            Err(error) => callback.callback_t_exception(error.code()),
        });
    }

    /// Calls `t`; the future gives its result.
    pub fn promise_t(&self) -> codegen::CallFuture<()> {
        let call = self.t();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `u` and waits for its result.
    pub fn u_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.u();
        call.wait()
    }

    /// Calls `u` and gives its result to `callback`.
    pub fn async_u(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.u();
        call.then(move |result| match result {
            Ok(()) => callback.callback_u(),
            Err(error) => callback.callback_u_exception(error.code()),
        });
    }

    /// Calls `u`; the future gives its result.
    pub fn promise_u(&self) -> codegen::CallFuture<()> {
        let call = self.u();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `v` and waits for its result.
    pub fn v_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.v();
        call.wait()
    }

    /// Calls `v` and gives its result to `callback`.
    pub fn async_v(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.v();
        call.then(move |result| match result {
            Ok(()) => callback.callback_v(),
            Err(error) => callback.callback_v_exception(error.code()),
        });
    }

    /// Calls `v`; the future gives its result.
    pub fn promise_v(&self) -> codegen::CallFuture<()> {
        let call = self.v();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `longest_1` and waits for its result.
    pub fn longest_1_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.longest_1();
        call.wait()
    }

    /// Calls `longest_1` and gives its result to `callback`.
    pub fn async_longest_1(&self, callback: codegen::Arc<dyn ShortCallback>) {
        let call = self.longest_1();
        call.then(move |result| match result {
            Ok(()) => callback.callback_longest_1(),
            Err(error) => callback.callback_longest_1_exception(error.code()),
        });
    }

    /// Calls `longest_1`; the future gives its result.
    pub fn promise_longest_1(&self) -> codegen::CallFuture<()> {
        let call = self.longest_1();
        codegen::IntoFuture::into_future(call)
    }
}

/// The `out` parameters of `operation_4`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MediumOperation4Reply {
    pub x: i32,
}

/// Handles the calls of `Medium`.
#[doc(alias = "Medium")]
pub trait MediumServant: 'static {
    fn operation_1(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn operation_2(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn operation_3(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    fn operation_4(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<MediumOperation4Reply, codegen::Failure>>;

    fn operation_5(
        &self,
        cx: &codegen::CallContext,
    ) -> impl codegen::Future<Output = Result<(), codegen::Failure>>;

    /// A connection has been opened.
    fn connection_opened(&self, connection: &codegen::Connection) {
        let _ = connection;
    }

    /// A connection has ended.
    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        let _ = (connection, why);
    }
}

/// Decodes the calls of `Medium` for a servant, and encodes its results.
#[derive(Debug)]
pub struct MediumDispatcher<S>(codegen::Rc<S>);

impl<S: MediumServant> MediumDispatcher<S> {
    /// The dispatcher of this servant.
    pub fn new(servant: S) -> Self {
        Self(codegen::Rc::new(servant))
    }
}

impl<S: MediumServant> codegen::Dispatcher for MediumDispatcher<S> {
    fn functions(&self) -> &'static [&'static str] {
        &[
            "operation_1",
            "operation_2",
            "operation_3",
            "operation_4",
            "operation_5",
        ]
    }

    fn dispatch(&self, call: &mut codegen::IncomingCall<'_, '_>) -> Result<(), codegen::Failure> {
        let servant = codegen::Rc::clone(&self.0);
        match call.function() {
            "operation_1" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::operation_1(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "operation_2" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::operation_2(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "operation_3" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::operation_3(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            "operation_4" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::operation_4(&servant, &cx);
                        (answer.await, cx)
                    },
                    |w, reply| w.put(1, "x", &reply.x),
                );
            }
            "operation_5" => {
                call.answer(
                    move |cx| async move {
                        let answer = S::operation_5(&servant, &cx);
                        (answer.await, cx)
                    },
                    |_, ()| {},
                );
            }
            _ => return Err(call.unknown_function()),
        }
        Ok(())
    }

    fn connection_opened(&self, connection: &codegen::Connection) {
        self.0.connection_opened(connection);
    }

    fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason) {
        self.0.connection_closed(connection, why);
    }
}

/// Makes pushes for clients that receive `Medium`.
#[derive(Clone, Copy, Debug)]
pub struct MediumSender;

impl MediumSender {
    pub fn operation_1() -> codegen::PushPacket {
        codegen::PushPacket::new("operation_1", |_| {})
    }

    pub fn operation_2() -> codegen::PushPacket {
        codegen::PushPacket::new("operation_2", |_| {})
    }

    pub fn operation_3() -> codegen::PushPacket {
        codegen::PushPacket::new("operation_3", |_| {})
    }

    pub fn operation_4(x: i32) -> codegen::PushPacket {
        codegen::PushPacket::new("operation_4", |w| w.put(1, "x", &x))
    }

    pub fn operation_5() -> codegen::PushPacket {
        codegen::PushPacket::new("operation_5", |_| {})
    }
}

/// Calls the operations of `Medium`.
#[doc(alias = "Medium")]
#[derive(Clone, Debug)]
pub struct MediumProxy(codegen::Proxy);

impl MediumProxy {
    /// Calls through `proxy`.
    pub fn new(proxy: codegen::Proxy) -> Self {
        Self(proxy)
    }

    /// The object that is called, whatever its interface.
    pub fn proxy(&self) -> &codegen::Proxy {
        &self.0
    }

    pub fn operation_1(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "operation_1", |_| {}, |_| Ok(()))
    }

    pub fn operation_2(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "operation_2", |_| {}, |_| Ok(()))
    }

    pub fn operation_3(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "operation_3", |_| {}, |_| Ok(()))
    }

    pub fn operation_4(&self) -> codegen::Call<MediumOperation4Reply> {
        codegen::Proxy::call(
            &self.0,
            "operation_4",
            |_| {},
            |r| Ok(MediumOperation4Reply { x: r.take(1, "x")? }),
        )
    }

    pub fn operation_5(&self) -> codegen::Call<()> {
        codegen::Proxy::call(&self.0, "operation_5", |_| {}, |_| Ok(()))
    }
}

impl From<codegen::Proxy> for MediumProxy {
    fn from(proxy: codegen::Proxy) -> Self {
        Self::new(proxy)
    }
}

/// Receives pushes of `Medium`.
#[doc(alias = "Medium")]
pub trait MediumReceiver: Send + Sync + 'static {
    fn operation_1(&self) {}

    fn operation_2(&self) {}

    fn operation_3(&self) {}

    fn operation_4(&self, x: i32) {}

    fn operation_5(&self) {}

    /// For `on_push` of a proxy.
    fn into_push_handler(self) -> codegen::PushHandler
    where
        Self: Sized,
    {
        codegen::PushHandler::new(move |push| {
            match push.function() {
                "operation_1" => Self::operation_1(&self),
                "operation_2" => Self::operation_2(&self),
                "operation_3" => Self::operation_3(&self),
                "operation_4" => {
                    let mut arguments = push.arguments()?;
                    Self::operation_4(&self, arguments.take(1, "x")?);
                }
                "operation_5" => Self::operation_5(&self),
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Takes the results of calls of `Medium`, given to a function `async_…`.
pub trait MediumCallback: Send + Sync + 'static {
    /// The result of `operation_1`.
    fn callback_operation_1(&self) {}

    /// `operation_1` has failed with this code.
    fn callback_operation_1_exception(&self, code: i32) {}

    /// The result of `operation_2`.
    fn callback_operation_2(&self) {}

    /// `operation_2` has failed with this code.
    fn callback_operation_2_exception(&self, code: i32) {}

    /// The result of `operation_3`.
    fn callback_operation_3(&self) {}

    /// `operation_3` has failed with this code.
    fn callback_operation_3_exception(&self, code: i32) {}

    /// The result of `operation_4`.
    fn callback_operation_4(&self, x: i32) {}

    /// `operation_4` has failed with this code.
    fn callback_operation_4_exception(&self, code: i32) {}

    /// The result of `operation_5`.
    fn callback_operation_5(&self) {}

    /// `operation_5` has failed with this code.
    fn callback_operation_5_exception(&self, code: i32) {}
}

impl MediumProxy {
    /// Calls `operation_1` and waits for its result.
    pub fn operation_1_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.operation_1();
        call.wait()
    }

    /// Calls `operation_1` and gives its result to `callback`.
    pub fn async_operation_1(&self, callback: codegen::Arc<dyn MediumCallback>) {
        let call = self.operation_1();
        call.then(move |result| match result {
            Ok(()) => callback.callback_operation_1(),
            Err(error) => callback.callback_operation_1_exception(error.code()),
        });
    }

    /// Calls `operation_1`; the future gives its result.
    pub fn promise_operation_1(&self) -> codegen::CallFuture<()> {
        let call = self.operation_1();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `operation_2` and waits for its result.
    pub fn operation_2_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.operation_2();
        call.wait()
    }

    /// Calls `operation_2` and gives its result to `callback`.
    pub fn async_operation_2(&self, callback: codegen::Arc<dyn MediumCallback>) {
        let call = self.operation_2();
        call.then(move |result| match result {
            Ok(()) => callback.callback_operation_2(),
            Err(error) => callback.callback_operation_2_exception(error.code()),
        });
    }

    /// Calls `operation_2`; the future gives its result.
    pub fn promise_operation_2(&self) -> codegen::CallFuture<()> {
        let call = self.operation_2();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `operation_3` and waits for its result.
    pub fn operation_3_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.operation_3();
        call.wait()
    }

    /// Calls `operation_3` and gives its result to `callback`.
    pub fn async_operation_3(&self, callback: codegen::Arc<dyn MediumCallback>) {
        let call = self.operation_3();
        call.then(move |result| match result {
            Ok(()) => callback.callback_operation_3(),
            Err(error) => callback.callback_operation_3_exception(error.code()),
        });
    }

    /// Calls `operation_3`; the future gives its result.
    pub fn promise_operation_3(&self) -> codegen::CallFuture<()> {
        let call = self.operation_3();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `operation_4` and waits for its result.
    pub fn operation_4_sync(&self) -> Result<MediumOperation4Reply, codegen::RpcError> {
        let call = self.operation_4();
        call.wait()
    }

    /// Calls `operation_4` and gives its result to `callback`.
    pub fn async_operation_4(&self, callback: codegen::Arc<dyn MediumCallback>) {
        let call = self.operation_4();
        call.then(move |result| match result {
            Ok(reply) => callback.callback_operation_4(reply.x),
            Err(error) => callback.callback_operation_4_exception(error.code()),
        });
    }

    /// Calls `operation_4`; the future gives its result.
    pub fn promise_operation_4(&self) -> codegen::CallFuture<MediumOperation4Reply> {
        let call = self.operation_4();
        codegen::IntoFuture::into_future(call)
    }

    /// Calls `operation_5` and waits for its result.
    pub fn operation_5_sync(&self) -> Result<(), codegen::RpcError> {
        let call = self.operation_5();
        call.wait()
    }

    /// Calls `operation_5` and gives its result to `callback`.
    pub fn async_operation_5(&self, callback: codegen::Arc<dyn MediumCallback>) {
        let call = self.operation_5();
        call.then(move |result| match result {
            Ok(()) => callback.callback_operation_5(),
            Err(error) => callback.callback_operation_5_exception(error.code()),
        });
    }

    /// Calls `operation_5`; the future gives its result.
    pub fn promise_operation_5(&self) -> codegen::CallFuture<()> {
        let call = self.operation_5();
        codegen::IntoFuture::into_future(call)
    }
}
