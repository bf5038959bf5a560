//! Inputs that do something while they are read.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};

use winlayer_core::CancelToken;

/// Gives its bytes, and after so many of them does something once.
pub(crate) struct After<'a, F> {
    bytes: &'a [u8],
    left: usize,
    then: Option<F>,
}

impl<'a, F: FnOnce() -> io::Result<()>> After<'a, F> {
    pub(crate) fn new(bytes: &'a [u8], count: usize, then: F) -> Self {
        Self { bytes, left: count, then: Some(then) }
    }
}

impl<F: FnOnce() -> io::Result<()>> Read for After<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0
            && let Some(then) = self.then.take()
        {
            then()?;
        }
        let wanted = if self.then.is_some() { self.left.min(buffer.len()) } else { buffer.len() };
        let n = self.bytes.read(&mut buffer[..wanted])?;
        self.left = self.left.saturating_sub(n);
        if n == 0 {
            self.left = 0;
        }
        Ok(n)
    }
}

/// Fails after so many bytes.
pub(crate) fn failing(bytes: &[u8], after: usize) -> impl Read + Send + '_ {
    After::new(bytes, after, || Err(io::Error::other("the cable was pulled")))
}

/// Cancels after so many bytes.
pub(crate) fn cancelling(bytes: &[u8], after: usize, token: CancelToken) -> impl Read + Send + '_ {
    After::new(bytes, after, move || {
        token.cancel();
        Ok(())
    })
}

/// Stops after so many bytes, tells so, and waits until it may go on.
pub(crate) fn waiting(bytes: &[u8], after: usize) -> (impl Read + Send + '_, Receiver<()>, Sender<()>) {
    let (tell, told) = channel();
    let (go_on, may_go_on) = channel();
    let reader = After::new(bytes, after, move || {
        let _ = tell.send(());
        let _ = may_go_on.recv();
        Ok(())
    });
    (reader, told, go_on)
}
