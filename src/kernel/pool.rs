//! A persistent pool of threads for work of some ten microseconds.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Looks at a flag before a waiting thread gives its core away: more is a catastrophe when another program wants the core.
const SPINS: u32 = 100;
/// Times that a waiting worker gives its core away before it sleeps.
const YIELDS: u32 = 20_000;

/// Threads that run one piece of work together, the caller being the first of them.
pub struct Pool {
    /// Held while work is going on.
    busy: Mutex<()>,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Number of pieces of work handed out so far.
    round: AtomicUsize,
    /// For each thread's number the last round in which its call was begun, by the thread itself or by the caller.
    begun: Vec<AtomicUsize>,
    /// Calls of this round that have ended, but for that of number 0.
    finished: AtomicUsize,
    slot: Mutex<Slot>,
    sleep: Condvar,
    ends: AtomicBool,
    panicked: AtomicBool,
}

#[derive(Default)]
struct Slot {
    /// The work of this round, valid until all its calls have ended.
    work: Option<Work>,
    /// Workers that sleep. Waking is a call to the system, too slow to be made in vain.
    asleep: usize,
}

#[derive(Clone, Copy)]
struct Work(*const (dyn Fn(usize) + Sync));

// SAFETY: what it points to is `Sync`, and `run` keeps it alive until every call of it has ended.
unsafe impl Send for Work {}

impl Pool {
    /// A pool of `threads` threads, at least one: the caller's.
    ///
    /// Where the system starts no more of them, the caller makes the calls of those that are missing: the results are the same.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::of(threads.max(1)));
        let workers = (1..shared.begun.len())
            .map_while(|index| {
                let shared = shared.clone();
                let worker = thread::Builder::new().spawn(move || shared.work_on(index));
                worker.ok()
            })
            .collect();
        Pool {
            busy: Mutex::new(()),
            shared,
            workers,
        }
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.shared.begun.len()
    }

    /// Calls `work` once with each thread's number, and returns when all calls have.
    ///
    /// The thread of that number does it, or the caller when it is ready before that thread has begun: another program may have the thread's core.
    ///
    /// Panics if a call does, and never returns if it is called from within `work`.
    pub fn run(&self, work: &(dyn Fn(usize) + Sync)) {
        if self.threads() == 1 {
            return work(0);
        }
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime is forgotten; this function doesn't return or unwind before every call of the work has ended.
        let erased = Work(unsafe {
            std::mem::transmute::<
                *const (dyn Fn(usize) + Sync),
                *const (dyn Fn(usize) + Sync + 'static),
            >(work)
        });
        shared.finished.store(0, Ordering::Relaxed);
        let (round, asleep) = {
            let mut slot = shared.slot.lock().unwrap();
            slot.work = Some(erased);
            (
                shared.round.fetch_add(1, Ordering::Release) + 1,
                slot.asleep,
            )
        };
        if asleep > 0 {
            shared.sleep.notify_all();
        }
        let mine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(0)));
        for index in 1..self.threads() {
            shared.call(index, round);
        }
        let mut waited = 0;
        while shared.finished.load(Ordering::Acquire) < self.threads() - 1 {
            pause(&mut waited);
        }
        if let Err(panic) = mine {
            std::panic::resume_unwind(panic);
        }
        assert!(
            !shared.panicked.load(Ordering::Relaxed),
            "a thread of the pool panicked"
        );
    }

    /// Does the same to each part, one for each thread, at once; the results in the order of the parts.
    ///
    /// Panics as [`Pool::run`] does, and if there is not a part for each thread.
    pub fn each<T: Send, R: Send>(
        &self,
        parts: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> R + Sync,
    ) -> Vec<R> {
        let parts: Vec<Mutex<(Option<T>, Option<R>)>> = parts
            .into_iter()
            .map(|part| Mutex::new((Some(part), None)))
            .collect();
        assert_eq!(parts.len(), self.threads(), "each thread has a part");
        self.run(&|thread| {
            let mut part = parts[thread].lock().expect("each part has one thread");
            part.1 = part.0.take().map(&work);
        });
        let results = parts
            .into_iter()
            .filter_map(|part| part.into_inner().ok()?.1);
        results.collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        {
            let _slot = self.shared.slot.lock();
            self.shared.round.fetch_add(1, Ordering::Release);
        }
        self.shared.sleep.notify_all();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// These shares of arrays along x, y and z.
pub fn parts<'a>(
    arrays: &'a [Vec<f64>; 3],
    shares: &[Range<usize>],
) -> impl Iterator<Item = [&'a [f64]; 3]> {
    let share = |share: &Range<usize>| arrays.each_ref().map(|array| &array[share.clone()]);
    shares.iter().map(share)
}

