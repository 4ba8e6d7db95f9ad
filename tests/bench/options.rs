//! What to measure: `[--size SIZE] [--rounds N] [SHAPE|LOAD|TOOL|json|start-up]...`.

use wirecat::protocol::values::parse_nonzero_size;

use crate::Fallible;
use crate::tools::Tool;
use crate::transfer::Shape;
use crate::udp;

const START_UP: &str = "start-up";
const JSON: &str = "json";

pub(crate) struct Options {
    pub(crate) size: u64,
    pub(crate) rounds: usize,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) loads: Vec<udp::Load>,
    pub(crate) udp_tools: Vec<udp::Tool>,
    pub(crate) json: bool,
    pub(crate) start_up: bool,
}

impl Options {
    /// Words choose: shapes, loads of datagrams and the start-up, or tools. Loads and tools go by
    /// how their names begin. Without any of
    /// a kind, all of that kind are measured.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Fallible<Self> {
        let mut options = Self {
            size: 2 << 30,
            rounds: 5,
            shapes: vec![],
            tools: vec![],
            loads: vec![],
            udp_tools: vec![],
            json: false,
            start_up: false,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} takes a value"));
            match arg.as_str() {
                // What `cargo bench` says to every bench.
                "--bench" => {}
                "--size" => options.size = parse_nonzero_size(&value()?)?,
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                word => options.choose(word)?,
            }
        }
        let any_tool = options.tools.is_empty() && options.udp_tools.is_empty();
        let alone = options.json || options.start_up;
        if options.shapes.is_empty() && options.loads.is_empty() && !alone {
            options.shapes = Shape::ALL.to_vec();
            options.loads = udp::Load::ALL.to_vec();
            options.json = any_tool;
            options.start_up = any_tool;
        }
        if any_tool {
            options.tools = Tool::ALL.to_vec();
            options.udp_tools = udp::Tool::ALL.to_vec();
        }
        Ok(options)
    }

    fn chosen(&self) -> usize {
        self.shapes.len() + self.tools.len() + self.loads.len() + self.udp_tools.len()
    }

    fn choose(&mut self, word: &str) -> Fallible<()> {
        let shapes = Shape::ALL.into_iter().filter(|shape| shape.name() == word);
        let tools = Tool::ALL.into_iter().filter(|tool| tool.name().starts_with(word));
        let loads = udp::Load::ALL.into_iter().filter(|load| load.name().starts_with(word));
        let udp_tools = udp::Tool::ALL.into_iter().filter(|tool| tool.name().starts_with(word));
        let before = self.chosen();
        self.shapes.extend(shapes);
        self.tools.extend(tools);
        self.loads.extend(loads);
        self.udp_tools.extend(udp_tools);
        if word == START_UP {
            self.start_up = true;
        } else if word == JSON {
            self.json = true;
        } else if before == self.chosen() {
            let shapes = Shape::ALL.map(Shape::name).join(", ");
            let loads = udp::Load::ALL.map(udp::Load::name).join(", ");
            let tools = Tool::ALL.map(Tool::name).join(", ");
            let udp_tools = udp::Tool::ALL.map(udp::Tool::name).join(", ");
            let text = format!(
                "{word} is none of {shapes}, {loads}, {JSON}, {START_UP}, {tools}, {udp_tools}"
            );
            return Err(text.into());
        }
        Ok(())
    }
}
