//! The SIDs that mean the same on every Windows machine and that files in container layers name.

use super::sid::Sid;

/// Nobody.
pub const NULL: Sid = Sid::known(0, [0]);
/// Everyone.
pub const EVERYONE: Sid = Sid::known(1, [0]);
/// Stands for the owner of the object that inherits the ACE.
pub const CREATOR_OWNER: Sid = Sid::known(3, [0]);
/// Stands for the group of the object that inherits the ACE.
pub const CREATOR_GROUP: Sid = Sid::known(3, [1]);
/// Stands for the owner of the server's object that inherits the ACE.
pub const CREATOR_OWNER_SERVER: Sid = Sid::known(3, [2]);
/// Stands for the group of the server's object that inherits the ACE.
pub const CREATOR_GROUP_SERVER: Sid = Sid::known(3, [3]);
/// The object's current owner.
pub const OWNER_RIGHTS: Sid = Sid::known(3, [4]);
/// Users who signed in at the machine.
pub const INTERACTIVE: Sid = Sid::known(5, [4]);
/// Services.
pub const SERVICE: Sid = Sid::known(5, [6]);
/// Everyone who proved an identity.
pub const AUTHENTICATED_USERS: Sid = Sid::known(5, [11]);
/// The operating system.
pub const SYSTEM: Sid = Sid::known(5, [18]);
/// Services without network identity.
pub const LOCAL_SERVICE: Sid = Sid::known(5, [19]);
/// Services with the machine's network identity.
pub const NETWORK_SERVICE: Sid = Sid::known(5, [20]);
/// `BUILTIN\Administrators`.
pub const ADMINISTRATORS: Sid = Sid::known(5, [32, 544]);
/// `BUILTIN\Users`.
pub const USERS: Sid = Sid::known(5, [32, 545]);
/// `BUILTIN\Guests`.
pub const GUESTS: Sid = Sid::known(5, [32, 546]);
/// `NT SERVICE\TrustedInstaller`, the owner of the operating system's files.
pub const TRUSTED_INSTALLER: Sid =
    Sid::known(5, [80, 956_008_885, 3_418_522_649, 1_831_038_044, 1_853_292_631, 2_271_478_464]);
/// `NT VIRTUAL MACHINE\Virtual Machines`, which must read what a Hyper-V isolated container mounts.
pub const VIRTUAL_MACHINES: Sid = Sid::known(5, [83, 0]);
/// `User Manager\ContainerAdministrator`.
pub const CONTAINER_ADMINISTRATOR: Sid = Sid::known(5, [93, 2, 1]);
/// `User Manager\ContainerUser`.
pub const CONTAINER_USER: Sid = Sid::known(5, [93, 2, 2]);
/// All application packages.
pub const ALL_APP_PACKAGES: Sid = Sid::known(15, [2, 1]);
/// All restricted application packages.
pub const ALL_RESTRICTED_APP_PACKAGES: Sid = Sid::known(15, [2, 2]);
/// Untrusted mandatory level.
pub const UNTRUSTED_LEVEL: Sid = Sid::known(16, [0]);
/// Low mandatory level.
pub const LOW_LEVEL: Sid = Sid::known(16, [4096]);
/// Medium mandatory level.
pub const MEDIUM_LEVEL: Sid = Sid::known(16, [8192]);
/// Medium-plus mandatory level.
pub const MEDIUM_PLUS_LEVEL: Sid = Sid::known(16, [8448]);
/// High mandatory level.
pub const HIGH_LEVEL: Sid = Sid::known(16, [12288]);
/// System mandatory level.
pub const SYSTEM_LEVEL: Sid = Sid::known(16, [16384]);
