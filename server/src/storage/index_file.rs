//! Index files: `index.txt` beside the files, with the name of one on each line.

use super::{Fault, StorageError, key};

/// Its name.
pub(super) const NAME: &str = "index.txt";

/// The names in an index file. Blank lines and those that begin with `#` are left out, and so are names that are no
/// keys and its own.
///
/// # Errors
/// [`Fault::BadAnswer`] when it is not UTF-8 text, [`Fault::TooLarge`] when it has more than `most` names.
pub(super) fn names(bytes: &[u8], most: usize) -> Result<Vec<String>, StorageError> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| StorageError::new(Fault::BadAnswer, "an index file that is no text"))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let names = lines.filter(|line| !line.starts_with('#') && *line != NAME && key::is_key(line));
    // Millions of names fit into a list that may be read: one too many is enough to know.
    let names: Vec<String> = names.take(most.saturating_add(1)).map(str::to_owned).collect();
    if names.len() > most {
        return Err(StorageError::new(Fault::TooLarge, "too many files"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{Fault, names};

    #[test]
    fn each_line_is_a_name() {
        let text =
            "\u{feff}# files\r\nring.wav\r\n\n  sub/logo one.bmp \n../etc/passwd\n/abs\nindex.txt\nlast";
        assert_eq!(names(text.as_bytes(), 3).expect("names"), ["ring.wav", "sub/logo one.bmp", "last"]);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(names(&[0xff, 0xfe], 9).is_err());
        assert!(names(b"a\0b", 9).is_err());
    }

    #[test]
    fn too_many_names_are_refused() {
        assert_eq!(names(b"# x\na\nb\n", 2).map(|names| names.len()).ok(), Some(2));
        assert_eq!(names(b"a\nb\nc", 2).map_err(|error| error.fault()), Err(Fault::TooLarge));
    }
}
