// SPDX-License-Identifier: MIT

//! DBSP's own spine, for peers/dbsp.c: a DBSP runtime with one worker, whose thread owns
//! the spine and runs what the caller asks for, one call at a time.

use dbsp::dynamic::{DowncastTrait, DynData, Erase};
use dbsp::trace::spine_async::SpineCursor;
use dbsp::trace::{Batch, BatchReader as _, Builder, Cursor, ListMerger, Spine, Trace};
use dbsp::typed_batch::BatchReader;
use dbsp::utils::Tup2;
use dbsp::{OrdIndexedZSet, Runtime, ZWeight};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: dbsp::mimalloc::MiMalloc = dbsp::mimalloc::MiMalloc;

extern "C" {
    fn mi_collect(force: bool);
}

type Typed = OrdIndexedZSet<u64, u64>;
type Inner = <Typed as BatchReader>::Inner;
type Command = Box<dyn FnOnce(&mut Store) + Send>;

/// What the worker owns: the spine, and the batches that must stay apart.
struct Store {
    spine: Spine<Inner>,
    apart: Option<Vec<Arc<Inner>>>,
}

pub struct Engine {
    commands: Sender<Command>,
}

/// As `struct tally` in harness/engine.h.
#[repr(C)]
pub struct Tally {
    rows: u64,
    weight: i64,
    checksum: u64,
}

impl Tally {
    fn add(&mut self, key: u64, value: u64, weight: i64) {
        self.rows += 1;
        self.weight += weight;
        let hash = key ^ value.rotate_left(17);
        self.checksum = self
            .checksum
            .wrapping_add((weight as u64).wrapping_mul(hash));
    }

    fn add_all(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.weight += other.weight;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

const NO_VALUE: u64 = u64::MAX;

fn number(data: &DynData) -> u64 {
    // Keys and values are u64 in every batch here.
    unsafe { *data.downcast::<u64>() }
}

impl Engine {
    /// Runs `command` on the worker and waits for it.
    fn call<R: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Store) -> R + Send + 'static,
    ) -> R {
        let (sender, receiver) = channel();
        self.commands
            .send(Box::new(move |store: &mut Store| {
                let _ = sender.send(command(store));
            }))
            .expect("the worker is there");
        receiver.recv().expect("the worker answers")
    }
}

impl Store {
    /// Hands `visit` a cursor over everything; of two types, hence the trait.
    fn with_cursor(&self, mut visit: impl FnMut(&mut dyn Walk)) {
        match &self.apart {
            Some(batches) => {
                let factories = Typed::factories();
                visit(&mut SpineCursor::new_cursor(&factories, batches.clone()))
            }
            None => visit(&mut self.spine.cursor()),
        }
    }
}

/// The two walks that workloads ask for.
trait Walk {
    fn rewind(&mut self);
    fn scan(&mut self, tally: &mut Tally);
    fn find(&mut self, key: u64, tally: &mut Tally) -> u64;
}

impl<C> Walk for C
where
    C: Cursor<DynData, DynData, (), dbsp::DynZWeight>,
{
    fn rewind(&mut self) {
        self.rewind_keys();
    }

    fn scan(&mut self, tally: &mut Tally) {
        while self.key_valid() {
            let key = number(self.key());
            while self.val_valid() {
                let weight = unsafe { *self.weight().downcast::<ZWeight>() };
                tally.add(key, number(self.val()), weight);
                self.step_val();
            }
            self.step_key();
        }
    }

    fn find(&mut self, key: u64, tally: &mut Tally) -> u64 {
        let mut first = NO_VALUE;
        if !self.seek_key_exact(key.erase(), None) {
            return first;
        }
        while self.val_valid() {
            let weight = unsafe { *self.weight().downcast::<ZWeight>() };
            let value = number(self.val());
            if weight != 0 {
                tally.add(key, value, weight);
                first = if first == NO_VALUE { value } else { first };
            }
            self.step_val();
        }
        first
    }
}

#[no_mangle]
pub extern "C" fn dbsp_open(apart: bool) -> *mut Engine {
    let (commands, receiver) = channel::<Command>();
    // The closure must be Clone; only one worker takes the receiver.
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let handle = Runtime::run(1usize, move |_parker| {
        let receiver = receiver.lock().unwrap().take().expect("one worker");
        let mut store = Store {
            spine: Spine::new(&Typed::factories()),
            apart: apart.then(Vec::new),
        };
        while let Ok(command) = receiver.recv() {
            command(&mut store);
        }
    })
    .expect("a DBSP runtime");
    // The process of a sample ends soon after; the runtime ends with it.
    std::mem::forget(handle);
    Box::into_raw(Box::new(Engine { commands }))
}

