//! The page of `mote dynamics`: see [`crate::lab::page`].

use crate::base::progress::counted;
use crate::lab::dynamics_curves::{Curves, FIGURES, MOST_DRAWN, Sitting, labelled, shown_steps, signal};
use crate::lab::grid::Config;
use crate::lab::page::{self, Figure, Page, Table};
use crate::lab::session::machine;
use mote_lab::axes;
use mote_lab::dynamics::{QUANTITIES, Stages};
use mote_lab::place::GridPoint;
use mote_lab::summary::Moments;

/// The page; `svgs` are the figures of the places that are drawn, in order.
///
/// # Errors
///
/// If a figure is no SVG.
pub fn page(config: &Config, curves: &[Curves], svgs: &[Vec<u8>], sitting: &Sitting) -> anyhow::Result<Page> {
    let places = labelled(config, curves);
    let mut figures = Vec::new();
    for (i, ((place, curves), svgs)) in places.iter().zip(svgs.chunks(FIGURES.len())).enumerate() {
        let of = if place.is_empty() { String::new() } else { format!(" {place}.") };
        for ((name, label, _), svg) in FIGURES.iter().zip(svgs) {
            let caption = match curves.runs {
                1 => format!("One run ({label}), so no spread.{of}"),
                runs => format!("Mean over {runs} runs ({label}), with a band of 2 standard deviations.{of}"),
            };
            figures.push(Figure::new(&format!("{name}{i}"), svg, caption)?);
        }
    }
    Ok(Page {
        title: format!("Dynamics: {}", config.preset),
        lead: lead(config, curves),
        facts: facts(config, &places, sitting),
        figures,
        tables: places.iter().map(|(place, curves)| means(place, curves)).collect(),
        config: page::settings(config)?,
        run_file: sitting.run_file.clone(),
        files: FILES.to_vec(),
    })
}

/// What was followed, and where.
fn lead(config: &Config, curves: &[Curves]) -> String {
    let recipe = &config.recipe;
    let steps = counted(recipe.max_steps as usize, "step");
    let (m, v, lr) = (recipe.tokens, recipe.value, recipe.learning_rate);
    let at = match curves {
        [Curves { place, .. }] => {
            let (GridPoint { samples, dim, head, extra, .. }, (symbol, value)) = (place, signal(config, place));
            let noise = axes::label(config.axes, extra);
            format!("with N={samples}, {symbol} {value},{noise} M={m}, D={dim}, H={head}, V={v} and learning rate {lr}")
        }
        all => {
            let some = if all.len() > MOST_DRAWN {
                format!(" {MOST_DRAWN} of them are shown; all are in dynamics.csv.")
            } else {
                String::new()
            };
            format!("at {} places, with M={m}, V={v} and learning rate {lr}.{some}", all.len())
        }
    };
    let stop = match recipe.stop_loss {
        0.0 => String::new(),
        stop => format!(" A run ends once its training loss is below {stop}; later means are over the others."),
    };
    format!(
        "The first training sample of class +1 with its own label, through {steps} of gradient descent, {}.{stop} Dashed lines: attention \
         starts to move, attention settles.",
        at.trim_end_matches('.')
    )
}

fn facts(config: &Config, places: &[(String, &Curves)], sitting: &Sitting) -> Vec<(&'static str, String)> {
    let step = |step: Option<u32>| step.map_or("not in these steps".into(), |step| format!("step {step}"));
    let mut facts = vec![("runs of each place", config.replicates.to_string())];
    for (place, Curves { stages: Stages { attention_starts, attention_settles }, .. }) in places {
        let of = if place.is_empty() { String::new() } else { format!(" ({place})") };
        facts.push(("attention starts to move", format!("{}{of}", step(*attention_starts))));
        facts.push(("attention settles", format!("{}{of}", step(*attention_settles))));
    }
    if config.recipe.stop_loss == 0.0 {
        // A run that leaves the finite numbers ends the command with an error.
        facts.push(("not converged", "no stop rule: every run took every step".into()));
    }
    let Sitting { seconds, threads, .. } = sitting;
    let duration = format!("{seconds:.1} s, on {}, {}", counted(*threads, "thread"), machine());
    facts.push(("duration of this session", duration));
    facts
}

fn means(place: &str, Curves { runs, table, .. }: &Curves) -> Table {
    let steps = shown_steps(table.len());
    let row = |at: usize, name: &str| {
        let number = |step: &usize| match table[step - 1][at] {
            Some(Moments { mean, sd: Some(sd), .. }) => format!("{mean:.4} \u{b1} {sd:.4}"),
            Some(Moments { mean, .. }) => format!("{mean:.4}"),
            None => String::new(),
        };
        std::iter::once(name.replace('_', " ")).chain(steps.iter().map(number)).collect()
    };
    let head = steps.iter().map(|step| format!("step {step}"));
    let (title, over) = match runs {
        1 => ("Values", "Of one run, so no spread."),
        _ => ("Means and standard deviations", "Over runs."),
    };
    Table {
        title: if place.is_empty() { title.into() } else { format!("{title}, {place}") },
        note: format!("{over} The training loss is measured before the step, the rest after it."),
        head: std::iter::once("quantity".into()).chain(head).collect(),
        rows: QUANTITIES.iter().enumerate().map(|(at, name)| row(at, name)).collect(),
        folded: false,
    }
}

const FILES: [(&str, &str); 7] = [
    ("runs.csv", "every quantity after every step of every run, in the order of computation"),
    (
        "runs.parquet",
        "with --keep-runs, the same with types and nulls, sorted: pandas.read_parquet, polars.read_parquet",
    ),
    ("dynamics.csv", "mean and standard deviation of every quantity after every step: step,quantity,mean,sd,runs"),
    ("stages.json", "the steps at which attention starts to move and settles"),
    ("loss, attention, values, products", "the figures, each as .png and .svg; of several places, one each"),
    ("config.json", "the configuration"),
    ("run.json", "the configuration, versions, machine and duration"),
];
