//! What the stand-ins publish: things that have nothing to do with the sample corpus, and pieces of it in disguise.

use super::sample::{FRAMES, File, PRESSURE, RESIDUAL, SCHEDULER, SURGE_MODEL};

/// Something on the paste site.
#[derive(Debug, Clone)]
pub(super) struct Paste {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) text: String,
    pub(super) is_leak: bool,
}

/// Something on the blog.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) slug: &'static str,
    pub(super) title: &'static str,
    pub(super) html: String,
    pub(super) is_leak: bool,
}

/// A piece of the sample corpus that is published, and must be found.
#[derive(Debug)]
pub(super) struct Planted {
    /// What is in the address of the place, and of no other.
    pub(super) mark: &'static str,
    /// The file that it was taken from.
    pub(super) file: &'static File,
    /// How it differs from what was taken.
    pub(super) disguise: &'static str,
}

/// The path of the renamed file in the git repository.
pub(super) const RENAMED: &str = "attic/boat_heater.c";

/// Everything that is planted.
pub(super) static PLANTED: [Planted; 6] = [
    Planted { mark: "/p/k3vq8", file: &SCHEDULER, disguise: "in a chat" },
    Planted { mark: "/p/t8wd2", file: &FRAMES, disguise: "reformatted" },
    Planted { mark: "/p/m5hy7", file: &SURGE_MODEL, disguise: "quoted in a mail" },
    Planted { mark: "/posts/scheduling", file: &SCHEDULER, disguise: "in HTML" },
    Planted { mark: "/posts/floats", file: &RESIDUAL, disguise: "HTML-escaped, numbered lines" },
    Planted { mark: RENAMED, file: &PRESSURE, disguise: "renamed, deleted, side branch" },
];

/// The paste site's content, newest first.
pub(super) fn pastes() -> Vec<Paste> {
    let leak = |id, title, text| Paste { id, title, text, is_leak: true };
    let other = |id, title, text: &str| Paste { id, title, text: text.to_owned(), is_leak: false };
    vec![
        leak("m5hy7", "Re: Re: tender", quoted_in_a_mail(&SURGE_MODEL.lines(18, 30))),
        leak("t8wd2", "untitled", rearranged(&FRAMES.lines(31, 68))),
        leak("k3vq8", "they let me go, so", told_in_a_chat(&SCHEDULER.lines(45, 69))),
        other("a1c9f", "todo", include_str!("others/todo.txt")),
        other("b7x2m", "sieve", include_str!("others/primes.py")),
        other("c4j8s", "help??", include_str!("others/trace.txt")),
        other("d0q5w", "nginx", include_str!("others/nginx.conf")),
        other("e6r1z", "debounce.ts", include_str!("others/debounce.ts")),
        other("f2n7k", "soup", include_str!("others/soup.txt")),
        other("g9t3b", "ring buffer", include_str!("others/ring.c")),
        other("h5v6d", "retry", include_str!("others/retry.go")),
        other("j8y0p", "july", include_str!("others/ports.txt")),
        other("l3e4h", "top customers", include_str!("others/report.sql")),
        other("n1u8g", "Brackets.java", include_str!("others/stack.java")),
        other("o7i2c", "backup", include_str!("others/backup.sh")),
    ]
}

/// The blog's content, newest first.
pub(super) fn posts() -> Vec<Post> {
    let leak = |slug, title, html| Post { slug, title, html, is_leak: true };
    let other =
        |slug, title, html: &str| Post { slug, title, html: html.to_owned(), is_leak: false };
    vec![
        leak("floats", "How the professionals tell a stuck float", numbered(&RESIDUAL, 19, 66)),
        leak("scheduling", "A scheduler I wrote", in_html(&SCHEDULER.lines(45, 69))),
        other("kiln", "The kiln is back", include_str!("others/kiln.html")),
        other("hedgehog", "A guest", include_str!("others/hedgehog.html")),
        other("calculator", "A calculator, evening two", include_str!("others/parser.html")),
    ]
}

/// A file of the git repository, and what is in it.
pub(super) type Written = (&'static str, &'static str);

/// The commits of the repository's main branch: a message and the files that came with it.
pub(super) const MAIN_BRANCH: [(&str, &[Written]); 3] = [
    ("Begin", &[("README.md", include_str!("others/readme.md"))]),
    ("Show the tide in the terminal", &[("clock.py", include_str!("others/clock.py"))]),
    ("Sum up a logbook", &[("logbook.awk", include_str!("others/logbook.awk"))]),
];

fn told_in_a_chat(code: &str) -> String {
    format!(
        "<kestrel> so much for four years\n<kestrel> want to see what a harbour pays six figures for?\n\
         <oriole> sure :)\n<kestrel> have fun with it\n\n{code}\n<oriole> oh. does anyone know that you have this\n\
         <kestrel> ask me again on friday\n"
    )
}

fn quoted_in_a_mail(prose: &str) -> String {
    let quoted = prose.lines().map(|line| format!("> > {line}\n")).collect::<Vec<_>>().concat();
    format!(
        "As promised. You asked how they set the margin; this is from the inside:\n\n{quoted}\n\
         > and you can prove that?\n\nI have the rest too. Make me an offer.\n"
    )
}

/// The same code as another formatter would write it.
fn rearranged(code: &str) -> String {
    let rearranged = |line: &str| {
        let content = line.trim_start();
        let indent = "   ".repeat(line.len() - content.len());
        match content.strip_suffix(" {") {
            Some(head) => format!("{indent}{head}\n{indent}{{\n"),
            None => format!("{indent}{content}\n"),
        }
    };
    code.lines().map(rearranged).collect::<Vec<_>>().concat()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn in_html(code: &str) -> String {
    format!(
        "<p>Somebody asked how I would plan with a battery. Like this:</p>\n<pre><code>{}</code></pre>\n\
         <p>Questions are welcome.</p>\n",
        escaped(code)
    )
}

fn numbered(file: &File, first: usize, last: usize) -> String {
    let listing = file
        .lines(first, last)
        .lines()
        .zip(1..)
        .map(|(line, number)| format!("<span class=\"n\">{number:>3}</span> {}\n", escaped(line)))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<p>Mussels grow into the tube, and the sea looks calm. The trick is below; you did not get it from me.</p>\n\
         <pre class=\"listing\">{listing}</pre>\n<p>Next week: wind.</p>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_piece_is_published_and_nothing_else_is_marked() {
        let places = pastes()
            .iter()
            .filter(|paste| paste.is_leak)
            .map(|paste| format!("/p/{}", paste.id))
            .chain(
                posts()
                    .iter()
                    .filter(|post| post.is_leak)
                    .map(|post| format!("/posts/{}", post.slug)),
            )
            .chain([RENAMED.to_owned()])
            .collect::<std::collections::BTreeSet<_>>();
        let planted = PLANTED.iter().map(|planted| planted.mark.to_owned()).collect();
        assert_eq!(places, planted);
    }

    #[test]
    fn disguises_change_the_look_and_not_the_words() {
        let code = "func f() {\n\tif a < b {\n\t\treturn\n\t}\n}\n";
        assert_eq!(rearranged(code), "func f()\n{\n   if a < b\n   {\n      return\n   }\n}\n");
        assert!(in_html(code).contains("if a &lt; b {"));
        assert!(quoted_in_a_mail("one\ntwo\n").contains("\n> > one\n> > two\n"));
    }
}
