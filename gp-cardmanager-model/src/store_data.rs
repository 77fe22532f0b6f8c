//! store_data
