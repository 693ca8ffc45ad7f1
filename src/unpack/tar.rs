//! Tar: the files in it, as a stream. Links, devices and folders are no content and are passed over.
//!
//! The headers that carry long names are read here and capped: left to the crate, one of them could
//! claim the memory of the machine.

use std::io::{self, Read};

use tar::{Archive, Entry, EntryType};

use super::{Budget, Contents, Member, Trouble};

/// Bytes of one long name, or of one block of extended headers, that are read. Longer ones are cut.
const EXTENDED_HEADER_BYTES: u64 = 64 << 10;

/// Calls `visit` for each file, in the order of the archive.
pub fn members(
    packed: &mut dyn Read,
    budget: &Budget,
    visit: &mut dyn FnMut(Member<'_>),
) -> Result<(), Trouble> {
    let mut archive = Archive::new(packed);
    // Archives put one after the other are one for whoever looks for a leak.
    archive.set_ignore_zeros(true);
    let entries = archive.entries().map_err(|error| Trouble::from(&error))?.raw(true);
    let mut name_ahead = None;
    for entry in entries {
        let mut entry = entry.map_err(|error| Trouble::from(&error))?;
        budget.take_member()?;
        match entry.header().entry_type() {
            EntryType::GNULongName => name_ahead = Some(long_name(&mut entry)?),
            EntryType::XHeader => name_ahead = extended_name(&mut entry)?.or(name_ahead),
            EntryType::Regular | EntryType::Continuous => {
                let name = name_ahead.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                // Before there was a type for folders, a slash at the end made one.
                if name.ends_with(b"/") && entry.size() == 0 {
                    continue;
                }
                let size = entry.size();
                let mut data = Whole { inner: &mut entry, missing: size };
                visit(Member { name: &name, contents: Contents::File(&mut data) });
            }
            EntryType::GNUSparse => {
                let name = name_ahead.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                visit(Member { name: &name, contents: Contents::Unsupported });
            }
            // These stand between a long name and its file.
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            _ => name_ahead = None,
        }
        if let Some(stop) = budget.stopped() {
            return Err(Trouble::Stopped(stop));
        }
    }
    Ok(())
}

/// Whether these are the first bytes of a tar archive.
pub fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let Some(stored) = header.get(148..156).and_then(octal) else { return false };
    let blank = u64::from(b' ') * 8;
    let sum: u64 = header
        .iter()
        .enumerate()
        .filter(|(position, _)| !(148..156).contains(position))
        .map(|(_, byte)| u64::from(*byte))
        .sum();
    sum + blank == stored && header.iter().any(|byte| *byte != 0)
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits =
        std::str::from_utf8(field).ok()?.trim_matches(|letter| letter == ' ' || letter == '\0');
    u64::from_str_radix(digits, 8).ok()
}

fn extended_header<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    entry
        .take(EXTENDED_HEADER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Trouble::from(&error))?;
    Ok(bytes)
}

fn long_name<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, Trouble> {
    let mut name = extended_header(entry)?;
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

/// The `path` record of extended headers: lines of `length key=value`, where the length counts the whole line.
fn extended_name<R: Read>(entry: &mut Entry<'_, R>) -> Result<Option<Vec<u8>>, Trouble> {
    let header = extended_header(entry)?;
    let mut rest = &header[..];
    let mut name = None;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let (length, _) = rest.split_at(space);
        let length = std::str::from_utf8(length).ok().and_then(|digits| digits.parse().ok());
        let Some((record, after)) = length.and_then(|length: usize| rest.split_at_checked(length))
        else {
            break;
        };
        if let Some(value) = record.get(space + 1..).and_then(|pair| pair.strip_prefix(b"path=")) {
            name = Some(value.strip_suffix(b"\n").unwrap_or(value).to_vec());
        }
        if record.is_empty() {
            break;
        }
        rest = after;
    }
    Ok(name)
}

