//! What to measure:
//! `[--size SIZE] [--rounds N] [--time D] [SHAPE|LOAD|TOOL|json|ping|start-up|soak]...`.

use std::time::Duration;

use wirecat::values::{parse_duration, parse_nonzero_size};

use crate::Fallible;
use crate::tools::Tool;
use crate::transfer::Shape;
use crate::udp;

/// What has no peers, or always the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Json,
    Ping,
    StartUp,
    /// It measures nothing and takes minutes, so that it has to be asked for.
    Soak,
}

impl Probe {
    const ALL: [Self; 4] = [Self::Json, Self::Ping, Self::StartUp, Self::Soak];

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ping => "ping",
            Self::StartUp => "start-up",
            Self::Soak => "soak",
        }
    }
}

pub(crate) struct Options {
    pub(crate) size: u64,
    pub(crate) rounds: usize,
    /// How long the soak takes.
    pub(crate) time: Duration,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) loads: Vec<udp::Load>,
    pub(crate) udp_tools: Vec<udp::Tool>,
    pub(crate) probes: Vec<Probe>,
}

impl Options {
    /// Words choose: shapes, loads of datagrams and probes, or tools. Loads and tools go by how
    /// their names begin. Without any of a kind, all of that kind are measured.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Fallible<Self> {
        let mut options = Self {
            size: 2 << 30,
            rounds: 5,
            time: Duration::from_secs(240),
            shapes: vec![],
            tools: vec![],
            loads: vec![],
            udp_tools: vec![],
            probes: vec![],
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} takes a value"));
            match arg.as_str() {
                // What `cargo bench` says to every bench.
                "--bench" => {}
                "--size" => options.size = parse_nonzero_size(&value()?)?,
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--time" => options.time = parse_duration(&value()?)?,
                word => options.choose(word)?,
            }
        }
        let any_tool = options.tools.is_empty() && options.udp_tools.is_empty();
        if options.shapes.is_empty() && options.loads.is_empty() && options.probes.is_empty() {
            options.shapes = Shape::ALL.to_vec();
            options.loads = udp::Load::ALL.to_vec();
            if any_tool {
                options.probes = vec![Probe::Json, Probe::Ping, Probe::StartUp];
            }
        }
        if any_tool {
            options.tools = Tool::ALL.to_vec();
            options.udp_tools = udp::Tool::ALL.to_vec();
        }
        Ok(options)
    }

    fn chosen(&self) -> usize {
        self.shapes.len()
            + self.tools.len()
            + self.loads.len()
            + self.udp_tools.len()
            + self.probes.len()
    }

    fn choose(&mut self, word: &str) -> Fallible<()> {
        let shapes = Shape::ALL.into_iter().filter(|shape| shape.name() == word);
        let tools = Tool::ALL.into_iter().filter(|tool| tool.name().starts_with(word));
        let loads = udp::Load::ALL.into_iter().filter(|load| load.name().starts_with(word));
        let udp_tools = udp::Tool::ALL.into_iter().filter(|tool| tool.name().starts_with(word));
        let probes = Probe::ALL.into_iter().filter(|probe| probe.name() == word);
        let before = self.chosen();
        self.shapes.extend(shapes);
        self.tools.extend(tools);
        self.loads.extend(loads);
        self.udp_tools.extend(udp_tools);
        self.probes.extend(probes);
        if before == self.chosen() {
            let shapes = Shape::ALL.map(Shape::name).join(", ");
            let loads = udp::Load::ALL.map(udp::Load::name).join(", ");
            let tools = Tool::ALL.map(Tool::name).join(", ");
            let udp_tools = udp::Tool::ALL.map(udp::Tool::name).join(", ");
            let probes = Probe::ALL.map(Probe::name).join(", ");
            let text =
                format!("{word} is none of {shapes}, {loads}, {probes}, {tools}, {udp_tools}");
            return Err(text.into());
        }
        Ok(())
    }
}
