//! Nodes from a table: `node,org,parent,lat,lon`, one a line, with a heading.

use std::collections::BTreeMap;

use xiangyue_protocol::{Level, OrgCode};

use super::topology::{Role, Site};
use crate::plan::Place;

/// The columns, in any order; the last two may be missing.
const COLUMNS: [&str; 5] = ["node", "org", "parent", "lat", "lon"];

/// Reads a table. `name` is what it is called in messages.
///
/// # Errors
/// The row, the column and what is wrong there.
pub(super) fn read(name: &str, text: &str) -> Result<Vec<Site>, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (at, heading) =
        lines.next().ok_or_else(|| format!("{name}: the table is empty; it begins with {}", COLUMNS.join(",")))?;
    let columns =
        columns(heading.trim_start_matches('\u{feff}')).map_err(|what| format!("{name}:{}: {what}", at + 1))?;
    let mut table = Table { sites: Vec::new(), known: BTreeMap::new() };
    for (at, line) in lines {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell =
            |column: &str| columns.iter().position(|c| *c == column).and_then(|n| cells.get(n).copied()).unwrap_or("");
        let place = |column: &str, what: String| format!("{name}:{}: column {column}: {what}", at + 1);
        if cells.len() != columns.len() || line.contains('"') {
            let what =
                format!("{} cells, the heading has {}; names have no commas or quotes", cells.len(), columns.len());
            return Err(format!("{name}:{}: {what}", at + 1));
        }
        let row =
            Row { node: cell("node"), org: cell("org"), parent: cell("parent"), lat: cell("lat"), lon: cell("lon") };
        table.add(&row).map_err(|(column, what)| place(column, what))?;
    }
    if table.sites.is_empty() { Err(format!("{name}: the table has no rows")) } else { Ok(table.sites) }
}

fn columns(heading: &str) -> Result<Vec<&str>, String> {
    let columns: Vec<&str> = heading.split(',').map(str::trim).collect();
    if let Some(strange) = columns.iter().find(|column| !COLUMNS.contains(column)) {
        return Err(format!("column {strange}: there is no such column; allowed: {}", COLUMNS.join(", ")));
    }
    match COLUMNS[..3].iter().find(|needed| !columns.contains(needed)) {
        Some(missing) => Err(format!("column {missing} is missing")),
        None => Ok(columns),
    }
}

struct Row<'t> {
    node: &'t str,
    org: &'t str,
    parent: &'t str,
    lat: &'t str,
    lon: &'t str,
}

struct Table {
    sites: Vec<Site>,
    known: BTreeMap<String, usize>,
}

impl Table {
    fn add(&mut self, row: &Row<'_>) -> Result<(), (&'static str, String)> {
        if row.node.is_empty() || row.node.contains(char::is_whitespace) {
            return Err(("node", format!("{:?} is no name: letters, digits, `-`, `.`", row.node)));
        }
        if self.known.contains_key(row.node) {
            return Err(("node", format!("{} stands in an earlier row", row.node)));
        }
        let org: OrgCode = row.org.parse().map_err(|refusal| ("org", format!("{refusal}")))?;
        let parent = match row.parent {
            "" => None,
            name => Some(*self.known.get(name).ok_or_else(|| ("parent", format!("no earlier row is called {name}")))?),
        };
        let role = self.role(&org, parent)?;
        let place = place(row)?;
        self.known.insert(row.node.to_owned(), self.sites.len());
        self.sites.push(Site { name: row.node.to_owned(), org, role, parent, place });
        Ok(())
    }

    fn role(&self, org: &OrgCode, parent: Option<usize>) -> Result<Role, (&'static str, String)> {
        let parent = parent.map(|n| &self.sites[n]);
        let under = |role: Role| match parent {
            Some(parent) if Some(&parent.org) == org.township().as_ref() => Ok(role),
            Some(parent) => Err(("parent", format!("{} is not the township of {org}", parent.name))),
            None => Err(("parent", format!("{org} needs its township above it"))),
        };
        match org.level() {
            Level::Township if parent.is_none() => {
                let again = self.sites.iter().find(|site| site.org == *org);
                again.map_or(Ok(Role::Township), |site| Err(("org", format!("{} acts for it already", site.name))))
            }
            Level::Township => Err(("parent", "a township stands under nobody: leave it empty".to_owned())),
            Level::Village if parent.is_some_and(|parent| parent.org == *org) => Ok(Role::Post),
            Level::Village => under(Role::Village),
            Level::Merchant => under(Role::Merchant),
            Level::County => Err(("org", "a county has no node of its own; begin with its townships".to_owned())),
            Level::Grid => {
                let what = "a grid's post acts for its village: give the village's twelve digits, and it as parent";
                Err(("org", what.to_owned()))
            }
        }
    }
}

fn place(row: &Row<'_>) -> Result<Option<Place>, (&'static str, String)> {
    let degrees = |column: &'static str, text: &str, most: f64| match text.parse::<f64>() {
        Ok(value) if value.abs() <= most => Ok(value),
        _ => Err((column, format!("{text:?} is not degrees within {most}"))),
    };
    if row.lat.is_empty() && row.lon.is_empty() {
        return Ok(None);
    }
    let (lat, lon) = (degrees("lat", row.lat, 85.0)?, degrees("lon", row.lon, 180.0)?);
    Ok(Some(Place { lat, lon }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "node,org,parent,lat,lon\n\
        长岭乡,341524203,,31.40,115.75\n\
        v1,341524203201,长岭乡,31.41,115.76\n\
        v1-b,341524203201,v1,,\n\
        shop,341524203M01,长岭乡,,\n";

    #[test]
    fn rows_become_nodes_with_roles_by_code_and_parent() {
        let sites = read("t.csv", TABLE).unwrap();
        let roles: Vec<Role> = sites.iter().map(|site| site.role).collect();
        assert_eq!(roles, [Role::Township, Role::Village, Role::Post, Role::Merchant]);
        assert_eq!(sites.iter().map(|site| site.parent).collect::<Vec<_>>(), [None, Some(0), Some(1), Some(0)]);
        assert!(sites[1].place.is_some() && sites[2].place.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_by_row_and_column() {
        let said = |from: &str, to: &str| read("t.csv", &TABLE.replace(from, to)).unwrap_err();
        assert!(said("341524203201,长", "34152420320,长").starts_with("t.csv:3: column org: "));
        assert!(said("v1-b", "v1").starts_with("t.csv:4: column node: v1 stands in an earlier row"));
        assert!(said("201,v1", "201,v9").starts_with("t.csv:4: column parent: no earlier row is called v9"));
        assert!(said("31.41", "131.41").starts_with("t.csv:3: column lat: "));
        assert!(said("parent,lat", "above,lat").starts_with("t.csv:1: column above: there is no such column"));
        assert!(said(",,31.40", ",31.40").starts_with("t.csv:2: 4 cells"));
        assert!(said("341524203M01", "341524").starts_with("t.csv:5: column org: a county"));
        assert!(said("203M01,长岭乡", "203M01,v1").starts_with("t.csv:5: column parent: v1 is not the township"));
        assert!(read("t.csv", "\n").unwrap_err().contains("empty"));
    }
}
