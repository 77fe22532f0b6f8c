//! load_file
