//! `replicator watch`: what is going on, live in the terminal.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::arguments::WatchArguments;
use super::ask::Ask;
use super::explain::sentences;
use super::status::{bounds, size, stands};
use crate::api::model::{Happening, History, Resource, Role, Status};

/// How often the agent is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How much of what happened is shown at most.
const MOST_HAPPENINGS: usize = 200;

/// What is on the screen.
#[derive(Default)]
struct Screen {
    status: Option<Status>,
    happenings: Vec<Happening>,
    /// Why the last question was not answered.
    trouble: Option<String>,
    /// Which resource the mark is on.
    chosen: TableState,
    /// Whether the one that is chosen is explained.
    explains: bool,
    /// How far the explanation is scrolled.
    scrolled: u16,
}

pub(super) fn run(arguments: &WatchArguments) -> anyhow::Result<ExitCode> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("this takes a terminal; replicator status prints the same once, with -json for programs");
    }
    let ask = Ask::new(&arguments.ask)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Whoever cannot be asked at all is told of before the screen is taken.
    runtime.block_on(ask.status())?;
    let mut terminal = ratatui::try_init()?;
    let mut screen = Screen::default();
    let watched = loop {
        runtime.block_on(screen.refresh(&ask));
        if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
            break Err(error.into());
        }
        match screen.wait(&mut terminal) {
            Ok(true) => {}
            Ok(false) => break Ok(ExitCode::SUCCESS),
            Err(error) => break Err(error.into()),
        }
    };
    ratatui::restore();
    watched
}

impl Screen {
    async fn refresh(&mut self, ask: &Ask) {
        let asked = async {
            let (status, leader) = ask.status().await?;
            let history: History = leader.get("/v1/history", &[("limit", "200")]).await?;
            anyhow::Ok((status, history))
        };
        match asked.await {
            Ok((status, history)) => {
                self.happenings = history.happenings;
                self.trouble = None;
                if self.chosen.selected().is_none() && !status.resources.is_empty() {
                    self.chosen.select(Some(0));
                }
                self.status = Some(status);
            }
            Err(error) => self.trouble = Some(format!("{error:#}")),
        }
    }

    /// Obeys keys until it is time to ask again. Whether to go on.
    fn wait(&mut self, terminal: &mut ratatui::DefaultTerminal) -> io::Result<bool> {
        let began = tokio::time::Instant::now();
        while let Some(left) = EVERY.checked_sub(began.elapsed()) {
            if !event::poll(left)? {
                break;
            }
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && !self.obey(key)
            {
                return Ok(false);
            }
            terminal.draw(|frame| self.draw(frame))?;
        }
        Ok(true)
    }

    fn obey(&mut self, key: KeyEvent) -> bool {
        let last = self.status.as_ref().map_or(0, |status| status.resources.len().saturating_sub(1));
        let chosen = self.chosen.selected().unwrap_or(0);
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return false,
            KeyCode::Esc | KeyCode::Char('q') if self.explains => self.explains = false,
            KeyCode::Esc | KeyCode::Char('q') => return false,
            KeyCode::Down | KeyCode::Char('j') if self.explains => self.scrolled = self.scrolled.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') if self.explains => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.chosen.select(Some((chosen + 1).min(last))),
            KeyCode::Up | KeyCode::Char('k') => self.chosen.select(Some(chosen.saturating_sub(1))),
            KeyCode::Home => self.chosen.select(Some(0)),
            KeyCode::End => self.chosen.select(Some(last)),
            KeyCode::Enter => (self.explains, self.scrolled) = (!self.explains, 0),
            _ => {}
        }
        true
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        let Some(status) = &self.status else {
            let words = self.trouble.as_deref().unwrap_or("asks the agent …");
            frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: false }), frame.area());
            return;
        };
        let attention = attention(status, self.trouble.as_deref());
        let alarms = u16::try_from(attention.len()).unwrap_or(u16::MAX).min(frame.area().height / 3);
        let [head, alarm, middle, below, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(alarms),
            Constraint::Fill(2),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Line::from(role(status)).bold(), head);
        frame.render_widget(Paragraph::new(attention).red(), alarm);
        let chosen = self.chosen.selected().and_then(|chosen| status.resources.get(chosen));
        let mut middle_drawn = false;
        if self.explains
            && let Some(resource) = chosen
        {
            let text = Paragraph::new(sentences(resource)).wrap(Wrap { trim: false }).scroll((self.scrolled, 0));
            frame.render_widget(text.block(Block::bordered().title(format!(" {} ", resource.name))), middle);
            middle_drawn = true;
        }
        if !middle_drawn {
            frame.render_stateful_widget(table(status), middle, &mut self.chosen);
        }
        let room = usize::from(below.height.saturating_sub(1));
        let skip = self.happenings.len().saturating_sub(room.min(MOST_HAPPENINGS));
        let lines: Vec<Line<'_>> = self.happenings[skip..].iter().map(happening).collect();
        frame.render_widget(Paragraph::new(Text::from(lines)).block(Block::new().title("what happened").bold()), below);
        let keys =
            if self.explains { "↑↓ scroll  Enter back  q back" } else { "↑↓ choose  Enter explain  q leave" };
        frame.render_widget(Line::from(keys).dim(), foot);
    }
}

