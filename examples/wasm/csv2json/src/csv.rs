//! Comma-separated values as RFC 4180 has them.

/// The rows of a text; an error names the line of a quote that is never closed.
pub fn parse(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut opened_at = None;
    let mut line = 1;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\n' {
            line += 1;
        }
        match (opened_at, c) {
            (Some(_), '"') if characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            (Some(_), '"') => opened_at = None,
            (Some(_), c) => field.push(c),
            (None, '"') => opened_at = Some(line),
            (None, ',') => row.push(std::mem::take(&mut field)),
            (None, '\r') => {}
            (None, '\n') => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (None, c) => field.push(c),
        }
    }
    if let Some(line) = opened_at {
        return Err(format!("line {line}: a quote is never closed"));
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    Ok(rows)
}
