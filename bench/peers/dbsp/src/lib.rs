// SPDX-License-Identifier: MIT

//! DBSP's own spine, behind peers/dbsp.h: a DBSP runtime with one worker, whose thread
//! owns the spine and runs what the caller asks for, one call at a time.

mod cells;
mod store;

use cells::{Cell, Rows, Tally};
use dbsp::algebra::F64;
use dbsp::circuit::{CircuitConfig, CircuitStorageConfig, RuntimeHandle};
use dbsp::circuit::{StorageCacheConfig, StorageConfig, StorageOptions};
use dbsp::utils::{Tup2, Tup3};
use dbsp::Runtime;
use std::ffi::{c_char, CStr, CString};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use store::Store;

#[global_allocator]
static ALLOCATOR: dbsp::mimalloc::MiMalloc = dbsp::mimalloc::MiMalloc;

/// As `struct dbsp_setup`.
#[repr(C)]
pub struct Setup {
    kind: u32,
    apart: bool,
    directory: *const c_char,
    cache_bytes: usize,
}

/// As `enum dbsp_kind`; all others are strings.
const WORDS: u32 = 0;
const BYTES: u32 = 1;
const FIXED: u32 = 2;

/// As NO_VALUE in harness/engine.h.
const NO_VALUE: u64 = u64::MAX;

pub struct Engine {
    relation: Box<dyn Relation>,
    directory: Option<CString>,
}

extern "C" {
    /// As in harness/engine.h.
    fn directory_empty(directory: *const c_char);
}

/// What C asks for, of any kind of rows.
trait Relation {
    unsafe fn insert(&self, rows: &Rows);
    unsafe fn probe(&self, keys: &Rows) -> (Tally, Vec<Option<u64>>);
    fn settle(&self);
    fn scan(&self) -> Tally;
    fn unite(&self);
    fn runs(&self) -> u64;
}

/// # Safety
/// `setup` is as peers/dbsp.h says.
#[no_mangle]
pub unsafe extern "C" fn dbsp_open(setup: &Setup) -> *mut Engine {
    let relation: Box<dyn Relation> = match setup.kind {
        WORDS => Box::new(Worker::<u64, u64>::start(setup)),
        BYTES => Box::new(Worker::<Vec<u8>, Vec<u8>>::start(setup)),
        FIXED => Box::new(Worker::<Tup3<i64, u64, F64>, Tup2<i64, F64>>::start(setup)),
        _ => Box::new(Worker::<Tup2<String, i64>, Tup2<String, F64>>::start(setup)),
    };
    let directory = (!setup.directory.is_null()).then(|| CStr::from_ptr(setup.directory).into());
    Box::into_raw(Box::new(Engine {
        relation,
        directory,
    }))
}

/// # Safety
/// `rows` are of the engine's kind.
#[no_mangle]
pub unsafe extern "C" fn dbsp_insert(engine: &Engine, rows: &Rows) {
    engine.relation.insert(rows)
}

#[no_mangle]
pub extern "C" fn dbsp_settle(engine: &Engine) {
    engine.relation.settle()
}

#[no_mangle]
pub extern "C" fn dbsp_scan(engine: &Engine, tally: &mut Tally) {
    tally.add_all(&engine.relation.scan())
}

/// # Safety
/// `keys` are of the engine's kind; `values` has a place for each, or is NULL.
#[no_mangle]
pub unsafe extern "C" fn dbsp_probe(
    engine: &Engine,
    keys: &Rows,
    values: *mut u64,
    tally: &mut Tally,
) {
    let (found, first) = engine.relation.probe(keys);
    tally.add_all(&found);
    if !values.is_null() {
        for (i, value) in first.into_iter().enumerate() {
            *values.add(i) = value.unwrap_or(NO_VALUE);
        }
    }
}

#[no_mangle]
pub extern "C" fn dbsp_unite(engine: &Engine) {
    engine.relation.unite()
}

#[no_mangle]
pub extern "C" fn dbsp_runs(engine: &Engine) -> u64 {
    engine.relation.runs()
}

/// # Safety
/// `engine` came from dbsp_open() and is not used any more.
#[no_mangle]
pub unsafe extern "C" fn dbsp_close(engine: *mut Engine) {
    let engine = Box::from_raw(engine);
    drop(engine.relation);
    if let Some(directory) = engine.directory {
        directory_empty(directory.as_ptr());
    }
}

type Command<K, V> = Box<dyn FnOnce(&mut Store<K, V>) + Send>;

/// A thread of DBSP's that owns a store.
struct Worker<K: Cell, V: Cell> {
    /// There until the worker is to end.
    commands: Option<Sender<Command<K, V>>>,
    handle: Option<RuntimeHandle>,
}

impl<K: Cell, V: Cell> Worker<K, V> {
    unsafe fn start(setup: &Setup) -> Self {
        let (commands, receiver) = channel::<Command<K, V>>();
        let apart = setup.apart;
        // The closure must be Clone; only one worker takes the receiver.
        let receiver = Arc::new(Mutex::new(Some(receiver)));
        let handle = Runtime::run(config(setup), move |_parker| {
            let receiver = receiver.lock().unwrap().take().expect("one worker");
            let mut store = Store::new(apart);
            while let Ok(command) = receiver.recv() {
                command(&mut store);
            }
        })
        .expect("a DBSP runtime");
        Worker {
            commands: Some(commands),
            handle: Some(handle),
        }
    }

    /// Runs `command` on the worker and waits for it.
    fn call<R: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Store<K, V>) -> R + Send + 'static,
    ) -> R {
        let (sender, receiver) = channel();
        let commands = self.commands.as_ref().expect("the worker is not to end");
        commands
            .send(Box::new(move |store: &mut Store<K, V>| {
                let _ = sender.send(command(store));
            }))
            .expect("the worker is there");
        receiver.recv().expect("the worker answers")
    }
}

impl<K: Cell, V: Cell> Drop for Worker<K, V> {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(handle) = self.handle.take() {
            handle.join().expect("the worker ends");
        }
    }
}

/// One worker and one thread that merges; with a directory batches are kept in files,
/// which are read around the page cache through DBSP's own.
unsafe fn config(setup: &Setup) -> CircuitConfig {
    let config = CircuitConfig::with_workers(1);
    if setup.directory.is_null() {
        return config;
    }
    let path = CStr::from_ptr(setup.directory)
        .to_string_lossy()
        .into_owned();
    let options = StorageOptions {
        min_storage_bytes: Some(setup.cache_bytes / 16),
        cache_mib: Some(setup.cache_bytes >> 20),
        ..StorageOptions::default()
    };
    let cache = StorageCacheConfig::FelderaCache;
    let storage = CircuitStorageConfig::for_config(StorageConfig { path, cache }, options);
    config.with_storage(storage.expect("a directory for files"))
}

impl<K: Cell, V: Cell> Relation for Worker<K, V> {
    unsafe fn insert(&self, rows: &Rows) {
        let tuples = rows.tuples::<K, V>();
        self.call(move |store| store.insert(tuples))
    }

    unsafe fn probe(&self, keys: &Rows) -> (Tally, Vec<Option<u64>>) {
        let keys = keys.keys::<K>();
        self.call(move |store| store.probe(&keys))
    }

    fn settle(&self) {
        self.call(|store| store.settle())
    }

    fn scan(&self) -> Tally {
        self.call(|store| store.scan())
    }

    fn unite(&self) {
        self.call(|store| store.unite())
    }

    fn runs(&self) -> u64 {
        self.call(|store| store.runs())
    }
}
