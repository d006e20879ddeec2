//! Tables for terminals: columns aligned by the width that characters take, so that Chinese lines up.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

/// Space between columns.
const GAP: usize = 2;
/// How titles look on a terminal.
const TITLE: Style = Style::new().bold();

/// Which side a column keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table in the making.
#[derive(Debug)]
pub(crate) struct Table {
    titles: Vec<String>,
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new<const N: usize>(columns: [(&str, Side); N]) -> Table {
        Table {
            titles: columns.iter().map(|(title, _)| (*title).to_owned()).collect(),
            sides: columns.iter().map(|(_, side)| *side).collect(),
            rows: Vec::new(),
        }
    }

    /// A table whose columns are known only when it is made.
    pub(crate) fn with<'t>(columns: impl Iterator<Item = (&'t str, Side)>) -> Table {
        let (titles, sides) = columns.map(|(title, side)| (title.to_owned(), side)).unzip();
        Table { titles, sides, rows: Vec::new() }
    }

    /// Two columns without titles: what, and how it is.
    pub(crate) fn pairs() -> Table {
        Table { titles: Vec::new(), sides: vec![Side::Left, Side::Left], rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a row to a table made [with](Table::with) as many columns.
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Adds a pair.
    pub(crate) fn pair(&mut self, what: &str, how: impl Into<String>) {
        self.row([what.to_owned(), how.into()]);
    }

    /// The lines, each ended. Titles are bold where the terminal can.
    pub(crate) fn render(&self) -> String {
        let mut widths = vec![0; self.sides.len()];
        for cells in self.rows.iter().chain([&self.titles]) {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.width());
            }
        }
        let mut text = String::new();
        if !self.titles.is_empty() {
            text.push_str(&format!("{TITLE}{}{TITLE:#}\n", self.line(&self.titles, &widths)));
        }
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, side), width) in cells.iter().zip(&self.sides).zip(widths) {
            let fill = " ".repeat(width.saturating_sub(cell.width()));
            match side {
                Side::Left => line.extend([cell.as_str(), &fill]),
                Side::Right => line.extend([fill.as_str(), cell]),
            }
            line.push_str(&" ".repeat(GAP));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// A heading over a table or a paragraph.
pub(crate) fn heading(text: &str) -> String {
    format!("\n{TITLE}{text}{TITLE:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_numbers_line_up() {
        let mut table = Table::new([("村", Side::Left), ("points", Side::Right), ("state", Side::Left)]);
        table.row(["谢楼村".into(), "3,012".into(), "在线".into()]);
        table.row(["A".into(), "7".into(), "ok".into()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, "村      points  state\n谢楼村   3,012  在线\nA            7  ok\n");
        let end_of_numbers: Vec<usize> = text
            .lines()
            .skip(1)
            .map(|line| line[..line.find([',', '7']).map(|at| line[at..].find(' ').unwrap_or(0) + at).unwrap()].width())
            .collect();
        assert_eq!(end_of_numbers, [14, 14]);
    }

    #[test]
    fn pairs_have_no_titles() {
        let mut table = Table::pairs();
        table.pair("节点", "x");
        table.pair("version", "y");
        assert_eq!(table.render(), "节点     x\nversion  y\n");
    }
}
