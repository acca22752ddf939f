//! Filters of VoroTop: text that lists structures and the codes of the cells that belong to them.
//!
//! Lines that begin with `#` are comments. `*`, a number and a name declare a structure; the numbers count from 1, the name ends at a tab or
//! with the line, and what follows the tab, a description, is not used. Every other line is the number of a structure and a code,
//! `(1,2,3,…,1)`; what follows it is not used.

use std::path::Path;

use super::bytes::{self, Input};
use crate::error::{Error, Result};
use crate::physics::topology::{Code, Filter};

/// Reads a filter, which may be compressed.
///
/// Errors: a file that cannot be read, and a line that is none of those above, with its number.
pub fn read(path: &Path) -> Result<Filter> {
    let (reader, _) = bytes::open(&Input::File(path.to_owned()))?;
    let in_file = |error: Error| error.in_input(path.display().to_string());
    let text = std::io::read_to_string(reader)
        .map_err(|error| in_file(Error::from(error).help("give a filter of VoroTop")))?;
    parse(&text).map_err(in_file)
}

/// A filter from the text of its file.
///
/// Errors: a line that is none of those above, with its number; a text without a code.
pub fn parse(text: &str) -> Result<Filter> {
    let mut filter = Filter::default();
    for (number, line) in (1..).zip(text.lines()) {
        add(&mut filter, line.trim()).map_err(|error| error.at_line(number))?;
    }
    if filter.codes() == 0 {
        return Err(Error::new("the filter has no code").help("give a filter of VoroTop"));
    }
    Ok(filter)
}

fn add(filter: &mut Filter, line: &str) -> Result<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let known = filter.names().len();
    if let Some(declaration) = line.strip_prefix('*') {
        let declaration = declaration.trim_start();
        let (number, rest) = declaration
            .split_once(char::is_whitespace)
            .unwrap_or((declaration, ""));
        if number.parse() != Ok(known + 1) {
            return Err(
                Error::new(format!("the structure has the number '{number}'")).help(format!(
                    "structures are numbered from 1, so this is {}",
                    known + 1
                )),
            );
        }
        let name = rest
            .trim_start()
            .split('\t')
            .next()
            .unwrap_or("")
            .trim_end();
        filter.add_structure(name)?;
        return Ok(());
    }
    let (number, rest) = line.split_once('(').ok_or_else(|| {
        Error::new("the line is neither a comment, a structure nor a code")
            .help("comments begin with #, structures with *, and codes stand in parentheses")
    })?;
    let structure = number.trim().parse::<usize>().ok();
    let structure = structure.and_then(|number| number.checked_sub(1));
    let structure = structure
        .filter(|structure| *structure < known)
        .ok_or_else(|| {
            Error::new(format!("there is no structure '{}'", number.trim()))
                .help("structures are declared above their codes: * 1 NAME")
        })?;
    let length = rest
        .find(')')
        .ok_or_else(|| Error::new("the code has no end").help("it ends with ,1)"))?;
    let code: Code = format!("({})", &rest[..length])
        .parse()
        .map_err(|wrong: String| {
            Error::new(wrong).help("give a filter of VoroTop for three dimensions")
        })?;
    filter.add_code(structure, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TETRAHEDRON: &str = "(1,2,3,1,3,4,1,4,2,4,3,2,1)";

    #[test]
    fn structures_and_codes_are_read() {
        let prism = "(1,2,3,1,3,4,5,1,5,6,2,6,4,6,5,4,3,2,1)";
        let text = format!(
            "#\tby hand\n*\t1\tFour\tfour faces, all triangles\n\n* 2  Five faces\t1\t2\r\n# codes\n1\t{TETRAHEDRON}\n2 {prism}\t17\n1 {TETRAHEDRON}"
        );
        let filter = parse(&text).unwrap();
        let names: Vec<&str> = filter.names().iter().map(|name| &**name).collect();
        assert_eq!(names, ["Four", "Five faces"]);
        assert_eq!(filter.codes(), 2);
        let walk = |text: &str| -> Vec<u16> {
            let numbers = text.trim_matches(['(', ')']).split(',');
            let mut walk: Vec<u16> = numbers.map(|number| number.parse().unwrap()).collect();
            walk.pop();
            walk
        };
        assert_eq!(filter.find(&walk(TETRAHEDRON)), Some(0));
        assert_eq!(filter.find(&walk(prism)), Some(1));
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_line() {
        for (text, says) in [
            ("", "the filter has no code; give a filter of VoroTop"),
            (
                "# nothing\n* 1 A\n",
                "the filter has no code; give a filter of VoroTop",
            ),
            (
                "* 1 A\n* 3 B\n",
                "line 2: the structure has the number '3'; structures are numbered from 1, so this is 2",
            ),
            (
                "*\n",
                "line 1: the structure has the number ''; structures are numbered from 1, so this is 1",
            ),
            (
                "* one A\n",
                "line 1: the structure has the number 'one'; structures are numbered from 1, so this is 1",
            ),
            ("* 1\n", "line 1: a structure has no name; give it one"),
            (
                "* 1 A\n* 2 A\n",
                "line 2: two structures are called 'A'; give each a name of its own",
            ),
            (
                "* 1 none\n",
                "line 1: a structure is called 'none', as cells of no structure are; give it another name",
            ),
            (
                "* 1 A\n1 1,2,3\n",
                "line 2: the line is neither a comment, a structure nor a code; comments begin with #, structures with *, and codes stand in parentheses",
            ),
            (
                "* 1 A\n2 (1,2,3)\n",
                "line 2: there is no structure '2'; structures are declared above their codes: * 1 NAME",
            ),
            (
                "* 1 A\n0 (1,2,3)\n",
                "line 2: there is no structure '0'; structures are declared above their codes: * 1 NAME",
            ),
            (
                "1 (1,2,3)\n* 1 A\n",
                "line 1: there is no structure '1'; structures are declared above their codes: * 1 NAME",
            ),
            (
                "* 1 A\n1 (1,2,3\n",
                "line 2: the code has no end; it ends with ,1)",
            ),
            // A filter for two dimensions.
            (
                "* 1 A\n1 (6,6,6,6,6,6,6)\n",
                "line 2: a code begins and ends with 1; give a filter of VoroTop for three dimensions",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), says, "{text:?}");
        }
        let twice = format!("* 1 A\n* 2 B\n1 {TETRAHEDRON}\n2 {TETRAHEDRON}\n");
        assert_eq!(
            parse(&twice).unwrap_err().to_string(),
            "line 4: the same code belongs to 'A' and to 'B'; leave one of the two out"
        );
    }
}
