//! The blocks of `data/received-samples.txt`.

pub(crate) const SAMPLES: &str = include_str!("../../../../data/received-samples.txt");

/// One block: a header as archived, and what is said of it.
pub(crate) struct Sample<'a> {
    pub(crate) number: u32,
    pub(crate) header: String,
    metadata: Vec<(&'a str, &'a str)>,
}

impl<'a> Sample<'a> {
    /// The metadata line `# key: …`.
    pub(crate) fn metadata(&self, key: &str) -> Option<&'a str> {
        self.metadata.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }
}

pub(crate) fn samples(text: &str) -> Vec<Sample<'_>> {
    text.split("\n-----\n").filter_map(sample).collect()
}

/// `None` for the file's preamble and its end, which have no number.
fn sample(block: &str) -> Option<Sample<'_>> {
    let (metadata, header): (Vec<_>, Vec<_>) = block.lines().partition(|line| line.starts_with('#'));
    let metadata = metadata.iter().filter_map(|line| line.strip_prefix("# ")?.split_once(": ")).collect::<Vec<_>>();
    let number = metadata.iter().find(|(key, _)| *key == "n")?.1.parse().ok()?;
    Some(Sample { number, header: header.join("\r\n") + "\r\n", metadata })
}
