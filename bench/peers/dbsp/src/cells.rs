// SPDX-License-Identifier: MIT

//! What C hands over, the columns of peers/dbsp.h, and the cells that are made of them.

use dbsp::algebra::F64;
use dbsp::dynamic::{DynData, Erase};
use dbsp::utils::{Tup2, Tup3};
use dbsp::DBData;
use std::ffi::c_void;

/// As `struct dbsp_column`.
#[repr(C)]
pub struct Column {
    values: *const c_void,
    offsets: *const u64,
}

/// As `struct dbsp_rows`.
#[repr(C)]
pub struct Rows {
    pub rows: usize,
    keys: [Column; 3],
    values: [Column; 2],
    weights: *const i64,
}

/// As `struct tally` in harness/engine.h.
#[repr(C)]
#[derive(Default)]
pub struct Tally {
    rows: u64,
    weight: i64,
    checksum: u64,
}

/// A key or a value, made of one or several columns.
pub trait Cell: DBData + Erase<DynData> {
    /// # Safety
    /// The columns are of this kind of cell and have a row `i`.
    unsafe fn at(columns: &[Column], i: usize) -> Self;

    /// What goes into a tally, as the workload makes it of the same cell.
    fn word(&self) -> u64;
}

extern "C" {
    /// bytes_hash() of macro/bytes.h.
    fn dbsp_bytes_hash(bytes: *const u8, size: usize) -> u64;
}

impl Cell for u64 {
    unsafe fn at(columns: &[Column], i: usize) -> Self {
        columns[0].number(i)
    }

    fn word(&self) -> u64 {
        *self
    }
}

impl Cell for Vec<u8> {
    unsafe fn at(columns: &[Column], i: usize) -> Self {
        columns[0].bytes(i).to_vec()
    }

    fn word(&self) -> u64 {
        unsafe { dbsp_bytes_hash(self.as_ptr(), self.len()) }
    }
}

impl Cell for Tup3<i64, u64, F64> {
    unsafe fn at(columns: &[Column], i: usize) -> Self {
        Tup3(
            columns[0].number(i),
            columns[1].number(i),
            columns[2].real(i),
        )
    }

    fn word(&self) -> u64 {
        self.0 as u64 ^ self.1
    }
}

impl Cell for Tup2<i64, F64> {
    unsafe fn at(columns: &[Column], i: usize) -> Self {
        Tup2(columns[0].number(i), columns[1].real(i))
    }

    fn word(&self) -> u64 {
        self.0 as u64 ^ self.1.into_inner().to_bits()
    }
}

impl Cell for Tup2<String, i64> {
    unsafe fn at(columns: &[Column], i: usize) -> Self {
        Tup2(columns[0].text(i), columns[1].number(i))
    }

    fn word(&self) -> u64 {
        self.0.len() as u64 ^ self.1 as u64
    }
}

impl Cell for Tup2<String, F64> {
    unsafe fn at(columns: &[Column], i: usize) -> Self {
        Tup2(columns[0].text(i), columns[1].real(i))
    }

    fn word(&self) -> u64 {
        self.0.len() as u64 ^ self.1.into_inner().to_bits()
    }
}

impl Column {
    unsafe fn number<T: Copy>(&self, i: usize) -> T {
        *self.values.cast::<T>().add(i)
    }

    unsafe fn real(&self, i: usize) -> F64 {
        F64::new(self.number(i))
    }

    unsafe fn bytes(&self, i: usize) -> &[u8] {
        let begin = *self.offsets.add(i) as usize;
        let end = *self.offsets.add(i + 1) as usize;
        std::slice::from_raw_parts(self.values.cast::<u8>().add(begin), end - begin)
    }

    /// Strings of the workloads are ASCII.
    unsafe fn text(&self, i: usize) -> String {
        std::str::from_utf8_unchecked(self.bytes(i)).to_owned()
    }
}

impl Rows {
    /// # Safety
    /// The keys are columns of K.
    pub unsafe fn keys<K: Cell>(&self) -> Vec<K> {
        (0..self.rows).map(|i| K::at(&self.keys, i)).collect()
    }

    /// # Safety
    /// The keys are columns of K, and the values of V.
    pub unsafe fn tuples<K: Cell, V: Cell>(&self) -> Vec<Tup2<Tup2<K, V>, i64>> {
        let weights =
            (!self.weights.is_null()).then(|| std::slice::from_raw_parts(self.weights, self.rows));
        let row = |i| Tup2(K::at(&self.keys, i), V::at(&self.values, i));
        (0..self.rows)
            .map(|i| Tup2(row(i), weights.map_or(1, |w| w[i])))
            .collect()
    }
}

impl Tally {
    pub fn add(&mut self, key: u64, value: u64, weight: i64) {
        self.rows += 1;
        self.weight += weight;
        let hash = key ^ value.rotate_left(17);
        self.checksum = self
            .checksum
            .wrapping_add((weight as u64).wrapping_mul(hash));
    }

    pub fn add_all(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.weight += other.weight;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}
