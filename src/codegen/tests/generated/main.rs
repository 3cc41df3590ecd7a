//! Generated code as a user compiles it: the golden files, against the library, and the bytes that they
//! write and read.

mod behaviour;
mod bytes;
mod interfaces;

mod plain {
    include!("../golden/plain/mod.rs");
}

mod types {
    include!("../golden/types/mod.rs");
}

mod hygiene {
    include!("../golden/hygiene/mod.rs");
}

mod long {
    include!("../golden/long/mod.rs");
}

mod optional {
    include!("../golden/optional/mod.rs");
}

mod other {
    include!("../golden/other/mod.rs");
}

mod kept {
    include!("../golden/kept/mod.rs");
}

mod calls {
    include!("../golden/calls/mod.rs");
}

mod calls_other {
    include!("../golden/calls_other/mod.rs");
}

mod calls_kept {
    include!("../golden/calls_kept/mod.rs");
}

mod push {
    include!("../golden/push/mod.rs");
}