/// The data of a member, whose early end is damage.
struct Whole<R> {
    inner: R,
    missing: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.missing = self.missing.saturating_sub(count as u64);
        if count == 0 && !buffer.is_empty() && self.missing > 0 {
            return Err(Trouble::Damaged.into());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tar::{Builder, Header};

    use super::*;

    fn list(packed: &[u8], most: u32) -> (Vec<(String, String)>, Result<(), Trouble>) {
        let budget = Budget::new(1 << 30, most, Duration::from_mins(1));
        let mut found = Vec::new();
        let result = members(&mut &packed[..], &budget, &mut |member| {
            let text = match member.contents {
                Contents::File(data) => {
                    let mut bytes = Vec::new();
                    match data.read_to_end(&mut bytes) {
                        Ok(_) => String::from_utf8(bytes).unwrap(),
                        Err(_) => format!("{} and damage", String::from_utf8(bytes).unwrap()),
                    }
                }
                _ => "no file".to_owned(),
            };
            found.push((String::from_utf8_lossy(member.name).into_owned(), text));
        });
        (found, result)
    }

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, text) in files {
            let mut header = Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn long_names_and_archives_in_a_row_are_read() {
        let long = "folder/".repeat(40) + "file.txt";
        let files = [("a.txt", "first"), (long.as_str(), "second")];
        let packed = [archive(&files), archive(&[("c", "third")])].concat();
        assert!(is_tar(&packed));
        let (found, result) = list(&packed, 100);
        assert_eq!(found, pairs(&[files[0], files[1], ("c", "third")]));
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn extended_headers_name_the_next_file() {
        let mut builder = Builder::new(Vec::new());
        builder.append_pax_extensions([("mtime", &b"1"[..]), ("path", &b"long/name"[..])]).unwrap();
        let mut header = Header::new_ustar();
        header.set_size(2);
        header.set_path("short").unwrap();
        header.set_cksum();
        builder.append(&header, &b"hi"[..]).unwrap();
        let (found, result) = list(&builder.into_inner().unwrap(), 100);
        assert_eq!((found, result), (pairs(&[("long/name", "hi")]), Ok(())));
    }

    #[test]
    fn links_are_never_followed() {
        let mut builder = Builder::new(Vec::new());
        for (kind, name, target) in [
            (EntryType::Symlink, "link", "/etc/hostname"),
            (EntryType::Link, "hard", "../../secret"),
        ] {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, name, target).unwrap();
        }
        let (found, result) = list(&builder.into_inner().unwrap(), 100);
        assert_eq!((found, result), (Vec::new(), Ok(())));
    }

    #[test]
    fn a_member_cut_short_is_damaged() {
        let packed = archive(&[("a", &"x".repeat(2000))]);
        let (found, result) = list(&packed[..1000], 100);
        assert!(found[0].1.ends_with(" and damage"), "{found:?}");
        assert_eq!(result, Err(Trouble::Damaged));
    }

    #[test]
    fn a_long_name_that_claims_gigabytes_takes_no_memory() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(8 << 30);
        header.set_cksum();
        let mut endless = (&header.as_bytes()[..]).chain(io::repeat(b'n').take(1 << 22));
        let budget = Budget::new(1 << 30, 10, Duration::from_mins(1));
        let result = members(&mut endless, &budget, &mut |_| {});
        assert_eq!(result, Err(Trouble::Damaged));
    }

    #[test]
    fn members_are_limited() {
        let (found, result) = list(&archive(&[("a", ""), ("b", ""), ("c", "")]), 2);
        assert_eq!(found.len(), 2);
        assert_eq!(result, Err(Trouble::Stopped(super::super::Stop::Members)));
    }

    #[test]
    fn text_is_no_tar() {
        assert!(!is_tar(&[b'a'; 512]) && !is_tar(&[0; 512]) && !is_tar(b"ustar"));
    }
}
