//! Tests of the built program, from the outside.

mod demo;
