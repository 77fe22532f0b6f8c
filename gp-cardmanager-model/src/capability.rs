//! Card capability information: what the card can do (GPCS H.4; GET DATA `0067`).
//!
//! ```text
//! 67 len | A0 len | 80 01  secure channel protocol          any number of A0
//!        |        | 81 len values of "i", 1 octet each;  91 len  their mask
//!        |        | 82 01  key sizes of SCP03
//!        |        | 83 len TLS cipher suites, 2 octets each;  84 len longest pre-shared key
//!        | 81 03  privileges of security domains
//!        | 82 03  privileges of applications
//!        | 83 len hash algorithms for load files, 1 octet each
//!        | 84 len ciphers for load files, bits
//!        | 85, 86, 87 len signature algorithms of tokens, receipts, DAP, bits
//!        | 88 len key parameter references
//! ```

use crate::entry::List;
use crate::privileges::Privileges;
use gp_tlv::{Error, ErrorKind, Reader, Writer, tags::capability};

/// `91` in `A0`: a mask for the values of "i".
const SCP_OPTIONS_MASK: gp_tlv::Tag = gp_tlv::Tag::new(0x91);

/// Key sizes of SCP03: a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct KeySizes(
    /// The octet.
    pub u8,
);

impl KeySizes {
    /// AES with 128 bits.
    pub const AES_128: Self = Self(0x01);
    /// AES with 192 bits.
    pub const AES_192: Self = Self(0x02);
    /// AES with 256 bits.
    pub const AES_256: Self = Self(0x04);

    /// Whether all sizes of `other` are in the set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Hash algorithms for load files, one octet each, GPCS table H-8.
pub mod hash {
    /// SHA-1.
    pub const SHA_1: u8 = 0x01;
    /// SHA-256.
    pub const SHA_256: u8 = 0x02;
    /// SHA-384.
    pub const SHA_384: u8 = 0x03;
    /// SHA-512.
    pub const SHA_512: u8 = 0x04;
}

/// Ciphers for load files: a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ciphers<'a>(
    /// The octets; the first holds all bits of the specification.
    pub &'a [u8],
);

impl Ciphers<'_> {
    /// Triple DES.
    pub const TRIPLE_DES: u8 = 0x01;
    /// AES with 128 bits.
    pub const AES_128: u8 = 0x02;
    /// AES with 192 bits.
    pub const AES_192: u8 = 0x04;
    /// AES with 256 bits.
    pub const AES_256: u8 = 0x08;
    /// An ICV can be given.
    pub const ICV: u8 = 0x80;

    /// Whether all of these bits are set.
    #[must_use]
    pub fn contains(&self, bits: u8) -> bool {
        self.0.first().is_some_and(|first| first & bits == bits)
    }
}

/// Signature algorithms of tokens, receipts or DAP: a set of bits, in one or two octets.
///
/// Some cards list codes of one octet each instead; that cannot be told apart, the octets are there to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignatureAlgorithms<'a>(
    /// The octets.
    pub &'a [u8],
);

impl SignatureAlgorithms<'_> {
    // The low octet of each constant is the first octet on the wire, the high one the second.

    /// RSA of 1024 bits, PKCS #1 v1.5, SHA-1.
    pub const RSA_1024_SHA_1: u16 = 0x0001;
    /// RSA above 1024 bits, PSS, SHA-256.
    pub const RSA_PSS_SHA_256: u16 = 0x0002;
    /// Single DES plus final triple DES MAC.
    pub const DES_MAC: u16 = 0x0004;
    /// CMAC with AES-128.
    pub const CMAC_AES_128: u16 = 0x0008;
    /// CMAC with AES-192.
    pub const CMAC_AES_192: u16 = 0x0010;
    /// CMAC with AES-256.
    pub const CMAC_AES_256: u16 = 0x0020;
    /// ECDSA with 256 bits, SHA-256.
    pub const ECDSA_256_SHA_256: u16 = 0x0040;
    /// ECDSA with 384 bits, SHA-384.
    pub const ECDSA_384_SHA_384: u16 = 0x0080;
    /// ECDSA with 512 bits, SHA-512.
    pub const ECDSA_512_SHA_512: u16 = 0x0100;
    /// ECDSA with 521 bits, SHA-512.
    pub const ECDSA_521_SHA_512: u16 = 0x0200;

    /// Whether all of these bits are set. One octet alone is the first.
    #[must_use]
    pub fn contains(&self, algorithms: u16) -> bool {
        let mut octets = self.0.iter().copied();
        let [first, second] = [octets.next().unwrap_or(0), octets.next().unwrap_or(0)];
        u16::from_le_bytes([first, second]) & algorithms == algorithms
    }
}

