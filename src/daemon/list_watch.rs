//! The thread that waits for lists to change.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::Sender;
use tracing::error;

use super::friends::FriendNews;
use super::inbox::Control;
use crate::systemd::catalog;
use crate::{control, lists};

/// Watches lists in a thread of its own, until the control that is returned says stop.
pub(super) fn watch_files(
    paths: BTreeSet<PathBuf>,
    controls: Sender<Control>,
) -> io::Result<control::Control> {
    let control = control::Control::new()?;
    let mut watch = lists::Watch::open(paths, control.clone())?;
    let body = move || loop {
        let changed = match watch.wait() {
            Ok(Some(changed)) => changed,
            Ok(None) => return,
            Err(error) => {
                error!(
                    message_id = catalog::LIST_TROUBLE,
                    "changes of lists cannot be seen any more: {error}; they are read at a reload"
                );
                return;
            }
        };
        for path in changed {
            let read = lists::read(&path);
            let path = path.to_string_lossy().into();
            if controls.send(Control::Friend(FriendNews::ListRead(path, read))).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("lists".to_owned()).spawn(body)?;
    Ok(control)
}
