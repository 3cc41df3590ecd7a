//! Names for what has only tags on the wire.

use shardcast_build::schema::Type;

use crate::{builder, fixture};

#[test]
fn structs_are_found_by_their_names_and_fields_by_their_tags() {
    let (schema, _) = builder().schema(&[fixture("../golden/rich.tars")]).expect("a good file");
    let point = schema.find_struct("Common::Point").expect("it is included");
    assert_eq!((schema.find_struct("Common.Point"), schema.find_struct("Point")), (Some(point), Some(point)));
    assert_eq!((schema.find_struct("Rich::Point"), schema.find_struct("Nothing")), (None, None));
    let all = schema.structure(schema.find_struct("AllReq").expect("it is there"));
    let name = |tag| all.field(tag).map(|field| (field.name.as_str(), schema.type_text(&field.ty)));
    assert_eq!(name(16), Some(("vin", "vector<Rich::Inner>".to_owned())));
    assert_eq!((name(255), name(19)), (Some(("last", "int".to_owned())), None));
    let Some(Type::Enum(id)) = all.field(15).map(|field| &field.ty) else { panic!("an enum") };
    let names = [8, 9].map(|value| schema.enumeration(*id).name_of(value));
    assert_eq!(names, [Some("D"), None]);
}

#[test]
fn parameters_are_found_by_the_name_of_their_operation() {
    let (schema, _) = builder().schema(&[fixture("../golden/plain.tars")]).expect("a good file");
    let found: Vec<_> = schema.find_operations("find").collect();
    let [(module, interface, operation)] = found.as_slice() else { panic!("one of them") };
    assert_eq!((*module, interface.name.as_str()), ("Users", "UserServer"));
    let name = |tag| operation.parameter(tag).map(|parameter| parameter.name.as_str());
    assert_eq!([0, 1, 2, 3].map(name), [None, Some("name"), Some("user"), None]);
    assert_eq!(schema.find_operations("absent").count(), 0);
}
