//! Questions to polkit: may this caller do that?

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_lite::{StreamExt as _, future};
use zbus::message::Header;
use zbus::{Connection, MessageStream};
use zbus_polkit::policykit1::{
    AuthorityProxy, AuthorizationResult, CheckAuthorizationFlags, Subject,
};

/// Why a caller may not do something.
#[derive(Debug)]
pub(super) enum Refusal {
    /// He may, after a password that he did not want to be asked for.
    WantsPassword,
    /// He may, after a password, but nobody is there to ask him for it.
    NoAgent,
    /// He may not, or did not know the password.
    Denied,
    /// Polkit is not there, or does not answer; what went wrong.
    NoAnswer(zbus::Error),
}

/// Polkit, as the service asks it.
pub(super) struct Authority {
    connection: Connection,
    proxy: AuthorityProxy<'static>,
    questions: AtomicU64,
}

impl Authority {
    pub(super) async fn new(connection: &Connection) -> zbus::Result<Self> {
        let proxy = AuthorityProxy::builder(connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await?;
        Ok(Self { connection: connection.clone(), proxy, questions: AtomicU64::new(0) })
    }

    /// Whether the sender of a call may do `action`. If he `may_be_asked` for a password, the answer
    /// takes as long as that, or until he leaves the bus.
    pub(super) async fn check(
        &self,
        call: &Header<'_>,
        action: &str,
        may_be_asked: bool,
    ) -> Result<(), Refusal> {
        let subject = Subject::new_for_message_header(call).map_err(|_| Refusal::Denied)?;
        let flags = if may_be_asked {
            CheckAuthorizationFlags::ALLOW_USER_INTERACTION
        } else {
            CheckAuthorizationFlags::empty()
        };
        let id = self.questions.fetch_add(1, Ordering::Relaxed).to_string();
        let details = HashMap::new();
        let answer = self.proxy.check_authorization(&subject, action, &details, flags, &id);
        let answer = if may_be_asked {
            let gone = self.departure(call).await.map_err(Refusal::NoAnswer)?;
            future::or(async { Some(answer.await) }, async {
                gone.await;
                None
            })
            .await
        } else {
            Some(answer.await)
        };
        match answer {
            Some(Ok(AuthorizationResult { is_authorized: true, .. })) => Ok(()),
            Some(Ok(AuthorizationResult { is_challenge: true, .. })) => {
                Err(if may_be_asked { Refusal::NoAgent } else { Refusal::WantsPassword })
            }
            Some(Ok(_)) => Err(Refusal::Denied),
            Some(Err(error)) => {
                self.cancel(&id).await;
                Err(Refusal::NoAnswer(error))
            }
            None => {
                self.cancel(&id).await;
                Err(Refusal::Denied)
            }
        }
    }

    /// Takes a question back, so that nobody is asked for a password any more.
    async fn cancel(&self, id: &str) {
        // Polkit may have answered meanwhile, or be gone: then there is nothing to take back.
        drop(self.proxy.cancel_check_authorization(id).await);
    }

    /// Ends when the sender of a call has left the bus.
    async fn departure(&self, call: &Header<'_>) -> zbus::Result<impl Future<Output = ()>> {
        let sender = call.sender().map(ToString::to_string).unwrap_or_default();
        let rule = format!(
            "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
             member='NameOwnerChanged',arg0='{sender}',arg2=''"
        );
        let mut departures = MessageStream::for_match_rule(&*rule, &self.connection, None).await?;
        Ok(async move {
            departures.next().await;
        })
    }
}
