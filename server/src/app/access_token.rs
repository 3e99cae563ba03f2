//! Access tokens: short-lived, signed, and worth nothing without their session (OSEM §13.10).
//!
//! A JSON Web Token (RFC 7519) in its compact form. Who checks one never asks it which algorithm to use: the setting
//! says, and a token with another header is refused, so that neither `none` nor a public key taken for an HMAC secret
//! gets anywhere (RFC 8725 §3.1). Keys are made at first use, sealed in the database, the same for all nodes.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::setting::SettingKey;
use domain::{AccountId, Secret, SessionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex;

use super::error::{AppError, AppResult};
use crate::App;
use crate::store::audit::{Actor, NewRecord};
use crate::store::{audit, meta};

/// Longest token that is looked at, in bytes; ours have some 700 at most.
const LONGEST: usize = 2_048;
/// Who issued it.
const ISSUER: &str = "workpoint";

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Algorithm {
    Hmac256,
    Hmac512,
    Rsa256,
    Rsa512,
    EcdsaP256,
    EcdsaP521,
}

impl Algorithm {
    const ALL: [Self; 6] =
        [Self::Hmac256, Self::Hmac512, Self::Rsa256, Self::Rsa512, Self::EcdsaP256, Self::EcdsaP521];

    /// The one in force.
    fn of(app: &App) -> Self {
        let word = app.settings.text(SettingKey::TokenDigestAlgorithm);
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == word).unwrap_or(Self::Hmac256)
    }

    /// The word of the setting.
    fn word(self) -> &'static str {
        match self {
            Self::Hmac256 => "hmac-sha-256",
            Self::Hmac512 => "hmac-sha-512",
            Self::Rsa256 => "rsa-sha-256",
            Self::Rsa512 => "rsa-sha-512",
            Self::EcdsaP256 => "ecdsa-p-256-sha-256",
            Self::EcdsaP521 => "ecdsa-p-521-sha-512",
        }
    }

    /// The name in the header (RFC 7518 §3.1).
    fn name(self) -> &'static str {
        match self {
            Self::Hmac256 => "HS256",
            Self::Hmac512 => "HS512",
            Self::Rsa256 => "RS256",
            Self::Rsa512 => "RS512",
            Self::EcdsaP256 => "ES256",
            Self::EcdsaP521 => "ES512",
        }
    }

    fn header(self) -> String {
        URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"at+jwt","alg":"{}"}}"#, self.name()))
    }

    fn curve(self) -> Option<(&'static EcdsaSigningAlgorithm, &'static EcdsaVerificationAlgorithm)> {
        match self {
            Self::EcdsaP256 => Some((&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED)),
            Self::EcdsaP521 => Some((&ECDSA_P521_SHA512_FIXED_SIGNING, &ECDSA_P521_SHA512_FIXED)),
            _ => None,
        }
    }
}

