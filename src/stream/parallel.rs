//! The ordered parallel map: work is done on any thread, results arrive in the order of the items.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::error::{Error, Result};

/// The threads shared by reading, analysis and writing.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    threads: usize,
}

impl Workers {
    /// That many threads (at least one), for everything in this process: the first call decides.
    pub fn new(threads: usize) -> Result<Self> {
        let threads = threads.max(1);
        let named = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("worker-{index}"));
        match named.build_global() {
            Ok(()) => Ok(Workers { threads }),
            // The pool is there already, where no failure of the system is behind it; the number still bounds what is under way.
            Err(error) if std::error::Error::source(&error).is_none() => Ok(Workers { threads }),
            Err(error) => Err(
                Error::new(format!("cannot start {threads} threads: {error}"))
                    .help("ask for fewer with -j"),
            ),
        }
    }

    /// Applies `work` to the items on the pool; the results come in the order of the items.
    ///
    /// A bounded number of items is under way at once, so memory does not grow with their number. With one thread the work is done by
    /// the caller, without any hand-over.
    pub fn map_ordered<T, U>(
        self,
        items: impl Iterator<Item = T> + 'static,
        work: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Box<dyn Iterator<Item = U>>
    where
        T: Send + 'static,
        U: Send + 'static,
    {
        match self.threads {
            1 => Box::new(items.map(work)),
            threads => Box::new(OrderedMap {
                items: items.fuse(),
                work: Arc::new(work),
                under_way: VecDeque::new(),
                window: 2 * threads + 2,
            }),
        }
    }
}

struct OrderedMap<I, F, U> {
    items: I,
    work: Arc<F>,
    under_way: VecDeque<Receiver<std::thread::Result<U>>>,
    window: usize,
}

impl<T, U, I, F> Iterator for OrderedMap<I, F, U>
where
    T: Send + 'static,
    U: Send + 'static,
    I: Iterator<Item = T>,
    F: Fn(T) -> U + Send + Sync + 'static,
{
    type Item = U;

    fn next(&mut self) -> Option<U> {
        while self.under_way.len() < self.window {
            let Some(item) = self.items.next() else { break };
            let (sender, receiver) = sync_channel(1);
            let work = self.work.clone();
            rayon::spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| work(item)));
                // The receiver is gone only when the whole iterator is: nobody wants the result any more.
                let _ = sender.send(result);
            });
            self.under_way.push_back(receiver);
        }
        let result = self
            .under_way
            .pop_front()?
            .recv()
            .expect("every task sends its result");
        Some(result.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}
