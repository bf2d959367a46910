//! `report.html`: what a run says, on one page that needs nothing but itself.

use crate::base::files::OutFolder;
use anyhow::Context;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// The name of the page in a results folder.
pub const NAME: &str = "report.html";

/// What stands on a page. All of it is text, and escaped, but for the pictures.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// One or two sentences below it.
    pub lead: String,
    /// What to know first: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// The pictures.
    pub figures: Vec<Figure>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The whole configuration, from [`settings`].
    pub config: Vec<(String, String)>,
    /// The run file, if there was one.
    pub run_file: Option<String>,
    /// The other files in the folder, and what they hold.
    pub files: Vec<(&'static str, &'static str)>,
}

/// A picture.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Elements of SVG, to stand in the page as they are.
    svg: String,
    /// Below the picture.
    caption: String,
}

impl Figure {
    /// A picture drawn by [`crate::draw`], with the sentence below it. `name` tells it from the others on the page.
    ///
    /// # Errors
    ///
    /// If it is not one element of SVG with a width and a height.
    pub fn new(name: &str, svg: &[u8], caption: impl Into<String>) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(svg).context("a picture is not text")?;
        // What stands before the element is for a file of its own.
        let start = text.find("<svg ").context("a picture is not SVG")?;
        let rest = text[start + 4..].trim_end();
        let size = |key: &str| rest.split_once(key)?.1.split_once('"')?.0.parse::<f64>().ok();
        let size = size(" width=\"").zip(size(" height=\""));
        let (width, height) = size.context("a picture has no size")?;
        // With a view box it shrinks to the screen; names are of the page, not of the picture.
        let rest = rest.replace(" id=\"", &format!(" id=\"{name}-")).replace("url(#", &format!("url(#{name}-"));
        Ok(Self { svg: format!("<svg role=\"img\" viewBox=\"0 0 {width} {height}\"{rest}"), caption: caption.into() })
    }
}

/// A table of numbers.
#[derive(Debug, Serialize)]
pub struct Table {
    /// Its heading.
    pub title: String,
    /// A sentence about it.
    pub note: String,
    /// The names of the columns.
    pub head: Vec<String>,
    /// The rows, from top to bottom.
    pub rows: Vec<Vec<String>>,
    /// Whether a reader has to open it: for long ones.
    pub folded: bool,
}

impl Table {
    /// Rows that a page can hold: more would make a browser wait.
    const MOST_ROWS: usize = 2000;

    /// The table, or if it has too many rows its heading alone and the name of the file that has them.
    pub fn or_file(mut self, rows: usize, row: impl FnMut(usize) -> Vec<String>, file: &str) -> Self {
        if rows <= Self::MOST_ROWS {
            self.rows = (0..rows).map(row).collect();
        } else {
            self.folded = false;
            self.note += &format!(" {rows} rows are too many for a page: they are in {file}.");
        }
        self
    }
}

/// What the page says besides what it was given.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    page: &'a Page,
    command: String,
    version: &'static str,
    engine: &'static str,
    math: &'static str,
}

impl Page {
    /// The page as HTML, with the command line of this process.
    ///
    /// # Errors
    ///
    /// If the template does not fit what it is given.
    pub fn render(&self) -> anyhow::Result<String> {
        self.render_for(&command())
    }

    fn render_for(&self, command: &str) -> anyhow::Result<String> {
        let mut templates = Environment::new();
        // The name ends in .html, and so everything is escaped that is not marked as safe.
        templates.add_template(NAME, include_str!("page.html")).context(NAME)?;
        let whole = Whole {
            page: self,
            command: command.into(),
            version: env!("CARGO_PKG_VERSION"),
            engine: mote_core::VERSION,
            math: mote_core::math::NAME,
        };
        templates.get_template(NAME).and_then(|template| template.render(Serde(whole))).context(NAME)
    }

    /// Writes the page, and shows it if asked. That it cannot be shown is said, and nothing worse.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, out: &OutFolder, show: bool) -> anyhow::Result<()> {
        out.write(NAME, self.render()?.as_bytes())?;
        if show {
            self::show(out);
        }
        Ok(())
    }
}

