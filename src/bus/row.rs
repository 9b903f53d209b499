//! A row of `ListBans`, which becomes text only while it is written: there may be a million.

use serde::{Serialize, Serializer};
use zbus::wire::{Signature, Type};

use super::call::BanRow;

/// Jail, offender, since, until, attempts, nth.
type Columns<'t> = (&'t str, &'t str, i64, i64, u32, u32);

/// A ban as it goes over the bus.
pub(super) struct Row(pub(super) BanRow);

impl Type for Row {
    const SIGNATURE: &'static Signature = <Columns<'static> as Type>::SIGNATURE;
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let BanRow { jail, network, since, until, attempts, nth } = &self.0;
        let offender = network.to_string();
        let columns: Columns<'_> =
            (jail, &offender, since.seconds(), until.unix_seconds(), *attempts, *nth);
        columns.serialize(serializer)
    }
}
