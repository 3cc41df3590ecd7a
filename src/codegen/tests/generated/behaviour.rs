//! What generated types do beside being bytes.

use shardcast::{
    __codegen::{DecodeStruct, TarsEnum, TarsStruct},
    proto::tars::json,
};

use crate::{hygiene, kept, optional, other, plain::users::*};

#[test]
fn values_begin_with_the_defaults_of_the_file() {
    let user = UserInfo::default();
    assert_eq!((user.s_name.as_str(), user.e_source, user.b_active), ("nobody", Source::APP, true));
    assert_eq!((user.d_score, user.f_weight, user.u8, user.from), (0.5, 1.0, 255, Source::WEB));
    assert_eq!((user.i_user_id, user.codes, user.owner), (0, vec![], UserKey::default()));
}

#[test]
fn what_is_missing_is_the_default_of_the_file() {
    assert_eq!(UserInfo::from_slice(&[0x00, 7]), Ok(UserInfo { i_user_id: 7, ..UserInfo::default() }));
    assert!(UserInfo::from_slice(&[]).is_err(), "the first field is required");
}

#[test]
fn values_come_back() {
    let mut user = UserInfo { i_user_id: -1, s_name: String::new(), from: Source(99), ..UserInfo::default() };
    user.friends.insert("friend".into(), UserInfo { levels: vec![200].into(), ..UserInfo::default() });
    (user.raw, user.memory, user.codes) = (vec![1; 16], vec![2; 100], vec![1, 2, 3, 4]);
    assert_eq!(UserInfo::from_slice(&user.to_vec()), Ok(user));
}

#[test]
fn a_fixed_size_is_a_bound() {
    for (value, fits) in [
        (UserInfo { codes: vec![0; 4], ..UserInfo::default() }, true),
        (UserInfo { codes: vec![0; 5], ..UserInfo::default() }, false),
        (UserInfo { raw: vec![0; 17], ..UserInfo::default() }, false),
        (UserInfo { flags: vec![0; 9].into(), ..UserInfo::default() }, false),
    ] {
        assert_eq!(UserInfo::from_slice(&value.to_vec()).is_ok(), fits, "{value:?}");
    }
    let value = optional::users::UserInfo { codes: Some(vec![0; 5]), ..Default::default() };
    assert!(optional::users::UserInfo::from_slice(&value.to_vec()).is_err());
    let value = other::users::UserInfo { raw: vec![0; 17].into(), ..Default::default() };
    assert!(other::users::UserInfo::from_slice(&value.to_vec()).is_err());
}

#[test]
fn enums_have_names_and_keep_other_numbers() {
    assert_eq!((Source::PARTNER_SHOP.name(), Source(5).name()), (Some("partnerShop"), None));
    assert_eq!((Source::from_name("APP"), Source::from_name("none")), (Some(Source::APP), None));
    assert_eq!(<Source as TarsEnum>::NAME, "Users.Source");
    assert_eq!((USUAL, MAX_NAME, GREETING, RATIO), (Source::APP, 64, "say \"hi\"\n", -0.25));
}

#[test]
fn structs_are_ordered_by_their_key_first() {
    let key = |name: &str, zone| UserKey { name: name.into(), zone, shard: 0 };
    let mut keys = [key("b", 1), key("a", 2), key("a", 1)];
    keys.sort();
    assert_eq!(keys, [key("a", 1), key("a", 2), key("b", 1)]);
}

#[test]
fn options_tell_missing_from_default() {
    use optional::users::UserInfo;
    let none = UserInfo::default();
    assert_eq!((&none.s_name, none.b_active), (&None, None));
    assert_eq!(none.to_vec(), [0x0C], "only what is required");
    let some = UserInfo { s_name: Some("nobody".into()), u8: Some(255), ..UserInfo::default() };
    assert_eq!(UserInfo::from_slice(&some.to_vec()).as_ref(), Ok(&some));
    let text = json::to_vec(&some).expect("plain values");
    assert_eq!(str::from_utf8(&text), Ok(r#"{"iUserId":0,"sName":"nobody","u8":255}"#));
    assert_eq!(json::from_slice(&text), Ok(some));
}

#[test]
fn strings_may_be_bytes_and_nothing_is_left_out_if_so_asked() {
    use other::users::{UserInfo, UserKey};
    let mut user = UserInfo { s_name: b"\xd6\xd0"[..].into(), ..UserInfo::default() };
    user.friends.insert(b"\xce\xc4"[..].into(), UserInfo::default());
    let written = user.to_vec();
    assert_eq!(UserInfo::from_slice(&written).as_ref(), Ok(&user));
    assert!(UserInfo::default().to_vec().len() > plain_len(), "defaults are written");
    let users = [(UserKey::default(), vec![])].into();
    let marks = [(0.5, "half".into()), (-0.0, "nothing".into())].into_iter().collect();
    let directory = other::users::Directory { users, marks, ..Default::default() };
    assert_eq!(other::users::Directory::from_slice(&directory.to_vec()), Ok(directory));
}

#[test]
fn names_can_be_kept_and_types_be_found_elsewhere() {
    use kept::users::*;
    let owner = crate::plain::users::UserKey { name: "n".into(), zone: 1, shard: 2 };
    let user = UserInfo { iUserId: 3, eSource: Source::partnerShop, owner, ..Default::default() };
    assert_eq!(UserInfo::from_slice(&user.to_vec()).as_ref(), Ok(&user));
    let mut gbk = vec![0x00, 3, 0x16, 2];
    gbk.extend(b"\xd6\xd0");
    assert_eq!(UserInfo::from_slice(&gbk).map(|user| user.sName), Ok("\u{fffd}\u{fffd}".into()));
}

#[test]
fn json_goes_through_serde_too() {
    use optional::users::{Source, UserInfo};
    let user = UserInfo { i_user_id: 1, e_source: Some(Source(7)), ..UserInfo::default() };
    let value = serde_json::to_value(&user).expect("plain values");
    assert_eq!(value, serde_json::json!({"iUserId": 1, "eSource": 7}));
    assert_eq!(serde_json::from_value::<UserInfo>(value).ok(), Some(user));
}

#[test]
fn names_of_rust_hide_nothing() {
    use hygiene::{hygiene::*, mod_::Match};
    let words = Words { self_: 1, r#type: 2, unnamed: 3, result: Result::ERR, ..Words::default() };
    assert_eq!((words.value, words.w, words.r, words.text.string.as_str()), (1, 2, 3, "String"));
    let value = Match { words };
    assert_eq!(Match::from_slice(&value.to_vec()), Ok(value));
    assert_eq!(DEFAULT, "a const and a type may share a name");
}

fn plain_len() -> usize {
    UserInfo::default().to_vec().len()
}
