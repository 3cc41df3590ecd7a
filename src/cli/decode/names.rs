//! What is known about the fields of a struct: their names, and what is in them.

/// What a value is known to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'n> {
    /// Whatever its bytes say.
    Unknown,
    /// A struct with these fields.
    Struct(&'n [Field<'n>]),
}

impl<'n> Shape<'n> {
    /// The field with this tag, if it is known.
    pub(super) fn field(&self, tag: u8) -> Option<&Field<'n>> {
        match self {
            Self::Unknown => None,
            Self::Struct(fields) => fields.iter().find(|field| field.tag == tag),
        }
    }
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'n> {
    pub(super) tag: u8,
    pub(super) name: &'n str,
    pub(super) shape: Shape<'n>,
}

/// Fields whose values tell for themselves what they are.
const fn plain(tag: u8, name: &'static str) -> Field<'static> {
    Field { tag, name, shape: Shape::Unknown }
}

/// A request, and a response of TUP, as the .tars file of the protocol names its fields.
pub(super) const REQUEST: Shape<'static> = Shape::Struct(&[
    plain(1, "iVersion"),
    plain(2, "cPacketType"),
    plain(3, "iMessageType"),
    plain(4, "iRequestId"),
    plain(5, "sServantName"),
    plain(6, "sFuncName"),
    plain(7, "sBuffer"),
    plain(8, "iTimeout"),
    plain(9, "context"),
    plain(10, "status"),
]);

/// A response or push.
pub(super) const RESPONSE: Shape<'static> = Shape::Struct(&[
    plain(1, "iVersion"),
    plain(2, "cPacketType"),
    plain(3, "iRequestId"),
    plain(4, "iMessageType"),
    plain(5, "iRet"),
    plain(6, "sBuffer"),
    plain(7, "status"),
    plain(8, "sResultDesc"),
    plain(9, "context"),
]);
