//! What to measure: `[--size SIZE] [--rounds N] [SHAPE|TOOL|start-up]...`.

use wirecat::protocol::values::parse_nonzero_size;

use crate::Fallible;
use crate::tools::Tool;
use crate::transfer::Shape;

const START_UP: &str = "start-up";

pub(crate) struct Options {
    pub(crate) size: u64,
    pub(crate) rounds: usize,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) start_up: bool,
}

impl Options {
    /// Words choose: shapes and the start-up, or tools by how their names begin. Without any of
    /// a kind, all of that kind are measured.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Fallible<Self> {
        let mut options =
            Self { size: 2 << 30, rounds: 5, shapes: vec![], tools: vec![], start_up: false };
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
        if options.shapes.is_empty() && !options.start_up {
            options.shapes = Shape::ALL.to_vec();
            options.start_up = options.tools.is_empty();
        }
        if options.tools.is_empty() {
            options.tools = Tool::ALL.to_vec();
        }
        Ok(options)
    }

    fn choose(&mut self, word: &str) -> Fallible<()> {
        let shapes = Shape::ALL.into_iter().filter(|shape| shape.name() == word);
        let tools = Tool::ALL.into_iter().filter(|tool| tool.name().starts_with(word));
        let before = self.shapes.len() + self.tools.len();
        self.shapes.extend(shapes);
        self.tools.extend(tools);
        if word == START_UP {
            self.start_up = true;
        } else if before == self.shapes.len() + self.tools.len() {
            let shapes = Shape::ALL.map(Shape::name).join(", ");
            let tools = Tool::ALL.map(Tool::name).join(", ");
            let text = format!("{word} is none of {shapes}, {START_UP}, {tools}");
            return Err(text.into());
        }
        Ok(())
    }
}