/// # Safety
/// The arrays have `rows` numbers; `weights` may be NULL.
#[no_mangle]
pub unsafe extern "C" fn dbsp_insert(
    engine: &Engine,
    keys: *const u64,
    values: *const u64,
    weights: *const i64,
    rows: usize,
) {
    let keys = std::slice::from_raw_parts(keys, rows);
    let values = std::slice::from_raw_parts(values, rows);
    let weights = (!weights.is_null()).then(|| std::slice::from_raw_parts(weights, rows));
    let tuples: Vec<_> = (0..rows)
        .map(|i| Tup2(Tup2(keys[i], values[i]), weights.map_or(1, |w| w[i])))
        .collect();
    engine.call(move |store| {
        let batch = Typed::from_tuples((), tuples).into_inner();
        match &mut store.apart {
            Some(batches) => batches.push(Arc::new(batch)),
            None => store.spine.insert(batch),
        }
    })
}

/// Waits until no batch is being merged, ten looks in a row, a millisecond apart: a task
/// that was woken needs a moment to begin.
#[no_mangle]
pub extern "C" fn dbsp_settle(engine: &Engine) {
    engine.call(|store| {
        let mut idle = 0;
        while idle < 10 {
            idle = if merging(&store.spine) { 0 } else { idle + 1 };
            std::thread::sleep(Duration::from_millis(1));
        }
        // What is free goes back to the system, as with the other peers.
        unsafe { mi_collect(true) };
    })
}

/// How many batches a cursor looks at.
#[no_mangle]
pub extern "C" fn dbsp_runs(engine: &Engine) -> u64 {
    engine.call(|store| match &store.apart {
        Some(batches) => batches.len() as u64,
        None => store.spine.get_batches().len() as u64,
    })
}

fn merging(spine: &Spine<Inner>) -> bool {
    use dbsp::circuit::metadata::{MetaItem, OperatorMeta, MERGING_BATCHES_COUNT};
    let mut meta = OperatorMeta::new();
    spine.metadata(&mut meta);
    match meta.get(MERGING_BATCHES_COUNT) {
        Some(MetaItem::Count(count)) => count > 0,
        _ => false,
    }
}

/// One batch of those that are apart, in the worker alone.
#[no_mangle]
pub extern "C" fn dbsp_unite(engine: &Engine) {
    engine.call(|store| {
        let mut batches: Vec<Inner> = store
            .apart
            .take()
            .unwrap_or_default()
            .into_iter()
            .map(|batch| Arc::into_inner(batch).expect("no cursor is open"))
            .collect();
        let factories = Typed::factories();
        let builder = <Inner as Batch>::Builder::for_merge(&factories, batches.iter(), None);
        let cursors = batches
            .iter_mut()
            .map(|batch| batch.consuming_cursor(None, None))
            .collect();
        let merged = ListMerger::merge(&factories, builder, cursors);
        store.apart = Some(vec![Arc::new(merged)]);
    })
}

/// # Safety
/// `tally` is the caller's.
#[no_mangle]
pub unsafe extern "C" fn dbsp_scan(engine: &Engine, tally: &mut Tally) {
    let found = engine.call(|store| {
        let mut found = Tally { rows: 0, weight: 0, checksum: 0 };
        store.with_cursor(|walk| walk.scan(&mut found));
        found
    });
    tally.add_all(&found);
}

/// # Safety
/// `keys` has `count` numbers; `values` as many, or is NULL.
#[no_mangle]
pub unsafe extern "C" fn dbsp_probe(
    engine: &Engine,
    keys: *const u64,
    count: usize,
    values: *mut u64,
    tally: &mut Tally,
) {
    let keys = std::slice::from_raw_parts(keys, count).to_vec();
    let (found, first) = engine.call(move |store| {
        let mut found = Tally { rows: 0, weight: 0, checksum: 0 };
        let mut first = Vec::with_capacity(keys.len());
        store.with_cursor(|walk| {
            let mut last = 0;
            for key in &keys {
                // Seeks must ascend, unless the cursor goes back to its begin.
                if *key <= last {
                    walk.rewind();
                }
                last = *key;
                first.push(walk.find(*key, &mut found));
            }
        });
        (found, first)
    });
    tally.add_all(&found);
    if !values.is_null() {
        std::slice::from_raw_parts_mut(values, count).copy_from_slice(&first);
    }
}

/// # Safety
/// `engine` came from dbsp_open() and is not used any more.
#[no_mangle]
pub unsafe extern "C" fn dbsp_close(engine: *mut Engine) {
    drop(Box::from_raw(engine));
}