/// A key ready for use.
enum Key {
    Hmac(Box<hmac::Key>),
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

impl Key {
    /// The text that is kept of a new key.
    fn make(algorithm: Algorithm, random: &[u8]) -> Result<Secret, Unspecified> {
        let encoded = |bytes: &[u8]| Secret::new(URL_SAFE_NO_PAD.encode(bytes));
        Ok(match algorithm {
            Algorithm::Hmac256 | Algorithm::Hmac512 => encoded(random),
            Algorithm::Rsa256 | Algorithm::Rsa512 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072)?;
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                encoded(der.as_ref())
            }
            Algorithm::EcdsaP256 | Algorithm::EcdsaP521 => {
                let (curve, _) = algorithm.curve().ok_or(Unspecified)?;
                encoded(EcdsaKeyPair::generate(curve)?.to_pkcs8v1()?.as_ref())
            }
        })
    }

    fn read(algorithm: Algorithm, kept: &Secret) -> Result<Self, Unspecified> {
        let bytes = URL_SAFE_NO_PAD.decode(kept.expose()).map_err(|_| Unspecified)?;
        Ok(match algorithm {
            Algorithm::Hmac256 => Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            Algorithm::Hmac512 => Self::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA512, &bytes))),
            Algorithm::Rsa256 | Algorithm::Rsa512 => {
                Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(&bytes).map_err(|_| Unspecified)?))
            }
            Algorithm::EcdsaP256 | Algorithm::EcdsaP521 => {
                let (curve, _) = algorithm.curve().ok_or(Unspecified)?;
                Self::Ecdsa(Box::new(EcdsaKeyPair::from_pkcs8(curve, &bytes).map_err(|_| Unspecified)?))
            }
        })
    }

    fn sign(&self, algorithm: Algorithm, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, text).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let padding =
                    if algorithm == Algorithm::Rsa512 { &RSA_PKCS1_SHA512 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), text, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), text)?.as_ref().to_vec()),
        }
    }

    fn fits(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm.curve()) {
            (Self::Hmac(key), _) => hmac::verify(key, text, signature).is_ok(),
            (Self::Rsa(pair), _) => {
                let rules = if algorithm == Algorithm::Rsa512 {
                    &RSA_PKCS1_2048_8192_SHA512
                } else {
                    &RSA_PKCS1_2048_8192_SHA256
                };
                UnparsedPublicKey::new(rules, pair.public_key()).verify(text, signature).is_ok()
            }
            (Self::Ecdsa(pair), Some((_, rules))) => {
                UnparsedPublicKey::new(rules, pair.public_key()).verify(text, signature).is_ok()
            }
            (Self::Ecdsa(_), None) => false,
        }
    }
}

/// The keys of a node, once they were needed.
#[derive(Default)]
pub struct TokenKeys(Mutex<HashMap<Algorithm, Arc<Key>>>);

impl TokenKeys {
    /// What signs, of the algorithm in force. Before a transaction, because it may take one of its own.
    pub(super) async fn prepare(&self, app: &App) -> AppResult<Signer> {
        let algorithm = Algorithm::of(app);
        Ok(Signer { algorithm, key: self.of(app, algorithm).await? })
    }

    async fn of(&self, app: &App, algorithm: Algorithm) -> AppResult<Arc<Key>> {
        let mut keys = self.0.lock().await;
        if let Some(key) = keys.get(&algorithm) {
            return Ok(Arc::clone(key));
        }
        let name = format!("token-key:{}", algorithm.word());
        let kept = match meta::read(&app.store, &name).await? {
            Some(sealed) => app.vault.open(&name, &sealed)?,
            None => make(app, algorithm, &name).await?,
        };
        let key = Arc::new(Key::read(algorithm, &kept).map_err(AppError::internal)?);
        keys.insert(algorithm, Arc::clone(&key));
        Ok(key)
    }
}

/// Signs tokens with the algorithm that was in force when it was prepared.
pub(super) struct Signer {
    algorithm: Algorithm,
    key: Arc<Key>,
}

/// Makes a key; when another node is faster, its key counts.
async fn make(app: &App, algorithm: Algorithm, name: &str) -> AppResult<Secret> {
    let random = app.entropy.bytes::<64>()?;
    // Making an RSA key takes a while.
    let made = tokio::task::spawn_blocking(move || Key::make(algorithm, &random)).await;
    let made = made.map_err(AppError::internal)?.map_err(AppError::internal)?;
    let tx = app.store.begin().await?;
    if !meta::insert(&tx, name, &app.vault.seal(name, &made)?).await? {
        drop(tx);
        let sealed =
            meta::read(&app.store, name).await?.ok_or_else(|| AppError::internal("a key is gone"))?;
        return Ok(app.vault.open(name, &sealed)?);
    }
    let record = NewRecord {
        at: app.clock.now(),
        actor: &Actor::system(),
        action: "token-key.create",
        object_kind: "token-key",
        object_id: algorithm.word().to_owned(),
        details: json!({}),
    };
    audit::append(&tx, &record).await?;
    tx.commit().await?;
    Ok(made)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    sid: i64,
    iat: i64,
    exp: i64,
}

