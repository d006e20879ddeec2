//! `plot`: charts of a run or of a sweep, as SVG and PNG.

use std::path::Path;

use xiangyue_sim::plot::canvas::{Picture, png, svg};
use xiangyue_sim::plot::gallery::charts;

use super::results::Folder;
use super::rundir::{make_folder, write_whole};
use super::{Exit, Failure, args, print};

/// Where drawings go.
pub(super) const PLOTS: &str = "plots";

pub(super) fn plot(args: &args::Plot) -> Result<Exit, Failure> {
    let folder = Folder::open(&args.dir)?;
    let runs = folder.measured()?;
    if let Some(x) = &args.x
        && !runs.iter().any(|run| run.run.parameters.iter().any(|(name, _)| name == x))
    {
        let varied = runs.iter().flat_map(|run| &run.run.parameters).map(|(name, _)| name.as_str());
        let known: std::collections::BTreeSet<&str> = varied.collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { Vec::from_iter(known).join(", ") };
        return Err(Failure(format!("--x {x}: was not varied; varied: {known}")));
    }
    let out = args.out.clone().unwrap_or_else(|| args.dir.join(PLOTS));
    make_folder(&out)?;
    let gallery = charts(&folder.title, &runs, args.x.as_deref());
    for chart in &gallery.charts {
        draw(&out, &chart.name, chart)?;
        print(&format!("{}\n", out.join(&chart.name).with_extension("svg").display()));
    }
    for (name, why) in &gallery.left_out {
        print(&format!("no {name}: {why}\n"));
    }
    Ok(Exit::Green)
}

/// Writes a picture in both formats.
pub(super) fn draw(dir: &Path, name: &str, picture: &impl Picture) -> Result<(), Failure> {
    let wrong = |trouble: xiangyue_sim::plot::canvas::Trouble| Failure(format!("{name}: {trouble}"));
    write_whole(&dir.join(format!("{name}.svg")), svg(picture).map_err(wrong)?.as_bytes())?;
    write_whole(&dir.join(format!("{name}.png")), &png(picture).map_err(wrong)?)
}
