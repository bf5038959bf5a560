//! Which directory the layers are in, when nobody says so.

use std::env;
use std::path::{Path, PathBuf};

use winlayer_core::{Error, Result};

/// The home as an absolute path: what was asked for, else `$WINLAYER_HOME`, else the system's or the user's.
pub(crate) fn choose(asked: Option<&Path>) -> Result<PathBuf> {
    let from_environment = || directory_in("WINLAYER_HOME");
    let home = match asked.map(Path::to_owned).or_else(from_environment) {
        Some(home) => home,
        None => default_home()?,
    };
    std::path::absolute(&home)
        .map_err(|e| Error::invalid(format!("the home {:?} cannot be used: {e}", home.display().to_string())))
}

/// A directory named by an environment variable; an empty one names none.
fn directory_in(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(unix)]
fn default_home() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/winlayer"));
    }
    // The XDG base directory specification: a relative path is to be ignored.
    let data = directory_in("XDG_DATA_HOME").filter(|path| path.is_absolute());
    data.or_else(|| env::home_dir().map(|home| home.join(".local/share")))
        .map(|data| data.join("winlayer"))
        .ok_or_else(no_home)
}

#[cfg(not(unix))]
fn default_home() -> Result<PathBuf> {
    directory_in("ProgramData").map(|data| data.join("winlayer")).ok_or_else(no_home)
}

fn no_home() -> Error {
    Error::invalid("there is no home directory to keep layers in")
        .hint("name one with --home or WINLAYER_HOME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_home_is_made_absolute() {
        let home = choose(Some(Path::new("layers"))).unwrap();
        assert_eq!(home, env::current_dir().unwrap().join("layers"));
    }

    #[test]
    fn an_empty_home_is_refused() {
        assert!(choose(Some(Path::new(""))).is_err());
    }
}
