//! Drawings of what was measured, as SVG and as PNG, for papers and for looking. Called by the commands `plot` and
//! `trace`.
//!
//! A [`chart::Chart`] says what is shown; [`draw`] knows how it looks. Both formats come from one routine that draws
//! on a large canvas: the SVG is shown at a quarter of it, the PNG is halved, so that slanted lines are smooth.
//! Nothing here opens a file.

pub mod canvas;
pub mod chart;
pub mod draw;
pub mod gallery;
pub mod lanes;
mod layers;
mod legend;
mod palette;
mod ticks;
