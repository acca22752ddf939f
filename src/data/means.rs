//! Means over replicas: the rows of a table that belong together, averaged, with the standard errors of the means.

use std::sync::Arc;

use super::table::{Cells, ColumnSpec, INPUT_COLUMN, Kind, Rows, TableSpec};
use crate::error::{Error, Result};

/// Name of the table.
pub const NAME: &str = "means";

/// Columns that say when a row was, or of what lag it is: the same in all replicas.
const SCHEDULE: [&str; 7] = [
    "frame",
    "step",
    "time",
    "temperature",
    "lag_frames",
    "lag_steps",
    "lag_time",
];

/// How close values of a schedule are, relatively, that round-off alone tells apart.
const CLOSE: f64 = 1e-9;

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    /// It says when the row was.
    Schedule,
    /// It says whom the row is about.
    Subject,
    /// It is averaged.
    Quantity,
    /// It has no mean.
    Other,
}

/// The roles of a table's columns: those that lead it tell its rows apart, the numbers behind them are quantities. Standard errors within a
/// replica are not averaged, for the spread of the replicas holds them.
fn roles(columns: &[ColumnSpec]) -> Vec<Role> {
    let mut leads = true;
    let role = |column: &ColumnSpec| {
        let is_scheduled = SCHEDULE.contains(&column.name);
        leads &= is_scheduled || column.kind == Kind::Text;
        match column.kind {
            _ if leads && is_scheduled => Role::Schedule,
            _ if leads => Role::Subject,
            Kind::Real | Kind::Integer if !column.name.ends_with("_standard_error") => {
                Role::Quantity
            }
            _ => Role::Other,
        }
    };
    columns.iter().map(role).collect()
}

/// Whether the rows of a table belong together from replica to replica, as those of particles do not.
fn is_averaged(main: &TableSpec) -> bool {
    main.columns.iter().all(|column| column.name != "id")
        && roles(main.columns).contains(&Role::Schedule)
}

/// The table of means of a main table, if it has them.
///
/// Names of columns that are made up here live as long as the program.
fn spec(main: &TableSpec) -> Option<TableSpec> {
    if !is_averaged(main) {
        return None;
    }
    let roles = roles(main.columns);
    let keys = main.columns.iter().zip(&roles);
    let keys = keys.filter(|(_, role)| matches!(role, Role::Schedule | Role::Subject));
    let quantities = main.columns.iter().zip(&roles);
    let quantities = quantities.filter(|(_, role)| **role == Role::Quantity);
    let mut columns = vec![ColumnSpec {
        meaning: "label of the replicas, else name of the input",
        ..INPUT_COLUMN
    }];
    columns.extend(keys.map(|(column, _)| *column));
    columns.push(ColumnSpec::integer(
        "replicas",
        "number of replicas that have the row",
    ));
    for (column, _) in quantities {
        columns.push(ColumnSpec {
            kind: Kind::Real,
            meaning: format!("mean over the replicas: {}", column.meaning).leak(),
            ..*column
        });
        columns.push(ColumnSpec {
            name: format!("{}_standard_error", column.name).leak(),
            kind: Kind::Real,
            meaning: format!(
                "standard error of {} over the replicas: standard deviation (divided by n - 1) / sqrt(n); missing for a single one",
                column.name
            )
            .leak(),
            ..*column
        });
    }
    Some(TableSpec {
        name: NAME,
        meaning: format!(
            "{}: the table {} averaged over replicas, the inputs of the same label",
            main.meaning.replacen("one row a", "one row a label,", 1),
            main.name
        )
        .leak(),
        columns: columns.leak(),
    })
}

