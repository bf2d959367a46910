//! What is known, on a screen: the same state always gives the same picture.

use crate::monitor::curve::Curve;
use crate::monitor::message::{ChipActivity, Message, Severity};
use crate::monitor::state::{State, model, shown};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};
use std::time::Duration;

/// Smallest window with curves.
pub const FULL_SIZE: (u16, u16) = (60, 18);

/// After so long without a line, the picture says so.
const QUIET: Duration = Duration::from_secs(3);

const KEYS: &str = "x stop  s save  q quit  ? help";

const HELP: [&str; 10] = [
    "x  stop: the chip ends its run within one sample",
    "s  save: the chip keeps weights and step in its flash",
    "q  quit; an emulated board ends, a real one goes on (also Ctrl-C)",
    "?  this help, and back",
    "",
    "x and s need firmware that takes commands (mote-session). A chip",
    "that trains refuses to save: stop it first.",
    "Lines whose checksum is wrong are counted as damaged and shown, and",
    "not plotted. A chip that restarts begins a new curve.",
    "The screen shows the latest lines; --log keeps all.",
];

/// What is to be drawn, and how.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What is known.
    pub state: &'a State,
    /// The time, on the clock of the state.
    pub now: Duration,
    /// Whether the help is shown.
    pub help: bool,
}

impl View<'_> {
    /// Draws all of it.
    pub fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        if area.width < FULL_SIZE.0 || area.height < FULL_SIZE.1 {
            return self.draw_small(frame, area);
        }
        let [top, model, run, middle, figures, messages, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(3),
            Constraint::Length(2),
            Constraint::Fill(2),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(self.title(top.width), top);
        frame.render_widget(Paragraph::new(self.model()).style(dim()), model);
        frame.render_widget(Paragraph::new(self.run()).style(dim()), run);
        if self.help {
            let lines: Vec<Line> = HELP.into_iter().map(Line::from).collect();
            frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" help ")), middle);
        } else {
            let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(middle);
            self.draw_loss(frame, left);
            self.draw_error(frame, right);
        }
        let lines = [[self.progress(), self.loss()].join("  "), [self.test(), self.test_more()].join("  ")];
        frame.render_widget(Paragraph::new(lines.map(Line::from).to_vec()), figures);
        self.draw_messages(frame, messages);
        frame.render_widget(both_ends(KEYS.into(), self.counts(), keys.width, dim()), keys);
    }

    /// The figures alone, the newest message, and why there is no more.
    fn draw_small(&self, frame: &mut Frame, area: Rect) {
        let mut lines = vec![Line::styled(self.activity(), self.activity_style())];
        lines.extend([self.progress(), self.loss(), self.test(), self.test_more()].map(Line::from));
        lines.push(Line::styled(self.counts(), dim()));
        lines.extend(self.state.messages.back().map(|message| self.message(message)));
        lines.push(Line::styled(KEYS, dim()));
        let (width, height) = FULL_SIZE;
        let note = format!("window of {}x{}: curves from {width}x{height} on", area.width, area.height);
        // Of what does not fit, the note is the last to go.
        lines.truncate(usize::from(area.height).saturating_sub(1));
        lines.push(Line::styled(note, dim()));
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn title(&self, width: u16) -> Paragraph<'_> {
        let chip = match &self.state.board {
            Some(board) => format!("mote: {} ({}) on {}", board.name, board.core, self.state.source),
            None => format!("mote: {}", self.state.source),
        };
        both_ends(chip, self.activity(), width, self.activity_style())
    }

    fn activity(&self) -> String {
        let quiet = self.now.saturating_sub(self.state.last_heard);
        let is_waiting =
            matches!(self.state.activity, ChipActivity::Unknown | ChipActivity::Preparing | ChipActivity::Training);
        match &self.state.lost {
            _ if self.state.is_over => format!("{}; no more lines", self.state.activity),
            Some(_) => "LINE LOST, trying again".into(),
            None if is_waiting && quiet >= QUIET => {
                format!("{}, silent for {} s", self.state.activity, quiet.as_secs())
            }
            None => self.state.activity.to_string(),
        }
    }

    fn activity_style(&self) -> Style {
        let color = match (&self.state.activity, &self.state.lost) {
            (ChipActivity::Crashed, _) | (_, Some(_)) => Color::Red,
            (ChipActivity::Training, _) => Color::Green,
            _ => Color::Yellow,
        };
        Style::new().fg(color).add_modifier(Modifier::BOLD)
    }

    fn model(&self) -> String {
        let mut text = self.state.hello.as_ref().map_or("no hello yet".into(), model);
        if let Some(stack) = &self.state.stack {
            text += &format!(", stack {}/{}", stack.used, stack.of);
        }
        text
    }

    fn run(&self) -> String {
        let Some(run) = &self.state.run else { return "no run yet".into() };
        format!(
            "run {}: {} data, N={} SNR={:.3}, lr {}, seed {}; stops below {}",
            run.name, run.form, run.samples, run.snr, run.learning_rate, run.seed, run.stop_loss
        )
    }

    fn progress(&self) -> String {
        let of = self.state.run.as_ref().map_or(String::new(), |run| format!("/{}", run.max_steps));
        let rate = self.state.rate(self.now).map_or("-".into(), |rate| format!("{rate:.1}"));
        let saved = self.state.saved.map_or(String::new(), |step| format!("  saved {step}"));
        format!("step {}{of}  {rate} steps/s{saved}", self.state.step)
    }

    fn loss(&self) -> String {
        format!("train loss {}", self.state.train_loss.last().map_or("-".into(), |(_, loss)| shown(loss)))
    }

    fn test(&self) -> String {
        match &self.state.eval {
            Some(eval) => format!("test loss {}  test error {:.1}%", shown(eval.test_loss), 100.0 * eval.test_error),
            None => "test loss -  test error -".into(),
        }
    }

    fn test_more(&self) -> String {
        match &self.state.eval {
            Some(eval) => format!("attention {:.3}  (tested at step {})", eval.attention, eval.step),
            None => "attention -".into(),
        }
    }

    fn counts(&self) -> String {
        let State { lines, damaged, unknown, .. } = self.state;
        let unknown = if *unknown > 0 { format!(", {unknown} not understood") } else { String::new() };
        format!("{lines} lines, {damaged} damaged{unknown}")
    }

    fn draw_loss(&self, frame: &mut Frame, area: Rect) {
        let (train, test) = (&self.state.train_loss, &self.state.test_loss);
        let top = train.max().into_iter().chain(test.max()).reduce(f64::max).unwrap_or(1.0);
        let curves = [("train", train, Color::Cyan), ("test", test, Color::Yellow)];
        draw_curves(frame, area, " loss ", round_up(top), curves);
    }

    fn draw_error(&self, frame: &mut Frame, area: Rect) {
        let curves =
            [("error", &self.state.test_error, Color::Red), ("attention", &self.state.attention, Color::Green)];
        draw_curves(frame, area, " test ", 1.0, curves);
    }

    fn draw_messages(&self, frame: &mut Frame, area: Rect) {
        let room = usize::from(area.height.saturating_sub(1));
        let skipped = self.state.messages.len().saturating_sub(room);
        let lines: Vec<Line> = self.state.messages.iter().skip(skipped).map(|message| self.message(message)).collect();
        let block = Block::new().borders(ratatui::widgets::Borders::TOP).title("messages");
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }

    fn message(&self, message: &Message) -> Line<'static> {
        let seconds = message.at.as_secs();
        let color = match message.severity {
            Severity::Plain => Color::Reset,
            Severity::Good => Color::Green,
            Severity::Bad => Color::Red,
        };
        let time = Span::styled(format!("{:>2}:{:02} ", seconds / 60, seconds % 60), dim());
        Line::from(vec![time, Span::styled(message.text.clone(), Style::new().fg(color))])
    }
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// One text at the left, one at the right; the left one gives way.
fn both_ends(left: String, right: String, width: u16, style: Style) -> Paragraph<'static> {
    let room = usize::from(width).saturating_sub(right.chars().count() + 1);
    let left: String = left.chars().take(room).collect();
    let gap = room + 1 - left.chars().count();
    Paragraph::new(Line::from(vec![Span::raw(left), Span::raw(" ".repeat(gap)), Span::styled(right, style)]))
}

