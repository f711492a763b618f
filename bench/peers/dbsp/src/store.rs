// SPDX-License-Identifier: MIT

//! A spine of keys K and values V, and what workloads ask of it.

use crate::cells::{Cell, Tally};
use dbsp::dynamic::{DowncastTrait, DynData};
use dbsp::trace::spine_async::SpineCursor;
use dbsp::trace::{Batch, BatchReader as _, Builder, Cursor, ListMerger, Spine, Trace};
use dbsp::typed_batch::BatchReader;
use dbsp::utils::Tup2;
use dbsp::{DynZWeight, OrdIndexedZSet, ZWeight};
use std::sync::Arc;
use std::time::Duration;

extern "C" {
    fn mi_collect(force: bool);
}

type Typed<K, V> = OrdIndexedZSet<K, V>;
type Inner<K, V> = <Typed<K, V> as BatchReader>::Inner;

/// What the worker owns: the spine, and the batches that must stay apart.
pub struct Store<K: Cell, V: Cell> {
    spine: Spine<Inner<K, V>>,
    apart: Option<Vec<Arc<Inner<K, V>>>>,
}

impl<K: Cell, V: Cell> Store<K, V> {
    pub fn new(apart: bool) -> Self {
        Store {
            spine: Spine::new(&Typed::<K, V>::factories()),
            apart: apart.then(Vec::new),
        }
    }

    pub fn insert(&mut self, tuples: Vec<Tup2<Tup2<K, V>, ZWeight>>) {
        let batch = Typed::<K, V>::from_tuples((), tuples).into_inner();
        match &mut self.apart {
            Some(batches) => batches.push(Arc::new(batch)),
            None => self.spine.insert(batch),
        }
    }

    /// Waits until no batch is being merged, ten looks in a row, a millisecond apart: a
    /// task that was woken needs a moment to begin.
    pub fn settle(&mut self) {
        let mut idle = 0;
        while idle < 10 {
            idle = if self.is_merging() { 0 } else { idle + 1 };
            std::thread::sleep(Duration::from_millis(1));
        }
        // What is free goes back to the system, as with the other peers.
        unsafe { mi_collect(true) };
    }

    fn is_merging(&self) -> bool {
        use dbsp::circuit::metadata::{MetaItem, OperatorMeta, MERGING_BATCHES_COUNT};
        let mut meta = OperatorMeta::new();
        self.spine.metadata(&mut meta);
        match meta.get(MERGING_BATCHES_COUNT) {
            Some(MetaItem::Count(count)) => count > 0,
            _ => false,
        }
    }

    /// How many batches a cursor looks at.
    pub fn runs(&self) -> u64 {
        match &self.apart {
            Some(batches) => batches.len() as u64,
            None => self.spine.get_batches().len() as u64,
        }
    }

    /// One batch of those that are apart, in the worker alone.
    pub fn unite(&mut self) {
        let mut batches: Vec<Inner<K, V>> = self
            .apart
            .take()
            .unwrap_or_default()
            .into_iter()
            .map(|batch| Arc::into_inner(batch).expect("no cursor is open"))
            .collect();
        let factories = Typed::<K, V>::factories();
        let builder = <Inner<K, V> as Batch>::Builder::for_merge(&factories, batches.iter(), None);
        let cursors = batches
            .iter_mut()
            .map(|batch| batch.consuming_cursor(None, None))
            .collect();
        let merged = ListMerger::merge(&factories, builder, cursors);
        self.apart = Some(vec![Arc::new(merged)]);
    }

    pub fn scan(&self) -> Tally {
        let mut found = Tally::default();
        self.with_cursor(|walk| walk.scan(&mut found));
        found
    }

    /// The rows of the keys, and what is tallied of the first value of each.
    pub fn probe(&self, keys: &[K]) -> (Tally, Vec<Option<u64>>) {
        let mut found = Tally::default();
        let mut first = Vec::with_capacity(keys.len());
        self.with_cursor(|walk| {
            let mut last = None;
            for key in keys {
                // Seeks must ascend, unless the cursor goes back to its begin.
                if last.is_some_and(|last| key <= last) {
                    walk.rewind();
                }
                last = Some(key);
                first.push(walk.find(key, &mut found));
            }
        });
        (found, first)
    }

    /// Hands `visit` a cursor over everything; of two types, hence the trait.
    fn with_cursor(&self, mut visit: impl FnMut(&mut dyn Walk<K, V>)) {
        match &self.apart {
            Some(batches) => {
                let factories = Typed::<K, V>::factories();
                visit(&mut SpineCursor::new_cursor(&factories, batches.clone()))
            }
            None => visit(&mut self.spine.cursor()),
        }
    }
}

/// The two walks that workloads ask for.
trait Walk<K: Cell, V: Cell> {
    fn rewind(&mut self);
    fn scan(&mut self, tally: &mut Tally);
    fn find(&mut self, key: &K, tally: &mut Tally) -> Option<u64>;
}

impl<K: Cell, V: Cell, C> Walk<K, V> for C
where
    C: Cursor<DynData, DynData, (), DynZWeight>,
{
    fn rewind(&mut self) {
        self.rewind_keys();
    }

    fn scan(&mut self, tally: &mut Tally) {
        while self.key_valid() {
            let key = word::<K>(self.key());
            while self.val_valid() {
                let weight = unsafe { *self.weight().downcast::<ZWeight>() };
                tally.add(key, word::<V>(self.val()), weight);
                self.step_val();
            }
            self.step_key();
        }
    }

    fn find(&mut self, key: &K, tally: &mut Tally) -> Option<u64> {
        let mut first = None;
        if !self.seek_key_exact(key.erase(), None) {
            return first;
        }
        while self.val_valid() {
            let weight = unsafe { *self.weight().downcast::<ZWeight>() };
            if weight != 0 {
                let value = word::<V>(self.val());
                tally.add(key.word(), value, weight);
                first = first.or(Some(value));
            }
            self.step_val();
        }
        first
    }
}

fn word<T: Cell>(data: &DynData) -> u64 {
    // A Store<K, V> has no other keys than K and no other values than V.
    unsafe { data.downcast::<T>() }.word()
}