/// Shows the page of a folder. That it cannot be shown is said, and nothing worse.
pub fn show(out: &OutFolder) {
    show_file(&out.path().join(NAME));
}

/// Hands a file to whatever opens such files here. That it cannot be shown is said, and nothing worse.
pub fn show_file(path: &Path) {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    if let Err(error) = open::that_detached(&absolute) {
        // Standard error may be closed; then there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "mote: {} cannot be opened here: {error}", path.display());
    }
}

/// A configuration as lines of a table: `recipe.tokens` and its value, lists with commas.
///
/// # Errors
///
/// If it is not what JSON can hold.
pub fn settings(config: &impl Serialize) -> anyhow::Result<Vec<(String, String)>> {
    fn walk(path: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), Into::into);
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    walk(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, out);
                }
            }
            serde_json::Value::Array(list) => {
                out.push((path.into(), list.iter().map(text).collect::<Vec<_>>().join(", ")));
            }
            value => out.push((path.into(), text(value))),
        }
    }
    let mut out = Vec::new();
    walk("", &serde_json::to_value(config)?, &mut out);
    Ok(out)
}

/// The command line of this process, as it can be typed into a shell again.
pub fn command() -> String {
    command_line(std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()))
}

/// The command as it can be typed into a shell again.
pub fn command_line(args: impl Iterator<Item = String>) -> String {
    let quote = |arg: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,=:+@%".contains(c);
        if !arg.is_empty() && arg.chars().all(plain) { arg } else { format!("'{}'", arg.replace('\'', r"'\''")) }
    };
    std::iter::once("mote".into()).chain(args.map(quote)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<?xml?><svg width=\"20\" height=\"10\"><b id=\"a\"/><g clip-path=\"url(#a)\"/></svg>\n";

    fn page(text: &str) -> Page {
        Page {
            title: text.into(),
            lead: text.into(),
            facts: vec![("fact", text.into())],
            figures: vec![Figure::new("one", SVG.as_bytes(), text).unwrap()],
            tables: vec![Table {
                title: text.into(),
                note: text.into(),
                head: vec![text.into()],
                rows: vec![vec![text.into()]],
                folded: true,
            }],
            config: vec![(text.into(), text.into())],
            run_file: Some(text.into()),
            files: vec![("a.csv", "numbers")],
        }
    }

    #[test]
    fn foreign_text_is_text() {
        let html = page("<b>\"Q\" & 'K'</b>").render_for("mote '<i>'").unwrap();
        assert!(!html.contains("<b>\"Q") && !html.contains("<i>") && !html.contains("\"Q\""), "{html}");
        let escaped = "&lt;b&gt;&quot;Q&quot; &amp; &#x27;K&#x27;&lt;&#x2f;b&gt;";
        assert_eq!(html.matches(escaped).count(), 12, "{html}");
        let picture = "<div class=\"picture\"><svg role=\"img\" viewBox=\"0 0 20 10\" width=\"20\" height=\"10\">\
                       <b id=\"one-a\"/><g clip-path=\"url(#one-a)\"/></svg></div>";
        assert!(html.contains(picture), "the picture is one");
        for bad in ["<p>", "<svg >", "<svg width=\"1\">"] {
            assert!(Figure::new("bad", bad.as_bytes(), "").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_command_line_can_be_typed_again() {
        let line = |args: &[&str]| command_line(args.iter().map(|arg| arg.to_string()));
        assert_eq!(line(&["phase", "--n", "2..20..2", "--out=a/b"]), "mote phase --n 2..20..2 --out=a/b");
        assert_eq!(line(&["a b", "", "it's", "$x"]), r"mote 'a b' '' 'it'\''s' '$x'");
    }

    #[test]
    fn settings_are_flat() {
        let value = serde_json::json!({"a": {"b": 1.5, "c": "text"}, "list": [1, 2], "none": null});
        let pairs = settings(&value).unwrap();
        let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["a.b=1.5", "a.c=text", "list=1, 2", "none=null"]);
    }
}
