//! Tables of diameters by id, as `--diameters` reads them: columns are as long as each other, and their numbers come back from CSV.
#![no_main]

use hyalo::data::table::Cells;
use hyalo::sink::table::text_columns;
use hyalo_fuzz::check_error;

const WANTED: [&[&str]; 2] = [&["id"], &["diameter", "sigma"]];

libfuzzer_sys::fuzz_target!(|text: &str| {
    let columns = match text_columns(text, &WANTED) {
        Ok(columns) => columns,
        Err(error) => return check_error(&error),
    };
    let [ids, diameters] = &columns[..] else {
        panic!("two columns were wanted");
    };
    assert_eq!(ids.len(), diameters.len());

    let mut written = "id,diameter\n".to_string();
    let field = |cells: &Cells, row: usize| match cells {
        Cells::Integer(values) => values[row].map(|value| value.to_string()),
        Cells::Real(values) => values[row].map(|value| format!("{value:?}")),
        _ => panic!("columns of numbers were wanted"),
    };
    for row in 0..ids.len() {
        let [id, diameter] = [ids, diameters].map(|cells| field(cells, row).unwrap_or_default());
        written += &format!("{id},{diameter}\n");
    }
    let again =
        text_columns(&written, &WANTED).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(format!("{again:?}"), format!("{columns:?}"));
});