fn role(status: &Status) -> String {
    let role = match status.agent.role {
        Role::Leads => "leads",
        Role::StandsBy => "stands by",
        Role::Campaigns => "campaigns: nobody leads, as far as it knows",
    };
    format!("{} {role}; {} agents; {}", status.agent.name, status.agents.len(), second(&status.at))
}

fn attention<'a>(status: &'a Status, trouble: Option<&'a str>) -> Vec<Line<'a>> {
    let stale = trouble.map(|trouble| format!("this is from {}: {trouble}", second(&status.at)));
    stale.into_iter().map(Line::from).chain(status.attention.iter().map(|it| Line::from(it.as_str()))).collect()
}

fn table(status: &Status) -> Table<'_> {
    let now = status.at.parse().ok();
    let rows = status.resources.iter().map(|resource| row(resource, now));
    let widths = [Constraint::Max(40), Constraint::Length(6), Constraint::Length(10), Constraint::Fill(1)];
    let header = Row::new(["", "SIZE", "MIN..MAX", "HOW IT STANDS"]).style(Style::new().add_modifier(Modifier::BOLD));
    Table::new(rows, widths).header(header).row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
}

fn row(resource: &Resource, now: Option<Timestamp>) -> Row<'_> {
    let cells = [resource.name.clone(), size(resource), bounds(resource), stands(resource, now)];
    let row = Row::new(cells.map(Cell::from));
    let urgent = resource.failsafe.is_some() || resource.trouble.is_some() || resource.policy_problem.is_some();
    if urgent { row.red() } else { row }
}

fn happening(it: &Happening) -> Line<'_> {
    Line::from(format!("{}  {}", second(&it.at), it.words)).not_bold()
}

/// A time to the second.
fn second(at: &str) -> String {
    let time = at.parse::<Timestamp>().map(|at| at.strftime("%H:%M:%SZ").to_string());
    time.unwrap_or_else(|_| at.to_owned())
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn screen() -> Screen {
        let status = serde_json::from_str(include_str!("../api/status.test.json")).unwrap();
        let happening = Happening {
            id: 1,
            at: "2026-11-28T05:00:01Z".to_owned(),
            resource: None,
            kind: "leadership".to_owned(),
            words: "leads".to_owned(),
        };
        let mut screen = Screen { status: Some(status), happenings: vec![happening], ..Screen::default() };
        screen.chosen.select(Some(0));
        screen
    }

    fn drawn(screen: &mut Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn press(screen: &mut Screen, code: KeyCode) -> bool {
        screen.obey(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn c14_the_screen_shows_what_the_status_says() {
        let mut screen = screen();
        let shown = drawn(&mut screen, 100, 20);
        for words in [
            "a leads; 0 agents; 05:00:10Z",
            "group web/front is in failsafe, by itself",
            "pool workers",
            "scaling out 6 -> 7: joining",
            "05:00:01Z  leads",
            "Enter explain",
        ] {
            assert!(shown.contains(words), "{words} is not in\n{shown}");
        }
        screen.trouble = Some("no agent answers".to_owned());
        assert!(drawn(&mut screen, 100, 20).contains("this is from 05:00:10Z: no agent answers"));
        for (width, height) in [(1, 1), (10, 3), (300, 100)] {
            drawn(&mut screen, width, height);
        }
    }

    #[test]
    fn c14_keys_choose_and_explain() {
        let mut screen = screen();
        assert!(press(&mut screen, KeyCode::Down) && press(&mut screen, KeyCode::Down));
        assert_eq!(screen.chosen.selected(), Some(1), "there are two");
        assert!(press(&mut screen, KeyCode::Enter));
        assert!(drawn(&mut screen, 100, 40).contains("to lift it: replicator failsafe -disable"));
        assert!(press(&mut screen, KeyCode::Down) && screen.scrolled == 1);
        assert!(press(&mut screen, KeyCode::Char('q')) && !screen.explains, "back first");
        assert!(!press(&mut screen, KeyCode::Esc));
        assert!(!screen.obey(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    }
}
