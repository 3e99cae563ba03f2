//! Exports: CSV or JSON, streamed in pieces, so that memory does not grow with the number of rows (D-36).

use api::client::ExportFormat;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Serialize;
use serde_json::Value;

use crate::app::{AppError, AppResult};

/// Streams rows as a file `NAME.csv` or `NAME.json`. `columns` are the fields of a row, in the order of CSV.
pub(super) fn answer<T: Serialize + 'static>(
    name: &'static str,
    format: ExportFormat,
    columns: &'static [&'static str],
    pieces: impl Stream<Item = AppResult<Vec<T>>> + Send + 'static,
) -> Response {
    let (content_type, extension, body) = match format {
        ExportFormat::Csv => {
            ("text/csv; charset=utf-8; header=present", "csv", Body::from_stream(csv(columns, pieces)))
        }
        ExportFormat::Json => ("application/json", "json", Body::from_stream(json(pieces))),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.{extension}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// The status has been sent by then: a failure breaks the connection, so that half a file is not taken for
/// a whole one, and is logged here.
fn broken(error: &AppError) {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(error = cause, "an export broke off");
}

fn csv<T: Serialize>(
    columns: &'static [&'static str],
    pieces: impl Stream<Item = AppResult<Vec<T>>> + Send,
) -> impl Stream<Item = AppResult<Bytes>> + Send {
    let head = stream::iter([Ok(Bytes::from(columns.join(",") + "\r\n"))]);
    let rows = pieces.map(move |piece| {
        let mut text = String::new();
        for row in piece? {
            let row = serde_json::to_value(row).map_err(AppError::internal)?;
            for (position, column) in columns.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                push_cell(&mut text, row.get(column).unwrap_or(&Value::Null));
            }
            text.push_str("\r\n");
        }
        Ok(Bytes::from(text))
    });
    head.chain(rows).inspect_err(broken)
}

fn push_cell(text: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(cell) => push_text(text, cell),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            push_text(text, &words.join(" "));
        }
        Value::Array(_) | Value::Object(_) => push_text(text, &value.to_string()),
        Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

/// Phones choose many of these texts: none may become a formula in somebody's spreadsheet.
fn push_text(text: &mut String, cell: &str) {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    if guard.is_empty() && !cell.contains([',', '"', '\r', '\n', ';']) {
        text.push_str(cell);
        return;
    }
    text.push('"');
    text.push_str(guard);
    text.push_str(&cell.replace('"', "\"\""));
    text.push('"');
}

fn json<T: Serialize>(
    pieces: impl Stream<Item = AppResult<Vec<T>>> + Send,
) -> impl Stream<Item = AppResult<Bytes>> + Send {
    let mut first = true;
    let rows = pieces.map(move |piece| {
        let mut text = Vec::new();
        for row in piece? {
            text.extend_from_slice(if std::mem::take(&mut first) { b"\n" } else { b",\n" });
            serde_json::to_writer(&mut text, &row).map_err(AppError::internal)?;
        }
        Ok(Bytes::from(text))
    });
    let head = stream::iter([Ok(Bytes::from_static(b"["))]);
    let tail = stream::iter([Ok(Bytes::from_static(b"\n]\n"))]);
    head.chain(rows).chain(tail).inspect_err(broken)
}

#[cfg(test)]
mod tests {
    use super::{AppError, ExportFormat, answer};
    use axum::body::to_bytes;
    use futures_util::stream;
    use serde_json::{Value, json};

    async fn text(
        format: ExportFormat,
        pieces: Vec<Result<Vec<Value>, AppError>>,
    ) -> Result<String, axum::Error> {
        let response = answer("things", format, &["id", "name", "words"], stream::iter(pieces));
        let bytes = to_bytes(response.into_body(), usize::MAX).await?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn csv_quotes_what_must_be_and_disarms_formulas() {
        let rows = vec![
            Ok(vec![json!({"id": 1, "name": "a,\"b\"", "words": ["x", "y"]})]),
            Ok(vec![
                json!({"id": 2, "name": "=HYPERLINK(1)", "words": null}),
                json!({"id": -3, "name": "plain"}),
            ]),
        ];
        let text = text(ExportFormat::Csv, rows).await.unwrap();
        let lines = ["id,name,words", "1,\"a,\"\"b\"\"\",x y", "2,\"'=HYPERLINK(1)\",", "-3,plain,", ""];
        assert_eq!(text, lines.join("\r\n"));
    }

    #[tokio::test]
    async fn json_is_one_array_whatever_the_pieces() {
        let rows = vec![Ok(vec![json!({"id": 1})]), Ok(vec![]), Ok(vec![json!({"id": 2}), json!({"id": 3})])];
        let text1 = text(ExportFormat::Json, rows).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text1).unwrap(), json!([{"id": 1}, {"id": 2}, {"id": 3}]));
        let empty = text(ExportFormat::Json, vec![]).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&empty).unwrap(), json!([]));
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_breaks_the_answer() {
        let rows = vec![Ok(vec![json!({"id": 1})]), Err(AppError::internal("disk"))];
        assert!(text(ExportFormat::Json, rows).await.is_err());
    }
}
