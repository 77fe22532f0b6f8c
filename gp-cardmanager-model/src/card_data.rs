//! card_data
