//! How large the programs are, stripped.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Part;
use crate::peers::Peer;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;

pub(crate) const PART: Part = Part {
    name: "size",
    about: "The programs, stripped as they are packaged.",
    needs: &[Peer::Fail2banRs],
    measure,
};

fn measure(scene: &Scene) -> Vec<Row> {
    let stripped = |path: &Path| stripped(&scene.scratch, path);
    let service = stripped(Path::new(env!("CARGO_BIN_EXE_jailkeeperd")));
    let client = stripped(Path::new(env!("CARGO_BIN_EXE_jailkeeper")));
    let place = scene.peers.place(Peer::Fail2banRs);
    let other = place.and_then(|place| stripped(&place.join("bin/fail2ban-rs")));
    vec![
        Row::new("jailkeeperd", Unit::Mebibytes, Goal::at_most(8.0), service)
            .beside(&scene.peers.title(Peer::Fail2banRs), other),
        Row::new("jailkeeper, the client", Unit::Mebibytes, Goal::less(), client),
    ]
}

fn stripped(scratch: &Path, program: &Path) -> Outcome<f64> {
    let copy = scratch.join("stripped");
    let done = Command::new("strip").arg("-o").arg(&copy).arg(program).status();
    match done {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("strip has failed: {status}")),
        Err(e) => return Err(format!("strip does not start: {e}")),
    }
    let size = fs::metadata(copy).map_err(|e| e.to_string())?.len();
    Ok(size as f64 / f64::from(1 << 20))
}
