//! What `docs/boards.md` shows of the table of boards.

use anyhow::{Context, ensure};
use mote_boards::{Board, TABLE, Wiring};
use std::fmt::Write;

/// The boards and their state, in Markdown.
pub fn boards_table() -> String {
    let mut text = String::from("| board | chip, core | HAL | clock | state |\n|---|---|---|---|---|\n");
    for Board { name, core, page, .. } in &TABLE.board {
        let chip = page.chip.map_or(String::new(), |chip| format!("{chip}, "));
        let hal = page.hal.map_or("own".into(), |hal| match hal.split_once(' ') {
            Some((name, version)) => format!("`{name}` {version}"),
            None => format!("`{hal}`"),
        });
        let state =
            page.run_on_hardware.map_or("emulated in CI".into(), |run| format!("builds in CI; run on hardware: {run}"));
        let _ = writeln!(text, "| `{name}` | {chip}{core} | {hal} | {} | {state} |", page.clock);
    }
    text
}

/// The pins of the boards, in Markdown.
pub fn wiring_table() -> String {
    let mut text = String::from(
        "| board | chip sends on | chip receives on | where that is | status LED |\n|---|---|---|---|---|\n",
    );
    for Board { name, page, .. } in &TABLE.board {
        if let Some(Wiring { title, sends, receives, place, led }) = &page.wiring {
            let title = title.map_or(String::new(), |title| format!(" ({title})"));
            let _ = writeln!(text, "| `{name}`{title} | {sends} | {receives} | {place} | {led} |");
        }
    }
    text
}

/// `docs/boards.md` with its tables written anew: each stands between `<!-- NAME: ... -->` and `<!-- end of NAME -->`.
///
/// # Errors
///
/// A marker that is missing.
pub fn with_tables(page: &str) -> anyhow::Result<String> {
    let page = with_table(page, "boards", &boards_table())?;
    with_table(&page, "wiring", &wiring_table())
}

fn with_table(page: &str, name: &str, table: &str) -> anyhow::Result<String> {
    let (start, end) = (format!("<!-- {name}: "), format!("<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&start).with_context(|| format!("\"{start}\" is missing"))?;
    let (remark, rest) = rest.split_once('\n').with_context(|| format!("\"{start}\" does not end its line"))?;
    ensure!(remark.ends_with("-->"), "\"{start}\" does not end in its line");
    let (_, after) = rest.split_once(&end).with_context(|| format!("\"{end}\" is missing"))?;
    Ok(format!("{before}{start}{remark}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_what_stands_around_its_tables() {
        let page =
            "a\n<!-- boards: x -->\nold\n<!-- end of boards -->\nb\n<!-- wiring: y -->\n<!-- end of wiring -->\nc";
        let new = with_tables(page).unwrap();
        assert!(new.starts_with("a\n<!-- boards: x -->\n| board | chip, core "), "{new}");
        assert!(
            new.contains("\n<!-- end of boards -->\nb\n<!-- wiring: y -->\n| board | chip sends")
                && new.ends_with("\nc")
        );
        assert!(!new.contains("old"));
        assert_eq!(with_tables(&new).unwrap(), new);
        let error = with_tables("a\n<!-- boards: x -->\n").unwrap_err().to_string();
        assert!(error.contains("end of boards"), "{error}");
    }
}
