// @generated from module Users by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

/// How a user came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub i32);

impl Source {
    /// through the site
    pub const WEB: Self = Self(0);
    /// through an app
    pub const APP: Self = Self(16);
    /// through a partner
    #[doc(alias = "partnerShop")]
    pub const PARTNER_SHOP: Self = Self(17);

    /// The name of this number, if it has one; of several, the first.
    pub fn name(self) -> Option<&'static str> {
        codegen::TarsEnum::name(self)
    }

    /// The number with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        codegen::TarsEnum::from_name(name)
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::WEB
    }
}

impl codegen::TarsEnum for Source {
    const NAME: &'static str = "Users.Source";
    const MEMBERS: &'static [(&'static str, i32)] = &[
        ("WEB", Self::WEB.0),
        ("APP", Self::APP.0),
        ("partnerShop", Self::PARTNER_SHOP.0),
    ];

    fn from_i32(number: i32) -> Self {
        Self(number)
    }

    fn to_i32(self) -> i32 {
        self.0
    }
}

impl codegen::Encode for Source {
    fn encode(&self, w: &mut codegen::TarsWriter, tag: u8) {
        codegen::Encode::encode(&self.0, w, tag);
    }

    fn type_name(out: &mut String) {
        <i32 as codegen::Encode>::type_name(out);
    }
}

impl<'de> codegen::Decode<'de> for Source {
    fn decode(
        r: &mut codegen::TarsReader<'de>,
        head: codegen::Head,
    ) -> Result<Self, codegen::DecodeError> {
        <i32 as codegen::Decode>::decode(r, head).map(Self)
    }
}

impl codegen::ToJson for Source {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(&self.0, serializer)
    }
}

impl codegen::FromJson for Source {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        <i32 as codegen::FromJson>::from_json(value).map(Self)
    }
}

impl codegen::serde::Serialize for Source {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for Source {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

/// characters
pub const MAX_NAME: i32 = 64;

pub const GREETING: &str = "say \"hi\"\n";

pub const RATIO: f32 = -0.25;

pub const USUAL: Source = Source::APP;

/// A user.
///
/// See \[users\] for \<b\>more\</b\>; http://example.org/users_of_ours
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UserInfo {
    /// never 0
    #[doc(alias = "iUserId")]
    pub i_user_id: i64,
    #[doc(alias = "sName")]
    pub s_name: Option<String>,
    #[doc(alias = "eSource")]
    pub e_source: Option<Source>,
    #[doc(alias = "bActive")]
    pub b_active: Option<bool>,
    #[doc(alias = "dScore")]
    pub d_score: Option<f64>,
    #[doc(alias = "fWeight")]
    pub f_weight: Option<f32>,
    pub avatar: Option<Vec<u8>>,
    pub levels: Option<codegen::UnsignedBytes>,
    pub friends: Option<codegen::BTreeMap<String, UserInfo>>,
    pub from: Option<Source>,
    pub tags: Option<Vec<String>>,
    pub codes: Option<Vec<i32>>,
    pub raw: Option<Vec<u8>>,
    pub memory: Option<Vec<u8>>,
    pub u8: Option<u8>,
    pub flags: Option<codegen::UnsignedBytes>,
    pub owner: Option<UserKey>,
}

impl codegen::TarsStruct for UserInfo {
    const NAME: &'static str = "Users.UserInfo";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.i_user_id);
        w.option(1, &self.s_name);
        w.option(2, &self.e_source);
        w.option(3, &self.b_active);
        w.option(4, &self.d_score);
        w.option(5, &self.f_weight);
        w.option(6, &self.avatar);
        w.option(7, &self.levels);
        w.option(8, &self.friends);
        w.option(9, &self.from);
        w.option(10, &self.tags);
        w.option(11, &self.codes);
        w.option(12, &self.raw);
        w.option(13, &self.memory);
        w.option(14, &self.u8);
        w.option(15, &self.flags);
        w.option(20, &self.owner);
    }
}

impl<'de> codegen::DecodeStruct<'de> for UserInfo {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            i_user_id: r.require(0)?,
            s_name: r.option(1)?,
            e_source: r.option(2)?,
            b_active: r.option(3)?,
            d_score: r.option(4)?,
            f_weight: r.option(5)?,
            avatar: r.option(6)?,
            levels: r.option(7)?,
            friends: r.option(8)?,
            from: r.option(9)?,
            tags: r.option(10)?,
            codes: r.option_at_most(11, 4)?,
            raw: r.option_at_most(12, 16)?,
            memory: r.option(13)?,
            u8: r.option(14)?,
            flags: r.option_at_most(15, 8)?,
            owner: r.option(20)?,
        })
    }
}

