//! Taking ASCII text apart. The library's searchers can panic, as far as a compiler can see; these cannot, and are
//! smaller.

/// What stands before and behind the first `mark`.
#[inline]
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == mark)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// What stands before and behind the last pair of bytes `mark`.
#[inline]
pub(crate) fn cut_last<'t>(text: &'t str, mark: &[u8; 2]) -> Option<(&'t str, &'t str)> {
    let place = text.as_bytes().windows(mark.len()).rposition(|pair| pair == mark)?;
    Some((text.get(..place)?, text.get(place + mark.len()..)?))
}

/// What stands between the marks, before the first and behind the last.
#[inline]
pub(crate) fn parts(text: &str, mark: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (part, left) = cut(text, mark).map_or((text, None), |(part, left)| (part, Some(left)));
        rest = left;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The standard library is the oracle.
    #[test]
    fn text_is_cut_where_the_library_cuts_it() {
        for text in
            ["", " ", "a", "a b", " a  b ", "a *b *c", "*", " *", "a *", " * *", "k=v=w", "=", "ab=", "ä b", "a ä"]
        {
            for mark in [' ', '=', 'b', '*'] {
                assert_eq!(cut(text, mark as u8), text.split_once(mark), "{text:?} {mark:?}");
                assert_eq!(
                    parts(text, mark as u8).collect::<Vec<_>>(),
                    text.split(mark).collect::<Vec<_>>(),
                    "{text:?}"
                );
            }
            assert_eq!(cut_last(text, b" *"), text.rsplit_once(" *"), "{text:?}");
        }
    }
}
