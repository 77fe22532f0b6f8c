//! Where a schedule is made and stays.

/// The place of a `T`, which may be vacant. `SIZE` is [`size_of_place`] of `T`.
///
/// An `Option` would not do: where it is `None`, or holds a variant that is smaller than others, its octets are whatever the
/// stack held there when it was made, which may be a key, and travel with it. A vacant place is zeros, all of it.
pub(crate) enum Place<T, const SIZE: usize> {
    Vacant([u8; SIZE]),
    Taken(T),
}

/// Room for all octets of a taken place, which begin where a `T` is aligned.
pub(crate) const fn size_of_place<T>() -> usize {
    size_of::<T>().saturating_add(align_of::<T>()).saturating_sub(1)
}

impl<T, const SIZE: usize> Place<T, SIZE> {
    pub(crate) const VACANT: Self = Self::Vacant([0; SIZE]);

    #[inline(always)]
    pub(crate) const fn get(&self) -> Option<&T> {
        match self {
            Self::Taken(value) => Some(value),
            Self::Vacant(_) => None,
        }
    }

    #[cfg(feature = "cached-keys")]
    #[inline(always)]
    pub(crate) const fn is_vacant(&self) -> bool {
        matches!(self, Self::Vacant(_))
    }

    /// Drops what is there, and wipes the place.
    pub(crate) fn vacate(&mut self) {
        *self = Self::VACANT;
        zeroize::optimization_barrier(self);
    }
}
