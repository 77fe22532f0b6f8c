//! Temporary shape until the real file replaces it.
use super::storage::Storage;
/// Log.
#[derive(Debug)]
pub struct Log<S>(S);
/// Error.
#[allow(missing_docs, dead_code)]
#[derive(Debug)]
pub(crate) enum LogError<E> {
    Storage(E),
    Full,
    Corrupt,
    TooLong,
    Dead,
    Exhausted,
}
pub(crate) struct Sink<'a>(core::marker::PhantomData<&'a ()>);
impl Sink<'_> {
    pub(crate) fn record(&mut self, _r: &[u8]) {}
}
impl<S: Storage> Log<S> {
    pub(crate) fn open(s: S, _f: impl FnMut(&[u8])) -> Result<(Self, bool), LogError<S::Error>> {
        Ok((Log(s), true))
    }
    pub(crate) fn append(&mut self, _f: impl Fn(&mut Sink<'_>)) -> Result<(), LogError<S::Error>> {
        Ok(())
    }
    pub(crate) fn compact(&mut self, _f: impl Fn(&mut Sink<'_>)) -> Result<(), LogError<S::Error>> {
        Ok(())
    }
    pub(crate) fn replay_last(&mut self, _f: impl FnMut(&[u8])) -> Result<(), LogError<S::Error>> {
        Ok(())
    }
}
