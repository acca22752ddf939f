//! A persistent pool of threads for work of some ten microseconds.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Looks at a flag before a waiting thread gives its core away: more is a catastrophe when another program wants the core.
const SPINS: u32 = 100;
/// Times that a waiting worker gives its core away before it sleeps.
const YIELDS: u32 = 20_000;

/// Threads that run one piece of work together, the caller being the first of them.
pub struct Pool {
    /// Held while work is going on.
    busy: Mutex<()>,
    /// Those of the threads from number 1 on.
    desks: Vec<Arc<Alone<Desk>>>,
    /// The threads that could be started, in the order of their desks.
    workers: Vec<JoinHandle<()>>,
}

/// Something on cache lines of its own, so that one core doesn't wait for what another one writes beside it.
#[repr(align(128))]
#[derive(Default)]
struct Alone<T>(T);

/// Where the caller lays out work for one thread.
#[derive(Default)]
struct Desk {
    state: AtomicU8,
    /// Written before the work is offered, read by whoever takes it.
    work: UnsafeCell<Option<Work>>,
}

// The states of a desk.
/// Nothing is to be done, and the thread looks for work.
const IDLE: u8 = 0;
/// Nothing is to be done, and the thread has to be woken. Waking is a call to the system, too slow to be made in vain.
const ASLEEP: u8 = 1;
/// Nobody has begun the call yet.
const OFFERED: u8 = 2;
/// The thread makes the call, or the caller in its stead.
const TAKEN: u8 = 3;
/// The call has panicked.
const BROKEN: u8 = 4;
/// There will be no more work.
const CLOSED: u8 = 5;

/// A part of what all threads do, and the result.
type Part<T, R> = Alone<Mutex<(Option<T>, Option<R>)>>;

type Work = *const (dyn Fn(usize) + Sync);

// SAFETY: `work` is written while nothing is to be done, and read between `TAKEN` and the end of the call, by the one who has set `TAKEN`. What it
// points to is `Sync`, and `Pool::run` keeps it alive until every call of it has ended.
unsafe impl Send for Desk {}
// SAFETY: as above.
unsafe impl Sync for Desk {}

impl Pool {
    /// A pool of `threads` threads, at least one: the caller's.
    ///
    /// Where the system starts no more of them, the caller makes the calls of those that are missing: the results are the same.
    pub fn new(threads: usize) -> Self {
        let mut pool = Pool::without_workers(threads);
        let started = (1..).zip(&pool.desks).map_while(|(number, desk)| {
            let desk = desk.clone();
            let worker = thread::Builder::new().spawn(move || desk.0.work_on(number));
            worker.ok()
        });
        pool.workers = started.collect();
        pool
    }

    fn without_workers(threads: usize) -> Self {
        Pool {
            busy: Mutex::new(()),
            desks: (1..threads).map(|_| Arc::default()).collect(),
            workers: Vec::new(),
        }
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.desks.len() + 1
    }

    /// Calls `work` once with each thread's number, and returns when all calls have.
    ///
    /// The thread of that number does it, or the caller when it is ready before that thread has begun: another program may have the thread's core.
    ///
    /// Panics if a call does, and never returns if it is called from within `work`.
    pub fn run(&self, work: &(dyn Fn(usize) + Sync)) {
        if self.desks.is_empty() {
            return work(0);
        }
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: only the lifetime is forgotten; this function doesn't return or unwind before every call of the work has ended.
        let erased: Work = unsafe {
            std::mem::transmute::<
                *const (dyn Fn(usize) + Sync),
                *const (dyn Fn(usize) + Sync + 'static),
            >(work)
        };
        for desk in &self.desks {
            // SAFETY: the round before has ended with `Desk::end`, and this one is the only one while `busy` is held.
            unsafe { *desk.0.work.get() = Some(erased) };
        }
        self.tell(OFFERED);
        let mine = catch_unwind(AssertUnwindSafe(|| work(0)));
        for (number, desk) in (1..).zip(&self.desks) {
            desk.0.call(number);
        }
        let broken = self.desks.iter().filter(|desk| !desk.0.end()).count();
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        assert!(broken == 0, "a thread of the pool panicked");
    }

    /// Sets the state of all desks, at which nothing is to be done, and wakes those who sleep.
    fn tell(&self, state: u8) {
        let mut workers = self.workers.iter();
        for desk in &self.desks {
            let before = desk.0.state.swap(state, Ordering::AcqRel);
            if let Some(worker) = workers.next()
                && before == ASLEEP
            {
                worker.thread().unpark();
            }
        }
    }

    /// Does the same to each part, one for each thread, at once; the results in the order of the parts.
    ///
    /// Panics as [`Pool::run`] does, and if there is not a part for each thread.
    pub fn each<T: Send, R: Send>(
        &self,
        parts: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> R + Sync,
    ) -> Vec<R> {
        let parts: Vec<Part<T, R>> = parts
            .into_iter()
            .map(|part| Alone(Mutex::new((Some(part), None))))
            .collect();
        assert_eq!(parts.len(), self.threads(), "each thread has a part");
        self.run(&|thread| {
            let mut part = parts[thread].0.lock().expect("each part has one thread");
            part.1 = part.0.take().map(&work);
        });
        let results = parts
            .into_iter()
            .filter_map(|part| part.0.into_inner().ok()?.1);
        results.collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.tell(CLOSED);
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

impl Desk {
    /// The life of its thread.
    fn work_on(&self, number: usize) {
        let mut waited = 0;
        loop {
            match self.state.load(Ordering::Acquire) {
                OFFERED => {
                    self.call(number);
                    waited = 0;
                }
                CLOSED => return,
                ASLEEP => thread::park(),
                IDLE if waited > SPINS + YIELDS => {
                    _ = self.exchange(IDLE, ASLEEP);
                    waited = 0;
                }
                _ => pause(&mut waited),
            }
        }
    }

    /// Makes the call, unless somebody has begun it.
    fn call(&self, number: usize) {
        if !self.exchange(OFFERED, TAKEN) {
            return;
        }
        let call = AssertUnwindSafe(|| {
            // SAFETY: it was written before it was offered, and stays until this call has ended.
            let work = unsafe { (*self.work.get()).expect("work is offered") };
            // SAFETY: `Pool::run` waits for the end of this call before it lets go of what this points to.
            unsafe { (*work)(number) }
        });
        let ended = catch_unwind(call).map_or(BROKEN, |()| IDLE);
        self.state.store(ended, Ordering::Release);
    }

    /// Waits until the call has ended: whether it has without a panic.
    fn end(&self) -> bool {
        let mut waited = 0;
        loop {
            match self.state.load(Ordering::Acquire) {
                TAKEN => pause(&mut waited),
                ended => {
                    let whole = ended != BROKEN;
                    if !whole {
                        self.state.store(IDLE, Ordering::Relaxed);
                    }
                    return whole;
                }
            }
        }
    }

    fn exchange(&self, from: u8, to: u8) -> bool {
        (self.state)
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
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
    use std::sync::atomic::AtomicUsize;

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
            let pool = Pool::without_workers(3);
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
            // Work goes on after it.
            pool.run(&|_| ());
        }
    }
}
