//! Who is to blame, of what was caught and told.

use std::borrow::Cow;

use super::groups::{Groups, Names};
use super::structured::Told;
use super::verdict::{Offender, parse_address, parse_network, parse_peer};

/// The groups that tell who is to blame, by the index of their names; and the one that holds what
/// the other patterns are to look at.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) content: Option<usize>,
    id: Option<usize>,
    ip4: Option<usize>,
    ip6: Option<usize>,
    dns: Option<usize>,
    cidr: Option<usize>,
}

impl Ids {
    /// Those among all names of a filter.
    pub(super) fn of(names: &Names) -> Self {
        Self {
            content: names.find("content"),
            id: names.find("fid"),
            ip4: names.find("ip4"),
            ip6: names.find("ip6"),
            dns: names.find("dns"),
            cidr: names.find("cidr"),
        }
    }

    /// The groups of which any tells who is to blame.
    pub(super) fn whom(&self) -> Vec<usize> {
        [self.id, self.ip4, self.ip6, self.dns, self.cidr].into_iter().flatten().collect()
    }

    /// Adds what the fields tell to what the patterns have caught, which counts before it. `user` is
    /// the group of the user's name.
    pub(super) fn complete(&self, groups: &mut Groups, told: &Told<'_>, user: usize) {
        let Self { id, ip4, ip6, dns, .. } = *self;
        let caught = [id, ip4, ip6, dns].into_iter().flatten().any(|name| groups.has(name));
        if let (Some(text), false) = (&told.offender, caught) {
            let (name, text) = match parse_peer(text) {
                Some(address) if address.is_ipv4() => (ip4, address.to_string()),
                Some(address) => (ip6, address.to_string()),
                None => (id, text.to_string()),
            };
            if let Some(name) = name {
                groups.set(name, text);
            }
        }
        if let (Some(text), false) = (&told.user, groups.is_set(user)) {
            groups.set(user, text.to_string());
        }
    }

    /// Who is to blame.
    pub(super) fn offender(&self, groups: &Groups) -> Option<Offender> {
        let value = |name: Option<usize>| name.and_then(|name| groups.value(name));
        let id = value(self.id);
        let Some(address) = value(self.ip4).or_else(|| value(self.ip6)) else {
            let name = value(self.dns);
            return match (id, name) {
                (Some(id), Some(name)) if id != name => Some(offender_of(id, Offender::Other)),
                (_, Some(name)) => Some(offender_of(name, Offender::Name)),
                (id, None) => id.map(|id| offender_of(id, Offender::Other)),
            };
        };
        if let Some(id) = id.filter(|id| *id != address) {
            return Some(Offender::Other(id.into_owned()));
        }
        let length = value(self.cidr).filter(|cidr| !cidr.is_empty());
        let found = match length {
            Some(length) => length.parse().ok().and_then(|length| parse_network(&address, length)),
            None => parse_address(&address).map(Offender::Address),
        };
        Some(found.unwrap_or_else(|| Offender::Other(address.into_owned())))
    }
}

/// The address that a text is, or else what it is.
fn offender_of(text: Cow<'_, str>, otherwise: fn(String) -> Offender) -> Offender {
    parse_address(&text).map_or_else(|| otherwise(text.into_owned()), Offender::Address)
}
