//! The keys that mark in JSON what JSON lacks.

pub(super) const BYTES: &str = "$bytes";
pub(super) const BYTEARRAY: &str = "$bytearray";
pub(super) const TUPLE: &str = "$tuple";
pub(super) const SET: &str = "$set";
pub(super) const FROZENSET: &str = "$frozenset";
pub(super) const DICT: &str = "$dict";
pub(super) const INT: &str = "$int";
pub(super) const FLOAT: &str = "$float";
