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
