//! Finds the lines that only name what stands elsewhere: imports, includes, modules, package clauses.
//!
//! Such lines say which libraries a file uses, not whose it is. They are recognised by their first word in
//! whatever language; a line of prose taken for one costs no more than that line.

/// The longest line that is taken for an import.
const LONGEST_LINE: usize = 200;
/// The longest list of imported names that is followed over lines.
const LONGEST_LIST: u32 = 100;
/// Opening words of a declaration in front of the import itself.
const MODIFIERS: [&str; 6] = ["pub", "pub(crate)", "pub(super)", "export", "static", "global"];

/// Lines of a text that are imports.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// First and last line of each block, ascending.
    blocks: Vec<(u32, u32)>,
}

impl Imports {
    pub(super) fn of(text: &str) -> Self {
        let mut blocks: Vec<(u32, u32)> = Vec::new();
        let mut open = None; // the line that a list was opened on, and how many brackets are open
        for (number, line) in (1_u32..).zip(text.split('\n')) {
            let line = line.trim();
            let is_import = match open {
                Some((since, _)) => number - since <= LONGEST_LIST && is_list(line),
                None => is_import(line),
            };
            if !is_import {
                open = None;
                continue;
            }
            let (since, depth) = open.unwrap_or((number, 0));
            let depth = depth + brackets(line);
            open = (depth > 0).then_some((since, depth));
            match blocks.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => blocks.push((number, number)),
            }
        }
        Self { blocks }
    }

    /// Whether all these lines are imports.
    pub(super) fn contain(&self, first: u32, last: u32) -> bool {
        let after = self.blocks.partition_point(|(start, _)| *start <= first);
        after > 0 && self.blocks[after - 1].1 >= last
    }
}

fn is_import(line: &str) -> bool {
    // A program on one line begins with its imports, but says more.
    if line.len() > LONGEST_LINE || line.split(';').skip(1).any(|rest| rest.contains(['=', '{'])) {
        return false;
    }
    // What a paste may carry in front of a line.
    let line = line.trim_start_matches(['+', '-', '>', ' ', '\t']);
    let mut words = line.split_whitespace();
    let mut first = words.next().unwrap_or_default();
    while MODIFIERS.contains(&first) {
        first = words.next().unwrap_or_default();
    }
    let ends = |ends: &[char]| line.ends_with(ends);
    match first {
        "#include" | "#import" | "@import" | "require_once" | "require_relative"
        | "include_once" => true,
        "from" => line.contains(" import "),
        "use" | "using" => line.contains("::") || ends(&[';', '{']),
        "package" | "require" | "include" => words.next().is_some() && words.count() < 3,
        "extern" => words.next() == Some("crate"),
        "mod" => ends(&[';']),
        "import" => line.contains(['"', '\'', '{', '(', ';', '.', '*']) || words.count() <= 2,
        "const" | "var" | "let" => line.contains("require("),
        "{" | "*" | "}" => line.contains(" from '") || line.contains(" from \""),
        _ => first.starts_with("#include<") || first.starts_with("import{"),
    }
}

/// Whether a line can stand in a list of imported names: nothing but names and what joins them.
fn is_list(line: &str) -> bool {
    let statement = line.trim_end_matches(';');
    line.len() <= LONGEST_LINE
        && !statement.contains([';', '=', '<', '[', '+', '&', '!'])
        && statement
            .split([',', '{', '}', '(', ')'])
            .all(|name| name.split_whitespace().count() <= 3)
}

/// Opening brackets less closing ones.
fn brackets(line: &str) -> i32 {
    line.bytes()
        .map(|byte| match byte {
            b'{' | b'(' => 1,
            b'}' | b')' => -1,
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_many_languages_are_recognised() {
        for line in [
            "use std::collections::HashMap;",
            "    pub(crate) use super::Thing;",
            "+use crate::a::{b, c};",
            "extern crate serde;",
            "pub mod invoice;",
            "import os, sys",
            "from collections import OrderedDict",
            "#include <stdio.h>",
            "import java.util.List;",
            "import static org.junit.Assert.*;",
            "package com.example.billing;",
            "using System.Text;",
            "import { a, b } from './c'",
            "const fs = require('fs')",
            "export * from \"./thing\"",
            "require_once 'x.php';",
        ] {
            assert!(Imports::of(line).contain(1, 1), "{line}");
        }
    }

    #[test]
    fn code_and_prose_are_not_imports() {
        for line in [
            "",
            "let user = users.find(id);",
            "use the red button to stop the line",
            "From the beginning of the year",
            "from here on everything is new",
            "import duties on steel have risen",
            "using (var file = Open()) Run(file)",
            "package the goods with care and send them",
            "importance += 1",
            "use std::fs;fn main(){let x=1;}",
        ] {
            assert!(!Imports::of(line).contain(1, 1), "{line}");
        }
    }

    #[test]
    fn a_list_over_several_lines_belongs_to_its_import() {
        let text =
            "use a::{\n    b,\n    c,\n};\n\nfn run() {\n}\nimport (\n  \"fmt\"\n)\nfunc main() {";
        let imports = Imports::of(text);
        assert!(imports.contain(1, 4) && imports.contain(8, 10));
        assert!(!imports.contain(4, 6) && !imports.contain(6, 6) && !imports.contain(10, 11));
    }

    #[test]
    fn an_open_bracket_does_not_swallow_the_rest() {
        for (text, line) in [
            (format!("import {{\n{}", "total += 1\n".repeat(300)), 2),
            (format!("import {{\n{}", "one, two,\n".repeat(300)), 200),
            ("namespace billing {\nint total;\n}".to_owned(), 1),
            ("extern \"C\" {\nint total(void);\n}".to_owned(), 1),
        ] {
            assert!(!Imports::of(&text).contain(line, line), "{text}");
        }
    }
}
