//! System calls out of another process: what it may do, tried from inside of it.
//!
//! The process is stopped in whatever it does, made to call, and goes on as if nothing had been. So it
//! is the running service itself that tries, with all that binds it, and not a stand-in.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{PATIENCE, wait_for};

/// How long the instruction is by which a program calls the kernel.
const CALL: u64 = 2;

/// Room for what calls point to.
const ROOM: u64 = 4096;

/// A process that is stopped to try something. It goes on when this value goes.
pub(crate) struct Inside {
    process: Pid,
    before: libc::user_regs_struct,
    memory: File,
    scratch: u64,
    used: u64,
}

impl Inside {
    /// Stops this process as soon as it waits in a system call, as one does that has nothing to do.
    pub(crate) fn of(process: u32) -> Self {
        let pid = Pid::from_raw(process.cast_signed());
        let before = wait_for("it waits in a system call", PATIENCE, || {
            ptrace::attach(pid).expect("it can be attached to");
            stopped(pid, Signal::SIGSTOP);
            let registers = ptrace::getregs(pid).expect("its registers");
            let waits = registers.orig_rax.cast_signed() >= 0;
            if !waits {
                ptrace::detach(pid, None).expect("it is attached to");
            }
            waits.then_some(registers)
        });
        let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{process}/mem"));
        let memory = memory.expect("its memory");
        let mut inside = Self { process: pid, before, memory, scratch: 0, used: 0 };
        let (read_write, private_anonymous) = (3, 0x22);
        let mapped = [0, ROOM, read_write, private_anonymous, u64::MAX, 0];
        inside.scratch = inside.call(libc::SYS_mmap, &mapped).expect("memory");
        inside
    }

    /// What a call returns.
    pub(crate) fn call(&self, number: i64, arguments: &[u64]) -> Result<u64, Errno> {
        let argument = |at: usize| arguments.get(at).copied().unwrap_or(0);
        let registers = libc::user_regs_struct {
            rip: self.before.rip - CALL,
            rax: number.cast_unsigned(),
            // Otherwise the kernel would begin anew the call in which it was stopped.
            orig_rax: u64::MAX,
            rdi: argument(0),
            rsi: argument(1),
            rdx: argument(2),
            r10: argument(3),
            r8: argument(4),
            r9: argument(5),
            ..self.before
        };
        ptrace::setregs(self.process, registers).expect("registers");
        ptrace::step(self.process, None).expect("a step");
        stopped(self.process, Signal::SIGTRAP);
        let result = ptrace::getregs(self.process).expect("its registers").rax;
        let error = result.cast_signed().checked_neg().and_then(|error| i32::try_from(error).ok());
        match error {
            Some(error @ 1..4096) => Err(Errno::from_raw(error)),
            _ => Ok(result),
        }
    }

    /// Puts bytes into its memory; where they are.
    fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let at = self.scratch + self.used;
        self.memory.write_all_at(bytes, at).expect("its memory");
        self.used += (bytes.len() as u64).next_multiple_of(8);
        assert!(self.used <= ROOM);
        at
    }

    /// The same with a text, as C has them.
    pub(crate) fn text(&mut self, text: &str) -> u64 {
        self.bytes(&[text.as_bytes(), b"\0"].concat())
    }

    /// Forgets what was put into its memory, for more of it.
    pub(crate) fn forget(&mut self) {
        self.used = 0;
    }

    /// The page in which all of that is.
    pub(crate) fn page(&self) -> u64 {
        self.scratch
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // It is gone already if any of these fails, which the test tells.
        let _ = self.call(libc::SYS_munmap, &[self.scratch, ROOM]);
        let _ = ptrace::setregs(self.process, self.before);
        let _ = ptrace::detach(self.process, None);
    }
}

/// Waits until a process that is traced has been stopped by this signal.
fn stopped(process: Pid, by: Signal) {
    let status = waitpid(process, Some(WaitPidFlag::__WALL)).expect("it is traced");
    assert_eq!(status, WaitStatus::Stopped(process, by));
}
