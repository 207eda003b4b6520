//! What the services of all layers have in common.

/// The wrapped service of a middleware with a field `inner`, as tower's own middleware shows it.
macro_rules! impl_inner {
    ($service:ident) => {
        impl<S> $service<S> {
            /// The service that is wrapped.
            pub const fn get_ref(&self) -> &S {
                &self.inner
            }

            /// The service that is wrapped.
            pub const fn get_mut(&mut self) -> &mut S {
                &mut self.inner
            }

            /// The service that was wrapped.
            pub fn into_inner(self) -> S {
                self.inner
            }
        }
    };
}
