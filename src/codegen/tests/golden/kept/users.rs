// @generated from module Users by shardcast-build. Do not edit.

use ::shardcast::__codegen as codegen;

/// How a user came to us.
#[non_exhaustive]
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub i32);

impl Source {
    /// through the site
    pub const WEB: Self = Self(0);
    /// through an app
    pub const APP: Self = Self(16);
    /// through a partner
    pub const partnerShop: Self = Self(17);

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
        ("partnerShop", Self::partnerShop.0),
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

/// characters
pub const MAX_NAME: i32 = 64;

pub const GREETING: &str = "say \"hi\"\n";

pub const RATIO: f32 = -0.25;

pub const USUAL: Source = Source::APP;

/// A user.
///
/// See \[users\] for \<b\>more\</b\>; http://example.org/users_of_ours
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct UserInfo {
    /// never 0
    pub iUserId: i64,
    #[cfg(all())]
    pub sName: String,
    pub eSource: Source,
    pub bActive: bool,
    pub dScore: f64,
    pub fWeight: f32,
    pub avatar: Vec<u8>,
    pub levels: codegen::UnsignedBytes,
    pub friends: codegen::BTreeMap<String, UserInfo>,
    pub from: Source,
    pub tags: Vec<String>,
    pub codes: Vec<i32>,
    pub raw: Vec<u8>,
    pub memory: Vec<u8>,
    pub u8: u8,
    pub flags: codegen::UnsignedBytes,
    pub owner: crate::plain::users::UserKey,
}

impl Default for UserInfo {
    fn default() -> Self {
        Self {
            iUserId: 0,
            sName: "nobody".into(),
            eSource: Source::APP,
            bActive: true,
            dScore: 0.5,
            fWeight: 1.0,
            avatar: Default::default(),
            levels: Default::default(),
            friends: Default::default(),
            from: Default::default(),
            tags: Default::default(),
            codes: Default::default(),
            raw: Default::default(),
            memory: Default::default(),
            u8: 255,
            flags: Default::default(),
            owner: Default::default(),
        }
    }
}

impl codegen::TarsStruct for UserInfo {
    const NAME: &'static str = "Users.UserInfo";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.iUserId);
        w.optional_or(1, &self.sName, "nobody");
        w.field(2, &self.eSource);
        w.field(3, &self.bActive);
        w.optional_or(4, &self.dScore, &0.5);
        w.optional_or(5, &self.fWeight, &1.0);
        w.optional(6, &self.avatar);
        w.optional(7, &self.levels);
        w.optional(8, &self.friends);
        w.optional(9, &self.from);
        w.optional(10, &self.tags);
        w.optional(11, &self.codes);
        w.optional(12, &self.raw);
        w.optional(13, &self.memory);
        w.optional_or(14, &self.u8, &255);
        w.optional(15, &self.flags);
        w.optional(20, &self.owner);
    }
}

impl<'de> codegen::DecodeStruct<'de> for UserInfo {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        r.lossy(|r| {
            Ok(Self {
                iUserId: r.require(0)?,
                sName: r.optional_or_else(1, || "nobody".into())?,
                eSource: r.optional_or(2, Source::APP)?,
                bActive: r.optional_or(3, true)?,
                dScore: r.optional_or(4, 0.5)?,
                fWeight: r.optional_or(5, 1.0)?,
                avatar: r.optional(6)?,
                levels: r.optional(7)?,
                friends: r.optional(8)?,
                from: r.optional(9)?,
                tags: r.optional(10)?,
                codes: r.optional_at_most(11, 4)?,
                raw: r.optional_at_most(12, 16)?,
                memory: r.optional(13)?,
                u8: r.optional_or(14, 255)?,
                flags: r.optional_at_most(15, 8)?,
                owner: r.optional(20)?,
            })
        })
    }
}

#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    pub users: codegen::BTreeMap<crate::plain::users::UserKey, Vec<crate::plain::users::UserKey>>,
    pub marks: codegen::Pairs<f64, String>,
    pub odd: codegen::Pairs<UserInfo, i32>,
    pub limit: i32,
    pub open: bool,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            users: Default::default(),
            marks: Default::default(),
            odd: Default::default(),
            limit: 10,
            open: false,
        }
    }
}

impl codegen::TarsStruct for Directory {
    const NAME: &'static str = "Users.Directory";

    #[inline]
    fn write_fields(&self, w: &mut codegen::TarsWriter) {
        w.field(0, &self.users);
        w.optional(1, &self.marks);
        w.optional(2, &self.odd);
        w.field(3, &self.limit);
        w.optional(4, &self.open);
    }
}

impl<'de> codegen::DecodeStruct<'de> for Directory {
    #[inline]
    fn read_fields(r: &mut codegen::TarsReader<'de>) -> Result<Self, codegen::DecodeError> {
        r.lossy(|r| {
            Ok(Self {
                users: r.require(0)?,
                marks: r.optional(1)?,
                odd: r.optional(2)?,
                limit: r.require(3)?,
                open: r.optional(4)?,
            })
        })
    }
}
