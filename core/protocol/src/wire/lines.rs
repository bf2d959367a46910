//! Enumerations whose variants are lines.

/// Makes an enumeration of records into lines and back: its variants, the first word of each and an empty record of
/// each stand in one list. The fields are those of its `write_fields`.
macro_rules! lines {
    ($records:ident { $($kind:literal => $variant:ident($($empty:expr),*),)* }) => {
        impl $records {
            /// The first word of each kind of line.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The first word of its line.
            #[inline]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(..) => $kind,)*
                }
            }

            /// An empty record of a kind, for its fields to be read into.
            #[inline]
            fn of_kind(kind: &str) -> Option<Self> {
                match kind {
                    $($kind => Some(Self::$variant($($empty),*)),)*
                    _ => None,
                }
            }

            /// The record as a line, without line feed. Takes the record: a copy would cost flash.
            ///
            /// # Errors
            ///
            /// [`WireError::TooLong`](crate::wire::WireError::TooLong) if it does not fit.
            #[inline]
            pub fn into_line(self) -> Result<crate::wire::Line, crate::wire::WireError> {
                let mut line = crate::wire::Line::new();
                self.write(&mut line)?;
                Ok(line)
            }

            /// As `into_line`, into an empty line: a stack holds it once.
            ///
            /// # Errors
            ///
            /// [`WireError::TooLong`](crate::wire::WireError::TooLong) if it does not fit.
            #[inline]
            pub fn write(mut self, line: &mut crate::wire::Line) -> Result<(), crate::wire::WireError> {
                let mut writer = crate::wire::Writer::new(line, self.kind())?;
                self.write_fields(&mut writer)?;
                writer.finish().map(|_| ())
            }

            /// The record a line says, without line feed.
            ///
            /// # Errors
            ///
            /// See [`WireError`](crate::wire::WireError).
            #[inline]
            pub fn parse(line: &str) -> Result<Self, crate::wire::WireError> {
                let (kind, mut reader) = crate::wire::Reader::new(line)?;
                let mut record = Self::of_kind(kind).ok_or(crate::wire::WireError::Kind)?;
                record.write_fields(&mut reader)?;
                reader.finish()?;
                Ok(record)
            }
        }
    };
}

pub(crate) use lines;
