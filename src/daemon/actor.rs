//! Who acts: a user of this machine, by the number that the kernel gives.

use nix::unistd::{Uid, User};

use crate::model::incident::Actor;

/// The actor behind a user id; a number without a name is shown as such.
pub fn of_uid(uid: u32) -> Actor {
    let name = match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {uid}"),
    };
    Actor::User { uid, name }
}

/// The actor of a command that works without a daemon.
pub fn this_user() -> Actor {
    of_uid(nix::unistd::getuid().as_raw())
}
