//! The drivers by name.

use std::str::FromStr;
use std::sync::Arc;

use winlayer_core::{Error, LayerBackend, Result};

use crate::driver::{LayerDriver, Settings};
use crate::graph_driver::GraphDriver;

/// How HCS keeps layers; other engines need not care. The number is `DriverInfo.Flavour` of vmcompute.dll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Flavour {
    /// Each layer a differencing disk.
    Diff = 0,
    /// Layers are folders, which a file-system filter puts on top of each other.
    Filter = 1,
}

/// A driver of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DriverKind {
    /// `windowsfilter`, what Docker uses.
    WindowsFilter,
    /// `windowsdiff`, which Docker had until 2016. The same calls, with the other [`Flavour`].
    WindowsDiff,
}

impl DriverKind {
    /// All drivers.
    pub const ALL: [Self; 2] = [Self::WindowsFilter, Self::WindowsDiff];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WindowsFilter => "windowsfilter",
            Self::WindowsDiff => "windowsdiff",
        }
    }

    /// What an HCS engine under it must be told.
    pub fn flavour(self) -> Flavour {
        match self {
            Self::WindowsFilter => Flavour::Filter,
            Self::WindowsDiff => Flavour::Diff,
        }
    }
}

impl FromStr for DriverKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid(format!("there is no driver {name:?}; there are: {names}"))
        })
    }
}

/// Opens a driver over the engine that `engine` makes for its flavour. The home is only made with the first layer, so
/// that looking needs no right to write.
///
/// # Errors
/// What `engine` gives.
pub fn open(
    kind: DriverKind,
    settings: Settings,
    engine: impl FnOnce(Flavour) -> Result<Arc<dyn LayerBackend>>,
) -> Result<Box<dyn GraphDriver>> {
    Ok(Box::new(LayerDriver::new(kind, engine(kind.flavour())?, settings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_found_by_its_name_and_has_its_flavour() {
        assert_eq!("windowsfilter".parse::<DriverKind>().unwrap().flavour() as i32, 1);
        assert_eq!("windowsdiff".parse::<DriverKind>().unwrap().flavour() as i32, 0);
    }

    #[test]
    fn an_unknown_driver_is_an_error_that_lists_the_names() {
        let error = "overlay2".parse::<DriverKind>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no driver \"overlay2\"; there are: windowsfilter, windowsdiff"
        );
    }
}