/// Whom a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    pub(super) account: AccountId,
    pub(super) session: SessionId,
    pub(super) expires_at: Timestamp,
}

/// Signs a token.
pub(super) fn sign(app: &App, signer: &Signer, bearer: Bearer) -> AppResult<Secret> {
    let Signer { algorithm, key } = signer;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: bearer.account.to_string(),
        sid: bearer.session.0,
        iat: app.clock.now().as_second(),
        exp: bearer.expires_at.as_second(),
    };
    let claims = serde_json::to_vec(&claims).map_err(AppError::internal)?;
    let text = format!("{}.{}", algorithm.header(), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(*algorithm, text.as_bytes()).map_err(AppError::internal)?;
    Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// Whom a token stands for; `None` when it was not made here, not with the algorithm in force, or has expired.
pub(super) async fn check(app: &App, keys: &TokenKeys, token: &str) -> AppResult<Option<Bearer>> {
    let algorithm = Algorithm::of(app);
    let Some((text, claims, signature)) = parts(token, &algorithm.header()) else { return Ok(None) };
    let key = keys.of(app, algorithm).await?;
    if !key.fits(algorithm, text.as_bytes(), &signature) {
        return Ok(None);
    }
    let Ok(claims) = serde_json::from_slice::<Claims>(&claims) else { return Ok(None) };
    let (Ok(account), Ok(expires_at)) = (claims.sub.parse(), Timestamp::from_second(claims.exp)) else {
        return Ok(None);
    };
    let good = claims.iss == ISSUER && app.clock.now() < expires_at;
    Ok(good.then_some(Bearer { account, session: SessionId(claims.sid), expires_at }))
}

/// Whether a bearer token can be an access token at all.
pub fn looks_like_one(token: &str) -> bool {
    token.len() <= LONGEST && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// What is signed, the claims, and the signature of a token with this header.
fn parts<'a>(token: &'a str, header: &str) -> Option<(&'a str, Vec<u8>, Vec<u8>)> {
    let (text, signature) = token.rsplit_once('.')?;
    let (first, claims) = text.split_once('.')?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    (first == header).then_some(())?;
    Some((text, decode(claims)?, decode(signature)?))
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Key, looks_like_one, parts};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use domain::setting::SettingKey;

    #[test]
    fn every_algorithm_signs_and_notices_changes() {
        for algorithm in Algorithm::ALL {
            let read =
                |random: u8| Key::read(algorithm, &Key::make(algorithm, &[random; 64]).unwrap()).unwrap();
            let (key, other) = (read(1), read(2));
            let signature = key.sign(algorithm, b"text").unwrap();
            assert!(key.fits(algorithm, b"text", &signature), "{algorithm:?}");
            assert!(!key.fits(algorithm, b"texT", &signature), "{algorithm:?}");
            assert!(!key.fits(algorithm, b"text", b""), "{algorithm:?}");
            assert!(!other.fits(algorithm, b"text", &signature), "{algorithm:?}");
        }
    }

    #[test]
    fn the_setting_has_these_algorithms() {
        for algorithm in Algorithm::ALL {
            assert!(SettingKey::TokenDigestAlgorithm.read(algorithm.word()).is_ok(), "{algorithm:?}");
        }
        assert!(SettingKey::TokenDigestAlgorithm.read("none").is_err());
    }

    #[test]
    fn a_token_does_not_choose_its_algorithm() {
        let header = Algorithm::Hmac256.header();
        assert!(parts(&format!("{header}.e30.AAAA"), &header).is_some());
        let none = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#);
        for bad in [format!("{none}.e30."), format!("{header}.e30"), format!("{header}.!.!"), String::new()] {
            assert!(parts(&bad, &header).is_none(), "{bad}");
        }
        assert!(looks_like_one("a.b.c") && !looks_like_one("wp_x") && !looks_like_one(&".".repeat(3_000)));
    }
}
