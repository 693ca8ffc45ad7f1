//! Git through the git program, its connections forced through `http`'s guard.
