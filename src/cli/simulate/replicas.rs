//! Replicas: runs of one protocol that differ in their seed, each in a folder of its own, several at a time.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar};

use super::super::flags::RunFlags;
use super::super::progress::{self, quoted, say};
use super::super::run::Outcome;
use super::{Arguments, CHECKPOINT_EVERY, folder, no_protocol, sample, sets_seed, up_to};
use crate::engine::protocol::{Protocol, duration};
use crate::error::{Error, Kind, Result};

/// More folders than this beside each other are a slip of the keyboard.
const MOST: u64 = 100_000;

impl Arguments {
    /// Checks the flags of replicas, where they are given.
    pub(super) fn check_replicas(&self) -> Result<()> {
        let (flag, number) = match (self.replicas, self.replica) {
            (Some(count), _) => ("--replicas", count),
            (None, Some(number)) => ("--replica", number),
            (None, None) => return Ok(()),
        };
        if !(1..=MOST).contains(&number) {
            let what = format!("{flag} {number} is not from 1 to {MOST}");
            return Err(Error::new(what).help("replicas are counted from 1"));
        }
        if self.replicas.is_some() && self.engine.is_exported() {
            let what = "--export and --import are steps of one run, not of --replicas";
            return Err(Error::new(what).help("export each with --replica I"));
        }
        if !self.emit.is_empty() {
            let what = format!("{flag} fills folders, and --emit streams frames");
            return Err(Error::new(what).help("leave one of the two out"));
        }
        if matches!(self.output.as_deref(), None | Some("-")) && !self.dry_run {
            let what = format!("{flag} fills folders and cannot write to standard output");
            return Err(Error::new(what).help("name the folder that holds them with -o DIR"));
        }
        Ok(())
    }

    /// Carries out all replicas, or one of them.
    pub(super) fn run_replicas(&self) -> Result<Outcome> {
        let protocol = self.protocol()?;
        match (self.replicas, self.replica) {
            (Some(count), _) if self.dry_run => self.print_plan_of(count, protocol),
            (Some(count), _) => self.carry_out_all(count, protocol),
            (None, number) => {
                let replica = self.as_replica(number.unwrap_or(1), protocol.as_ref())?;
                let protocol = replica.protocol()?;
                match self.dry_run {
                    true => replica.print_plan(protocol.ok_or_else(no_protocol)?),
                    false => replica.fill_folder(&replica.folder(), protocol),
                }
            }
        }
    }

    /// Whether runs that have begun go on.
    fn resumes(&self) -> bool {
        self.resume || self.engine.resumes()
    }

    /// The folder to fill.
    fn folder(&self) -> PathBuf {
        PathBuf::from(self.output.as_deref().unwrap_or_default())
    }

    /// The arguments of a replica, as if they had been given.
    fn as_replica(&self, number: u64, protocol: Option<&Protocol>) -> Result<Self> {
        let seed = protocol.map(|protocol| {
            protocol.seed.checked_add(number - 1).ok_or_else(|| {
                let what = format!(
                    "the seed {} of replica 1 leaves none for replica {number}",
                    protocol.seed
                );
                Error::new(what).help("choose a smaller --seed")
            })
        });
        let folder = self.folder().join(format!("replica-{number}"));
        let threads = match self.replica.and(self.run.threads) {
            Some(threads) => Some(threads),
            // It goes on with as many as it was begun with.
            None if self.resumes() && folder::holds_run(&folder) => None,
            None => Some(1),
        };
        let mut set = self.set.clone();
        set.retain(|setting| !sets_seed(setting));
        Ok(Arguments {
            set,
            seed: seed.transpose()?,
            output: Some(folder.to_string_lossy().into_owned()),
            replicas: None,
            replica: None,
            run: RunFlags {
                threads,
                ..self.run.clone()
            },
            ..self.clone()
        })
    }

    /// How many are at work at once.
    fn side_by_side(&self, count: u64) -> Result<usize> {
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(self.run.threads()?.min(most))
    }

    fn print_plan_of(&self, count: u64, protocol: Option<Protocol>) -> Result<Outcome> {
        let protocol = protocol.ok_or_else(no_protocol)?;
        let last = self.as_replica(count, Some(&protocol))?;
        let plan = self.as_replica(1, Some(&protocol))?.plan(&protocol)?;
        let side_by_side = self.side_by_side(count)?;
        let rounds = count.div_ceil(side_by_side as u64);
        let mut stdout = std::io::stdout().lock();
        write!(stdout, "{plan}")?;
        writeln!(
            stdout,
            "{count} replicas, seeds {} to {}, {side_by_side} at work at once: {}",
            protocol.seed,
            last.seed.unwrap_or(protocol.seed),
            duration(plan.seconds * rounds as f64)
        )?;
        stdout.flush()?;
        Ok(Outcome::Whole)
    }