/// The tables of an analysis, and that of the means of the main one where it has them.
pub fn tables(tables: &'static [TableSpec]) -> &'static [TableSpec] {
    match tables.first().and_then(spec) {
        Some(means) => [tables, &[means]].concat().leak(),
        None => tables,
    }
}

/// Rows of a table from replica after replica, and their means.
pub struct Means {
    table: &'static str,
    columns: &'static [ColumnSpec],
    roles: Vec<Role>,
    labels: Vec<Label>,
    at: Place,
}

/// The rows of the replicas of one label.
struct Label {
    name: Arc<str>,
    moments: Vec<Moment>,
}

/// The rows that are at the same place in the schedule of the replicas.
struct Moment {
    /// The input that came first, and what it says of the time.
    input: String,
    schedule: Vec<Cells>,
    rows: Vec<Row>,
}

/// What the replicas say about one subject: the values of each quantity.
struct Row {
    subject: Vec<Cells>,
    values: Vec<Vec<Option<f64>>>,
}

/// Where the next row goes.
#[derive(Default)]
struct Place {
    input: String,
    label: usize,
    /// The moments of this input so far, and what the last one's schedule is.
    moments: usize,
    schedule: Vec<Cells>,
}

impl Means {
    /// No rows yet of this table; `None` if it has no means.
    pub fn of(main: &'static TableSpec) -> Option<Self> {
        is_averaged(main).then(|| Means {
            table: main.name,
            columns: main.columns,
            roles: roles(main.columns),
            labels: Vec::new(),
            at: Place::default(),
        })
    }

    /// The table whose rows are averaged.
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// The next rows are those of another input.
    pub fn begin(&mut self, label: &Arc<str>, input: &str) {
        let known = self.labels.iter().position(|known| known.name == *label);
        let label = known.unwrap_or_else(|| {
            self.labels.push(Label {
                name: label.clone(),
                moments: Vec::new(),
            });
            self.labels.len() - 1
        });
        self.at = Place {
            input: input.to_string(),
            label,
            ..Place::default()
        };
    }

    /// Takes rows of the table. Those of replicas belong together by the position of their frame (or lag) among the frames of their input.
    ///
    /// Errors: step, time, temperature or lag at this position are others than those of a replica before.
    pub fn add(&mut self, rows: &Rows) -> Result<()> {
        let count = rows.first().map_or(0, Cells::len);
        for row in 0..count {
            let schedule = self.cells(rows, row, Role::Schedule);
            if schedule != self.at.schedule {
                self.at.schedule = schedule;
                self.at.moments += 1;
                self.enter()?;
            }
            let subject = self.cells(rows, row, Role::Subject);
            let values: Vec<Option<f64>> = self
                .of_role(Role::Quantity)
                .map(|column| real(&rows[column], row))
                .collect();
            let moment = &mut self.labels[self.at.label].moments[self.at.moments - 1];
            match moment.rows.iter_mut().find(|row| row.subject == subject) {
                Some(row) => {
                    let sets = row.values.iter_mut().zip(values);
                    sets.for_each(|(set, value)| set.push(value));
                }
                None => moment.rows.push(Row {
                    subject,
                    values: values.into_iter().map(|value| vec![value]).collect(),
                }),
            }
        }
        Ok(())
    }

    /// Enters a moment of this input: that of the replicas before, or a new one.
    fn enter(&mut self) -> Result<()> {
        let Some(known) = self.labels[self.at.label].moments.get(self.at.moments - 1) else {
            self.labels[self.at.label].moments.push(Moment {
                input: self.at.input.clone(),
                schedule: self.at.schedule.clone(),
                rows: Vec::new(),
            });
            return Ok(());
        };
        let pairs = self.at.schedule.iter().zip(&known.schedule);
        let Some(differs) = pairs
            .into_iter()
            .position(|(here, there)| !agree(here, there))
        else {
            return Ok(());
        };
        let said = |schedule: &[Cells]| {
            let value = real(&schedule[differs], 0);
            value.map_or("missing".to_string(), |value| value.to_string())
        };
        let columns: Vec<&str> = self
            .of_role(Role::Schedule)
            .map(|column| self.columns[column].name)
            .collect();
        let what = format!(
            "its {} is {}, that of {} is {}",
            columns[differs],
            said(&self.at.schedule),
            known.input,
            said(&known.schedule)
        );
        let error = Error::new(what).help(
            "means need replicas of one schedule: give the inputs labels of their own, or set points in place of measured temperatures (--temperature ramp:T0:T1)",
        );
        let frame = columns.iter().position(|name| *name == "frame");
        let frame = frame.and_then(|at| real(&self.at.schedule[at], 0));
        Err(match frame {
            Some(frame) => error.in_frame(frame as usize),
            None => error,
        })
    }

    fn of_role(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        (0..self.roles.len()).filter(move |&column| self.roles[column] == role)
    }

    fn cells(&self, rows: &Rows, row: usize, role: Role) -> Vec<Cells> {
        self.of_role(role)
            .map(|column| cell(&rows[column], row))
            .collect()
    }

    /// The rows of the table of means, in the order of labels, moments and subjects.
    pub fn rows(&self) -> Rows {
        let mut table: Rows = Vec::new();
        for label in &self.labels {
            for moment in &label.moments {
                for row in &moment.rows {
                    let replicas = row.values.first().map_or(0, Vec::len);
                    let mut cells: Rows = vec![label.name.clone().into()];
                    let (mut schedule, mut subject) = (moment.schedule.iter(), row.subject.iter());
                    // In the order of the main table.
                    cells.extend(self.roles.iter().filter_map(|role| match role {
                        Role::Schedule => schedule.next().cloned(),
                        Role::Subject => subject.next().cloned(),
                        Role::Quantity | Role::Other => None,
                    }));
                    cells.push((replicas as i64).into());
                    for values in &row.values {
                        let (mean, error) = mean_and_error(values);
                        cells.extend([mean.into(), error.into()]);
                    }
                    match table.is_empty() {
                        true => table = cells,
                        false => {
                            let columns = table.iter_mut().zip(cells);
                            columns.for_each(|(column, cell)| column.append(cell));
                        }
                    }
                }
            }
        }
        table
    }
}

/// Mean, and standard error s/√n with s² = Σ(x − x̄)²/(n − 1), which a single value does not have. What one of the replicas lacks has no mean.
fn mean_and_error(values: &[Option<f64>]) -> (Option<f64>, Option<f64>) {
    let Some(values) = values.iter().copied().collect::<Option<Vec<f64>>>() else {
        return (None, None);
    };
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt());
    (Some(mean), error)
}

