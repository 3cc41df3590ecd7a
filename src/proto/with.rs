//! How a configuration is written.

/// Gives a configuration the method `with`: a `#[non_exhaustive]` struct cannot be written as a literal in
/// another crate. The documentation of the `impl` is added to that of the method.
#[doc(hidden)]
#[macro_export]
macro_rules! with {
    ($(#[$doc:meta])* impl $config:ty) => {
        impl $config {
            /// Applies `change`, so that a value can be written in one expression.
            ///
            $(#[$doc])*
            #[must_use]
            pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
                change(&mut self);
                self
            }
        }
    };
}