    fn carry_out_all(&self, count: u64, protocol: Option<Protocol>) -> Result<Outcome> {
        let start = Instant::now();
        let side_by_side = self.side_by_side(count)?;
        let replicas = self.prepared(count, protocol.as_ref())?;
        progress::catch_interrupts();
        let ensemble = Arc::new(Ensemble::new(replicas.len(), &self.run));
        let (next, endings) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while !progress::interrupted() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((replica, protocol)) = replicas.get(index) else {
                    return;
                };
                let member = Member::new(&ensemble, index);
                let replica = Arguments {
                    member: Some(member.clone()),
                    ..replica.clone()
                };
                let folder = replica.folder();
                let ending = replica.fill_folder(&folder, protocol.clone());
                member.leave(&ending);
                if let Err(error) = &ending {
                    ensemble.say(&format!("hyalo: {}: {error}", folder.display()));
                }
                held(&endings).push((index, ending));
            }
        };
        thread::scope(|scope| {
            for _ in 0..side_by_side {
                let thread = thread::Builder::new().spawn_scoped(scope, work);
                thread.map_err(|error| {
                    Error::new(format!("cannot start {side_by_side} threads: {error}"))
                        .help("ask for fewer with -j")
                })?;
            }
            Ok::<(), Error>(())
        })?;
        ensemble.bar.finish_and_clear();
        let mut endings = std::mem::take(&mut *held(&endings));
        endings.sort_by_key(|(index, _)| *index);
        self.sum_up(count, endings, start.elapsed())
    }

    /// The replicas with their protocols, checked as far as that can be done before work starts.
    fn prepared(
        &self,
        count: u64,
        protocol: Option<&Protocol>,
    ) -> Result<Vec<(Arguments, Option<Protocol>)>> {
        if let Some(protocol) = protocol {
            self.last(protocol)?;
            sample(protocol)?;
        }
        let prepared = |number: u64| {
            let replica = self.as_replica(number, protocol)?;
            let (folder, protocol) = (replica.folder(), replica.protocol()?);
            match &protocol {
                None if !(self.resumes() && folder::holds_run(&folder)) => {
                    return Err(no_protocol().in_input(folder.display().to_string()));
                }
                Some(protocol) if !self.resumes() && !self.run.force => {
                    folder::check_free(&folder, protocol)?;
                }
                _ => {}
            }
            Ok((replica, protocol))
        };
        (1..=count).map(prepared).collect()
    }

    /// Tells what became of the replicas.
    ///
    /// Errors: some of them failed; of the worst sort that there was.
    fn sum_up(
        &self,
        count: u64,
        endings: Vec<(usize, Result<Outcome>)>,
        passed: Duration,
    ) -> Result<Outcome> {
        let name = |index: usize| format!("replica-{}", index + 1);
        let whole = endings
            .iter()
            .filter(|(_, ending)| matches!(ending, Ok(Outcome::Whole)))
            .count();
        let failures = endings.iter().filter_map(|(index, ending)| {
            let error = ending.as_ref().err()?;
            Some((name(*index), error.kind()))
        });
        let failures: Vec<(String, Kind)> = failures.collect();
        if !failures.is_empty() {
            let kind = match failures.iter().all(|(_, kind)| *kind == Kind::NotTheAnswer) {
                true => Kind::NotTheAnswer,
                false => Kind::CannotRun,
            };
            let names: Vec<&str> = failures.iter().map(|(name, _)| name.as_str()).collect();
            let what = format!(
                "{} of {count} replicas failed ({}), {whole} {} whole",
                names.len(),
                names.join(", "),
                are(whole)
            );
            let help = format!(
                "when that is mended, go on with: {}",
                self.how_to_resume(count)
            );
            return Err(Error::of_kind(kind, what).help(help));
        }
        if whole as u64 == count {
            if !self.run.quiet {
                say(&format!(
                    "hyalo simulate: {}: {count} of {count} replicas {} whole{} ({:.1} s)",
                    self.folder().display(),
                    are(whole),
                    up_to(&self.until),
                    passed.as_secs_f64()
                ));
            }
            return Ok(Outcome::Whole);
        }
        say(&format!(
            "hyalo: interrupted, {whole} of {count} replicas {} whole; go on with: {}",
            are(whole),
            self.how_to_resume(count)
        ));
        Ok(Outcome::Interrupted)
    }

    /// The command by which all replicas go on, those that have not begun, too.
    fn how_to_resume(&self, count: u64) -> String {
        let mut words = vec!["hyalo".to_string(), "simulate".to_string()];
        words.extend(
            self.protocol
                .as_ref()
                .map(|path| quoted(&path.to_string_lossy())),
        );
        let mut flag = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{name} {}", quoted(&value))));
        };
        flag("--preset", self.preset.clone());
        self.set
            .iter()
            .for_each(|set| flag("--set", Some(set.clone())));
        flag("--seed", self.seed.map(|seed| seed.to_string()));
        flag("--until", self.until.clone());
        let every = Some(self.checkpoint_every).filter(|every| *every != CHECKPOINT_EVERY);
        flag("--checkpoint-every", every.map(|every| every.to_string()));
        flag("-j", self.run.threads.map(|threads| threads.to_string()));
        flag("--replicas", Some(count.to_string()));
        flag("--resume -o", self.output.clone());
        words.join(" ") + &self.engine.given()
    }
}

fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// What is behind a lock; a thread that panicked with it ends the program anyway.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replicas that are carried out in this process, and the one progress bar of all, on a terminal only.
struct Ensemble {
    bar: ProgressBar,
    start: Instant,
    shares: Mutex<Vec<Share>>,
}

/// How far a replica has come.
#[derive(Clone, Copy, Default)]
struct Share {
    /// The part of its work that is done, and what of that was done before.
    done: f64,
    before: Option<f64>,
    is_at_work: bool,
    is_whole: bool,
}

impl Ensemble {
    fn new(count: usize, run: &RunFlags) -> Self {
        Ensemble {
            bar: progress::bar_of_work(!run.quiet && std::io::stderr().is_terminal()),
            start: Instant::now(),
            shares: Mutex::new(vec![Share::default(); count]),
        }
    }

    /// Writes a line above the bar.
    fn say(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    /// Notes how far one has come, and shows how far all have.
    fn note(&self, index: usize, change: impl FnOnce(&mut Share)) {
        let mut shares = held(&self.shares);
        change(&mut shares[index]);
        let count = |is: fn(&Share) -> bool| shares.iter().filter(|share| is(share)).count();
        let (whole, at_work) = (
            count(|share| share.is_whole),
            count(|share| share.is_at_work),
        );
        let done: f64 = shares.iter().map(|share| share.done).sum();
        let gained = |share: &Share| share.before.map_or(0.0, |before| share.done - before);
        let gained: f64 = shares.iter().map(gained).sum();
        let all = shares.len() as f64;
        drop(shares);
        self.bar.set_prefix(format!(
            "{whole} of {all} replicas whole, {at_work} at work"
        ));
        self.bar.set_position((1000.0 * done / all) as u64);
        if gained > 0.0 {
            let left = self.start.elapsed().as_secs_f64() * (all - done) / gained;
            let left = Duration::from_secs_f64(left.clamp(0.0, 1e9));
            self.bar
                .set_message(format!("{} left", HumanDuration(left)));
        }
    }
}

/// One replica of several in this process.
#[derive(Clone)]
pub struct Member {
    ensemble: Arc<Ensemble>,
    index: usize,
}

impl Member {
    /// It sets to work.
    fn new(ensemble: &Arc<Ensemble>, index: usize) -> Self {
        ensemble.note(index, |share| share.is_at_work = true);
        Member {
            ensemble: ensemble.clone(),
            index,
        }
    }

    /// Writes a line to standard error in its name: `hyalo simulate: replica-2: …`.
    pub fn say(&self, line: &str) {
        let (program, said) = line.split_once(": ").unwrap_or(("hyalo", line));
        let number = self.index + 1;
        self.ensemble
            .say(&format!("{program}: replica-{number}: {said}"));
    }

    /// Shows which part of its work is done.
    pub fn show(&self, done: f64) {
        self.ensemble.note(self.index, |share| {
            share.done = done;
            share.before.get_or_insert(done);
        });
    }

    /// It is at work no more.
    fn leave(&self, ending: &Result<Outcome>) {
        self.ensemble.note(self.index, |share| {
            share.is_at_work = false;
            if let Ok(Outcome::Whole) = ending {
                (share.is_whole, share.done) = (true, 1.0);
                // One that was whole already says nothing about the speed.
                share.before.get_or_insert(1.0);
            }
        });
    }
}
