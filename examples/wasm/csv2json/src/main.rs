//! Turns a CSV body into a JSON list of objects.

mod csv;

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let mut text = String::new();
    let answer = match io::stdin().read_to_string(&mut text) {
        Ok(_) => csv::parse(&text).and_then(|rows| to_json(&rows)),
        Err(_) => Err("the body is not UTF-8".to_string()),
    };
    let mut out = io::stdout().lock();
    match answer {
        Ok(json) => write!(out, "Content-Type: application/json\n\n{json}\n"),
        Err(problem) => write!(out, "Status: 400\nContent-Type: text/plain\n\n{problem}\n"),
    }
}

/// Objects with the names of the first row.
fn to_json(rows: &[Vec<String>]) -> Result<String, String> {
    let Some((names, rows)) = rows.split_first() else {
        return Err("the body is empty; its first line has the names".to_string());
    };
    let mut objects = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if row.len() != names.len() {
            let (found, wanted) = (row.len(), names.len());
            return Err(format!("row {}: found {found} fields, needs {wanted}", index + 2));
        }
        let fields: Vec<String> = names
            .iter()
            .zip(row)
            .map(|(name, value)| format!("{}: {}", quote(name), to_value(value)))
            .collect();
        objects.push(format!("{{{}}}", fields.join(", ")));
    }
    Ok(format!("[{}]", objects.join(", ")))
}

/// Whole numbers as they are, everything else as text.
fn to_value(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => text.to_string(),
        _ => quote(text),
    }
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
