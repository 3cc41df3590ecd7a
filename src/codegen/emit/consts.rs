//! Consts.

use super::{layout::Code, scope::Scope};
use crate::schema::{Const, Type, Value};

impl Scope<'_> {
    pub(super) fn emit_const(&self, code: &mut Code, constant: &Const) {
        let name = self.const_name(&constant.name);
        let ty = match (&constant.ty, &constant.value) {
            (Type::String, Value::Text(text)) if str::from_utf8(text).is_err() => "&[u8]".to_owned(),
            (Type::String, _) => "&str".to_owned(),
            (ty, _) => self.rust_type(ty),
        };
        code.blank();
        code.docs(&constant.docs, &constant.name, &name);
        code.assign(&format!("pub const {name}: {ty}"), &self.expression(&constant.ty, &constant.value));
    }
}
