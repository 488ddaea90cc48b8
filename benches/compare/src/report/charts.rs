//! Charts: a panel for each case, a bar for each peer.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figures::{CaseReport, Line, Report};
use super::table::number;

/// Some figures of a row, drawn.
#[derive(Debug)]
pub(crate) struct Chart {
    /// What the file is called, after the name of the page.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) row: &'static str,
    /// Which figures of each case.
    pub(crate) units: &'static [&'static str],
}

/// One peer in one panel.
struct Bar {
    name: String,
    value: f64,
    color: RGBColor,
}

struct Panel {
    title: String,
    bars: Vec<Bar>,
}

impl Report {
    /// Draws the charts for which there are figures into a directory; returns their files' names and
    /// their titles.
    pub(super) fn draw(&self, dir: &Path) -> Result<Vec<(String, &'static str)>> {
        let mut drawn = Vec::new();
        for chart in self.page.charts {
            let panels = self.panels(chart);
            if panels.is_empty() {
                continue;
            }
            let file = format!("{}-{}.svg", self.page.name, chart.name);
            draw(&dir.join(&file), chart.title, &panels)
                .map_err(|error| anyhow!("cannot draw {file}: {error}"))?;
            drawn.push((file, chart.title));
        }
        Ok(drawn)
    }

    fn panels(&self, chart: &Chart) -> Vec<Panel> {
        let cases = self.kept.cases.iter().filter(|it| it.row == chart.row);
        let lines = cases.flat_map(|case| case.lines.iter().map(move |line| (case, line)));
        lines
            .filter(|(_, line)| chart.units.contains(&line.unit.as_str()))
            .map(|(case, line)| self.panel(case, line))
            .filter(|panel| !panel.bars.is_empty())
            .collect()
    }

    fn panel(&self, case: &CaseReport, line: &Line) -> Panel {
        let peers = self.kept.peers.iter().enumerate();
        let bars = peers.filter_map(|(at, peer)| {
            let value = line.median(&peer.name)?;
            let color = match (at, peer.is_floor, peer.is_durable) {
                (0, ..) => OURS,
                (_, true, _) => FLOOR,
                (_, _, true) => PEER,
                (_, _, false) => NOT_DURABLE,
            };
            let mark = if peer.is_durable {
                ""
            } else {
                " (not durable)"
            };
            Some(Bar {
                name: format!("{}{mark}", peer.name),
                value,
                color,
            })
        });
        Panel {
            title: format!("{}, {}", case.what, line.unit),
            bars: bars.filter(|bar| bar.value > 0.0).collect(),
        }
    }
}

type Failed = Box<dyn std::error::Error>;

/// Draws panels below each other. Bars are as long as the logarithm of their value: peers differ by
/// orders of magnitude.
fn draw(path: &Path, title: &str, panels: &[Panel]) -> Result<(), Failed> {
    let height = |panel: &Panel| -> Result<u32, Failed> {
        Ok(PANEL_TITLE + BAR * u32::try_from(panel.bars.len())? + GAP)
    };
    let mut total = TITLE;
    for panel in panels {
        total += height(panel)?;
    }
    let root = SVGBackend::new(path, (WIDTH, total)).into_drawing_area();
    root.fill(&WHITE)?;
    let heading = TextStyle::from(("sans-serif", 18).into_font());
    root.draw_text(title, &heading, (12, 12))?;
    let mut rest = root.split_vertically(TITLE).1;
    for panel in panels {
        let (area, below) = rest.split_vertically(height(panel)?);
        draw_panel(&area, panel)?;
        rest = below;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    panel: &Panel,
) -> Result<(), Failed> {
    let words = TextStyle::from(("sans-serif", 13).into_font());
    let strong = TextStyle::from(("sans-serif", 14).into_font().style(FontStyle::Bold));
    area.draw_text(&panel.title, &strong, (12, 6))?;
    let values = || panel.bars.iter().map(|bar| bar.value);
    let least = values().fold(f64::INFINITY, f64::min);
    let most = values().fold(0.0, f64::max);
    // The shortest bar is still seen, and numbers fit behind the longest.
    let scale = (least / 2.0)..(most * 1.01).max(least * 2.0);
    let right = words.pos(Pos::new(HPos::Right, VPos::Center));
    let left = words.pos(Pos::new(HPos::Left, VPos::Center));
    let bars = area.split_vertically(PANEL_TITLE).1;
    let (names, plot) = bars.split_horizontally(NAMES);
    let (plot, _) = plot.split_horizontally(WIDTH - NAMES - NUMBERS);
    let (plot, _) = plot.split_vertically(BAR * u32::try_from(panel.bars.len())?);
    let count = f64::from(u32::try_from(panel.bars.len())?);
    let mut chart =
        ChartBuilder::on(&plot).build_cartesian_2d(scale.clone().log_scale(), count..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_axes()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .draw()?;
    let mut top = 0.0;
    for bar in &panel.bars {
        let corners = [(scale.start, top + 0.12), (bar.value, top + 0.88)];
        chart.draw_series([Rectangle::new(corners, bar.color.filled())])?;
        let (x, y) = chart.backend_coord(&(bar.value, top + 0.5));
        let (left_edge, top_edge) = names.get_base_pixel();
        let place = (i32::try_from(NAMES)? - 8, y - top_edge);
        names.draw_text(&bar.name, &right, place)?;
        let place = (x - left_edge + 6, y - top_edge);
        bars.draw_text(&number(Some(bar.value)), &left, place)?;
        top += 1.0;
    }
    Ok(())
}

/// Pixels.
const WIDTH: u32 = 860;
const TITLE: u32 = 44;
const PANEL_TITLE: u32 = 28;
const BAR: u32 = 20;
const GAP: u32 = 14;
const NAMES: u32 = 190;
const NUMBERS: u32 = 110;

const OURS: RGBColor = RGBColor(0x1F, 0x6F, 0xB5);
const PEER: RGBColor = RGBColor(0x8A, 0xA8, 0xC4);
const NOT_DURABLE: RGBColor = RGBColor(0xE0, 0xB0, 0x8C);
const FLOOR: RGBColor = RGBColor(0x6B, 0x6B, 0x6B);
