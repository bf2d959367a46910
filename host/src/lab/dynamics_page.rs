//! The page of `mote dynamics`.

use crate::base::progress::counted;
use crate::lab::page::{self, Figure, Page, Table};
use mote_lab::dynamics::{QUANTITIES, Stages};
use mote_lab::place::GridPoint;
use mote_lab::recipe::Recipe;
use mote_lab::summary::Moments;

/// What was followed, and with what.
pub struct Followed<'a> {
    /// Name of the preset.
    pub preset: &'a str,
    /// Independent runs.
    pub runs: u32,
    /// Steps of each.
    pub steps: u32,
    /// Seed of all.
    pub seed: u64,
    /// The recipe of the preset.
    pub recipe: &'a Recipe,
    /// Its place.
    pub place: &'a GridPoint,
    /// Every quantity after every step.
    pub table: &'a [[Moments; QUANTITIES.len()]],
    /// When attention moves.
    pub stages: Stages,
    /// Threads that computed.
    pub threads: usize,
    /// How long they took.
    pub seconds: f64,
}

impl Followed<'_> {
    /// The page, with the figures given as name, label and SVG.
    ///
    /// # Errors
    ///
    /// If a figure is no SVG.
    pub fn page(&self, figures: &[(&str, &str, Vec<u8>)]) -> anyhow::Result<Page> {
        let Self { place, recipe, .. } = self;
        let caption = |label: &str| match self.runs {
            1 => format!("One run ({label}), so no spread."),
            runs => format!("Mean over {runs} runs ({label}), with a band of 2 standard deviations."),
        };
        let figures = figures.iter().map(|(name, label, svg)| Figure::new(name, svg, caption(label)));
        Ok(Page {
            title: format!("Dynamics: {}", self.preset),
            lead: format!(
                "Training sample 0 through {} of gradient descent, with N={}, signal norm {}, M={}, D={}, H={}, \
                 V={} and learning rate {}. Dashed lines: attention starts to move, attention settles.",
                counted(self.steps as usize, "step"),
                place.samples,
                place.signal_norm,
                recipe.tokens,
                recipe.dim,
                recipe.head,
                recipe.value,
                recipe.learning_rate
            ),
            facts: self.facts(),
            figures: figures.collect::<Result<_, _>>()?,
            tables: vec![self.moments()],
            config: self.config()?,
            run_file: None,
            files: FILES.to_vec(),
        })
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let step = |step: Option<u32>| step.map_or("not in these steps".into(), |step| format!("step {step}"));
        let machine = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
        vec![
            ("runs", self.runs.to_string()),
            ("attention starts to move", step(self.stages.attention_starts)),
            ("attention settles", step(self.stages.attention_settles)),
            // There is no stop rule, and a run that leaves the finite numbers ends the command with an error.
            ("not converged", "no stop rule: every run took every step".into()),
            ("duration", format!("{:.1} s, on {}, {machine}", self.seconds, counted(self.threads, "thread"))),
        ]
    }

    /// Preset, runs, steps and seed, then the recipe.
    fn config(&self) -> anyhow::Result<Vec<(String, String)>> {
        let Self { place, recipe, .. } = self;
        page::settings(&serde_json::json!({
            "preset": self.preset,
            "runs": self.runs,
            "steps": self.steps,
            "seed": self.seed,
            "n": place.samples,
            "signal": place.signal_norm,
            // The stop rule of the recipe is none here.
            "recipe": {
                "form": recipe.form,
                "tokens": recipe.tokens,
                "dim": recipe.dim,
                "head": recipe.head,
                "value": recipe.value,
                "learning_rate": recipe.learning_rate,
                "test_samples": recipe.test_samples,
            },
        }))
    }

    fn moments(&self) -> Table {
        let mut steps = vec![1, 25, 50, 100, 200, self.table.len()];
        steps.retain(|step| *step <= self.table.len());
        steps.dedup();
        let row = |at: usize, name: &str| {
            let number = |step: &usize| match self.table[step - 1][at] {
                Moments { mean, sd: Some(sd), .. } => format!("{mean:.4} \u{b1} {sd:.4}"),
                Moments { mean, .. } => format!("{mean:.4}"),
            };
            std::iter::once(name.replace('_', " ")).chain(steps.iter().map(number)).collect()
        };
        let head = steps.iter().map(|step| format!("step {step}"));
        let (title, over) = match self.runs {
            1 => ("Values", "Of one run, so no spread."),
            _ => ("Means and standard deviations", "Over runs."),
        };
        Table {
            title: title.into(),
            note: format!("{over} The training loss is measured before the step, the rest after it."),
            head: std::iter::once("quantity".into()).chain(head).collect(),
            rows: QUANTITIES.iter().enumerate().map(|(at, name)| row(at, name)).collect(),
            folded: false,
        }
    }
}

const FILES: [(&str, &str); 3] = [
    ("dynamics.csv", "mean and standard deviation of every quantity after every step: step,quantity,mean,sd,runs"),
    ("stages.json", "the steps at which attention starts to move and settles"),
    ("loss, attention, values, products", "the figures, each as .png and .svg"),
];
