//! The manager behind its door: no call comes to it that was not let in.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use zbus::message::{Flags, Header};
use zbus::names::{InterfaceName, MemberName};
use zbus::object_server::{DispatchResult, Interface, SignalEmitter};
use zbus::wire::{OwnedVariant, Variant};
use zbus::{BoxDBusError, Connection, Message, ObjectServer, fdo};

use super::access::{self, Access};
use super::manager::Manager;

/// Does for the manager what zbus has no other place for: a look at each call before its arguments
/// are read. Everything else is the manager's own.
pub(super) struct Guarded {
    manager: Manager,
    access: Arc<Access>,
}

impl Guarded {
    pub(super) fn new(manager: Manager, access: Arc<Access>) -> Self {
        Self { manager, access }
    }

    pub(super) fn manager(&self) -> &Manager {
        &self.manager
    }
}

#[async_trait]
impl Interface for Guarded {
    fn name() -> InterfaceName<'static> {
        Manager::name()
    }

    fn call<'call>(
        &'call self,
        server: &'call ObjectServer,
        connection: &'call Connection,
        call: &'call Message,
        name: MemberName<'call>,
    ) -> DispatchResult<'call> {
        let Some(right) = access::right(&name) else { return DispatchResult::NotFound };
        // This reads nothing yet: it does so when it is first waited for.
        let DispatchResult::Async(answer) = self.manager.call(server, connection, call, name)
        else {
            return DispatchResult::NotFound;
        };
        DispatchResult::Async(Box::pin(async move {
            let done = match self.access.check(call, right).await {
                Ok(_admission) => answer.await,
                Err(Some(refusal)) => Err(refusal),
                Err(None) => Ok(()),
            };
            // Whoever wants no reply gets none, not even an error: the bus would refuse it, and
            // say so in its log.
            let deaf = call.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
            if deaf { Ok(()) } else { done }
        }))
    }

    fn call_mut<'call>(
        &'call mut self,
        _server: &'call ObjectServer,
        _connection: &'call Connection,
        _call: &'call Message,
        _name: MemberName<'call>,
    ) -> DispatchResult<'call> {
        DispatchResult::NotFound
    }

    async fn get(
        &self,
        property: &str,
        server: &ObjectServer,
        connection: &Connection,
        header: Option<&Header<'_>>,
        emitter: &SignalEmitter<'_>,
    ) -> Option<Result<OwnedVariant, BoxDBusError>> {
        self.manager.get(property, server, connection, header, emitter).await
    }

    async fn get_all(
        &self,
        server: &ObjectServer,
        connection: &Connection,
        header: Option<&Header<'_>>,
        emitter: &SignalEmitter<'_>,
    ) -> fdo::Result<HashMap<String, OwnedVariant>> {
        self.manager.get_all(server, connection, header, emitter).await
    }

    async fn set_mut(
        &mut self,
        property: &str,
        value: &Variant<'_>,
        server: &ObjectServer,
        connection: &Connection,
        header: Option<&Header<'_>>,
        emitter: &SignalEmitter<'_>,
    ) -> Option<Result<(), BoxDBusError>> {
        self.manager.set_mut(property, value, server, connection, header, emitter).await
    }

    fn introspect_to_writer(&self, writer: &mut dyn fmt::Write, level: usize) {
        self.manager.introspect_to_writer(writer, level);
    }
}
