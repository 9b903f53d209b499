//! What the process gives up for good: to become, or to start, another program.
//!
//! The unit's `NoExecPaths=` has to leave the places of the libraries executable, among which there
//! are programs too. This holds everywhere, and where no unit is as well.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Has the kernel refuse every program that this thread, or one that it will start, wants to execute.
///
/// # Errors
///
/// When the kernel has no seccomp filters, or none are known for this processor.
pub fn execute_nothing() -> Result<(), seccompiler::Error> {
    let refused = SeccompAction::Errno(Errno::PERM.raw_os_error().cast_unsigned());
    let programs = [libc::SYS_execve, libc::SYS_execveat].map(|call| (call, Vec::new()));
    let architecture = TargetArch::try_from(ARCH)?;
    let filter =
        SeccompFilter::new(BTreeMap::from(programs), SeccompAction::Allow, refused, architecture)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)
}
