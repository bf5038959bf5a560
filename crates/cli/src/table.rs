//! Columns of text, as wide as their widest cell.

use std::fmt;

/// On which side the cells of a column meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells.
pub(crate) struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without a heading.
    pub(crate) fn new(columns: &[Align]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// A table with a heading, in capitals by custom.
    pub(crate) fn with_heading<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let mut table = Self::new(&columns.map(|(_, align)| align));
        table.push(columns.map(|(heading, _)| heading.to_owned()));
        table
    }

    /// A table of names and values.
    pub(crate) fn of_facts() -> Self {
        Self::new(&[Align::Left, Align::Left])
    }

    /// Adds a row.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a name and a value.
    pub(crate) fn fact(&mut self, name: &str, value: impl fmt::Display) {
        self.push([name.to_owned(), value.to_string()]);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        (0..self.columns.len()).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), align) in row.iter().zip(&widths).zip(&self.columns) {
                let cell = match align {
                    Align::Left => format!("{cell:<width$}  "),
                    Align::Right => format!("{cell:>width$}  "),
                };
                line.push_str(&cell);
            }
            writeln!(f, "{}", line.trim_end_matches(' '))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_their_last_cell() {
        let mut table =
            Table::with_heading([("ID", Align::Left), ("SIZE", Align::Right), ("STATE", Align::Left)]);
        table.push(["base".into(), "1".into(), "whole".into()]);
        table.push(["é".into(), "12345".into(), String::new()]);
        assert_eq!(table.to_string(), "ID     SIZE  STATE\nbase      1  whole\né     12345\n");
    }
}
