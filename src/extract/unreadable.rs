//! Why a piece has no text: a closed list, so that pieces can be counted by reason.

use std::fmt;

/// Why a piece has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreadable {
    /// Something in a container has no text; its pieces say what and why.
    Partly,
    /// A limit was reached before it.
    Limit,
    /// Containers in containers, deeper than the limit.
    TooDeep,
    /// The bytes contradict their format, or could not be read.
    Damaged,
    /// Under a password.
    Encrypted,
    /// A member of an archive, packed in a way that is not read yet.
    Packing,
    /// Bzip2.
    Bzip2,
    /// Xz, lzma or lzip.
    Xz,
    /// Zstandard.
    Zstd,
    /// Lz4, compress and other rare compressions.
    Compression,
    /// 7z.
    SevenZip,
    /// Rar.
    Rar,
    /// Packages, disk images and other rare archives.
    Archive,
    /// A git bundle or pack.
    Git,
    /// PDF.
    Pdf,
    /// A Word document.
    Word,
    /// An Excel workbook.
    Spreadsheet,
    /// A `PowerPoint` presentation.
    Presentation,
    /// An `OpenDocument` text, sheet or presentation.
    OpenDocument,
    /// Office documents of before 2007, Outlook messages, installers.
    Ole,
    /// An image.
    Image,
    /// Sound or film.
    Media,
    /// A font.
    Font,
    /// A program or library.
    Executable,
    /// Compiled Java, Python, Android or WebAssembly code.
    Bytecode,
    /// A database file.
    Database,
    /// Any other bytes that are no text.
    Binary,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Partly => "something in it could not be read",
            Self::Limit => "a limit was reached before it was read",
            Self::TooDeep => "nested too deep",
            Self::Damaged => "damaged",
            Self::Encrypted => "encrypted",
            Self::Packing => "this way of packing a member is not read yet",
            Self::Bzip2 => "bzip2 compression is not read yet",
            Self::Xz => "xz compression is not read yet",
            Self::Zstd => "zstd compression is not read yet",
            Self::Compression => "this compression is not read yet",
            Self::SevenZip => "7z archives are not read yet",
            Self::Rar => "rar archives are not read yet",
            Self::Archive => "this kind of archive is not read yet",
            Self::Git => "git bundles and packs are not read yet",
            Self::Pdf => "PDF is not read yet",
            Self::Word => "Word documents are not read yet",
            Self::Spreadsheet => "Excel workbooks are not read yet",
            Self::Presentation => "PowerPoint presentations are not read yet",
            Self::OpenDocument => "OpenDocument files are not read yet",
            Self::Ole => "Office documents of before 2007 are not read yet",
            Self::Image => "image",
            Self::Media => "sound or film",
            Self::Font => "font",
            Self::Executable => "program",
            Self::Bytecode => "compiled code",
            Self::Database => "database file",
            Self::Binary => "binary data",
        })
    }
}