/// The next of 1, 2, 5, 10, ... tenths, hundredths and so on: the axis jumps seldom.
fn round_up(top: f64) -> f64 {
    if !(top.is_finite() && top > 0.0) {
        return 1.0;
    }
    let unit = 10f64.powf(top.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * unit).find(|limit| *limit >= top).unwrap_or(top)
}

/// Two curves over steps, from 0 to `top`, with what they are in the title.
fn draw_curves(frame: &mut Frame, area: Rect, title: &str, top: f64, curves: [(&str, &Curve, Color); 2]) {
    let points = curves.map(|(_, curve, _)| curve.points());
    let steps = points.iter().flatten().map(|point| point.0);
    let first = steps.clone().fold(f64::INFINITY, f64::min);
    let last = steps.fold(1.0, f64::max);
    let first = if first.is_finite() { first } else { 0.0 };
    let datasets = curves.iter().zip(&points).map(|((_, _, color), points)| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(*color))
            .data(points)
    });
    let mut words = vec![Span::raw(title.to_owned())];
    words.extend(curves.map(|(name, _, color)| Span::styled(format!("{name} "), Style::new().fg(color))));
    let chart = Chart::new(datasets.collect())
        .block(Block::bordered().border_style(dim()).title(Line::from(words)))
        .x_axis(Axis::default().bounds([first, last.max(first + 1.0)]).labels([label(first), label(last)]).style(dim()))
        .y_axis(Axis::default().bounds([0.0, top]).labels([label(0.0), label(top)]).style(dim()));
    frame.render_widget(chart, area);
}

fn label(value: f64) -> String {
    if value == value.trunc() { format!("{value:.0}") } else { format!("{value}") }
}
