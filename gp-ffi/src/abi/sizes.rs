//! How much memory C sets aside for each context, in words of 64 bits. `include/gp.h` holds the same numbers, and a C test
//! compares the two.
//!
//! They are upper bounds: where pointers have 64 bits, over all features; else one for sessions with raw keys and one for
//! cached schedules (feature `cached-keys`, in C `GP_CACHED_KEYS`), because there memory counts. A build in which a value
//! does not fit fails.

macro_rules! sizes {
    ($($name:ident = $wide:literal, $cached:literal, $raw:literal;)+) => {
        $(
            /// Words of 64 bits.
            pub const $name: usize = if cfg!(target_pointer_width = "64") {
                $wide
            } else if cfg!(feature = "cached-keys") {
                $cached
            } else {
                $raw
            };
        )+
    };
}

sizes! {
    GP_KEY_WORDS = 8, 8, 8;
    GP_KEY_SET_WORDS = 16, 16, 16;
    GP_DRBG_WORDS = 12, 12, 12;
    GP_SESSION_WORDS = 208, 192, 24;
    GP_ROTATION_WORDS = 288, 256, 64;
    GP_HOST_WORDS = 288, 256, 96;
    GP_REGISTRY_ENTRY_WORDS = 20, 20, 20;
    GP_KEY_SLOT_WORDS = 10, 10, 10;
    GP_OBJECT_SLOT_WORDS = 6, 6, 6;
    GP_CHANNEL_WORDS = 224, 208, 40;
    GP_CARD_WORDS = 320, 256, 256;
}
