//! Corpora and allowed places as lists in files: loading and checking.
