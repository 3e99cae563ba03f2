//! Reads the first bytes of a connection that should have been a TLS handshake and was none we can speak.
//!
//! The TLS library says only that it failed; this says what the other side offered, so that somebody can
//! see "this phone speaks TLS 1.0 only" (`landscape.md` C3). Pure, bounded, never trusted: it decides
//! nothing, it only describes. Refuses to know sockets, certificates and what we offer ourselves.

/// Most bytes of a connection that are kept and read here. A ClientHello of a phone has 50 to 300 bytes,
/// one of a browser with a post-quantum key share under 2,000.
pub(super) const MAX_RECORDED: usize = 4096;

/// Most entries kept of any list in a ClientHello.
const MAX_LIST: usize = 128;

/// Longest host or protocol name kept, in bytes.
const MAX_NAME: usize = 255;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FirstBytes {
    /// There are none.
    Nothing,
    /// A TLS or SSLv3 ClientHello, perhaps cut short.
    Hello(ClientHello),
    /// A ClientHello in the form of SSLv2, which may still offer TLS.
    Sslv2(ClientHello),
    /// An HTTP request without TLS.
    PlainHttp,
    /// A TLS alert instead of a ClientHello.
    Alert {
        /// Its description (RFC 8446 §6).
        description: u8,
    },
    /// None of these.
    Other,
}

/// What a ClientHello offers (RFC 5246 §7.4.1.2, RFC 8446 §4.1.2). Reserved values that only test a
/// server's tolerance (RFC 8701) are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// The version field, the highest one before TLS 1.3.
    pub(super) legacy_version: u16,
    /// The extension of that name; empty when absent.
    pub(super) supported_versions: Vec<u16>,
    /// Cipher suites in the client's order.
    pub(super) cipher_suites: Vec<u16>,
    /// Signature algorithms; empty when absent.
    pub(super) signature_schemes: Vec<u16>,
    /// The host name asked for, printable ASCII only.
    pub(super) server_name: Option<String>,
    /// Application protocols, printable ASCII only.
    pub(super) alpn: Vec<String>,
    /// Whether bytes are missing or broken at the end.
    pub(super) truncated: bool,
}

impl ClientHello {
    /// The versions offered: the extension's, or else the one in the version field, which stands for
    /// "up to this".
    pub(super) fn versions(&self) -> &[u16] {
        match self.supported_versions.as_slice() {
            [] if self.legacy_version == 0 => &[],
            [] => std::slice::from_ref(&self.legacy_version),
            versions => versions,
        }
    }
}

/// Says what the first bytes of a connection are.
pub(super) fn read_first_bytes(bytes: &[u8]) -> FirstBytes {
    let bytes = bytes.get(..MAX_RECORDED).unwrap_or(bytes);
    match bytes {
        [] => FirstBytes::Nothing,
        [0x16, 0x03, ..] => read_tls(bytes),
        [0x16] => FirstBytes::Hello(ClientHello { truncated: true, ..ClientHello::default() }),
        [0x15, 0x03, _, _, _, _, description, ..] => FirstBytes::Alert { description: *description },
        [length, _, 0x01, 0x00 | 0x02 | 0x03, ..] if length & 0x80 != 0 => read_sslv2(bytes),
        _ if is_http(bytes) => FirstBytes::PlainHttp,
        _ => FirstBytes::Other,
    }
}

/// A method of three to eight capital letters and a space.
fn is_http(bytes: &[u8]) -> bool {
    let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (3..=8).contains(&method) && bytes.get(method) == Some(&b' ')
}

