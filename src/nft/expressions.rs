//! A rule's expressions, as messages: what a rule reads into the register, and what it asks of it.

use netlink_packet_core::{DefaultNla, NLM_F_APPEND, NLM_F_CREATE};
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions as Expression, Immediate,
    ListAttribute, Lookup, Meta, MetaKey, NfTablesMessage, Operator, Payload, Register,
    RuleAttribute, RuleMessage, Verdict, VerdictAttribute,
};
use rustables::sys;

use super::transaction::Transaction;
use super::{Packets, TABLE, sets};

/// `NF_DROP` (linux/netfilter.h).
const DROP: u32 = 0;

/// Every expression of ours reads into this one, and asks it.
const REGISTER: Register = Register::Reg1;

/// The expressions of one rule, in their order.
#[derive(Default)]
pub(super) struct Expressions(Vec<ListAttribute<ExpressionAttribute>>);

impl Expressions {
    /// Reads what the kernel knows of the packet beside its bytes.
    pub(super) fn meta(&mut self, key: MetaKey) {
        self.push(Expression::Meta(vec![Meta::DestinationRegister(REGISTER), Meta::Key(key)]));
    }

    /// Reads `NFT_CT_*` of the packet's connection, or of one of its directions. A packet that
    /// belongs to no connection does not pass.
    pub(super) fn connection(&mut self, key: u32, direction: Option<u8>) {
        let mut attributes = vec![
            attribute(sys::NFTA_CT_DREG, &u32::from(REGISTER).to_be_bytes()),
            attribute(sys::NFTA_CT_KEY, &key.to_be_bytes()),
        ];
        attributes.extend(direction.map(|it| attribute(sys::NFTA_CT_DIRECTION, &[it])));
        self.other("ct", attributes);
    }

    /// Reads bytes of the packet, from the beginning of one of its headers (`NFT_PAYLOAD_*`).
    pub(super) fn payload(&mut self, header: u32, offset: u32, length: u32) {
        self.push(Expression::Payload(vec![
            Payload::DestinationRegister(REGISTER),
            Payload::Base(header),
            Payload::Offset(offset),
            Payload::Len(length),
        ]));
    }

    /// Clears the bits that are not in the mask.
    pub(super) fn mask(&mut self, mask: &[u8]) {
        self.push(Expression::Bitwise(vec![
            Bitwise::SourceRegister(REGISTER),
            Bitwise::DestinationRegister(REGISTER),
            Bitwise::Length(u32::try_from(mask.len()).unwrap_or(u32::MAX)),
            Bitwise::Mask(DataAttribute::Value(mask.to_vec())),
            Bitwise::Xor(DataAttribute::Value(vec![0; mask.len()])),
        ]));
    }

    /// Goes on only if what was read compares like that.
    pub(super) fn compare(&mut self, operator: Operator, value: &[u8]) {
        self.push(Expression::Cmp(vec![
            Cmp::SourceRegister(REGISTER),
            Cmp::Op(operator),
            Cmp::Data(DataAttribute::Value(value.to_vec())),
        ]));
    }

    /// Goes on only if what was read is in the set.
    pub(super) fn look_up(&mut self, set: &str) {
        self.push(Expression::Lookup(vec![
            Lookup::Set(set.to_owned()),
            Lookup::SourceRegister(REGISTER),
        ]));
    }

    /// Goes on only if what was read is in the transaction's anonymous set of this number.
    pub(super) fn look_up_anonymous(&mut self, id: u32) {
        self.push(Expression::Lookup(vec![
            Lookup::Set(sets::ANONYMOUS.to_owned()),
            Lookup::SourceRegister(REGISTER),
            Lookup::SetId(id),
        ]));
    }

    /// Counts, from here on.
    pub(super) fn count(&mut self, from: Packets) {
        self.other(
            "counter",
            vec![
                attribute(sys::NFTA_COUNTER_BYTES, &from.bytes.to_be_bytes()),
                attribute(sys::NFTA_COUNTER_PACKETS, &from.packets.to_be_bytes()),
            ],
        );
    }

    /// The packet vanishes.
    pub(super) fn drop(&mut self) {
        self.verdict(vec![VerdictAttribute::Code(Verdict::Other(DROP))]);
    }

    /// Another chain has the last word.
    pub(super) fn goto(&mut self, chain: &str) {
        let chain = VerdictAttribute::Chain(chain.to_owned());
        self.verdict(vec![VerdictAttribute::Code(Verdict::Goto), chain]);
    }

    /// A TCP reset is the answer.
    pub(super) fn reset(&mut self) {
        let kind = sys::NFT_REJECT_TCP_RST.to_be_bytes();
        self.other("reject", vec![attribute(sys::NFTA_REJECT_TYPE, &kind)]);
    }

    /// ICMP's "port unreachable" is the answer, of either family.
    pub(super) fn unreachable(&mut self) {
        let kind = sys::NFT_REJECT_ICMPX_UNREACH.to_be_bytes();
        let code = [u8::try_from(sys::NFT_REJECT_ICMPX_PORT_UNREACH).unwrap_or(u8::MAX)];
        self.other(
            "reject",
            vec![
                attribute(sys::NFTA_REJECT_TYPE, &kind),
                attribute(sys::NFTA_REJECT_ICMP_CODE, &code),
            ],
        );
    }

    /// Adds the rule behind those that the chain has.
    pub(super) fn add(self, transaction: &mut Transaction, chain: &str, user_data: Vec<u8>) {
        let attributes = vec![
            RuleAttribute::Table(TABLE.into()),
            RuleAttribute::Chain(chain.into()),
            RuleAttribute::Expressions(self.0),
            RuleAttribute::UserData(user_data),
        ];
        let message = NfTablesMessage::NewRule(RuleMessage { attributes });
        transaction.message(message, NLM_F_CREATE | NLM_F_APPEND);
    }

    fn verdict(&mut self, verdict: Vec<VerdictAttribute>) {
        self.push(Expression::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(DataAttribute::Verdict(verdict)),
        ]));
    }

    fn other(&mut self, name: &str, attributes: Vec<DefaultNla>) {
        self.push(Expression::Other { expression_type: name.to_owned(), attributes });
    }

    fn push(&mut self, expression: Expression) {
        self.0.push(expression.into());
    }
}

fn attribute(kind: u16, value: &[u8]) -> DefaultNla {
    DefaultNla::new(kind, value.to_vec())
}
