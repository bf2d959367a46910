//! `mote plot`: columns of a finished folder as a picture, without computing anything anew.

use crate::base::error::InputError;
use crate::base::files::{check_writable, write_atomically};
use crate::base::progress::print_line;
use crate::draw::picture::{PRINT, Picture};
use crate::lab::columns::Table;
use crate::lab::page;
use crate::lab::plot::{Cells, Drawn, Kind, Log, Wanted};
use crate::lab::plot_dynamics;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Options of `mote plot`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads cells.csv of a folder of phase, or summary.csv if a column is there alone, or dynamics.csv of a \
folder of dynamics. Curves are means over replicates with bands of 2 standard errors (dynamics: 2 standard deviations \
of runs); an axis that varies and is not drawn gets a panel for each of its values. Without options, it draws a heat \
map where the grid has three N and three signals, else test loss over N SNR^2.

Columns of cells.csv: n, signal_norm, snr, n_snr2, replicate, dim, head, space, steps, train_loss, test_loss, \
test_error, converged, seconds.

Examples:
  mote plot fig1
  mote plot fig1 --x n_snr2 --y test_loss --by n --log x --out loss.png
  mote plot fig1 --color steps --out steps.png
  mote plot benign --y attention_signal"
)]
pub struct PlotArgs {
    /// Folder of a run
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// curves, or a heat map
    #[arg(long, value_name = "KIND", value_enum)]
    pub kind: Option<Kind>,
    /// Column to the right
    #[arg(long, value_name = "COLUMN")]
    pub x: Option<String>,
    /// Column upwards
    #[arg(long, value_name = "COLUMN")]
    pub y: Option<String>,
    /// Column that has a line for each of its values
    #[arg(long, value_name = "COLUMN")]
    pub by: Option<String>,
    /// Column that the colours of a heat map say
    #[arg(long, value_name = "COLUMN")]
    pub color: Option<String>,
    /// Axes that are logarithmic [default: those whose values stand in equal ratios, SNR and N SNR^2]
    #[arg(long, value_name = "AXES", value_enum)]
    pub log: Option<Log>,
    /// Picture to write, .svg or .png with 300 dots to an inch [default: plot.svg in the folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show the picture at the end
    #[arg(long)]
    pub open: bool,
}

/// The formats, by the end of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// Draws a picture.
///
/// # Errors
///
/// [`InputError`] for a folder without a table, unknown columns and impossible options.
pub fn plot(args: &PlotArgs) -> anyhow::Result<()> {
    let out = args.out.clone().unwrap_or_else(|| args.folder.join("plot.svg"));
    let format = format_of(&out)?;
    let wanted = Wanted {
        kind: args.kind,
        x: args.x.clone(),
        y: args.y.clone(),
        by: args.by.clone(),
        color: args.color.clone(),
        log: args.log,
    };
    let Drawn { picture, says } = drawn(&args.folder, &wanted)?;
    check_writable("out", &out)?;
    write_atomically(&out, &written(&picture, format)?)?;
    if args.open {
        page::show_file(&out);
    }
    print_line(format_args!("{}: {says}", out.display()))
}

fn format_of(out: &Path) -> Result<Format, InputError> {
    match out.extension().and_then(|end| end.to_str()) {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => {
            let found = out.display();
            Err(InputError::option("out", format!("expected a name that ends in .svg or .png, found {found}")))
        }
    }
}

fn written(picture: &Picture, format: Format) -> anyhow::Result<Vec<u8>> {
    match format {
        Format::Svg => picture.svg(),
        Format::Png => picture.png(PRINT),
    }
}

/// The picture from whichever table the folder has.
fn drawn(folder: &Path, wanted: &Wanted) -> Result<Drawn, InputError> {
    if let Some(table) = Table::open(&folder.join("dynamics.csv"))? {
        return plot_dynamics::draw(&table, &marks(folder), wanted);
    }
    let Some(cells) = Table::open(&folder.join("cells.csv"))? else {
        let found = "expected a folder of phase or dynamics, found neither cells.csv nor dynamics.csv in it";
        return Err(InputError::file(folder, found));
    };
    let asked = || [&wanted.x, &wanted.y, &wanted.by, &wanted.color].into_iter().flatten();
    if asked().any(|name| !cells.has(name))
        && let Some(summary) = Table::open(&folder.join("summary.csv"))?
        && asked().all(|name| summary.has(name))
    {
        return Cells::new(summary, constants(folder))?.draw(wanted);
    }
    Cells::new(cells, constants(folder))?.draw(wanted)
}

/// A JSON file that a run may have written.
fn json(path: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// `N SNR^2` at the boundary of each model, by D and H, if the run has ended.
fn constants(folder: &Path) -> BTreeMap<(String, String), f64> {
    let models = json(&folder.join("boundary.json")).and_then(|json| json["models"].as_array().cloned());
    let constant = |model: serde_json::Value| {
        let constant = model["constant"]["value"].as_f64().or(model["best_constant"].as_f64())?;
        Some(((model["dim"].to_string(), model["head"].to_string()), constant))
    };
    models.into_iter().flatten().filter_map(constant).collect()
}

/// The steps at which the stages of dynamics change.
fn marks(folder: &Path) -> Vec<f64> {
    let stages = json(&folder.join("stages.json")).unwrap_or_default();
    ["attention_starts", "attention_settles"].iter().filter_map(|name| stages[*name].as_f64()).collect()
}