/// A walk over bytes that ends quietly where they end.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// The bytes there are, if fewer than asked for; and whether all were there.
    fn take_some(&mut self, length: usize) -> (&'a [u8], bool) {
        match self.take(length) {
            Some(taken) => (taken, true),
            None => (std::mem::take(&mut self.rest), false),
        }
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        self.take(bytes).map(|taken| taken.iter().fold(0, |value, byte| (value << 8) | usize::from(*byte)))
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).and_then(|taken| taken.try_into().ok()).map(u16::from_be_bytes)
    }

    /// A vector with a length of `prefix` bytes in front (RFC 8446 §3.4).
    fn vector(&mut self, prefix: usize) -> Option<Reader<'a>> {
        let length = self.number(prefix)?;
        self.take(length).map(|rest| Reader { rest })
    }

    fn numbers(mut self) -> Vec<u16> {
        let mut found = Vec::new();
        while let Some(number) = self.u16() {
            if !is_reserved(number) && found.len() < MAX_LIST {
                found.push(number);
            }
        }
        found
    }
}

/// The values of RFC 8701: 0x0a0a, 0x1a1a … 0xfafa.
fn is_reserved(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn read_tls(bytes: &[u8]) -> FirstBytes {
    let mut reader = Reader { rest: bytes };
    let mut message = Vec::new();
    let mut complete = true;
    // A handshake message may be spread over several records.
    while complete && matches!(reader.rest, [0x16, 0x03, ..]) {
        let Some(length) = reader.take(3).and_then(|_| reader.number(2)) else { break };
        let (part, whole) = reader.take_some(length);
        message.extend_from_slice(part);
        complete = whole;
    }

    let mut message = Reader { rest: &message };
    match message.take(1) {
        Some([0x01]) => {}
        None => return FirstBytes::Hello(ClientHello { truncated: true, ..ClientHello::default() }),
        Some(_) => return FirstBytes::Other,
    }
    let mut hello = ClientHello::default();
    let whole = match message.number(3) {
        Some(length) => {
            let (body, whole) = message.take_some(length);
            read_body(Reader { rest: body }, &mut hello).is_some() && whole
        }
        None => false,
    };
    hello.truncated = !whole;
    FirstBytes::Hello(hello)
}

/// Fills in what there is; `None` when the bytes end too early.
fn read_body(mut body: Reader<'_>, hello: &mut ClientHello) -> Option<()> {
    hello.legacy_version = body.u16()?;
    body.take(32)?;
    body.vector(1)?;
    hello.cipher_suites = body.vector(2)?.numbers();
    body.vector(1)?;
    if body.rest.is_empty() {
        // SSLv3 and the earliest TLS have no extensions at all.
        return Some(());
    }
    let mut extensions = body.vector(2)?;
    while !extensions.rest.is_empty() {
        let kind = extensions.u16()?;
        let content = extensions.vector(2)?;
        read_extension(kind, content, hello);
    }
    Some(())
}

/// Reads the extensions worth telling; a broken one is as good as absent.
fn read_extension(kind: u16, mut content: Reader<'_>, hello: &mut ClientHello) {
    match kind {
        // server_name (RFC 6066 §3): a list of (type, name); type 0 is a host name.
        0 => {
            hello.server_name = content.vector(2).and_then(|mut names| {
                let kind = names.number(1)?;
                let name = names.vector(2)?;
                (kind == 0).then(|| printable(name.rest))
            });
        }
        // signature_algorithms (RFC 8446 §4.2.3)
        13 => hello.signature_schemes = content.vector(2).map(Reader::numbers).unwrap_or_default(),
        // application_layer_protocol_negotiation (RFC 7301)
        16 => {
            if let Some(mut list) = content.vector(2) {
                while let Some(name) = list.vector(1) {
                    if hello.alpn.len() < MAX_LIST {
                        hello.alpn.push(printable(name.rest));
                    }
                }
            }
        }
        // supported_versions (RFC 8446 §4.2.1)
        43 => hello.supported_versions = content.vector(1).map(Reader::numbers).unwrap_or_default(),
        _ => {}
    }
}

/// Text fit for a log: printable ASCII, the rest as question marks, cut at [`MAX_NAME`].
fn printable(bytes: &[u8]) -> String {
    let show = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    bytes.iter().take(MAX_NAME).map(show).collect()
}

/// The hello of RFC 5246 appendix E.2. Suites have three bytes; those of TLS begin with a zero.
fn read_sslv2(bytes: &[u8]) -> FirstBytes {
    let mut hello = ClientHello { truncated: true, ..ClientHello::default() };
    let mut reader = Reader { rest: bytes };
    let mut read = || {
        let length = reader.number(2)? & 0x7fff;
        let (body, whole) = reader.take_some(length);
        let mut body = Reader { rest: body };
        body.take(1)?;
        hello.legacy_version = body.u16()?;
        let suites = body.number(2)?;
        body.take(4)?;
        let (suites, all) = body.take_some(suites);
        for suite in suites.chunks_exact(3).take(MAX_LIST) {
            if let [0, high, low] = suite {
                hello.cipher_suites.push(u16::from_be_bytes([*high, *low]));
            }
        }
        hello.truncated = !(whole && all);
        Some(())
    };
    // What was read before the bytes ended is kept.
    let _ = read();
    FirstBytes::Sslv2(hello)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello record made by hand, the way RFC 5246 lays it out.
    pub(in crate::net) fn hello_record(
        version: u16,
        suites: &[u16],
        extensions: &[(u16, Vec<u8>)],
    ) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend_from_slice(&[0x42; 32]);
        body.push(0);
        body.extend_from_slice(&(suites.len() as u16 * 2).to_be_bytes());
        suites.iter().for_each(|suite| body.extend_from_slice(&suite.to_be_bytes()));
        body.extend_from_slice(&[1, 0]);
        if !extensions.is_empty() {
            let mut all = Vec::new();
            for (kind, content) in extensions {
                all.extend_from_slice(&kind.to_be_bytes());
                all.extend_from_slice(&(content.len() as u16).to_be_bytes());
                all.extend_from_slice(content);
            }
            body.extend_from_slice(&(all.len() as u16).to_be_bytes());
            body.extend_from_slice(&all);
        }
        let mut message = vec![1, 0];
        message.extend_from_slice(&(body.len() as u16).to_be_bytes());
        message.extend_from_slice(&body);
        let mut record = vec![0x16, 3, 1];
        record.extend_from_slice(&(message.len() as u16).to_be_bytes());
        record.extend_from_slice(&message);
        record
    }

    /// An SSLv2 hello that offers a version and one TLS suite behind two of SSLv2.
    pub(in crate::net) fn sslv2_record(version: u16) -> Vec<u8> {
        let mut body = vec![1];
        body.extend_from_slice(&version.to_be_bytes());
        body.extend_from_slice(&[0, 9, 0, 0, 0, 16]);
        body.extend_from_slice(&[1, 0, 0x80, 7, 0, 0xc0, 0, 0, 0x0a]);
        body.extend_from_slice(&[7; 16]);
        let mut record = vec![0x80, body.len() as u8];
        record.extend_from_slice(&body);
        record
    }

    fn hello(bytes: &[u8]) -> ClientHello {
        match read_first_bytes(bytes) {
            FirstBytes::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_old_hello_without_extensions_is_read() {
        let read = hello(&hello_record(0x0301, &[0x0005, 0x000a], &[]));
        assert_eq!(read.versions(), [0x0301]);
        assert_eq!(read.cipher_suites, [0x0005, 0x000a]);
        assert!(!read.truncated);
    }

    #[test]
    fn extensions_are_read_and_reserved_values_left_out() {
        let extensions = [
            (0x0a0a, vec![]),
            (0, b"\0\x06\0\0\x03dls".to_vec()),
            (13, vec![0, 4, 4, 1, 8, 4]),
            (16, b"\0\x0c\x02h2\x08http/1.1".to_vec()),
            (43, vec![6, 0x0a, 0x0a, 3, 4, 3, 3]),
        ];
        let read = hello(&hello_record(0x0303, &[0x1a1a, 0x1301], &extensions));
        assert_eq!(read.versions(), [0x0304, 0x0303]);
        assert_eq!(read.cipher_suites, [0x1301]);
        assert_eq!(read.signature_schemes, [0x0401, 0x0804]);
        assert_eq!(read.server_name.as_deref(), Some("dls"));
        assert_eq!(read.alpn, ["h2", "http/1.1"]);
    }

    #[test]
    fn a_hello_over_two_records_is_put_together() {
        let one = hello_record(0x0301, &[0x0005], &[]);
        let (first, second) = one[5..].split_at(20);
        let mut two = Vec::new();
        for part in [first, second] {
            two.extend_from_slice(&[0x16, 3, 0, 0, part.len() as u8]);
            two.extend_from_slice(part);
        }
        assert_eq!(hello(&two), hello(&one));
    }

    #[test]
    fn what_came_before_the_end_is_kept() {
        let whole = hello_record(0x0301, &[0x0005, 0x000a], &[(13, vec![0, 2, 4, 1])]);
        let cut = hello(&whole[..whole.len() - 3]);
        assert_eq!(cut.cipher_suites, [0x0005, 0x000a]);
        assert!(cut.truncated);
        assert_eq!(cut.signature_schemes, [0u16; 0]);
    }

    #[test]
    fn an_sslv2_hello_names_its_version_and_tls_suites() {
        let FirstBytes::Sslv2(read) = read_first_bytes(&sslv2_record(0x0300)) else { panic!("SSLv2") };
        assert_eq!(read.versions(), [0x0300]);
        assert_eq!(read.cipher_suites, [0x000a]);
        assert!(!read.truncated);
    }

    #[test]
    fn what_is_no_hello_is_told_apart() {
        assert_eq!(read_first_bytes(b""), FirstBytes::Nothing);
        assert_eq!(read_first_bytes(b"POST /DeploymentService/LoginService HTTP/1.1"), FirstBytes::PlainHttp);
        assert_eq!(read_first_bytes(&[0x15, 3, 1, 0, 2, 2, 48]), FirstBytes::Alert { description: 48 });
        assert_eq!(read_first_bytes(b"SSH-2.0-x"), FirstBytes::Other);
        assert_eq!(read_first_bytes(&[0x16, 3, 1, 0, 1, 2]), FirstBytes::Other);
        assert_eq!(read_first_bytes(b"AB /"), FirstBytes::Other);
    }

    #[test]
    fn names_are_printable_and_short() {
        let mut name = vec![b'a'; 300];
        name[1] = b'\n';
        let mut content = vec![1, 0x2f, 0, 1, 0x2c];
        content.extend_from_slice(&name);
        let read = hello(&hello_record(0x0303, &[0x1301], &[(0, content)]));
        let name = read.server_name.expect("a name");
        assert_eq!(name.len(), MAX_NAME);
        assert!(name.starts_with("a?a"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_panic_or_make_long_lists(
            start in prop::sample::select(vec![&b""[..], &[0x16, 3, 1], &[0x80, 0x40, 1, 3], &[0x15, 3]]),
            bytes in proptest::collection::vec(any::<u8>(), 0..6000),
        ) {
            let mut all = start.to_vec();
            all.extend_from_slice(&bytes);
            if let FirstBytes::Hello(read) | FirstBytes::Sslv2(read) = read_first_bytes(&all) {
                prop_assert!(read.cipher_suites.len() <= MAX_LIST && read.alpn.len() <= MAX_LIST);
            }
        }

        #[test]
        fn no_change_of_a_hello_panics(
            place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let extensions =
                [(0, b"\0\x06\0\0\x03dls".to_vec()), (16, b"\0\x03\x02h2".to_vec()), (43, vec![2, 3, 4])];
            let mut record = hello_record(0x0303, &[0x1301, 0x0005], &extensions);
            let place = place.index(record.len());
            record[place] = byte;
            record.truncate(cut.index(record.len() + 1));
            let _ = read_first_bytes(&record);
        }
    }
}