/// Whether two values of a schedule are the same but for round-off.
fn agree(one: &Cells, other: &Cells) -> bool {
    match (one, other) {
        (Cells::Real(one), Cells::Real(other)) => match (one[0], other[0]) {
            (Some(one), Some(other)) => (one - other).abs() <= CLOSE * one.abs().max(other.abs()),
            (one, other) => one == other,
        },
        (one, other) => one == other,
    }
}

fn cell(cells: &Cells, row: usize) -> Cells {
    match cells {
        Cells::Integer(values) => values[row].into(),
        Cells::Real(values) => values[row].into(),
        Cells::Boolean(values) => values[row].into(),
        Cells::Text(values) => values[row].clone().into(),
    }
}

fn real(cells: &Cells, row: usize) -> Option<f64> {
    match cells {
        Cells::Integer(values) => values[row].map(|value| value as f64),
        Cells::Real(values) => values[row],
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: TableSpec = TableSpec {
        name: "frames",
        meaning: "one row a frame and species",
        columns: &[
            ColumnSpec::integer("frame", ""),
            ColumnSpec::real("temperature", "energy/k_B", ""),
            ColumnSpec::text("species", ""),
            ColumnSpec::integer("count", "particles"),
            ColumnSpec::text("commonest_index", ""),
            ColumnSpec::boolean("is_odd", ""),
            ColumnSpec::real("msd", "length^2", "mean squared displacement"),
            ColumnSpec::real("msd_standard_error", "length^2", ""),
        ],
    };
    static TABLE: TableSpec = MAIN;

    /// Two frames of two species, or fewer.
    fn rows(temperatures: [f64; 2], msd: &[Option<f64>]) -> Rows {
        let count = msd.len();
        let first = |values: [i64; 4]| Cells::from(values[..count].to_vec());
        let temperatures = [0, 0, 1, 1].map(|frame: usize| temperatures[frame]);
        let species = ["A", "B", "A", "B"].map(Arc::<str>::from);
        vec![
            first([5, 5, 9, 9]),
            temperatures[..count].to_vec().into(),
            species[..count].to_vec().into(),
            first([1, 2, 3, 4]),
            Cells::repeat(Arc::<str>::from("0-0-12-0"), count),
            Cells::repeat(true, count),
            msd.to_vec().into(),
            Cells::repeat(0.5, count),
        ]
    }

    #[test]
    fn leading_columns_are_keys_and_numbers_behind_them_quantities() {
        let tables = tables(std::slice::from_ref(&TABLE));
        let names: Vec<&str> = tables[1].columns.iter().map(|column| column.name).collect();
        assert_eq!(
            names,
            [
                "input",
                "frame",
                "temperature",
                "species",
                "replicas",
                "count",
                "count_standard_error",
                "msd",
                "msd_standard_error"
            ]
        );
        let last = tables[1].columns.last().unwrap();
        assert_eq!((last.kind, last.dimension), (Kind::Real, "length^2"));
        // Particles are not averaged, and what has no schedule is not.
        const OTHERS: [TableSpec; 2] = [
            TableSpec {
                columns: &[
                    ColumnSpec::integer("frame", ""),
                    ColumnSpec::integer("id", ""),
                ],
                ..MAIN
            },
            TableSpec {
                columns: &[ColumnSpec::text("species", "")],
                ..MAIN
            },
        ];
        assert!(OTHERS.iter().all(|table| spec(table).is_none()));
    }

    #[test]
    fn rows_of_one_position_are_averaged() {
        let mut means = Means::of(&TABLE).expect("rows of times");
        let label: Arc<str> = "glass".into();
        let some = |values: [f64; 4]| values.map(Some);
        means.begin(&label, "1.extxyz");
        means
            .add(&rows([0.1, 0.3], &some([1.0, 2.0, 3.0, 4.0])))
            .unwrap();
        means.begin(&"other".into(), "x.extxyz");
        means
            .add(&rows([0.2, 0.4], &some([7.0, 7.0, 7.0, 7.0])))
            .unwrap();
        means.begin(&label, "2.extxyz");
        // Round-off is no other schedule; frames may come one by one.
        let second = [Some(3.0), Some(4.0), None];
        let second = rows([0.1, 0.1 + 0.2], &second);
        means.add(&second).unwrap();
        means.begin(&label, "3.extxyz");
        means
            .add(&rows([0.1, 0.3], &some([5.0, 9.0, 3.0, 6.0])))
            .unwrap();
        let table = means.rows();
        let text = |values: [&str; 8]| Cells::from(values.map(Arc::<str>::from).to_vec());
        assert_eq!(
            table[0],
            text([
                "glass", "glass", "glass", "glass", "other", "other", "other", "other"
            ])
        );
        assert_eq!(table[1], vec![5, 5, 9, 9, 5, 5, 9, 9i64].into());
        assert_eq!(
            table[2],
            vec![0.1, 0.1, 0.3, 0.3, 0.2, 0.2, 0.4, 0.4].into()
        );
        assert_eq!(table[3], text(["A", "B", "A", "B", "A", "B", "A", "B"]));
        assert_eq!(table[4], vec![3, 3, 3, 2, 1, 1, 1, 1i64].into());
        let (msd, error) = (&table[7], &table[8]);
        let mean = vec![
            Some(3.0),
            Some(5.0),
            None,
            Some(5.0),
            Some(7.0),
            Some(7.0),
            Some(7.0),
            Some(7.0),
        ];
        assert_eq!(*msd, mean.into());
        // 1, 3, 5: s = 2; 2, 4, 9: s² = 13; 4, 6: s² = 2.
        let errors = [
            Some((4.0f64 / 3.0).sqrt()),
            Some((13.0f64 / 3.0).sqrt()),
            None,
            Some(1.0),
        ];
        let expected: Vec<Option<f64>> = errors.into_iter().chain([None; 4]).collect();
        assert_eq!(*error, expected.into());
    }

    #[test]
    fn another_schedule_is_refused_with_names_and_values() {
        let mut means = Means::of(&TABLE).expect("rows of times");
        means.begin(&"glass".into(), "1.extxyz");
        means.add(&rows([0.1, 0.3], &[Some(1.0); 4])).unwrap();
        means.begin(&"glass".into(), "2.extxyz");
        let error = means.add(&rows([0.1, 0.35], &[Some(1.0); 4])).unwrap_err();
        let said = error.in_input("2.extxyz").to_string();
        assert!(
            said.starts_with(
                "2.extxyz: frame 9: its temperature is 0.35, that of 1.extxyz is 0.3; "
            ),
            "{said}"
        );
    }
}