/// What a card can do with one secure channel protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScpCapability<'a> {
    /// Protocol identifier: `03` is SCP03.
    pub protocol: u8,
    /// Supported values of "i", one octet each.
    pub options: &'a [u8],
    /// Mask for the values of "i", in later versions.
    pub options_mask: Option<&'a [u8]>,
    /// Supported key sizes of SCP03.
    pub key_sizes: Option<KeySizes>,
    /// Supported TLS cipher suites of SCP81, two octets each.
    pub tls_suites: Option<&'a [u8]>,
    /// Longest pre-shared key of SCP81, in octets, as it is coded.
    pub psk_max: Option<&'a [u8]>,
}

impl<'a> ScpCapability<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut protocol = None;
        while let Some(tlv) = reader.next_tlv()? {
            match tlv.tag {
                capability::SCP => protocol = Some(single(&reader, tlv.value)?),
                capability::SCP_OPTIONS => found.options = tlv.value,
                SCP_OPTIONS_MASK => found.options_mask = Some(tlv.value),
                capability::SCP_KEY_SIZES => found.key_sizes = Some(KeySizes(single(&reader, tlv.value)?)),
                capability::SCP_TLS_SUITES => found.tls_suites = Some(tlv.value),
                capability::SCP_PSK_MAX => found.psk_max = Some(tlv.value),
                _ => {}
            }
        }
        found.protocol = protocol.ok_or_else(|| reader.error(ErrorKind::Missing))?;
        Ok(found)
    }

    fn in_value(value: &'a [u8]) -> Option<Self> {
        Self::read(Reader::new(value)).ok()
    }

    fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.nested(capability::SECURE_CHANNEL, |w| {
            w.tlv(capability::SCP, &[self.protocol])?.tlv(capability::SCP_OPTIONS, self.options)?;
            if let Some(KeySizes(sizes)) = self.key_sizes {
                w.tlv(capability::SCP_KEY_SIZES, &[sizes])?;
            }
            for (tag, value) in [
                (capability::SCP_TLS_SUITES, self.tls_suites),
                (capability::SCP_PSK_MAX, self.psk_max),
                (SCP_OPTIONS_MASK, self.options_mask),
            ] {
                if let Some(value) = value {
                    w.tlv(tag, value)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// Card capability information.
///
/// Tolerated on reading: any order, objects that are missing or unknown, privileges of one or two octets, signature
/// algorithms of one octet.
///
/// ```
/// use gp_cardmanager_model::capability::{CardCapability, KeySizes};
///
/// let answer = [0x67, 0x0B, 0xA0, 0x09, 0x80, 0x01, 0x03, 0x81, 0x01, 0x70, 0x82, 0x01, 0x07];
/// let capability = CardCapability::parse(&answer)?;
/// let scp03 = capability.secure_channels.iter().next().unwrap();
/// assert_eq!((scp03.protocol, scp03.options), (0x03, &[0x70][..]));
/// assert!(scp03.key_sizes.unwrap().contains(KeySizes::AES_256));
/// # Ok::<(), gp_tlv::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct CardCapability<'a> {
    /// The secure channel protocols.
    pub secure_channels: List<'a, ScpCapability<'a>>,
    /// Privileges that a supplementary security domain can have.
    pub domain_privileges: Option<Privileges>,
    /// Privileges that an application can have.
    pub application_privileges: Option<Privileges>,
    /// Hash algorithms for load files, see [`hash`].
    pub load_file_hashes: &'a [u8],
    /// Ciphers for load files.
    pub load_file_ciphers: Option<Ciphers<'a>>,
    /// Signature algorithms of tokens.
    pub tokens: Option<SignatureAlgorithms<'a>>,
    /// Signature algorithms of receipts.
    pub receipts: Option<SignatureAlgorithms<'a>>,
    /// Signature algorithms of DAP.
    pub dap: Option<SignatureAlgorithms<'a>>,
    /// Key parameter references: the curves, as they are coded.
    pub curves: Option<&'a [u8]>,
}

impl<'a> CardCapability<'a> {
    /// Reads the data object `67`.
    ///
    /// # Errors
    /// Another tag, octets behind the object, malformed objects, and objects of a wrong length (`Truncated` or
    /// `LengthTooLarge` at the first octet of the value).
    pub fn parse(object: &'a [u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(object);
        let inner = outer.template(capability::TEMPLATE)?;
        outer.finish()?;
        Self::read(inner)
    }

    /// Reads the value of a `67`, as GET DATA returns it under an ISO class.
    ///
    /// # Errors
    /// Malformed objects, and objects of a wrong length.
    pub fn parse_value(value: &'a [u8]) -> Result<Self, Error> {
        Self::read(Reader::new(value))
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let mut found = Self {
            secure_channels: List::objects(reader.remaining(), capability::SECURE_CHANNEL, ScpCapability::in_value),
            ..Self::default()
        };
        while let Some(tlv) = reader.next_tlv()? {
            match tlv.tag {
                capability::SECURE_CHANNEL => {
                    ScpCapability::read(reader.inside(tlv.value)?)?;
                }
                capability::SSD_PRIVILEGES => found.domain_privileges = Some(privileges(&reader, tlv.value)?),
                capability::APPLICATION_PRIVILEGES => {
                    found.application_privileges = Some(privileges(&reader, tlv.value)?);
                }
                capability::LOAD_FILE_HASHES => found.load_file_hashes = tlv.value,
                capability::LOAD_FILE_CIPHERS => found.load_file_ciphers = Some(Ciphers(tlv.value)),
                capability::TOKEN_ALGORITHMS => found.tokens = Some(SignatureAlgorithms(tlv.value)),
                capability::RECEIPT_ALGORITHMS => found.receipts = Some(SignatureAlgorithms(tlv.value)),
                capability::DAP_ALGORITHMS => found.dap = Some(SignatureAlgorithms(tlv.value)),
                capability::CURVES => found.curves = Some(tlv.value),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Writes the data object `67`.
    ///
    /// # Errors
    /// `BufferFull`. Nothing is written then.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.nested(capability::TEMPLATE, |w| {
            self.secure_channels.iter().try_for_each(|scp| scp.emit(w))?;
            for (tag, privileges) in [
                (capability::SSD_PRIVILEGES, self.domain_privileges),
                (capability::APPLICATION_PRIVILEGES, self.application_privileges),
            ] {
                if let Some(privileges) = privileges {
                    w.tlv(tag, &privileges.octets())?;
                }
            }
            if !self.load_file_hashes.is_empty() {
                w.tlv(capability::LOAD_FILE_HASHES, self.load_file_hashes)?;
            }
            for (tag, value) in [
                (capability::LOAD_FILE_CIPHERS, self.load_file_ciphers.map(|ciphers| ciphers.0)),
                (capability::TOKEN_ALGORITHMS, self.tokens.map(|algorithms| algorithms.0)),
                (capability::RECEIPT_ALGORITHMS, self.receipts.map(|algorithms| algorithms.0)),
                (capability::DAP_ALGORITHMS, self.dap.map(|algorithms| algorithms.0)),
                (capability::CURVES, self.curves),
            ] {
                if let Some(value) = value {
                    w.tlv(tag, value)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn wrong_length(reader: &Reader<'_>, value: &[u8]) -> Error {
    let kind = if value.is_empty() { ErrorKind::Truncated } else { ErrorKind::LengthTooLarge };
    Error::new(kind, reader.offset().saturating_sub(value.len()))
}

/// A value of one octet.
fn single(reader: &Reader<'_>, value: &[u8]) -> Result<u8, Error> {
    match *value {
        [octet] => Ok(octet),
        _ => Err(wrong_length(reader, value)),
    }
}

fn privileges(reader: &Reader<'_>, value: &[u8]) -> Result<Privileges, Error> {
    Privileges::from_report(value).ok_or_else(|| wrong_length(reader, value))
}

#[cfg(test)]
mod tests;