/// The same, to be changed; the shares follow each other from the first element on.
pub fn parts_mut<'a>(
    arrays: &'a mut [Vec<f64>; 3],
    shares: &[Range<usize>],
) -> impl Iterator<Item = [&'a mut [f64]; 3]> {
    let mut left = arrays.each_mut().map(|array| &mut array[..]);
    shares.iter().map(move |share| {
        let first = |left: &mut &'a mut [f64]| left.split_off_mut(..share.len());
        left.each_mut()
            .map(|left| first(left).expect("shares are of the arrays"))
    })
}

impl Shared {
    fn of(threads: usize) -> Self {
        Shared {
            round: AtomicUsize::new(0),
            begun: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
            finished: AtomicUsize::new(0),
            slot: Mutex::default(),
            sleep: Condvar::new(),
            ends: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        }
    }

    fn work_on(&self, index: usize) {
        let mut seen = 0;
        loop {
            let mut waited = 0;
            while self.round.load(Ordering::Acquire) == seen {
                pause(&mut waited);
                if waited > SPINS + YIELDS {
                    let mut slot = self.slot.lock().unwrap();
                    slot.asleep += 1;
                    while self.round.load(Ordering::Acquire) == seen {
                        slot = self.sleep.wait(slot).unwrap();
                    }
                    slot.asleep -= 1;
                }
            }
            seen = self.round.load(Ordering::Acquire);
            if self.ends.load(Ordering::Relaxed) {
                return;
            }
            self.call(index, seen);
        }
    }

    /// Does the call of this number in this round, unless somebody has begun it.
    fn call(&self, index: usize, round: usize) {
        let mine = self.begun[index].compare_exchange(
            round - 1,
            round,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if mine.is_err() {
            return;
        }
        let work = self.slot.lock().unwrap().work;
        let work = work.expect("there is work in every round");
        // SAFETY: a call that nobody had begun has not ended, and `run` waits for the end of all before it lets go of what this points to.
        let call = std::panic::AssertUnwindSafe(|| unsafe { (*work.0)(index) });
        if std::panic::catch_unwind(call).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
        self.finished.fetch_add(1, Ordering::Release);
    }
}

fn pause(waited: &mut u32) {
    *waited += 1;
    if *waited < SPINS {
        std::hint::spin_loop();
    } else {
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_works_in_every_round() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads);
            let counts: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            for round in 0..2000 {
                if round == 1000 {
                    // Long enough for the workers to fall asleep.
                    thread::sleep(std::time::Duration::from_millis(100));
                }
                pool.run(&|thread| {
                    counts[thread].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    counts
                        .iter()
                        .all(|count| count.load(Ordering::Relaxed) == round + 1)
                );
            }
        }
    }

    #[test]
    fn the_caller_does_what_no_thread_has_begun() {
        let (send, receive) = std::sync::mpsc::channel();
        thread::spawn(move || {
            // Its threads have been started on no core.
            let pool = Pool {
                busy: Mutex::new(()),
                shared: Arc::new(Shared::of(3)),
                workers: Vec::new(),
            };
            for _ in 0..2 {
                pool.run(&|thread| send.send(thread).expect("somebody listens"));
            }
        });
        let patience = std::time::Duration::from_secs(60);
        let calls = (0..6).map(|_| receive.recv_timeout(patience));
        assert_eq!(calls.collect::<Result<_, _>>(), Ok(vec![0, 1, 2, 0, 1, 2]));
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        for thread in 0..2 {
            let pool = Pool::new(2);
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.run(&|index| assert!(index != thread));
            }));
            assert!(caught.is_err());
        }
    }
}
