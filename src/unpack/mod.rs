//! Capped decompression and archives, in memory only.