impl codegen::ToJson for UserInfo {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "UserInfo", 17)?;
        object.field("iUserId", &self.i_user_id)?;
        object.option("sName", &self.s_name)?;
        object.option("eSource", &self.e_source)?;
        object.option("bActive", &self.b_active)?;
        object.option("dScore", &self.d_score)?;
        object.option("fWeight", &self.f_weight)?;
        object.option("avatar", &self.avatar)?;
        object.option("levels", &self.levels)?;
        object.option("friends", &self.friends)?;
        object.option("from", &self.from)?;
        object.option("tags", &self.tags)?;
        object.option("codes", &self.codes)?;
        object.option("raw", &self.raw)?;
        object.option("memory", &self.memory)?;
        object.option("u8", &self.u8)?;
        object.option("flags", &self.flags)?;
        object.option("owner", &self.owner)?;
        object.end()
    }
}

impl codegen::FromJson for UserInfo {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            i_user_id: object.require("iUserId")?,
            s_name: object.option("sName")?,
            e_source: object.option("eSource")?,
            b_active: object.option("bActive")?,
            d_score: object.option("dScore")?,
            f_weight: object.option("fWeight")?,
            avatar: object.option("avatar")?,
            levels: object.option("levels")?,
            friends: object.option("friends")?,
            from: object.option("from")?,
            tags: object.option("tags")?,
            codes: object.option_at_most("codes", 4)?,
            raw: object.option_at_most("raw", 16)?,
            memory: object.option("memory")?,
            u8: object.option("u8")?,
            flags: object.option_at_most("flags", 8)?,
            owner: object.option("owner")?,
        })
    }
}

impl codegen::serde::Serialize for UserInfo {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for UserInfo {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UserKey {
    pub name: String,
    pub zone: i32,
    pub shard: u32,
}

impl codegen::TarsStruct for UserKey {
    const NAME: &'static str = "Users.UserKey";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.zone);
        w.field(1, &self.name);
        w.field(2, &self.shard);
    }
}

impl<'de> codegen::DecodeStruct<'de> for UserKey {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            zone: r.require(0)?,
            name: r.require(1)?,
            shard: r.require(2)?,
        })
    }
}

impl codegen::ToJson for UserKey {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "UserKey", 3)?;
        object.field("zone", &self.zone)?;
        object.field("name", &self.name)?;
        object.field("shard", &self.shard)?;
        object.end()
    }
}

impl codegen::FromJson for UserKey {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            zone: object.require("zone")?,
            name: object.require("name")?,
            shard: object.require("shard")?,
        })
    }
}

impl codegen::serde::Serialize for UserKey {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for UserKey {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    pub users: codegen::BTreeMap<UserKey, Vec<UserKey>>,
    pub marks: Option<codegen::Pairs<f64, String>>,
    pub odd: Option<codegen::Pairs<UserInfo, i32>>,
    pub limit: i32,
    pub open: Option<bool>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            users: Default::default(),
            marks: Default::default(),
            odd: Default::default(),
            limit: 10,
            open: Default::default(),
        }
    }
}

impl codegen::TarsStruct for Directory {
    const NAME: &'static str = "Users.Directory";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.users);
        w.option(1, &self.marks);
        w.option(2, &self.odd);
        w.field(3, &self.limit);
        w.option(4, &self.open);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Directory {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        Ok(Self {
            users: r.require(0)?,
            marks: r.option(1)?,
            odd: r.option(2)?,
            limit: r.require(3)?,
            open: r.option(4)?,
        })
    }
}

impl codegen::ToJson for Directory {
    fn to_json<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = codegen::JsonObjectWriter::begin(serializer, "Directory", 5)?;
        object.field("users", &self.users)?;
        object.option("marks", &self.marks)?;
        object.option("odd", &self.odd)?;
        object.field("limit", &self.limit)?;
        object.option("open", &self.open)?;
        object.end()
    }
}

impl codegen::FromJson for Directory {
    fn from_json(value: codegen::JsonValue) -> Result<Self, codegen::JsonError> {
        let mut object = codegen::JsonObject::new(value)?;
        Ok(Self {
            users: object.require("users")?,
            marks: object.option("marks")?,
            odd: object.option("odd")?,
            limit: object.require("limit")?,
            open: object.option("open")?,
        })
    }
}

impl codegen::serde::Serialize for Directory {
    fn serialize<S: codegen::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        codegen::ToJson::to_json(self, serializer)
    }
}

impl<'de> codegen::serde::Deserialize<'de> for Directory {
    fn deserialize<D: codegen::serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        codegen::json_deserialize(deserializer)
    }
}
