//! key_info
