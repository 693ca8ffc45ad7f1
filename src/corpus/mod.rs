//! Walks folders and git repositories, fingerprints what is in them and fills the index; baselines; refresh.
