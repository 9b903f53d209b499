//! The disk below the state file, at its worst.

mod damage;
mod logs;
mod power;
mod sample;
mod trouble;
